"""What `graphc run` says while it trains, on stderr: a bar on a terminal, elsewhere a line an epoch."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from graphc.cli.screen import is_drawable
from graphc.diagnostics import Diagnostic
from graphc.train.reporting import (
    EpochRecord,
    History,
    Lines,
    Log,
    Metrics,
    Plan,
    Reporter,
    Silent,
    StepRecord,
    to_stderr,
)
from graphc.view.progress import Picture

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

_PAUSE = 0.15
"""Seconds between two drawings, at least."""
_SHARE, _LONGEST = 0.02, 1.0
"""How much of the time drawing may take: on a slow terminal the pauses get longer, up to so many seconds."""
_MARKS = 32
"""Drawings over which the pace is measured."""
_NOTICED = 0.3
"""Seconds of measuring from which on it is shown."""


@contextmanager
def reporting(*, quiet: bool = False, verbose: bool = False) -> Iterator[Reporter]:
    """Who is told of a training; the bar is gone when this ends, and stays as it was after a fault."""
    if quiet:
        yield Silent()
    elif verbose:
        yield Log()
    elif is_drawable(sys.stderr):
        screen = Terminal()
        bar = ProgressBar(screen)
        try:
            yield bar
        finally:
            screen.leave(bar.picture())
    else:
        yield Lines()


class Screen(Protocol):
    """Where pictures go."""

    def draw(self, picture: Picture) -> None: ...

    def note(self, text: str) -> None:
        """Lines that stay, above the picture."""
        ...

    def clear(self) -> None:
        """Take the picture away."""
        ...


class ProgressBar(Silent):
    """Draws where a training stands, a few times a second. A step that draws nothing costs a microsecond."""

    def __init__(self, screen: Screen, clock: Callable[[], float] = time.perf_counter) -> None:
        self._screen, self._clock = screen, clock
        self._plan = Plan(None, None, None)
        self._step = StepRecord(1, 0, 0.0, 0.0, None)
        self._judged: dict[str, Metrics] = {}
        self._busy_with = self._compiling = ""
        self._compile_seconds = 0.0
        self._taken, self._examples, self._stepping = 0, 0, 0.0
        """Steps, their examples, and the seconds that they took."""
        self._marks: deque[tuple[int, int, float]] = deque([(0, 0, 0.0)], maxlen=_MARKS)
        """What the three were when something was drawn."""
        self._judging = 0.0
        """The seconds from the last step of the last epoch to the next one: measuring and saving."""
        self._is_measuring = False
        self._between = -1
        """How many steps were taken when an epoch was over last."""
        self._last = self._began = clock()
        """The last event, and when measuring began, on a clock that stands still while compiling."""
        self._due = 0.0

    # ------------------------------------------------------------------------------- what happens

    def compiling(self, what: str) -> None:
        self._compiling = f"compiling {what} ..."
        self._draw()

    def compiled(self, what: str, seconds: float) -> None:
        self._compiling = ""
        self._compile_seconds += seconds
        self._last += seconds
        self._began += seconds

    def started(self, plan: Plan) -> None:
        self._plan = plan
        self._step = StepRecord(plan.epoch + 1, plan.step, 0.0, 0.0, None)
        self._last = self._clock()
        self._draw()

    def stepped(self, record: StepRecord) -> None:
        now = self._clock()
        self._stepping += now - self._last
        self._last = now
        self._taken += 1
        self._examples += record.examples
        self._step = record
        if now >= self._due:
            self._draw()

    def measuring(self, part: str) -> None:
        if not self._is_measuring:
            self._is_measuring, self._began = True, self._clock()
        # What is over at once would only flicker.
        if self._judging > _NOTICED:
            self._busy_with = f"measuring the {part} part ..."
            self._draw()

    def judged(self, record: EpochRecord) -> None:
        self._is_measuring, self._busy_with = False, ""
        self._between = self._taken
        self._last = self._clock()
        self._judging = self._last - self._began
        self._judged = record.metrics

    def saved(self, path: Path, step: int) -> None:
        if self._taken == self._between:
            now = self._clock()
            self._judging += now - self._last
            self._last = now

    def warned(self, warning: Diagnostic) -> None:
        self._screen.note(warning.render())

    def ended(self, history: History) -> None:
        self._screen.clear()

    # -------------------------------------------------------------------------------- the picture

    def _draw(self) -> None:
        began = self._clock()
        self._marks.append((self._taken, self._examples, self._stepping))
        self._screen.draw(self.picture())
        ended = self._clock()
        self._last += ended - began
        self._began += ended - began
        self._due = ended + min(max(_PAUSE, (ended - began) / _SHARE), _LONGEST)

    def picture(self) -> Picture:
        """Where the training stands now."""
        plan, step, (first, last) = self._plan, self._step, (self._marks[0], self._marks[-1])
        steps, examples, seconds = (b - a for a, b in zip(first, last, strict=True))
        known = steps > 0 and seconds > 0
        return Picture(
            step.epoch,
            plan.epochs,
            step.step,
            plan.steps_in_all,
            self._seconds_left(seconds / steps) if known else None,
            plan.patience is not None,
            self._compiling or self._busy_with,
            step.loss if self._taken else None,
            step.gradient_norm if self._taken else None,
            step.lr,
            examples / seconds if known else None,
            self._compile_seconds,
            self._judged,
        )

    def _seconds_left(self, per_step: float) -> float | None:
        steps, per_epoch = self._plan.steps_in_all, self._plan.steps_per_epoch
        if steps is None:
            return None
        left = max(0, steps - self._step.step)
        return left * per_step + (-(-left // per_epoch) * self._judging if per_epoch else 0.0)


class Terminal:
    """The terminal that stderr is. Rich is imported when something is drawn first: it takes its time."""

    def __init__(self) -> None:
        self._live: Live | None = None

    def draw(self, picture: Picture) -> None:
        live = self._live or self._started()
        live.update(_drawn(picture, live.console.width - 1, live.console.encoding), refresh=True)

    def note(self, text: str) -> None:
        if self._live is None:
            to_stderr(text)
        else:
            self._live.console.out(text, highlight=False)

    def clear(self) -> None:
        if self._live is not None:
            self._live.transient = True
            self._stop(self._live)

    def leave(self, last: Picture) -> None:
        """Let this picture stand, if there is still one."""
        if self._live is not None:
            self.draw(last)
            self._stop(self._live)

    def _stop(self, live: Live) -> None:
        live.stop()
        self._live = None

    def _started(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        # Drawn by the steps and not by a thread, which would take time from theirs.
        self._live = Live(
            console=Console(stderr=True, force_terminal=True), auto_refresh=False, redirect_stdout=False
        )
        self._live.start()
        return self._live


def _drawn(picture: Picture, width: int, encoding: str) -> Group:
    from rich.console import Group
    from rich.text import Text

    full, empty = ("━", "─") if encoding.startswith("utf") else ("#", "-")
    before, bar, behind = picture.top(width)
    top = Text().append(before, "bold")
    if bar is not None:
        top.append("  ").append(full * bar.done, "cyan").append(empty * (bar.width - bar.done), "dim")
        top.append(f"  {behind}")
    lines = [top, *(Text(line) for line in picture.below(width))]
    for line in lines:
        line.no_wrap, line.overflow = True, "crop"
    return Group(*lines)
