"""The picture of a training: what fits a width, and how times and rates are written."""

from __future__ import annotations

import pytest

from graphc.view.progress import Picture, duration, figures, fitting, rate

RUNNING = Picture(
    7,
    120,
    612,
    12_000,
    seconds_left=754.0,
    loss=0.123456,
    gradient_norm=1.5,
    lr=0.001,
    examples_per_second=12_345.0,
    compile_seconds=2.34,
    judged={"train": {"loss": 0.25, "accuracy": 0.5}, "validation": {"loss": 0.5, "accuracy": 0.25}},
)


def text(picture: Picture, width: int) -> list[str]:
    before, bar, behind = picture.top(width)
    drawn = "" if bar is None else f"  {'#' * bar.done}{'-' * (bar.width - bar.done)}  {behind}"
    return [before + drawn, *picture.below(width)]


def test_no_line_is_wider_than_the_terminal() -> None:
    for width in range(1, 150):
        for picture in (RUNNING, Picture(1, None, 10**9, None, busy_with="compiling " * 30)):
            assert max(map(len, text(picture, width))) <= width


def test_what_is_dropped_first() -> None:
    wide, narrow = text(RUNNING, 100), text(RUNNING, 50)
    assert wide[1] == "loss 0.1235  gradient 1.5  12345 examples/s  lr 0.001  compiled in 2.3 s"
    assert wide[2:] == ["train loss 0.25, accuracy 0.5 | validation loss 0.5, accuracy 0.25"]
    assert narrow[1] == "loss 0.1235  gradient 1.5  12345 examples/s"
    assert narrow[2:] == ["train loss 0.25, accuracy 0.5", "validation loss 0.5, accuracy 0.25"]
    assert text(RUNNING, 30)[3] == "validation loss 0.5"


def test_a_bar_where_the_end_is_known_and_there_is_room() -> None:
    assert text(RUNNING, 60)[0] == "epoch   7/120  ---------------  step   612/12000  12:34 left"
    assert text(RUNNING, 40)[0] == "epoch   7/120  step   612/12000"
    assert Picture(1, None, 10, None).top(80) == ("epoch 1  step 10", None, "")


@pytest.mark.parametrize(("step", "done"), [(0, 0), (500, 20), (999, 39), (1000, 40), (1001, 40)])
def test_how_full_a_bar_is(step: int, done: int) -> None:
    _, bar, _ = Picture(1, 1, step, 1000).top(200)
    assert bar is not None
    assert (bar.done, bar.width) == (done, 40)


def test_an_early_end_is_possible() -> None:
    assert Picture(1, 2, 1, 4, 3.0, ends_early=True).top(80)[2] == "step 1/4  at most 0:03 left"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (0.6, "0:01"), (59.6, "1:00"), (754, "12:34"), (3600, "1:00:00"), (360_061, "100:01:01")],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(("value", "shown"), [(0.25, "0.25"), (99.4, "99"), (100, "100"), (12345.6, "12346")])
def test_rates(value: float, shown: str) -> None:
    assert rate(value) == f"{shown} examples/s"


def test_fitting() -> None:
    assert fitting(["ab", "cd", "e"], 6) == "ab  cd"
    assert fitting(["abc"], 2) == "ab"
    assert fitting([], 2) == ""
    assert figures({}) == ""
