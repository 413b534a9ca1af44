"""Which layout engine solves a problem: a library in a process with a time limit, or the plain one."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import as_file, files
from importlib.util import find_spec
from threading import Timer
from types import TracebackType
from typing import Self

from graphc.diagnostics import fault, nearest
from graphc.view.drawing.layered import ITEM_GAP, LAYER_GAP, Problem, Solution
from graphc.view.drawing.plain import plain

MODULES = {"graphlay": "graphlay", "graphviz": "pygraphviz"}
"""The engines that are libraries, in the order in which `auto` asks for them, and what each imports."""
ENGINES = ("auto", *MODULES, "plain")

SECONDS = 10.0
"""What a library may take for one drawing before the plain layout takes its place."""
LARGE = 150
"""`auto` lays out levels of more items plainly: a library would take seconds."""


class Engine:
    """Solves the problems of one drawing, equal ones once. To be used as a context: a library's process ends
    with it."""

    def __init__(self, wanted: str = "auto", seconds: float = SECONDS) -> None:
        self.name = chosen(wanted)
        self.notes: list[str] = []
        self._is_free = wanted == "auto"
        self._solved: dict[Problem, Solution] = {}
        self._process: subprocess.Popen[str] | None = None
        self._timer = Timer(seconds, self._kill)
        self._seconds = seconds

    def solve(self, problem: Problem) -> Solution:
        """Places for all items; by the plain layout where the library has failed, which `notes` says."""
        found = self._solved.get(problem)
        if found is None:
            found = self._solved[problem] = self._shorter(problem)
        return found

    def _shorter(self, problem: Problem) -> Solution:
        """Engines lead wires past things that stand on a line on one side of it, whichever is shorter: so the
        other side is tried too."""
        found = self._placed(problem)
        if all(link.weight == 1 for link in problem.links):
            return found
        return min(found, self._placed(problem.mirrored()).mirrored(), key=Solution.length)

    def _placed(self, problem: Problem) -> Solution:
        is_large = self._is_free and len(problem.items) > LARGE
        return plain(problem) if self.name == "plain" or is_large else self._ask(problem)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._end()

    def _ask(self, problem: Problem) -> Solution:
        process = self._process or self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        items = [(item.along, item.across, item.end, item.before, item.behind) for item in problem.items]
        links = [(link.source, link.target, link.leaves, link.enters, link.weight) for link in problem.links]
        request = {"problem": {"items": items, "links": links}, "layer_gap": LAYER_GAP, "item_gap": ITEM_GAP}
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            return self._without_library(problem)
        found = json.loads(answer)
        return Solution(
            [(a, c) for a, c in found["centers"]], [[(a, c) for a, c in w] for w in found["ways"]]
        )

    def _started(self) -> subprocess.Popen[str]:
        with as_file(files(__package__).joinpath(f"{self.name}_process.py")) as program:
            # -P: the program's folder is no place to import from; it has files named like modules of Python.
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(program)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        self._timer.start()
        return self._process

    def _without_library(self, problem: Problem) -> Solution:
        took = not self._timer.is_alive()
        why = f"took more than {self._seconds:g} s" if took else "failed"
        self.notes.append(f"{self.name} {why}: laid out plainly")
        self.name = "plain"
        return plain(problem)

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def _kill(self) -> None:
        assert self._process is not None
        self._process.kill()


def chosen(wanted: str) -> str:
    """The engine's own name. Raises E522 for an unknown one, E721 for one whose library is not installed."""
    if wanted not in ENGINES:
        known = ", ".join(f"`{name}`" for name in ENGINES)
        raise fault("E522", f"a layout is {known}, not `{wanted}`", help=nearest(wanted, ENGINES))
    if wanted == "auto":
        return next((name for name, module in MODULES.items() if find_spec(module)), "plain")
    if wanted in MODULES and not find_spec(MODULES[wanted]):
        extra = "graphc[draw]" if wanted == "graphlay" else "pygraphviz"
        raise fault(
            "E721",
            f"the layout `{wanted}` needs a library that is not installed",
            help=f"pip install '{extra}'",
        )
    return wanted
