"""The library's attention, encoder and decoders against NumPy, one example at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.language.harness import Case, check
from tests.language.test_recurrent_blocks import gated, of, run

TWO = {"T": [4, 1, 3], "N": [2, 3, 1]}
ONE = {"T": [4, 1, 3]}
HEAD = "dim D = 3, H = 2, V = 4\naxis t = 1..T, u = 1..N\n"


def softmax(e: Any) -> Any:
    a = np.exp(e - e.max(-1, keepdims=True))
    return a / a.sum(-1, keepdims=True)


def additive(p: Any, e: Any) -> dict[str, Any]:
    scores = np.tanh((e.q @ p.f_Wq.T)[:, None] + (e.k @ p.f_Wk.T)[None]) @ p.f_v
    return looked(softmax(scores), e.k)


def dot(p: Any, e: Any) -> dict[str, Any]:
    return looked(softmax(e.q @ e.k.T / np.sqrt(3)), e.v)


def bilinear(p: Any, e: Any) -> dict[str, Any]:
    return looked(softmax(e.q @ p.f_M @ e.k.T), e.k)


def causal(scores: Any) -> Any:
    earlier = np.tril(np.ones(scores.shape, bool))
    return softmax(np.where(earlier, scores, -np.inf))


def causal_dot(p: Any, e: Any) -> dict[str, Any]:
    scores = (e.x @ p.f_Wq.T) @ (e.x @ p.f_Wk.T).T / np.sqrt(2)
    return looked(causal(scores), e.x @ p.f_Wv.T, "x")


def causal_additive(p: Any, e: Any) -> dict[str, Any]:
    scores = np.tanh((e.x @ p.f_Wq.T)[:, None] + (e.x @ p.f_Wk.T)[None]) @ p.f_w
    return looked(causal(scores), e.x, "x")


def looked(a: Any, values: Any, form: str = "") -> dict[str, Any]:
    y = a @ values
    # What lies ahead has no weight, and no value.
    shown = {} if form else {"a": a}
    return {**shown, "y": y, "loss": np.sin(y).sum()}


OUT = "y[u] = e.y[u]\na[u,t] = e.a[u,t]\nminimize sum[u](sum(sin(y[u])))\n"
SELF = "y[t] = e.y[t]\nminimize sum[t](sum(sin(y[t])))\n"
QK = HEAD + "input q[u] : [D], k[t] : [D]\n"
X = HEAD.replace(", u = 1..N", "") + "input x[t] : [D]\n"
CASES = {
    "additive": Case(QK + "layer f = AdditiveAttention(D, D, H)\ne = f(q, k)\n" + OUT, additive, TWO),
    "dot": Case(QK + "input v[t] : [H]\nlayer f = DotAttention(D)\ne = f(q, k, v)\n" + OUT, dot, TWO),
    "bilinear": Case(QK + "layer f = BilinearAttention(D, D)\ne = f(q, k)\n" + OUT, bilinear, TWO),
    "causal dot": Case(X + "layer f = CausalSelfAttention(D, H)\ne = f(x)\n" + SELF, causal_dot, ONE),
    "causal additive": Case(
        X + "layer f = CausalAdditiveAttention(D, H)\ne = f(x)\n" + SELF, causal_additive, ONE
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_attention(name: str) -> None:
    check(CASES[name])


def encoded(p: Any, e: Any) -> tuple[Any, Any, Any]:
    """All states of the encoder, the last one and its cell."""
    q, h, c, rows = of(p, "enc_rnn"), np.zeros(2), np.zeros(2), []
    for symbol in e.s:
        h, c = gated(q, p.enc_Emb[symbol], h, c)
        rows.append(h)
    return np.array(rows), h, c


def plain_decoder(p: Any, e: Any) -> dict[str, Any]:
    _, h0, c0 = encoded(p, e)
    h = run(gated, of(p, "dec_rnn"), p.dec_Emb[e.r], h0, c0)
    return spoken(softmax(h @ p.dec_W.T + p.dec_b), e.r)


def attentive_decoder(p: Any, e: Any) -> dict[str, Any]:
    states, h0, c0 = encoded(p, e)
    h = run(gated, of(p, "dec_rnn"), p.dec_Emb[e.r], h0, c0)
    seen = softmax(h @ p.dec_look_M @ states.T) @ states
    attentional = np.tanh(np.concatenate([seen, h], 1) @ p.dec_M.T)
    return spoken(softmax(attentional @ p.dec_W.T + p.dec_b), e.r)


def spoken(q: Any, symbols: Any) -> dict[str, Any]:
    return {"q": q, "loss": -np.log(q[np.arange(len(symbols)), symbols]).sum()}


PAIR = (
    HEAD + "input s[t] : index(V), r[u] : index(V)\nlayer enc = Encoder(V, D, H), dec = {decoder}(V, D, H)\n"
)
SPOKEN = "minimize sum[u](cross_entropy(q[u], r[u]))\n"
PAIRS = {
    "Decoder": Case(
        PAIR.format(decoder="Decoder") + "e = enc(s)\nq = dec(r, h0 = e.h[T], c0 = e.c[T])\n" + SPOKEN,
        plain_decoder,
        TWO,
    ),
    "AttentiveDecoder": Case(
        PAIR.format(decoder="AttentiveDecoder")
        + "e = enc(s)\nq = dec(r, e.h, h0 = e.h[T], c0 = e.c[T]).p\n"
        + SPOKEN,
        attentive_decoder,
        TWO,
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_from_one_sequence_to_another(name: str) -> None:
    check(PAIRS[name])
