"""`Program.draw`: which picture, on which example, with which frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphc
from graphc.driver.program import Program
from graphc.view.drawing.drawing import Drawing

SPECS = Path(graphc.__file__).parents[1] / "specs"

TWO_AXES = """
axis t = 1..T, u = 1..N
input x[t] : real, z[u] : real
y = sum[t](x[t]) * sum[u](z[u])
output y
"""


def compiled(name: str) -> Program:
    return graphc.compile(SPECS / f"{name}.nn", backend="reference", dtype="float64")


@pytest.fixture(scope="module")
def elman() -> Program:
    return compiled("elman")


def shown(drawing: Drawing) -> set[str]:
    return {box.name for box in drawing.placed.picture.boxes}


def test_values_and_cotangents_are_the_programs(elman: Program) -> None:
    boxes = {box.id: box for box in elman.draw().picture.boxes}
    values = elman.forward(mode="train")
    _, gradients = elman.value_and_grad(wrt=["U", "h"])
    np.testing.assert_allclose(boxes["h"].value, values["h"][0])
    np.testing.assert_allclose(boxes["h"].cotangent, gradients["h"][0])
    np.testing.assert_allclose(boxes["U"].cotangent, gradients["U"])


def test_an_example_that_is_given_lacks_the_batch_or_has_it(elman: Program) -> None:
    x, y = np.ones((2, 2)), np.zeros(2)
    for inputs in ({"x": x, "y": y}, {"x": x[None], "y": y[None]}):
        boxes = {box.id: box for box in elman.draw(inputs).picture.boxes}
        np.testing.assert_array_equal(boxes["x"].value, x)


def test_the_first_example_of_the_data() -> None:
    program = compiled("iris")
    boxes = {box.id: box for box in program.draw().picture.boxes}
    part = program.dataset().train
    np.testing.assert_allclose(boxes["x"].value, part.table.batch(part.rows[:1]).arrays["x"][0])


def test_without_numbers(elman: Program) -> None:
    assert all(box.value is None for box in elman.draw(numbers=False).picture.boxes)
    drawing = graphc.compile(TWO_AXES).draw()
    assert all(box.value is None for box in drawing.picture.boxes)
    assert drawing.placed.picture.notes == ("not computed: no value for `x`, `z`",)


def test_data_that_cannot_be_read_is_a_note(tmp_path: Path) -> None:
    spec = tmp_path / "model.nn"
    spec.write_text('input x : real\nparam w = 1\nminimize (w * x)^2\ndata { source = "no.csv" }\nfit {}\n')
    (note,) = graphc.compile(spec).draw().picture.notes
    assert note.startswith("not computed: ")
    assert "no.csv" in note


@pytest.mark.parametrize("unroll", [True, "t", "T", {"t": 3}, 3])
def test_an_axis_is_named_in_several_ways(elman: Program, unroll: bool | int | str | dict[str, int]) -> None:
    steps = [frame.label for frame in elman.draw(unroll=unroll).picture.frames if frame.kind == "step"]
    assert steps == ["t = 1", "t = 2", "t = 3"]


def test_fewer_steps_are_those_of_a_shorter_example(elman: Program) -> None:
    boxes = {box.name: box for box in elman.draw(unroll=2).picture.boxes}
    examples = elman.examples
    assert examples is not None
    short = {name: array[:, :2] for name, array in examples.items()}
    loss, _ = elman.value_and_grad(short)
    np.testing.assert_allclose(boxes["loss"].value, loss)
    assert "h[3]" not in boxes


def test_the_page_has_the_recurrence_rolled_and_unrolled(elman: Program) -> None:
    for drawing, name, others in (
        (elman.draw(), "rolled", ["unrolled"]),
        (elman.draw(unroll=2), "unrolled", ["rolled"]),
        (compiled("sigmoid").draw(), "rolled", []),
    ):
        assert drawing.tabs is not None
        whole, beside = drawing.tabs()
        assert (drawing.name, [*beside]) == (name, others)
        assert [box.id for box in whole.boxes] == [box.id for box in drawing.picture.boxes]


def test_what_each_step_adds_is_computed_for_a_page_only(elman: Program) -> None:
    drawing = elman.draw()
    assert drawing.tabs is not None
    whole, beside = drawing.tabs()
    assert not drawing.picture.box("U").shares
    shares = whole.box("U").shares["T"]
    np.testing.assert_allclose(shares.sum(0), drawing.picture.box("U").cotangent)
    chips = [box for box in beside["unrolled"].boxes if box.copies == "U"]
    np.testing.assert_array_equal([chip.cotangent for chip in chips], shares)


def test_frames_are_closed_and_opened(elman: Program) -> None:
    plain = {"layout": "plain"}
    assert "h[t]" in shown(elman.draw())
    (closed,) = [b for b in elman.draw(close=["h"], **plain).placed.picture.boxes if b.id == "=h"]
    assert closed.operation == "sigmoid(U @ h[t-1] + V @ x[t])"
    frames = [frame.id for frame in elman.draw(close=["all"], open=["h"], **plain).placed.picture.frames]
    assert frames == ["=h"]


def test_frames_inside_are_opened_with_those_around_them() -> None:
    lstm = compiled("lstm")
    drawing = lstm.draw(unroll=True, close=["all"], open=["c"], layout="plain")
    labels = [frame.label for frame in drawing.placed.picture.frames]
    assert [label for label in labels if label.startswith("c")] == ["c[1]", "c[2]", "c[3]"]
    assert not {"h[1]", "i[1]"} & set(labels)


def test_two_lags_are_two_wires_back() -> None:
    text = """
axis t = 1..T
input x[t] : real
param a = 0.5
h[0] = 0
h[-1] = 0
h[t] = a * h[t-2] + h[t-1] + x[t]
output h[T]
"""
    drawn = graphc.compile(text).draw(stage="optimised").dot()
    assert drawn.count('label="lag 1", style=dashed') == 2


def test_a_notebook_shows_it_in_a_frame_of_its_own(elman: Program) -> None:
    drawing = elman.draw(layout="plain")
    page = drawing._repr_html_()
    assert page.startswith('<iframe srcdoc="&lt;!doctype html')
    assert page.count('"') == 8
    assert drawing._repr_svg_().startswith("<svg")


def test_outputs_that_nothing_computes_are_drawn() -> None:
    program = graphc.compile("param a = 1, b = 2\ninput c = 3\noutput a, c\n", backend="reference")
    assert [box.name for box in program.draw().picture.boxes] == ["a", "c"]
