"""`generate` step by step: the numbers of the loop over the whole, choices by the host, and beams."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.diagnostics import GraphcError
from graphc.driver.execution import Execution
from graphc.driver.program import Program
from graphc.ir.graph import LoopNode, Node
from graphc.ops.contraction import CONTRACT
from tests.golden import FOLDER, check_golden

GOLDEN = FOLDER / "errors" / "generation"

MODELS = {
    "lstm": "layer rnn = LSTM(V, 5)\nh = rnn(one_hot(s, V)).h\n",
    "lags": "param U : [5, 5], E : [5, V]\nh[0] = 0\nh[-1] = 1\n"
    "h[t] = tanh(E @ one_hot(s[t], V) + U @ h[t-2] + h[t-1])\n",
    "attention": "param M : [V, V], E : [5, V]\nx[t] = one_hot(s[t], V) + 1 / t\n"
    "h[t] = E @ sum[u = 1..t](softmax[u = 1..t](x[t] @ M @ x[u]) * x[u])\n",
}
DRAW = "sample(p[t-1], temperature = 0.7)"
END = "\nparam W : [V, 5]\np[t] = softmax(W @ h[t])\n"
GENERATE = "generate T = 30 {\n s[1] = prompt\n s[t] = DRAW\n}\n"


def spec(model: str = "lstm", draw: str = DRAW, vocabulary: int = 6) -> str:
    head = f"dim V = {vocabulary}\naxis t = 1..T, u = 1..T\ninput s[t] : index(V)\n"
    return head + MODELS[model] + END + GENERATE.replace("DRAW", draw)


def loop(model: str) -> str:
    """The same as one recurrence over the whole sequence, without a `generate` block."""
    head = "dim V = 6\naxis t = 1..T, u = 1..T\ninput begin[t] : index(V), n : index(100)\n"
    drawn = f"s[1] = begin[1]\ns[t] = where(t <= n, begin[t], {DRAW})\n"
    return head + MODELS[model] + END + drawn


SEQUENCES = """
dim V = 7, E = 3, H = 4
axis t = 1..T
axis u = 1..N
input src[t] : index(V), tgt[u] : index(V)
param Es, Et : [V, E] ~ normal(1), M : [H, H], W : [V, H]
layer enc = LSTM(E, H), dec = LSTM(E, H)
e      = enc(Es[src])
g      = dec(Et[tgt], h0 = e.h[T], c0 = e.c[T])
k[u,t] = softmax[t](g.h[u] @ (M @ e.h[t]))
q[u]   = sum[t](k[u,t] * e.h[t])
p[u]   = softmax(W @ (g.h[u] + q[u]))
generate N = 9, stop = 6 {
  tgt[1] = prompt
  tgt[u] = sample(p[u-1])
}
"""
SOURCES, LENGTHS = np.random.default_rng(2).integers(0, 7, (5, 6)), [6, 3, 1, 5, 4]


def program(text: str, **options: Any) -> Program:
    model = graphc.compile(text, **{"backend": "reference", "dtype": "float64", "seed": 4, **options})
    generator = np.random.default_rng(7)
    for name in model.params:
        model.params[name] = 2 * generator.normal(size=model.params[name].shape)
    return model


@pytest.mark.parametrize("model", MODELS)
def test_steps_draw_what_the_loop_draws(model: str) -> None:
    prompt = [3, 1, 4]
    begin = np.array([prompt + [0] * 27])
    stepping, looping = program(spec(model)), program(loop(model))
    seen = set()
    for seed in range(4):
        found = stepping.generate(prompt, seed=seed)
        whole = looping.forward({"begin": begin, "n": [3]}, names=["s"], seed=seed)["s"][0]
        np.testing.assert_array_equal(found, whole)
        seen.add(tuple(found))
    assert len(seen) == 4


def test_compiled_steps_draw_the_same() -> None:
    one, other = (program(spec("attention"), backend=backend) for backend in ("cpu", "reference"))
    np.testing.assert_array_equal(one.generate([2, 5]), other.generate([2, 5]))


def test_the_length_is_a_number_of_the_run() -> None:
    model = program(spec())
    long = model.generate([1], length=50)
    before = model.compile_seconds, len(model.pipeline.generation()[1].executables)
    np.testing.assert_array_equal(model.generate([1], length=20), long[:20])
    np.testing.assert_array_equal(model.generate([1], ends={"T": 7}), long[:7])
    assert model.generate([1, 2], length=2).tolist() == [1, 2]
    assert (model.compile_seconds, len(model.pipeline.generation()[1].executables)) == before


def test_a_stream_is_what_follows_the_prompt() -> None:
    model = program(spec())
    drawn = model.stream([1, 2], length=9)
    first = next(drawn)
    assert [int(first), *map(int, drawn)] == model.generate([1, 2], length=9)[2:].tolist()


# ------------------------------------------------------------------------------------------- choices


def test_a_temperature_takes_the_place_of_the_blocks() -> None:
    model, plain = program(spec()), program(spec(draw="sample(p[t-1])"))
    for seed in range(3):
        own = model.generate([1], seed=seed)
        np.testing.assert_array_equal(model.generate([1], seed=seed, temperature=0.7), own)
        np.testing.assert_array_equal(plain.generate([1], seed=seed, temperature=0.7), own)
        hot = model.generate([1], seed=seed, temperature=1)
        np.testing.assert_array_equal(hot, plain.generate([1], seed=seed))
    cold = model.generate([1], temperature=1e-6)
    np.testing.assert_array_equal(cold, model.generate([1], greedy=True))


def likeliest(model: Program, drawn: np.ndarray, count: int) -> list[set[int]]:
    """The classes that the forward pass finds likeliest behind each step."""
    text = spec().partition("generate")[0]
    whole = program(text).forward({"s": drawn[None]}, names=["p"])["p"][0]
    return [set(np.argsort(-row)[:count].tolist()) for row in whole]


def test_top_k_and_greedy_take_the_likeliest() -> None:
    model = program(spec())
    cases: list[tuple[int, dict[str, Any]]]
    cases = [(1, {"greedy": True}), (1, {"top_k": 1}), (2, {"top_k": 2}), (5, {"top_k": 5})]
    for count, options in cases:
        drawn = model.generate([1, 2], **options)
        allowed = likeliest(model, drawn, count)
        assert all(int(symbol) in allowed[place + 1] for place, symbol in enumerate(drawn[2:]))
    np.testing.assert_array_equal(model.generate([1], top_k=6), model.generate([1]))


def score(model: Program, sequence: tuple[int, ...], begun: int) -> float:
    p = model.forward({"s": np.array([sequence])}, names=["p"])["p"][0]
    return sum(float(np.log(p[place - 1, sequence[place]])) for place in range(begun, len(sequence)))


@pytest.mark.parametrize("stop", [None, 2])
@pytest.mark.parametrize("model", ["lstm", "attention"])
def test_a_beam_that_holds_everything_is_exhaustive_search(model: str, stop: int | None) -> None:
    text = spec(model, "sample(p[t-1])", 3)
    if stop is not None:
        text = text.replace("T = 30", f"T = 30, stop = {stop}")
    drawing, judge = program(text), program(text.partition("generate")[0])
    prompt = (1, 0)
    ended = set()
    for rest in itertools.product(range(3), repeat=4):
        end = rest.index(stop) + 1 if stop in rest else 4
        ended.add(prompt + rest[:end])
    best = max(ended, key=lambda sequence: score(judge, sequence, 2))
    assert tuple(drawing.generate(prompt, length=6, beam=3**4)) == best
    greedy = tuple(drawing.generate(prompt, length=6, beam=1))
    assert score(judge, greedy, 2) <= score(judge, best, 2)
    if stop is None:
        assert greedy == tuple(drawing.generate(prompt, length=6, greedy=True))


def test_what_does_not_change_stands_in_front_of_all_steps() -> None:
    """Tables are multiplied before rows are looked up, and no gate of the second layer is computed twice."""
    text = spec("lstm").replace("h = rnn(one_hot(s, V)).h", "param E : [V, 3]\nh = rnn(rnn0(E[s]).h).h")
    text = text.replace("layer rnn = LSTM(V, 5)", "layer rnn0 = LSTM(3, 4), rnn = LSTM(4, 5)")
    model = program(text)
    model.generate([1])
    inner = model.pipeline.generation()[1].executables[-1].graph
    (loop,) = (node for node in inner.nodes if isinstance(node, LoopNode))
    products = [node for node in loop.loop.body.nodes if isinstance(node, Node) and node.op is CONTRACT]
    assert sorted(node.result.type.sizes for node in products) == [(6,), (16,), (20,)]


# ------------------------------------------------------------------------------------------- batches


def alone(model: Program, example: int, prompt: list[int], **options: Any) -> list[int]:
    source = SOURCES[example : example + 1, : LENGTHS[example]]
    return [int(symbol) for symbol in model.generate(prompt, inputs={"src": source}, **options)]


@pytest.mark.parametrize("options", [{"greedy": True}, {"beam": 3}, {"top_k": 1}])
def test_a_batch_is_what_its_sequences_are_alone(options: dict[str, Any]) -> None:
    model = program(SEQUENCES)
    given = {"inputs": {"src": SOURCES}, "lengths": {"T": LENGTHS}, **options}
    prompts = [[1], [1, 2], [3, 3, 3], [0, 1, 0, 1], [2]]
    ends = set()
    for begun in ([[4]] * 5, prompts):
        found = model.generate_batch(begun, **given)
        ends |= {len(sequence) for sequence in found}
        for example, prompt in enumerate(begun):
            assert found[example].tolist() == alone(model, example, prompt, **options)
    np.testing.assert_array_equal(model.generate_batch([[4]], **given)[3], alone(model, 3, [4], **options))
    assert len(ends) > 1


def test_a_batch_draws_for_each_sequence_and_compiled_code_draws_the_same() -> None:
    given: dict[str, Any] = {"inputs": {"src": SOURCES}, "lengths": {"T": LENGTHS}, "seed": 3}
    one, other = (
        program(SEQUENCES, backend=backend).generate_batch([[1]], **given) for backend in ("cpu", "reference")
    )
    assert [sequence.tolist() for sequence in one] == [sequence.tolist() for sequence in other]
    same = program(spec(), backend="reference").generate_batch([[1]] * 8)
    assert len({tuple(sequence) for sequence in same}) > 1
    np.testing.assert_array_equal(same[0], program(spec()).generate([1]))


def test_an_encoder_runs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, ran = program(SEQUENCES), []
    values = Execution.values
    monkeypatch.setattr(Execution, "values", lambda *given: ran.append(given[2]) or values(*given))
    model.generate_batch([[1]], inputs={"src": SOURCES}, beam=2)
    assert len(ran) == 1
    assert "e.h" in str(ran) or "enc.h" in str(ran)


INLINE = {
    "layer": ("p[t] = softmax(W @ rnn(E[s]).h[t])", "h = rnn(E[s]).h\np[t] = softmax(W @ h[t])"),
    "one output": ("p[t] = softmax(W @ gru(E[s])[t])", "h = gru(E[s])\np[t] = softmax(W @ h[t])"),
    "nested": (
        "p[t] = softmax(W @ gru(rnn(E[s]).h)[t])",
        "h = rnn(E[s]).h\ng = gru(h)\np[t] = softmax(W @ g[t])",
    ),
    "recurrence": (
        "q[0] = 0\nq[t] = gru(E[s])[t] + 0.5 * q[t-1]\np[t] = softmax(W @ q[t])",
        "h = gru(E[s])\nq[0] = 0\nq[t] = h[t] + 0.5 * q[t-1]\np[t] = softmax(W @ q[t])",
    ),
    "history": (
        "p[t] = softmax(W @ mean[u = 1..t](gru(E[s])[u]))",
        "h = gru(E[s])\np[t] = softmax(W @ mean[u = 1..t](h[u]))",
    ),
}


@pytest.mark.parametrize("form", INLINE)
def test_a_layer_may_be_called_inside_an_equation(form: str) -> None:
    head = "dim V = 6, H = 4\naxis t = 1..T, u = 1..T\ninput s[t] : index(V)\nparam E : [V, H], W : [V, H]\n"
    head += "layer rnn = LSTM(H, H), gru = GRU(H, H)\n"
    end = "\n" + GENERATE.replace("DRAW", "sample(p[t-1])")
    inline, named = (program(head + text + end).generate([1]) for text in INLINE[form])
    np.testing.assert_array_equal(inline, named)


def test_a_first_step_of_its_own_reads_what_is_drawn() -> None:
    text = "dim V = 6\naxis t = 1..T\ninput s[t] : index(V)\nparam A, B, U : [5, 5], E : [V, 5]\n"
    text += "h[1] = tanh(A @ E[s[1]])\nh[t] = tanh(B @ E[s[t]] + U @ h[t-1])" + END
    model = program(text + GENERATE.replace("DRAW", "sample(p[t-1])"))
    drawn = model.generate([1, 2], greedy=True, length=12)
    p = model.forward({"s": drawn[None]}, names=["p"])["p"][0]
    np.testing.assert_array_equal(np.argmax(p[1:-1], axis=-1), drawn[2:])


# -------------------------------------------------------------------------------------------- inputs


def test_numbers_are_drawn_too() -> None:
    text = "axis t = 1..T\ninput x[t] : [2], z[t] : [2], w : [2]\nh[0] = w\nh[t] = x[t] + z[t] + h[t-1]\n"
    text += "generate T = 5 {\n x[1] = prompt\n x[t] = h[t-1] / 2\n}\n"
    model = program(text)
    z = np.arange(10.0).reshape(1, 5, 2)
    found = model.generate([[1.0, 1.0]], inputs={"w": [[1, 2]], "z": z})
    x, h = np.array([1.0, 1.0]), np.array([1.0, 2.0])
    for step in range(5):
        np.testing.assert_allclose(found[step], x)
        h = x + z[0, step] + h
        x = h / 2


@pytest.fixture
def text(tmp_path: Path) -> Program:
    (tmp_path / "text.txt").write_text("the cat sat on the mat\n" * 8, encoding="utf-8")
    head = spec(vocabulary=12).replace("T = 30", "T = 30, stop = 0")
    end = 'minimize mean[t = 1..T-1](cross_entropy(p[t], s[t+1]))\ndata { source = "text.txt" }\n'
    end += "fit { optimizer = adam(lr = 0.1), bptt = 16, batch = 2, epochs = 1 }\n"
    model = graphc.compile(head + end, root=tmp_path, backend="reference")
    model.fit()
    return model


def test_a_text_goes_on_as_a_text(text: Program) -> None:
    words = text.preparation.vocabularies["s"]
    found = text.generate("the c", length=30)
    assert found.startswith("the c")
    codes = text.generate([words.index(letter) for letter in "the c"], length=30)
    assert found == "".join(words[code] for code in codes)
    assert found[5:] == "".join(text.stream("the c", length=30))
    assert text.generate_batch(["the c", "a"], length=30)[0] == found


def test_a_stop_may_be_a_text(text: Program) -> None:
    spaced = text.spec.file.span.source.text.replace("stop = 0", 'stop = " "')
    other = graphc.compile(spaced, root=text.settings.root, backend="reference")
    other.preparation = text.preparation
    other.load_weights(text.weights())
    drawn = other.generate("the", length=40)
    assert " " not in drawn[3:-1]
    assert drawn == text.generate("the", length=len(drawn))


# -------------------------------------------------------------------------------------------- faults

AHEAD = "axis t = 1..T\ninput x[t] : real, z[t] : real\nq[T+1] = 0\nq[t] = z[t]\ny[t] = x[t] + q[t+1]\n"
AHEAD += "generate T = 5 {\n x[1] = prompt\n x[t] = y[t-1]\n}\n"
CASES: dict[str, Callable[[], object]] = {
    "beam_beside_a_draw": lambda: program(
        spec()
        .replace("s[t] : index(V)", "s[t] : index(V), z[t] : index(V)")
        .replace("p[t] =", "p[t] = 0.1 * real(z[t]) +")
        .replace("s[1] = prompt", "s[1] = prompt\n z[1] = 1\n z[t] = sample(p[t-1])")
    ).generate([1], beam=3),
    "stop_of_text": lambda: program(spec().replace("T = 30", 'T = 30, stop = "a"')).generate([1]),
    "one_of_many": lambda: program(SEQUENCES).generate([1], inputs={"src": SOURCES}),
    "prompts_and_examples": lambda: program(SEQUENCES).generate_batch([[1], [2]], inputs={"src": SOURCES}),
    "prompts_of_no_list": lambda: program(SEQUENCES).generate_batch("a", inputs={"src": SOURCES}),
    "source_missing": lambda: program(SEQUENCES).generate([1]),
    "no_option": lambda: program(spec()).generate([1], lenght=3),
    "temperature_zero": lambda: program(spec()).generate([1], temperature=0),
    "top_k_above_all": lambda: program(spec()).generate([1], top_k=7),
    "top_k_zero": lambda: program(spec()).generate([1], top_k=0),
    "beam_and_temperature": lambda: program(spec()).generate([1], beam=3, temperature=0.5),
    "greedy_and_top_k": lambda: program(spec()).generate([1], greedy=True, top_k=3),
    "length_negative": lambda: program(spec()).generate([1], length=-1),
    "no_chances": lambda: program(spec(draw="argmax(p[t-1])")).generate([1], beam=3),
    "prompt_empty": lambda: program(spec()).generate([]),
    "prompt_too_long": lambda: program(spec()).generate([1] * 9, length=8),
    "prompt_of_vectors": lambda: program(spec()).generate([[1, 2]]),
    "prompt_of_other_classes": lambda: program(spec()).generate([1, 6]),
    "prompt_of_text": lambda: program(spec()).generate("the"),
    "input_too_short": lambda: program(AHEAD.replace("q[t+1]", "z[t]")).generate(
        [1.0], inputs={"z": np.zeros((1, 4))}
    ),
    "input_ahead": lambda: program(AHEAD).generate([1.0], inputs={"z": np.zeros((1, 5))}),
    "without_axis": lambda: program("input x : real\ny = 2 * x\ngenerate {\n x = prompt\n}\n"),
    "state_of_another": lambda: program(spec()).start().restore({}),
    "steps_of_no_axis": lambda: program("input x : real\ny = 2 * x\n").start(),
}


def said(call: Callable[[], object]) -> str:
    with pytest.raises(GraphcError) as caught:
        call()
    return f"{caught.value}\n"


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, update_goldens: bool) -> None:
    check_golden(GOLDEN / f"{case}.txt", said(CASES[case]), update_goldens)


@pytest.mark.parametrize(("name", "prompt"), [("unknown_character", "the dog"), ("text_empty", "")])
def test_golden_of_texts(name: str, prompt: str, text: Program, update_goldens: bool) -> None:
    check_golden(GOLDEN / f"{name}.txt", said(lambda: text.generate(prompt)), update_goldens)


def test_golden_of_a_stop_that_no_text_has(text: Program, update_goldens: bool) -> None:
    other = graphc.compile(
        text.spec.file.span.source.text.replace("stop = 0", 'stop = "z"'),
        root=text.settings.root,
        backend="reference",
    )
    other.preparation = text.preparation
    check_golden(GOLDEN / "stop_unknown.txt", said(lambda: other.generate("the")), update_goldens)
