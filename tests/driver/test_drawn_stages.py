"""`Program.draw(stage=...)`: what pictures of stages say, held against graphs and schedules themselves."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import graphc
from graphc.driver.pictures import optimised as optimised_stage
from graphc.view.drawing.picture import Box, Picture

SPECS = Path(graphc.__file__).parents[1] / "specs"


@pytest.fixture(scope="module")
def elman() -> graphc.Program:
    return graphc.compile(SPECS / "elman.nn", backend="reference", dtype="float64")


@pytest.fixture(scope="module")
def optimised(elman: graphc.Program) -> Picture:
    return elman.draw(stage="optimised").picture


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


def box(picture: Picture, title: str) -> Box:
    (found,) = [box for box in picture.boxes if box.title == title]
    return found


def test_what_left_the_loop_stands_in_a_frame_of_its_own(elman: graphc.Program, optimised: Picture) -> None:
    moved = box(optimised, "V @ x[t]")
    assert optimised.frame(moved.frame).label == "left the loop: computed once for all steps"
    assert moved.line is not None
    assert (moved.line.number, moved.line.text) == (12, "V @ x[t]")
    kept = box(optimised, "U @ h[t-1]")
    assert optimised.frame(kept.frame).label == "loop over t, from the first to the last"
    still = graphc.compile(SPECS / "elman.nn", backend="reference", disabled=["hoist"])
    assert not [f for f in still.draw(stage="optimised").picture.frames if f.label.startswith("left")]


def test_the_optimised_graph_has_the_numbers_of_the_spec(elman: graphc.Program, optimised: Picture) -> None:
    titles = {"h": "h = sigmoid", "yhat": "yhat = @", "loss": "loss = /"}
    values = {name: array[0] for name, array in elman.forward(names=[*titles, "x"]).items()}
    for name, title in titles.items():
        np.testing.assert_allclose(box(optimised, title).value, values[name])
    _, gradients = elman.value_and_grad(wrt=["U", "V", "w", "x", "h", "yhat"])
    for name, gradient in gradients.items():
        of_one = gradient if name in elman.spec.params else gradient[0]
        np.testing.assert_allclose(box(optimised, titles.get(name, name)).cotangent, of_one, atol=1e-12)
    np.testing.assert_allclose(box(optimised, "V @ x[t]").value, values["x"] @ box(optimised, "V").value.T)
    before = box(optimised, "h[t-1] = begins with 0").value
    np.testing.assert_allclose(before, [[0, 0], *values["h"][:-1]])


def test_summands_of_the_optimised_graph_add_up(optimised: Picture) -> None:
    state = box(optimised, "h = sigmoid")
    parts = [wire.cotangent for wire in optimised.wires if wire.source == state.id]
    assert len(parts) == 2
    np.testing.assert_allclose(sum(parts), state.cotangent)


def test_states_that_begin_with_the_same_value_give_back_their_own_summands() -> None:
    """`a` starts h, which does not lead to the loss but through k, and k itself."""
    source = """
axis t = 1..T
input x[t] : real = [1, -0.5, 2]
param a = 0.5, u = 0.3, START
h[0] = a
k[0] = OTHER
h[t] = tanh(u * h[t-1] + x[t])
k[t] = h[t] * k[t-1] + x[t] * u
minimize k[T]
"""
    shared = graphc.compile(source.replace(", START", "").replace("OTHER", "a"), dtype="float64")
    apart = graphc.compile(source.replace("START", "b = 0.5").replace("OTHER", "b"), dtype="float64")
    found = shared.draw(stage="optimised").picture
    parts = {found.box(w.target).name: w.cotangent for w in found.wires if w.said == "begins with"}
    _, gradients = apart.value_and_grad()
    assert gradients["a"] != pytest.approx(gradients["b"], rel=0.1)
    assert parts == {"h[t-1]": pytest.approx(gradients["a"]), "k[t-1]": pytest.approx(gradients["b"])}


def test_a_graph_that_is_too_large_for_numbers_says_so(
    elman: graphc.Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimised_stage, "MOST", 5)
    found = elman.draw(stage="optimised").picture
    assert all(box.value is None for box in found.boxes)
    (note,) = found.notes
    assert re.fullmatch(r"not computed: \d+ operations, more than 5", note)


def test_without_values_a_stage_is_drawn_all_the_same(elman: graphc.Program) -> None:
    bare = elman.draw(stage="optimised", numbers=False).picture
    assert all(box.value is None and box.cotangent is None for box in bare.boxes)
