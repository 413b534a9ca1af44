"""The table of runs."""

from __future__ import annotations

from datetime import UTC, datetime

from graphc.view.runs import RunSummary, runs_object, runs_text

WHEN = datetime(2030, 1, 31, 23, 59, 1, tzinfo=UTC)
RUNS = [
    RunSummary(
        "a-1", "runs/a-1", "a.nn", 12, 0.12345678, {"loss": 0.25, "error": 0.1}, "finished", 3.25, WHEN
    ),
    RunSummary("a-second", "runs/a-second", "b.nn", 0, None, {}, "diverged", 0.0, WHEN),
]


def test_a_line_for_each_run() -> None:
    assert runs_text(RUNS).splitlines() == [
        "run       spec  state     epochs  best validation  test                  seconds  begun",
        "a-1       a.nn  finished      12           0.1235  loss 0.25, error 0.1      3.2  2030-01-31 23:59",
        "a-second  b.nn  diverged       0                -  -                         0.0  2030-01-31 23:59",
    ]


def test_no_runs_are_a_head_alone() -> None:
    assert len(runs_text([]).splitlines()) == 1


def test_for_programs() -> None:
    one, two = runs_object(RUNS)
    assert one["started"] == "2030-01-31T23:59:01+00:00"
    assert one["test"] == {"loss": 0.25, "error": 0.1}
    assert two["best"] is None
