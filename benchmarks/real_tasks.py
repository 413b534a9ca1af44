"""Trains specs to the end, and holds each to a figure on data that it has not seen."""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.reached import TASKS, Task

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Outcome:
    """What a task reached, and in how many seconds all its commands together."""

    task: Task
    reached: float
    seconds: float

    @property
    def is_met(self) -> bool:
        return self.reached >= self.task.bar if self.task.is_more_better else self.reached <= self.task.bar


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the tasks; the status is 1 if one misses its bar."""
    known = {task.name: task for task in TASKS}
    parser = argparse.ArgumentParser(description="Train the tasks of docs/sequences.md to the end.")
    parser.add_argument("--only", default=",".join(known), help=f"some of {','.join(known)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was reached there as well")
    options = parser.parse_args(arguments)
    wanted = [name for name in options.only.split(",") if name]
    if unknown := [name for name in wanted if name not in known]:
        parser.error(f"`{unknown[0]}` is none of {', '.join(known)}")
    outcomes = []
    _say("| task | figure | must be | is | seconds |\n| --- | --- | ---: | ---: | ---: |")
    for name in wanted:
        outcome = attempt(known[name])
        outcomes.append(outcome)
        _say(_line(outcome))
    if options.json is not None:
        found = [
            {"task": o.task.name, "reached": o.reached, "bar": o.task.bar, "seconds": o.seconds}
            for o in outcomes
        ]
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return int(not all(outcome.is_met for outcome in outcomes))


def attempt(task: Task) -> Outcome:
    """Run a task's commands one after another; the last one's standard output ends with a JSON object."""
    started = time.perf_counter()
    output = ""
    for command in task.commands:
        output = _output(command)
    figure = json.loads(output.splitlines()[-1])
    for key in task.figure.split("."):
        figure = figure[key]
    return Outcome(task, float(figure), time.perf_counter() - started)


def _output(command: str) -> str:
    """A command's standard output. Ends the suite if it fails; both programs are this interpreter's."""
    first, *rest = shlex.split(command)
    program = {"graphc": [sys.executable, "-m", "graphc"], "python": [sys.executable]}[first]
    done = subprocess.run([*program, *rest], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"`{command}` ended with status {done.returncode}")
    return done.stdout


def _line(outcome: Outcome) -> str:
    task = outcome.task
    sign = "≥" if task.is_more_better else "≤"
    missed = "" if outcome.is_met else " (missed)"
    reached = f"{sign} {task.bar:.4g} | {outcome.reached:.4f}{missed}"
    return f"| {task.name} | {task.figure} | {reached} | {outcome.seconds:.0f} |"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
