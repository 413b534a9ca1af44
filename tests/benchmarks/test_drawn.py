"""The benchmark of drawings at a tiny size: rows are drawn in each format, and are what they say."""

from __future__ import annotations

import pytest

import graphc
from benchmarks import drawn


def test_a_row_has_all_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert drawn.main(["--small", "--rows", "sigmoid;flat"]) == 0
    head, rule, *lines = capsys.readouterr().out.splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[0] for row in table] == ["sigmoid", "flat"]
    assert {line.count("|") for line in (head, rule, *lines)} == {11}
    figures = [figure.replace(",", "") for row in table for figure in row[1:-1]]
    assert all(float(figure) >= 0 for figure in figures)


def test_the_flat_drawing_has_a_box_for_each_operation_and_no_frame() -> None:
    picture = graphc.compile(drawn.flat(20), backend="reference").draw().picture
    assert len(picture.boxes) == 20 + drawn.REACH
    assert not picture.frames


def test_the_stack_has_a_frame_for_each_block() -> None:
    picture = graphc.compile(drawn.residual(5), backend="reference").draw(numbers=False).picture
    assert sum(frame.kind == "layer" for frame in picture.frames) == 5
