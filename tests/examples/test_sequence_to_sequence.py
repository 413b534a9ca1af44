"""Pairs of sequences: what the script makes, and a few steps of the specs that learn them, and decoding."""

from __future__ import annotations

import json
import random
import runpy
from pathlib import Path

import pytest

import graphc

ROOT = Path(graphc.__file__).parents[1]
MAKE = runpy.run_path(str(ROOT / "specs" / "data" / "make_pairs.py"))
DECODE = runpy.run_path(str(ROOT / "examples" / "decoding.py"))["main"]


def test_pairs_are_what_they_say() -> None:
    words = MAKE["different"](MAKE["word"], 500)
    assert all(target == f"={source[::-1]}." for source, target in words)
    assert {len(source) for source, _ in words} == set(range(1, 11))
    sums = MAKE["different"](MAKE["addition"], 500)
    for source, target in sums:
        first, second = map(int, source.split("+"))
        assert target == f"={first + second}."
    assert {len(source) for source, _ in sums} == set(range(3, 8))


def test_a_sum_does_not_come_again_with_its_terms_exchanged() -> None:
    sums = [tuple(sorted(source.split("+"))) for source, _ in MAKE["different"](MAKE["addition"], 2000)]
    assert len(set(sums)) == 2000
    draw = random.Random(0)
    assert len({MAKE["addition"](draw)[0] for _ in range(2000)}) < 2000


def test_a_few_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The loss falls; after that the run decodes a file by itself."""
    (tmp_path / "data").mkdir()
    pairs = MAKE["different"](MAKE["addition"], 400)
    MAKE["write"](tmp_path / "data" / "addition.csv", pairs[20:])
    test = tmp_path / "data" / "addition_test.csv"
    MAKE["write"](test, pairs[:20])
    program = graphc.compile(ROOT / "specs" / "addition.nn", dims={"E": 8, "G": 4, "H": 8}, root=tmp_path)
    result = program.fit(batch=8, epochs=4, run_dir=tmp_path / "run")
    losses = [record.metrics["validation"]["loss"] for record in result.records]
    assert losses[-1] < 0.97 * losses[0]
    assert DECODE(tmp_path / "run", test) == pytest.approx(result.metrics["test"]["exact"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{pairs[0][0]} =")
    assert json.loads(lines[-1])["pairs"] == 20
