"""What needs a process of its own: first calls, memory, and how long the command line takes to start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from benchmarks.child import Found, Request
from benchmarks.competitor import GRAPHC, available
from benchmarks.measuring import timing
from benchmarks.results import Result
from benchmarks.rows import ELMAN, NEURON, Row

ROOT = Path(__file__).parents[1]
PATIENCE = 300.0
"""Seconds after which a process is given up."""
REPEATED_BELOW = 10.0
"""A first call that takes longer than these seconds is measured once."""

_RUN = "import sys; from graphc.cli import main; sys.argv[0] = 'graphc'; sys.exit(main())"
_IMPORTS = "import numpy, numba, lark, networkx"


class Failed(Exception):
    """A process did not do what it was started for."""


def environment(cache: str) -> dict[str, str]:
    """This process's variables, with every cache of compiled code below a folder."""
    own = {"GRAPHC_CACHE_DIR": f"{cache}/graphc", "TORCHINDUCTOR_CACHE_DIR": f"{cache}/torch"}
    return {**os.environ, **own}


def alone(row: Row, competitor: str, backend: str) -> Found:
    """A competitor in a process of its own, from empty caches. Raises `Failed`."""
    request = json.dumps(asdict(Request(row.name, dict(row.sizes), competitor, backend)))
    command = [sys.executable, "-m", "benchmarks.child", request]
    with tempfile.TemporaryDirectory() as cache:
        output = _output(command, environment(cache))
    return Found(**json.loads(output.splitlines()[-1]))


def _output(command: list[str], env: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"given up after {PATIENCE:.0f} s") from None
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise Failed(f"status {done.returncode}: {last[0]}")
    return done.stdout


def compile_rows(
    rivals: tuple[str, ...], backend: str, lengths: tuple[int, ...], rounds: int
) -> list[Result]:
    """The Elman network's first call from empty caches, for sequences of some lengths."""
    return [_compile_row(ELMAN.at(T=steps), rivals, backend, rounds) for steps in lengths]


def _compile_row(row: Row, rivals: tuple[str, ...], backend: str, rounds: int) -> Result:
    present, absent = available(rivals)
    result = Result(f"compile_{row.sizes['T']}", rivals, absent=absent)
    seconds: dict[str, list[float]] = {name: [] for name in (GRAPHC, *present)}
    for _ in range(rounds):
        for name, known in seconds.items():
            if name in result.absent or (known and known[0] > REPEATED_BELOW):
                continue
            try:
                known.append(alone(row, name, backend).first_call)
            except Failed as failure:
                result.absent[name] = str(failure)
    result.times = {name: timing(known) for name, known in seconds.items() if known}
    return result


def start_rows(backend: str, rounds: int) -> list[Result]:
    """`graphc run` as a process, with an empty and with a warm cache, beside the imports it cannot avoid."""
    run = [sys.executable, "-c", _RUN, "run", str(NEURON), "--backend", backend]
    imports = [sys.executable, "-c", _IMPORTS]
    empty, warm, bare = [], [], []
    with tempfile.TemporaryDirectory() as kept:
        _seconds(run, kept)
        for _ in range(rounds):
            bare.append(_seconds(imports, kept))
            warm.append(_seconds(run, kept))
            with tempfile.TemporaryDirectory() as fresh:
                empty.append(_seconds(run, fresh))
    return [
        Result(name, ("imports",), {GRAPHC: timing(ours), "imports": timing(bare)})
        for name, ours in (("start_empty", empty), ("start_warm", warm))
    ]


def _seconds(command: list[str], cache: str) -> float:
    started = time.perf_counter()
    _output(command, environment(cache))
    return time.perf_counter() - started
