"""How long compiling takes: counted apart from everything else, and told while it happens."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

from graphc.train.reporting import Reporter, Silent


class CompileClock:
    """Runs while graphs are made and turned into code, which happens when they are first asked for."""

    def __init__(self) -> None:
        self.seconds = 0.0
        """All that compiling took so far."""
        self.purpose = ""
        """What it is for that is compiled now: `evaluation`."""
        self._reporter: Reporter = Silent()

    @contextmanager
    def compiling(self, purpose: str, stage: str) -> Iterator[None]:
        """What happens inside is compiling; inside of another one it is a part of that.

        `stage` says what is made: `graph` or `code`.
        """
        if self.purpose:
            yield
            return
        self.purpose, what = purpose, f"the {stage} of {purpose}"
        self._reporter.compiling(what)
        started = time.perf_counter()
        try:
            with uncollected():
                yield
        finally:
            took = time.perf_counter() - started
            self.seconds += took
            self.purpose = ""
            self._reporter.compiled(what, took)

    @contextmanager
    def heard_by(self, reporter: Reporter) -> Iterator[None]:
        """Inside, somebody is told."""
        before, self._reporter = self._reporter, reporter
        try:
            yield
        finally:
            self._reporter = before


@contextmanager
def uncollected() -> Iterator[None]:
    """Inside, Python does not look for objects that only hold each other.

    What is compiled stays, so hardly any would be found; and to look through all that Numba, Lark and NumPy
    have in memory takes a sixth of the time.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
