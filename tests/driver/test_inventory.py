"""`graphc show --stage params`: how many parameters a layer has."""

from __future__ import annotations

import graphc


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in graphc.compile(text).show("params").splitlines()]


def counted(block: str, result: str = "rnn(x)") -> tuple[str, str]:
    text = f"dim D = 3, H = 5\naxis t = 1..T\ninput x[t] : [D]\nlayer rnn = {block}(D, H)\ny = {result}\n"
    found = next(line for line in lines(text) if line[0] == "rnn:")
    return found[1], " ".join(found[2:])


def test_recurrent_layers() -> None:
    assert counted("LSTM", "rnn(x).h") == (str(4 * (5 * 3 + 25 + 5)), "4*D*H + 4*H^2 + 4*H")
    # The equations of the paper have no biases.
    assert counted("GRU") == (str(3 * (5 * 3 + 25)), "3*D*H + 3*H^2")
    assert counted("Elman") == (str(5 * 3 + 25 + 5), "D*H + H^2 + H")


def test_a_gru_with_biases() -> None:
    text = """
dim D = 3, H = 5
param Wz, Wr, Wk : [H, D], Uz, Ur, Uk : [H, H], bz, br, bk : [H] = 0
y = 2
"""
    assert lines(text)[-1] == ["all", str(3 * (5 * 3 + 25 + 5)), "3*D*H", "+", "3*H^2", "+", "3*H"]


def test_the_table() -> None:
    text = """
dim D = 3, K = 2
axis k = 1..4
input x : [D]
param W : [K, D], b : [K] = 0.5, w : [2] = [1, 2], v : [D], s : real = 3
frozen param P[k] : [D, D] ~ normal(0.1)
layer out = Dense(D, K)
y = x
"""
    assert graphc.compile(text).show("params").splitlines() == [
        "parameter  shape          numbers  formula                      begins as",
        "W          [K=2, D=3]           6  D*K                          ~ xavier",
        "b          [K=2]                2  K                            0.5",
        "w          [2]                  2                               [1, 2]",
        "v          [D=3]                3  D                            ~ lecun",
        "s          real                 1                               3",
        "P          [4, D=3, D=3]       36  4*D^2                        ~ normal(0.1), frozen",
        "out:                            8  D*K + K",
        "  out.W    [K=2, D=3]           6  D*K                          ~ xavier",
        "  out.b    [K=2]                2  K                            0",
        "all                            58  4*D^2 + 2*D*K + D + 2*K + 3",
        "trained                        22  2*D*K + D + 2*K + 3",
    ]


def test_no_parameters() -> None:
    assert graphc.compile("input x : [2]\na = x + 1\n").show("params") == "no parameters"
