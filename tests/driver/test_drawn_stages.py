"""`Program.draw(stage=...)`: what the pictures of stages say, held against the graphs and schedules themselves."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

import graphc
from graphc.view.drawing.picture import Picture

SPECS = Path(graphc.__file__).parents[1] / "specs"


@pytest.fixture(scope="module")
def schedule() -> Picture:
    """The training step of one small recurrence."""
    return graphc.compile(SPECS / "elman.nn").draw(stage="schedule").picture


def test_a_schedule_says_what_is_computed_together_and_what_left_the_loop(schedule: Picture) -> None:
    labels = {frame.label: frame for frame in schedule.frames}
    kernel = labels["kernel · line 13, 14 · backward of line 13, 14 · 56 bytes in, 48 out"]
    assert [box.name for box in schedule.boxes if box.frame == kernel.id] == [
        "yhat",
        "(yhat[t] - y[t])",
        "cotangent of yhat",
        "cotangent of h from outside the loop",
    ]
    loops = [frame for frame in schedule.frames if frame.kind == "loop"]
    assert [loop.label.split(", ")[1] for loop in loops] == ["the first step first", "the last step first"]
    moved = [box.name for box in schedule.boxes if box.shape.endswith("left the loop")]
    assert moved == ["V @ x[t]"]
    assert "computed in front of it, for all steps at once: V @ x[t]" in schedule.notes[1]
    (back, _) = [wire for wire in schedule.wires if wire.is_back]
    assert (schedule.box(back.source).name, schedule.box(back.target).name) == ("h", "U @ h[t-1]")
    assert {box.role for box in schedule.boxes} >= {"input", "param", "loss", "output"}


def test_a_phase_reads_copies_of_what_an_earlier_one_has_left(schedule: Picture) -> None:
    phase = {box.id: [*schedule.around(box.frame)][-1].label for box in schedule.boxes}
    assert all(phase[wire.source] == phase[wire.target] for wire in schedule.wires)
    copies = [box for box in schedule.boxes if box.copies and box.role == "operation"]
    assert {box.name for box in copies} > {"h", "V @ x[t]", "cotangent of yhat"}
    assert all(box.shape == f"of {phase[box.copies]}" for box in copies)


def test_letters_of_memory_are_those_of_bytes_that_meet() -> None:
    """In the picture and in the text: two have a letter in common if their bytes in the arena meet."""
    program = graphc.compile(SPECS / "conv.nn")
    (pieces,) = program.draw(stage="schedule").picture.memory
    assert any(len(piece.marks) > 1 for piece in pieces)
    for a, b in combinations(pieces, 2):
        meet = max(a.start, b.start) < min(a.start + a.bytes, b.start + b.bytes)
        assert bool({*a.marks} & {*b.marks}) == meet, (a, b)
        assert not meet or a.last < b.first or b.last < a.first
    shown = program.show("schedule")
    for piece in pieces:
        said = f", memory {' '.join(piece.marks)}" if piece.marks else ""
        title = re.escape(piece.title)
        life = f"work, phases {piece.first} to {piece.last}{said}$"
        assert re.search(rf"`{title}`, {life}|^ +{title} .* {life}", shown, re.M), piece
