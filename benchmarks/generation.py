"""Drawing from a character model, one symbol after another: graphc beside loops of PyTorch and of JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

import graphc
from benchmarks.competitor import GRAPHC, Competitor
from benchmarks.measuring import LossesDiffer, measure
from benchmarks.results import Result
from benchmarks.rows import FOLDER, Array
from graphc.diagnostics import GraphcError
from graphc.driver.program import Program

SIZES = (128, 256)
"""States of the LSTM; there are 65 symbols, each with an embedding of 64."""
STEPS = 100
"""Symbols that a call draws, the first one included."""
TOLERANCE = 1e-4
COMPARED = 8

RIVALS = ("pytorch, 1 thread", "pytorch, 2 threads", "jax, steps", "jax, scan")


class Drawer(Competitor, Protocol):
    """A competitor whose call draws `STEPS` symbols at batch 1."""

    def logits(self, symbols: Array) -> Array:
        """What the steps give on these symbols [steps], before the softmax: [steps, V]."""
        ...


class Graphc:
    """A compiled spec, called as a user calls it."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def call(self) -> Array:
        """The symbols that are drawn."""
        drawn: Array = self.program.generate([0], length=STEPS)
        return drawn

    def restart(self) -> None:
        """Nothing is learned that would have to be put back."""

    def logits(self, symbols: Array) -> Array:
        """See `Drawer`."""
        steps = self.program.start(names=["z"])
        return np.stack([steps.advance({"s": [symbol]})["z"][0] for symbol in symbols])


def generation_rows(rivals: tuple[str, ...], backend: str, rounds: int, *, small: bool) -> list[Result]:
    """A row for each size; `rivals` are the libraries that may take part."""
    return [_row(size, rivals, backend, rounds) for size in ((4,) if small else SIZES)]


def _row(size: int, rivals: tuple[str, ...], backend: str, rounds: int) -> Result:
    names = tuple(name for name in RIVALS if name.partition(",")[0] in rivals)
    result = Result(f"generation_{size}", names)
    try:
        program = graphc.compile(FOLDER / "generation.nn", backend=backend, dtype="float32", dims={"H": size})
        competitors: dict[str, Drawer] = {GRAPHC: Graphc(program)}
        symbols = np.arange(COMPARED) * 7 % 65
        logits = {GRAPHC: competitors[GRAPHC].logits(symbols)}
    except GraphcError as error:
        result.error = str(error)
        return result
    for name in names:
        try:
            competitors[name] = _rival(name)(program.params)
            logits[name] = competitors[name].logits(symbols)
        except ImportError as failure:
            result.absent[name] = f"{failure}"
    try:
        _compare(logits)
    except LossesDiffer as difference:
        result.error = str(difference)
        return result
    result.times = measure(competitors, rounds)
    return result


def _rival(name: str) -> Callable[[Mapping[str, Array]], Drawer]:
    if name.startswith("jax"):
        from benchmarks.generation_jax import Scanned, Stepped

        return Scanned if name == "jax, scan" else Stepped
    from benchmarks.generation_torch import Cell

    return lambda params: Cell(params, threads=1 if "1" in name else 2)


def _compare(logits: Mapping[str, Array]) -> None:
    """Raises `LossesDiffer` where a rival's logits are apart from graphc's by more than 1e-4 of them."""
    ours = logits[GRAPHC]
    for name, theirs in logits.items():
        gap = float(np.max(np.abs(theirs - ours)) / np.max(np.abs(ours)))
        if gap > TOLERANCE:
            raise LossesDiffer(f"the logits of the first {COMPARED} steps of {name} are apart by {gap:.1e}")
