"""Equal losses first, then times: competitors take turns, so that a busy machine is busy for all of them."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.competitor import GRAPHC, Competitor

TOLERANCE = 1e-4
STEPS_COMPARED = 5
TURN_SECONDS = 0.15
SAMPLE_SECONDS = 2e-4


class LossesDiffer(Exception):
    """Competitors do not compute the same."""


@dataclass(frozen=True)
class Timing:
    """Seconds a call over all samples of all turns: the median, the quartiles, and the fastest one."""

    median: float
    low: float
    high: float
    fastest: float


def first_losses(competitor: Competitor) -> list[float]:
    """The losses of the first call and of the ones after it; float32 results as floats."""
    return [float(competitor.call()) for _ in range(STEPS_COMPARED + 1)]


def compare(losses: Mapping[str, list[float]]) -> None:
    """Hold each rival's losses against graphc's, at the start and after five updates.

    Raises `LossesDiffer` where they are apart by more than 1e-4, relative.
    """
    ours = losses[GRAPHC]
    for name, theirs in losses.items():
        for step in (0, STEPS_COMPARED):
            if not math.isclose(ours[step], theirs[step], rel_tol=TOLERANCE):
                both = f"{ours[step]:.7g} in graphc and {theirs[step]:.7g} in {name}"
                raise LossesDiffer(f"the loss after {step} steps is {both}")


def measure(competitors: Mapping[str, Competitor], rounds: int) -> dict[str, Timing]:
    """Time the competitors in turns; each round begins with another one."""
    samples: dict[str, list[float]] = {name: [] for name in competitors}
    names = list(competitors)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            samples[name] += _turn(competitors[name])
    return {name: timing(times) for name, times in samples.items()}


def timing(times: Any) -> Timing:
    low, median, high = np.percentile(times, [25, 50, 75])
    return Timing(float(median), float(low), float(high), float(min(times)))


def _turn(competitor: Competitor) -> list[float]:
    """Samples of seconds a call, for about `TURN_SECONDS`, at least two.

    The first calls are not counted: they fetch the weights into the caches, and outlast the threads of
    the competitor before, which may spin for a while. Short calls are timed several at a time.
    """
    competitor.restart()
    competitor.call()
    number = max(1, round(SAMPLE_SECONDS / _sample(competitor, 1)))
    times: list[float] = []
    gc.collect()
    gc.disable()
    try:
        end = time.perf_counter() + TURN_SECONDS
        while len(times) < 2 or time.perf_counter() < end:
            times.append(_sample(competitor, number))
    finally:
        gc.enable()
    return times


def _sample(competitor: Competitor, number: int) -> float:
    call = competitor.call
    started = time.perf_counter()
    for _ in range(number):
        call()
    return (time.perf_counter() - started) / number


def gemm_rate() -> float:
    """Operations a second of a large float32 product in NumPy: the rate that floors are computed with."""
    n = 1536
    a, b = np.ones((n, n), np.float32), np.ones((n, n), np.float32)
    out = np.empty_like(a)
    best = math.inf
    for _ in range(7):
        started = time.perf_counter()
        np.matmul(a, b, out=out)
        best = min(best, time.perf_counter() - started)
    return 2.0 * n**3 / best
