"""The suite's command line."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.competitor import RIVALS, THREADS
from benchmarks.generation import generation_rows
from benchmarks.measuring import gemm_rate
from benchmarks.processes import compile_rows, environment, start_rows
from benchmarks.report import report
from benchmarks.results import Result
from benchmarks.rows import ROWS, Row
from benchmarks.stepping import look_alone, step_row
from graphc.driver.compile import BACKEND_NAMES

COMPILED_LENGTHS = (10, 1000)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite; the status is 1 if a row could not be measured."""
    options = _options(arguments)
    results: list[Result] = []
    with _empty_caches():
        for result in _results(options):
            results.append(result)
            sys.stderr.write(f"{result.row} done\n")
    if options.json is not None:
        options.json.write_text(json.dumps([r.json() for r in results], indent=1) + "\n")
    sys.stdout.write(report(results, _facts(options)))
    return int(any(r.error is not None for r in results))


@contextmanager
def _empty_caches() -> Iterator[None]:
    """Nothing that an earlier run compiled is there."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as cache:
        os.environ.update(environment(cache))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def _results(options: argparse.Namespace) -> Iterator[Result]:
    """One result after another, in the order of the table."""
    rate = gemm_rate()
    for row in ROWS:
        if row.name in options.rows:
            yield _step_row(row.shrunk() if options.small else row, options, rate)
    if "generation" in options.rows:
        yield from generation_rows(options.rivals, options.backend, options.rounds, small=options.small)
    if "compile" in options.rows:
        lengths = (2, 3) if options.small else COMPILED_LENGTHS
        yield from compile_rows(options.rivals, options.backend, lengths, min(options.rounds, 3))
    if "start" in options.rows:
        yield from start_rows(options.backend, options.rounds)


def _step_row(row: Row, options: argparse.Namespace, rate: float) -> Result:
    result = step_row(row, options.rivals, options.backend, options.rounds)
    if row.flops is not None:
        result.floor = row.flops(row.sizes) / rate
    if result.error is None and not options.small:
        look_alone(row, result, options.backend)
    return result


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    rows = (*(row.name for row in ROWS), "generation", "compile", "start")
    parser = argparse.ArgumentParser(description="Measure graphc beside PyTorch and JAX.")
    parser.add_argument("--rows", type=_names(rows), default=rows, help=f"some of {','.join(rows)}")
    parser.add_argument("--rivals", type=_names(RIVALS), default=RIVALS, help=f"some of {','.join(RIVALS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there as well")
    parser.add_argument("--rounds", type=int, default=15, help="turns that each competitor gets in a row")
    parser.add_argument("--backend", choices=BACKEND_NAMES, default="auto", help="graphc's")
    parser.add_argument("--small", action="store_true", help="tiny sizes: does the suite itself work?")
    return parser.parse_args(arguments)


def _names(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        names = tuple(name for name in text.split(",") if name)
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"`{name}` is none of {', '.join(known)}")
        return names

    return read


def _facts(options: argparse.Namespace) -> str:
    """On what the figures were made."""
    packages = []
    for name in ("graphc", "numpy", "numba", "torch", "jax"):
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            packages.append(f"no {name}")
    return (
        f"{platform.machine()}, {THREADS} cores, Python {platform.python_version()}, {', '.join(packages)}; "
        f"float32; graphc's backend: {options.backend}."
    )
