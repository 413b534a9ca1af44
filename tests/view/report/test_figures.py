"""What the figures say, where it is computed: shares, norms, mistakes, planes."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from graphc.view.profile import Equation, Profile, Row, Unit
from graphc.view.report.boundary import Plane, boundary
from graphc.view.report.curves import History, section
from graphc.view.report.kernels import section as section_of_times
from graphc.view.report.page import Figure, Report, Section, Table, Text
from graphc.view.report.predicted import Classified, Estimated, classes, numbers
from graphc.view.report.sequences import Attention, Flow, States, attention, flow, states
from graphc.view.report.units import MOST_ROWS, Activation, Curve, activations, dead
from graphc.view.report.weights import Embedding, Filters, embeddings, filters, plane
from tests.view.report.html import check

RNG = np.random.default_rng(0)


def figures(found: Section) -> list[Figure]:
    check(Report("a report", [], [found]).html())
    return [item for item in found.items if isinstance(item, Figure)]


def table(found: Section) -> Table:
    (one,) = (item for item in found.items if isinstance(item, Table))
    return one


RELU = Curve(lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(np.float64))
TANH = Curve(np.tanh, lambda x: 1 - np.tanh(x) ** 2)


def test_saturation_and_dead_units_are_counted() -> None:
    before = np.array([[-1.0, 2.0, -5.0], [-2.0, -1.0, -0.1]])
    relu = Activation.of("relu in h", "relu", RELU, before)
    assert relu.saturated == pytest.approx(5 / 6)
    assert relu.active.tolist() == [0.0, 0.5, 0.0]
    assert Activation.of("g", "tanh", TANH, np.array([[0.0], [3.0]])).saturated == 0.5
    found = dead([relu], "two examples")
    assert table(found).rows[0][2] == "2"
    assert table(found).rows[0][-1] == "0, 2"
    assert len(figures(found)) == 1
    assert len(figures(activations([relu], "two examples"))) == 1


def test_a_unit_that_is_seldom_active_is_not_dead() -> None:
    before = np.full((2 * MOST_ROWS, 2), -1.0)
    before[3, 1] = 1.0
    relu = Activation.of("relu in h", "relu", RELU, before)
    assert len(relu.before) == MOST_ROWS
    assert relu.before.max() < 0
    assert relu.active.tolist() == [0.0, 1 / len(before)]


def test_a_classification_shows_what_was_mistaken() -> None:
    chances = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    found = Classified(
        "p",
        chances,
        np.array([0, 0, 1]),
        ["no", "yes"],
        ["first", "second", "third"].__getitem__,
        "all",
        np.arange(3),
    )
    assert found.confusion.tolist() == [[1, 1], [0, 1]]
    assert found.worst(2).tolist() == [1, 2]
    assert table(classes(found)).rows[0] == ["second", "no", "yes", "0.2", "0.8"]
    (matrix,) = figures(classes(found))
    assert "no for yes (1 times)" in matrix.description


def test_examples_that_are_images_are_drawn() -> None:
    images = list(RNG.random((3, 4, 4)))
    labels, numbers = ["a", "b", "c"], np.array([4, 7, 9])
    found = Classified("p", np.eye(3), np.arange(3), labels, images.__getitem__, "all", numbers)
    gallery = figures(classes(found))[1]
    assert gallery.svg.count("<image") == 3
    assert gallery.data is not None
    assert [row[0] for row in gallery.data.rows] == [f"example {number} of the source" for number in numbers]


def test_errors_are_those_of_the_data() -> None:
    truth = np.array([1.0, 2.0, 3.0])
    found = numbers(Estimated("yhat", "y", np.array([1.0, 2.0, 1.0]), truth, "abc".__getitem__, "all"))
    assert table(found).rows[0] == ["c", "3", "1", "-2"]
    assert len(figures(found)) == 2


def test_the_plane_holds_most_of_the_variance() -> None:
    directions = np.linalg.qr(RNG.normal(size=(6, 6)))[0]
    rows = RNG.normal(size=(200, 6)) * [9, 4, 0.01, 0.01, 0.01, 0.01] @ directions.T
    places, shares = plane(rows)
    assert shares.sum() == pytest.approx(1, abs=1e-4)
    assert shares[0] > shares[1]
    distances = np.linalg.norm(rows[0] - rows, axis=1)
    np.testing.assert_allclose(np.linalg.norm(places[0] - places, axis=1), distances, atol=0.1)


def test_a_table_of_one_column_has_a_plane() -> None:
    assert plane(np.array([[1.0], [2.0], [3.0]]))[1].tolist() == [1.0, 0.0]
    found = embeddings([Embedding("E", np.eye(3), ["a", "$b", "<c>"])])
    assert "&lt;c&gt;" in figures(found)[0].svg


def test_filters_are_pictures() -> None:
    (found,) = figures(filters([Filters("W", RNG.normal(size=(10, 1, 4, 4)), "weights")]))
    assert found.svg.count("<image") == 1


NORMS = [1.0, 0.1, math.nan]


def test_curves_of_few_parameters() -> None:
    losses = {"loss": {"train": [3.0, 2.0, math.inf], "validation": [3.0, 1.0, 2.0]}}
    norms = {"W": NORMS}
    found = figures(section(History([1, 2, 3], losses, [0.1] * 3, [1.0, 2.0, 3.0], norms, norms, best=2)))
    assert len(found) == 5
    assert "epoch 2, the best" in found[0].caption
    assert found[0].data is not None
    assert found[0].data.rows[2] == ["3", "inf", "2"]


def test_curves_of_many_parameters_are_rows() -> None:
    norms = {f"W{number}": NORMS for number in range(30)}
    unknown = [math.nan] * 3
    still = {name: [0.0, 0.0, math.nan] for name in norms}
    found = section(History([1, 2, 3], {}, unknown, unknown, norms, still))
    (rows,) = figures(found)
    assert "A row for each parameter" in rows.caption
    assert rows.data is not None
    assert len(rows.data.header) == 31
    (said,) = (item for item in found.items if isinstance(item, Text))
    assert said.text.endswith("All are zero.")


def test_a_record_without_numbers_has_curves_too() -> None:
    nothing = [math.nan]
    found = figures(section(History([1], {"loss": {"train": nothing}}, nothing, nothing)))
    assert len(found) == 1


def test_sequences() -> None:
    shares = np.array([[0.5, 0.5], [0.1, 0.9]])
    (one,) = figures(attention([Attention("a", ("u", "t"), shares[None], ["x", "y"], ["p", "q"])]))
    assert "y most on q" in one.description
    (one,) = figures(states([States("h", RNG.normal(size=(5, 40)), list("ab\nc "))], "a text"))
    assert "32 of 40 units over 5 steps" in one.caption
    found = figures(flow(Flow("t", {"h": np.array([0.0, 1e-3, 1.0])}, {"U": np.zeros(3)}), "all"))
    assert "h has 0 at the first step and 1 at the last" in found[0].description


@pytest.mark.parametrize("kinds", [0, 2, 3])
def test_planes_of_classes_and_of_a_number(kinds: int) -> None:
    across, up = np.linspace(-1, 1, 12), np.linspace(0, 1, 10)
    values = RNG.dirichlet(np.ones(kinds), (10, 12)) if kinds else RNG.normal(size=(10, 12))
    points, truth = RNG.random((8, 2)), np.arange(8) % (kinds or 8)
    labels = [f"class {number}" for number in range(kinds)]
    found = boundary(Plane("p", ("x[0]", "x[1]"), across, up, values, points, truth, labels, "all"))
    (drawn,) = figures(found)
    assert drawn.data is not None
    corner = labels[values[0, 0].argmax()] if kinds else f"{values[0, 0]:.4g}"
    assert drawn.data.rows[-1][:2] == ["0", corner]


def test_times_are_in_order() -> None:
    rows = [
        Row(
            "a step",
            "kernel",
            "<slow>",
            ("3",),
            seconds=2e-6,
            bytes=4096,
            operations=10,
            bound="memory",
            reached=0.5,
        ),
        Row("a step", "kernel", "slower", seconds=5e-6),
        Row("a step", "outside", "", seconds=1e-6),
        Row("a step", "loop", "their sum", seconds=9e-6),
    ]
    units = [Unit("k", 0.1, 0.2)]
    found = section_of_times(
        Profile("s", "cpu", "float32", 1, rows, [Equation("3", "h = x", 2e-6)], units=units)
    )
    (bars,) = figures(found)
    assert "`slower` has 62.5%" in bars.caption
    tables = [item for item in found.items if isinstance(item, Table)]
    assert [row[0] for row in tables[1].rows] == ["slower", "<slow>", "between the calls, in Python"]
    assert tables[2].rows == [["k", "100.0", "200.0"]]
