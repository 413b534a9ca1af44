"""`graphc generate`: a text goes on as a text, numbers line by line; what is said of wrong options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from tests.cli.conftest import invoke

SPEC = """
dim V = 12
axis t = 1..T
input s[t] : index(V)
param W : [V, V]
p[t] = softmax(W @ one_hot(s[t], V))
minimize mean[t = 1..T-1](cross_entropy(p[t], s[t+1]))
data { source = "text.txt" }
fit { optimizer = adam(lr = 0.1), bptt = 16, batch = 2, epochs = 1 }
generate T = 30 {
  s[1] = prompt
  s[t] = sample(p[t-1])
}
"""


@pytest.fixture
def run() -> str:
    Path("text.txt").write_text("the cat sat on the mat\n" * 8, encoding="utf-8")
    Path("model.nn").write_text(SPEC, encoding="utf-8")
    graphc.compile("model.nn", backend="reference").fit(run_dir="runs/first")
    return "runs/first"


def test_a_text_goes_on(run: str) -> None:
    own = graphc.load(run, backend="reference")
    cases: list[tuple[tuple[str, ...], dict[str, Any]]] = [
        ((), {}),
        (("--seed", "3", "--length", "50"), {"seed": 3, "length": 50}),
        (("--temperature", "0.5", "--top-k", "3"), {"temperature": 0.5, "top_k": 3}),
        (("--greedy",), {"greedy": True}),
        (("--beam", "4", "--length", "8"), {"beam": 4, "length": 8}),
    ]
    for options, given in cases:
        result = invoke("generate", "--run", run, "--prompt", "the ", "--backend", "reference", *options)
        assert result.exit_code == 0, result.stderr
        assert result.stdout == own.generate("the ", **given) + "\n"


def test_the_last_run_and_a_saved_program(run: str) -> None:
    graphc.load(run).save("kept.safetensors")
    found = [
        invoke("generate", "--run", which, "--prompt", "the", "--backend", "reference")
        for which in (run, "last", "kept.safetensors")
    ]
    assert len({result.stdout for result in found}) == 1
    assert found[1].stderr == f"run {run}\n"


def test_numbers_have_a_line_for_each_step() -> None:
    program = graphc.compile(SPEC.replace('data { source = "text.txt" }\n', ""), backend="reference")
    program.save("kept.safetensors")
    result = invoke("generate", "--run", "kept.safetensors", "--prompt", "[1, 2]", "--backend", "reference")
    assert result.exit_code == 0, result.stderr
    np.testing.assert_array_equal([int(line) for line in result.stdout.split()], program.generate([1, 2]))


SOURCE = """
dim V = 12
axis t = 1..T, u = 1..N
input src[t] : index(V), s[u] : index(V)
param W : [V, V]
p[u] = softmax(W @ (one_hot(s[u], V) + mean[t](one_hot(src[t], V))))
generate N = 8 {
  s[1] = prompt
  s[u] = sample(p[u-1])
}
"""


def test_an_input_that_is_not_drawn() -> None:
    program = graphc.compile(SOURCE, backend="reference")
    program.save("kept.safetensors")
    given = ("generate", "--run", "kept.safetensors", "--prompt", "[1]", "--backend", "reference")
    result = invoke(*given, "--input", "src=[3,4,5]")
    own = program.generate([1], inputs={"src": [[3, 4, 5]]})
    np.testing.assert_array_equal([int(line) for line in result.stdout.split()], own)
    assert "NAME=NUMBERS" in invoke(*given, "--input", "src").stderr
    assert "no number and no list" in invoke(*given, "--input", "src=abc").stderr
    assert "input `src` is not given" in invoke(*given).stderr


def test_a_run_without_a_generate_block() -> None:
    graphc.compile(SOURCE.partition("generate")[0], backend="reference").save("kept.safetensors")
    result = invoke("generate", "--run", "kept.safetensors", "--prompt", "[1]", "--backend", "reference")
    assert result.exit_code == 1
    assert "the spec has no `generate` block" in result.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--prompt", "the dog"), "the character 'd'"),
        (("--prompt", ""), "the prompt is empty"),
        (("--prompt", "the", "--top-k", "0"), "`top_k` is a whole number from 1"),
        (("--prompt", "the", "--greedy", "--beam", "2"), "no use beside `greedy`"),
        (("--prompt", "the", "--length", "2"), "has 3 steps; it needs 1 to 2"),
        ((), "missing option `--prompt`"),
    ],
)
def test_faults(run: str, options: tuple[str, ...], words: str) -> None:
    result = invoke("generate", "--run", run, "--backend", "reference", *options)
    assert result.exit_code != 0
    assert result.stdout == ""
    assert words in result.stderr


def test_a_prompt_of_numbers_is_a_list() -> None:
    graphc.compile(SPEC, backend="reference").save("kept.safetensors")
    result = invoke("generate", "--run", "kept.safetensors", "--prompt", "the")
    assert "the prompt `the` is no list of steps" in result.stderr
