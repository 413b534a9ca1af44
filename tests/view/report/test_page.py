"""The file: its structure, and that nothing in it is taken for markup."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("matplotlib")

from graphc.view.report import plotting
from graphc.view.report.page import Figure, Note, Report, Section, Table, Text, thinned
from tests.view.report.html import check

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

HOSTILE = '</pre><script>alert("1")</script><img src=x onerror=alert(1)>&amp;'


def line(canvas: Canvas) -> None:
    axes = plotting.one(canvas)
    axes.plot([0, 1], [1, 10], marker="o", color=plotting.SERIES[0], label=plotting.label(HOSTILE, 99))
    plotting.logarithmic(axes.yaxis)
    axes.set_title("cost in $ and a_1^2")
    axes.legend()


def matrix(canvas: Canvas) -> None:
    import numpy as np

    plotting.picture(plotting.one(canvas), np.eye(3), signed=True)


@pytest.fixture(scope="module")
def drawn() -> str:
    return plotting.svg(line)


def page(*items: object) -> str:
    return Report(HOSTILE, [(HOSTILE, HOSTILE)], [Section(HOSTILE, items, HOSTILE)]).html()  # type: ignore[arg-type]


def test_a_page_of_everything(drawn: str) -> None:
    figure = Figure(drawn, "a caption", "in words", Table(["a", "b"], [["1", "2"]]))
    source = page(
        figure, Figure(plotting.svg(matrix), "one", "more"), figure, Note("missing"), Text("x\n", True)
    )
    found = check(source)
    assert len(found.named("figure")) == 3
    assert len(found.named("image")) == 1
    assert found.named("th")[0] == {"scope": "col"}


def test_what_comes_from_outside_is_text(drawn: str) -> None:
    figure = Figure(drawn, HOSTILE, HOSTILE, Table([HOSTILE], [[HOSTILE]], HOSTILE))
    found = check(page(figure, Note(HOSTILE), Text(HOSTILE, True, HOSTILE), Text(HOSTILE)))
    assert not found.named("img")
    shown = "".join(found.texts["pre"])
    assert shown == HOSTILE
    assert HOSTILE in "".join(found.texts["text"])


def test_letters_of_formulas_stay_as_they_are(drawn: str) -> None:
    assert "cost in $ and a_1^2" in drawn


def test_figures_take_the_colours_of_the_page(drawn: str) -> None:
    assert "var(--ink)" in drawn
    assert "var(--s0)" in drawn
    assert not [colour for colour in (plotting.INK, plotting.SOFT, *plotting.SERIES) if colour in drawn]


def test_a_figure_is_the_same_each_time_and_changes_no_settings(drawn: str) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    assert plotting.svg(line) == drawn
    assert dict(matplotlib.rcParams) == before
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_columns_of_numbers_are_aligned_to_the_right() -> None:
    cells = [["a", "1,024", "-0.5%", "3"], ["b", "-", "nan", "lstm.nn:4"], ["c", "2e-05", "", ""]]
    found = check(page(Table(["name", "many", "share", "lines"], cells)))
    assert [own.get("class") for own in found.named("td")] == ["number", "number", None] * 3
    assert [own.get("class") for own in found.named("th")][:4] == [None, "number", "number", None]


def test_a_table_with_a_cell_too_few_fails_where_it_is_made() -> None:
    with pytest.raises(AssertionError):
        Table(["a", "b"], [["1", "2"], ["1"]])


@pytest.mark.parametrize(("text", "shown"), [(" ", "␣"), ("\n", "↵"), ("a\x00b", "a�b"), ("abcdef", "ab…")])
def test_labels_are_short_and_visible(text: str, shown: str) -> None:
    assert plotting.label(text, 3) == shown


def test_long_tables_keep_their_ends() -> None:
    rows = [[str(number)] for number in range(1000)]
    found = thinned(rows, 7)
    assert len(found) == 7
    assert (found[0], found[-1]) == (["0"], ["999"])
