"""Texts from their file to a trained model and back: words, unknown ones, prompts, weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphc
from graphc.diagnostics import GraphcError
from graphc.driver.program import Program

SPEC = """
dim V = 9, H = 4
axis t = 1..T
input s[t] : index(V), mood : index(2)
param E : [V, H] ~ normal(1), U : [H, H], W : [V, H], C : [2, H]
h[0] = 0
h[t] = tanh(U @ h[t-1] + E[s[t]])
p[t] = softmax(W @ h[t])
q = softmax(C @ h[T])
guess = argmax(q)
minimize mean[t = 1..T-1](cross_entropy(p[t], s[t+1])) + cross_entropy(q, mood)
output guess, s
data { source = "moods.csv", tokens = words, unknown = "<unk>", test = 1, split = time }
fit { batch = 2, epochs = 2, buckets = 2 }
generate T = 6 {
  s[1] = prompt
  s[t] = sample(p[t-1])
}
"""
MOODS = "s,mood\nwhat a day,glad\nnot a day,sad\na day,glad\nnot what,sad\na sunny day,glad\n"


def trained(root: Path, moods: str = MOODS) -> Program:
    (root / "moods.csv").write_text(moods)
    (root / "moods.nn").write_text(SPEC)
    program = graphc.compile(root / "moods.nn", backend="reference")
    program.fit()
    return program


def test_words_all_the_way(tmp_path: Path) -> None:
    program = trained(tmp_path)
    assert program.preparation.vocabularies == {
        "s": ("a", "day", "not", "what", "<unk>"),
        "mood": ("glad", "sad"),
    }
    program.save(tmp_path / "moods.safetensors")
    again = graphc.load(tmp_path / "moods.safetensors", backend="reference")
    assert again.preparation == program.preparation
    assert again.evaluate() == program.evaluate()
    drawn = again.generate("not  today", length=5, seed=3)
    assert drawn.startswith("not  today ")
    assert len(drawn.split()) == 5
    assert {*drawn.split()[2:]} <= {"a", "day", "not", "what", "<unk>", *"5678"}


def test_predictions_of_a_file(tmp_path: Path) -> None:
    program = trained(tmp_path)
    (tmp_path / "new.csv").write_text("s,other\na grey day,1\nwhat day,2\n")
    found = program.predict(tmp_path / "new.csv")
    assert found["s"].tolist() == [["a", "<unk>", "day"], ["what", "day", ""]]
    assert found["lengths_T"].tolist() == [3, 2]
    assert set(found["guess"].tolist()) <= {"glad", "sad"}


def test_texts_in_memory_are_read_like_those_of_a_file(tmp_path: Path) -> None:
    program = trained(tmp_path)
    (tmp_path / "new.csv").write_text("s,mood\na grey day,sad\nwhat day,glad\n")
    given = {"s": ["a grey day", "what day"], "mood": ["sad", "glad"]}
    assert program.evaluate(given) == program.evaluate(tmp_path / "new.csv")
    found = program.predict({"s": given["s"]})
    assert found["s"].tolist() == [["a", "<unk>", "day"], ["what", "day", ""]]
    with pytest.raises(GraphcError, match="`mood` in the data: `angry` is none of the classes"):
        program.evaluate({"s": ["a day"], "mood": ["angry"]})
    with pytest.raises(GraphcError, match="example 1 of `s` in the data is empty"):
        program.predict({"s": ["a day", " "]})
    with pytest.raises(GraphcError, match="the texts are not as long as `T` is"):
        program.predict({"s": ["a day"]}, lengths={"T": [1]})


def test_an_example_that_is_too_short_is_found_before_training(tmp_path: Path) -> None:
    with pytest.raises(GraphcError, match=r"in example 2 of `moods.csv` \(line 4\), where T = 1"):
        trained(tmp_path, MOODS.replace("\na day", "\nday"))


def test_weights_belong_to_symbols(tmp_path: Path) -> None:
    program = trained(tmp_path)
    program.save(tmp_path / "moods.safetensors")
    (tmp_path / "moods.csv").write_text(MOODS.replace("what", "which"))
    other = graphc.compile(tmp_path / "moods.nn", backend="reference")
    other.load_weights(tmp_path / "moods.safetensors")
    with pytest.raises(GraphcError, match="class 3 is 'what' there and 'which' here"):
        other.fit()
    with pytest.raises(GraphcError, match="E623"):
        program.fit()
    before = other.params["W"].copy()
    other.load_weights(
        {name: array for name, array in program.weights().items() if name != "W"}, strict=False
    )
    other.fit()
    assert (other.params["W"] != before).any()
    with pytest.raises(GraphcError, match="class 3 is 'what' there and 'which' here"):
        other.load_weights(tmp_path / "moods.safetensors")
    assert np.isfinite(other.params["W"]).all()
