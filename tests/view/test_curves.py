"""Curves of many runs: what fits on a screen, and how they are told apart."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

import pytest

from graphc.view.panels import Comparison, Curve, Panel
from graphc.view.plot import encoded
from graphc.view.terminal.curves import Style, render


def compared(runs: int, panels: int = 1) -> Comparison:
    """Runs of three epochs, each with both parts."""
    names = [f"run{number}" for number in range(runs)]
    curves = [
        Curve(name, [1, 2, 3], [3.0 + series, 2.0, 1.0], series, part, 3 if part == "validation" else None)
        for series, name in enumerate(names)
        for part in ("train", "validation")
    ]
    header = ("run", "state", "epochs", "best epoch", "train loss", "validation loss")
    lines = [(name, "running", "3", "3", "1", "1") for name in names]
    choices = [("run", "lr"), *((name, f"0.{series}") for series, name in enumerate(names))]
    return Comparison([Panel(f"figure{n}", curves) for n in range(panels)], header, lines, choices)


def test_tables_without_room_are_left_out() -> None:
    whole = render(compared(2, panels=2), Style())
    assert "running" in whole
    assert "lr" in whole
    for rows, panels, has_table in ((22, 2, False), (22, 1, True), (40, 2, True)):
        text = render(compared(2, panels), Style(rows=rows))
        assert len(text.splitlines()) <= rows
        assert ("running" in text) == has_table
        assert text.count(" by epoch") == panels


def test_a_run_has_one_colour_in_curves_legend_and_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")  # what the library for curves asks where there is no terminal
    text = render(compared(12), Style(width=100, dots=True))
    assert "\x1b[38;5;94m───\x1b[0m run11" in text
    assert "\x1b[38;5;94mrun11\x1b[0m" in text
    table = text.rstrip().rsplit("\n\n", 1)[1]
    assert len({line.partition("run")[0] for line in table.splitlines()[1:]}) == 12


def test_a_picture_of_many_runs_has_one_legend_with_each_name_once() -> None:
    picture = ElementTree.fromstring(encoded(compared(10, panels=2), "10 runs", ".svg"))
    # matplotlib draws letters as paths, and writes each text beside them as a comment: the parser drops it.
    legends = [each for each in picture.iter() if each.get("id", "").startswith("legend")]
    assert len(legends) == 1
    page = encoded(compared(10), "10 runs", ".html").decode()
    svg = page[page.index("<svg") : page.index("</svg>")]
    texts = Counter("".join(each.itertext()) for each in ElementTree.fromstring(f"{svg}</svg>").iter("text"))
    for name in (*(f"run{number}" for number in range(10)), "train", "validation", "best epoch"):
        assert texts[name] == 1
    assert svg.count("stroke-dasharray") > 0
