"""The picture of a training that goes on: lines that fit a terminal's width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graphc.view.numbers import brief

_NARROWEST, _WIDEST = 8, 40
"""Columns of a bar; what leaves less room has none."""


@dataclass(frozen=True)
class Bar:
    """A bar of whole columns, of which `done` are full."""

    done: int
    width: int


@dataclass(frozen=True)
class Picture:
    """Where a training stands. What is not known is None."""

    epoch: int
    epochs: int | None
    step: int
    steps: int | None
    seconds_left: float | None = None
    ends_early: bool = False
    """Whether it may end before all epochs are done."""
    busy_with: str = ""
    """What is done instead of taking steps."""
    loss: float | None = None
    gradient_norm: float | None = None
    lr: float | None = None
    examples_per_second: float | None = None
    compile_seconds: float = 0.0
    judged: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """The figures of each part after the last epoch."""

    def top(self, width: int) -> tuple[str, Bar | None, str]:
        """The first line: what stands before the bar, the bar, and what stands behind it."""
        before = f"epoch {_of(self.epoch, self.epochs)}"
        places = [f"step {_of(self.step, self.steps)}"]
        if self.seconds_left is not None:
            most = "at most " if self.ends_early else ""
            places.append(f"{most}{duration(self.seconds_left)} left")
        behind = fitting(places, width - len(before) - 2)
        room = min(_WIDEST, width - len(before) - len(behind) - 4)
        if not self.steps or room < _NARROWEST:
            return fitting([before, *places], width), None, ""
        return before, Bar(min(room, room * self.step // self.steps), room), behind

    def below(self, width: int) -> list[str]:
        """The other lines."""
        now = [self.busy_with] if self.busy_with else self._now()
        judged = [figures(self.judged)]
        if len(judged[0]) > width:
            parts = (figures({part: values}).split(", ") for part, values in self.judged.items())
            judged = [fitting(part, width, ", ") for part in parts]
        return [line for line in (fitting(now, width), *judged) if line]

    def _now(self) -> list[str]:
        """What the last step was, the most important first."""
        shown = []
        if self.loss is not None:
            shown.append(f"loss {brief(self.loss)}")
        if self.gradient_norm is not None:
            shown.append(f"gradient {brief(self.gradient_norm)}")
        if self.examples_per_second is not None:
            shown.append(rate(self.examples_per_second))
        if self.lr is not None:
            shown.append(f"lr {brief(self.lr)}")
        if self.compile_seconds >= 0.05:
            shown.append(f"compiled in {self.compile_seconds:.1f} s")
        return shown


def fitting(parts: Sequence[str], width: int, between: str = "  ") -> str:
    """As many of the parts as the width has room for; of the first one its beginning, if no more."""
    line = parts[0] if parts else ""
    for part in parts[1:]:
        if len(line) + len(between) + len(part) > width:
            break
        line += between + part
    return line[: max(0, width)]


def duration(seconds: float) -> str:
    """`0:42`, `12:05`, `3:00:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def rate(examples_per_second: float) -> str:
    """`12300 examples/s`, `0.25 examples/s`."""
    many = examples_per_second >= 100
    return f"{examples_per_second:.0f} examples/s" if many else f"{examples_per_second:.2g} examples/s"


def figures(metrics: Mapping[str, Mapping[str, float]]) -> str:
    """`train loss 0.25, accuracy 0.9 | validation loss 0.3, accuracy 0.8`."""
    return " | ".join(
        f"{part} " + ", ".join(f"{name} {brief(value)}" for name, value in values.items())
        for part, values in metrics.items()
    )


def _of(number: int, count: int | None) -> str:
    """`  7/120`: as wide at the beginning as at the end."""
    return f"{number:>{len(str(count))}}/{count}" if count else str(number)
