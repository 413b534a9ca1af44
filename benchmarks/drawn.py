"""How long drawings take: the picture, each format; how many boxes that are, how large the files."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import graphc
from graphc.driver.program import Program
from graphc.view.drawing.drawing import Drawing

SPECS = Path(__file__).resolve().parents[1] / "specs"
FLAT = 2_000
"""Operations of the drawing without frames."""
BLOCKS = 1_000
"""Blocks of the residual stack, each a layer with weights of its own."""
REACH = 7
"""How far back the second operand of an operation of the flat drawing lies."""
FORMATS = ("svg", "html", "dot")


@dataclass(frozen=True)
class Row:
    """Something to draw; `make` compiles it."""

    name: str
    make: Callable[[], Program]
    options: dict[str, Any]


def flat(operations: int) -> str:
    """A spec whose every equation is one operation, and reads the two values 1 and `REACH` before it."""
    lines = [f"input y{i} : real = {1 + i / 10}" for i in range(REACH)]
    lines += [
        f"y{i} = y{i - 1} {'*' if i % 2 else '-'} y{i - REACH}" for i in range(REACH, operations + REACH)
    ]
    return "\n".join([*lines, f"minimize y{operations + REACH - 1}"])


def residual(blocks: int) -> str:
    """A stack of fully connected residual blocks, written out as layers one after another."""
    lines = ["dim N = 4", "input x : [N] = 0.5", "block Residual(N) {", "  input x : [N]"]
    lines += ["  param W : [N, N], b : [N]", "  y = x + tanh(W @ x + b)", "  output y", "}"]
    lines += [f"layer r{i} = Residual(N)" for i in range(blocks)]
    lines += ["h0 = r0(x)", *(f"h{i} = r{i}(h{i - 1})" for i in range(1, blocks))]
    return "\n".join([*lines, f"minimize sum(h{blocks - 1}^2)"])


def _shipped(name: str) -> Callable[[], Program]:
    return lambda: graphc.compile(SPECS / name, backend="reference")


def rows(flat_operations: int, blocks: int) -> list[Row]:
    """What is drawn, the small things first."""
    return [
        Row("sigmoid", _shipped("sigmoid.nn"), {}),
        Row("lstm", _shipped("lstm.nn"), {}),
        Row("lstm, unrolled", _shipped("lstm.nn"), {"unroll": True}),
        Row("residual stack", lambda: graphc.compile(residual(blocks), backend="reference"), {}),
        Row("flat", lambda: graphc.compile(flat(flat_operations), backend="reference"), {"open": ["all"]}),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table of the rows."""
    parser = argparse.ArgumentParser(description="Measure how long drawings take.")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many drawings counts")
    parser.add_argument("--rows", help="some of the rows, with semicolons; default: all")
    parser.add_argument("--small", action="store_true", help="tiny graphs: does the benchmark itself work?")
    options = parser.parse_args(arguments)
    sizes = (40, 10) if options.small else (FLAT, BLOCKS)
    rounds = 1 if options.small else options.rounds
    write = sys.stdout.write
    columns = ("drawing", "compile", "picture", *FORMATS, "boxes", "svg kB", "html kB", "dot -Tsvg")
    write(f"| {' | '.join(columns)} |\n| --- |{' ---: |' * (len(columns) - 1)}\n")
    for row in rows(*sizes):
        if options.rows is not None and row.name not in options.rows.split(";"):
            continue
        write(f"| {' | '.join([row.name, *_measured(row, rounds)])} |\n")
    return 0


def _measured(row: Row, rounds: int) -> Iterator[str]:
    """Seconds: compiling, the picture with its numbers, each format from the picture; sizes; Graphviz's."""
    begun = perf_counter()
    program = row.make()
    yield f"{perf_counter() - begun:.2f}"
    texts: dict[str, str] = {}
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name in FORMATS:
            # A drawing keeps its layout, which counts here: so each format has a drawing of its own.
            begun = perf_counter()
            drawing: Drawing = program.draw(**row.options)
            drawn = perf_counter()
            texts[name] = getattr(drawing, name)()
            times.setdefault("picture", []).append(drawn - begun)
            times.setdefault(name, []).append(perf_counter() - drawn)
    yield from (f"{min(found):.2f}" for found in times.values())
    yield f"{len(drawing.picture.boxes):,}"
    yield from (f"{len(texts[name].encode()) / 1e3:,.0f}" for name in ("svg", "html"))
    yield _graphviz(texts["dot"])


def _graphviz(dot: str) -> str:
    """Graphviz's time for the same boxes and wires, its process included; no more than a minute is waited."""
    if shutil.which("dot") is None:
        return "not there"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "drawing.dot")
        path.write_text(dot)
        begun = perf_counter()
        try:
            subprocess.run(["dot", "-Tsvg", "-o", f"{path}.svg", path], check=True, timeout=60)
        except subprocess.TimeoutExpired:
            return "over 60"
        return f"{perf_counter() - begun:.2f}"
