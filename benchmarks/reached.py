"""The tasks of `benchmarks/tasks.py`, each with its commands and the figure that it must reach."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """Commands from the repository's root, the last of which prints a JSON object with a figure.

    `figure` is the path to the figure in it (`metrics.test.loss`), `bar` what it must reach.
    """

    name: str
    commands: tuple[str, ...]
    figure: str
    bar: float
    is_more_better: bool = False


def _accuracy(spec: str, bar: float) -> Task:
    """A spec, and the share of the test part whose class it must tell."""
    return Task(spec, (f"graphc run specs/{spec}.nn --json --no-run -q",), "metrics.test.accuracy", bar, True)


TASKS = (
    Task(
        "digits", ("graphc run specs/digits_mlp.nn --json --no-run -q",), "metrics.test.accuracy", 0.97, True
    ),
    _accuracy("vowels", 0.97),
    _accuracy("digits_rows", 0.96),
    _accuracy("digits_pixels", 0.95),
    _accuracy("sentiment", 0.98),
)
"""In the order of docs/sequences.md."""
