"""Shipped specs that tell the class of a sequence: small ones learn, and their data is as it should be."""

from __future__ import annotations

import csv
import itertools
import random
import runpy
from pathlib import Path

import numpy as np
import pytest

import graphc
from graphc.train.data.examples import Part

SPECS = Path(__file__).parents[2] / "specs"
SENTENCES = runpy.run_path(str(SPECS / "data" / "make_sentences.py"))


def test_utterances_of_different_lengths() -> None:
    """The class is the sign of the mean; nothing behind an example's end is ever seen."""
    rng = np.random.default_rng(0)
    lengths, y = rng.integers(3, 10, 64), rng.integers(0, 2, 64)
    x = rng.normal(size=(64, 9, 3)) + np.where(y, 1, -1)[:, None, None]
    x[np.arange(9) >= lengths[:, None]] = np.nan
    program = graphc.compile(SPECS / "vowels.nn", dims={"D": 3, "H": 4, "K": 2})
    result = program.fit({"x": x, "y": y}, lengths={"T": lengths}, epochs=8)
    assert result.metrics["train"]["accuracy"] > 0.9
    together = program.predict({"x": x[:5]}, outputs="p", lengths={"T": lengths[:5]})["p"]
    alone = [program.predict({"x": x[i : i + 1, : lengths[i]]}, outputs="p")["p"][0] for i in range(5)]
    np.testing.assert_allclose(together, alone, rtol=1e-5)


@pytest.mark.parametrize(("name", "steps"), [("digits_rows", 8), ("digits_pixels", 64)])
def test_images_are_read_row_by_row(name: str, steps: int) -> None:
    images = pytest.importorskip("sklearn.datasets").load_digits().images
    train = graphc.compile(SPECS / f"{name}.nn").dataset().train
    assert isinstance(train, Part)
    batch = train.table.batch(train.rows[:4])
    expected = images[train.rows[:4]].reshape(4, steps, 64 // steps) / 16
    np.testing.assert_allclose(batch.arrays["x"], expected, rtol=1e-6)


def test_rows_of_an_image_tell_the_digit() -> None:
    pytest.importorskip("sklearn")
    program = graphc.compile(SPECS / "digits_rows.nn", dims={"H": 12})
    result = program.fit(epochs=4, optimizer="adam(lr = 2e-2)")
    assert result.metrics["validation"]["accuracy"] > 0.5


def rows(name: str) -> list[tuple[str, str]]:
    with (SPECS / "data" / name).open(newline="", encoding="ascii") as file:
        return [(row["sentence"], row["label"]) for row in csv.DictReader(file)]


def pairs(sentence: str) -> list[tuple[str, str]]:
    """The modifier and the word of each clause: `the room was not very good` has `not very` and `good`."""
    words = sentence.replace(" but ", " and ").split(" and ")
    return [(" ".join(clause.split()[3:-1]), clause.split()[-1]) for clause in words]


def test_the_sentences_are_those_of_the_script() -> None:
    draw = random.Random(7)
    seen, unseen = SENTENCES["modified"](draw)
    assert rows("sentences.csv") == list(SENTENCES["sentences"](2000, draw, seen, seen).items())
    assert rows("sentences_unseen.csv") == list(SENTENCES["sentences"](500, draw, seen, unseen).items())


def test_a_sentence_has_the_label_that_its_words_give_it() -> None:
    for sentence, label in rows("sentences.csv") + rows("sentences_unseen.csv"):
        modifier, word = pairs(sentence)[-1]
        assert (label == "good") == ((word in SENTENCES["GOOD"]) != (modifier in SENTENCES["TURNING"]))


def test_each_sentence_of_the_test_part_has_a_pair_that_training_lacks() -> None:
    known = set(itertools.chain.from_iterable(pairs(sentence) for sentence, _ in rows("sentences.csv")))
    assert all(not known.issuperset(pairs(sentence)) for sentence, _ in rows("sentences_unseen.csv"))
    # The words themselves are all known.
    words = {word for sentence, _ in rows("sentences.csv") for word in sentence.split()}
    assert all(words.issuperset(sentence.split()) for sentence, _ in rows("sentences_unseen.csv"))


def test_the_order_of_words_decides() -> None:
    """On sentences that it does not know the bag stays near the loss of a guess, log 2; the LSTM does not."""
    losses = {}
    for name in ("sentiment", "sentiment_bag"):
        program = graphc.compile(SPECS / f"{name}.nn", settings={"fit.optimizer": "adam(lr = 1e-2)"})
        losses[name] = program.fit(epochs=4).metrics["test"]["loss"]
    assert losses["sentiment"] < 0.3
    assert losses["sentiment_bag"] > 0.6
