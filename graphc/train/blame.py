"""Which number of a step was the first that is not finite, as messages and records tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from graphc.diagnostics import Span

Kind = Literal["input", "parameter", "state", "value", "gradient"]
"""A state is a running statistic, or what a chunk of a sequence goes on from."""


@dataclass(frozen=True)
class Blame:
    """A name (`h`, `enc.W`) whose value or gradient stopped being finite before all others."""

    name: str
    """Empty where that was in `minimize` itself."""
    kind: Kind
    number: float
    """What it became: NaN or an infinity."""
    span: Span | None
    """The operation in the spec; of a gradient the one whose derivative it is."""
    formula: str
    """How it came out of what numbers: `exp(105.2)`. Empty for inputs and parameters."""
    example: int | None
    """The example's number in the batch, from 0; None for what all examples share."""
    row: int | None
    """Its number in the data, where that is known."""
    steps: Mapping[str, int]
    """Positions along axes, from 1."""
    element: tuple[int, ...]

    @property
    def place(self) -> str:
        """`in example 3 of the data at t = 5, element [2]`."""
        parts = []
        if self.row is not None:
            parts.append(f"in example {self.row} of the data")
        elif self.example is not None:
            parts.append(f"in example {self.example} of the batch")
        if self.steps:
            parts.append("at " + ", ".join(f"{axis} = {step}" for axis, step in self.steps.items()))
        found = " ".join(parts)
        if self.element:
            found += f"{', ' if found else 'in '}element [{', '.join(map(str, self.element))}]"
        return found

    @property
    def what(self) -> str:
        """`h` was the first to be inf, in a message about a step."""
        if self.kind in ("input", "parameter", "state"):
            return f"{self.kind} `{self.name}` holds {self.number}"
        text = "" if self.span is None else " ".join(self.span.text.split())
        text = f"`{text if len(text) < 60 else text[:57] + '...'}`"
        if self.kind == "gradient" and self.span is not None:
            return f"the derivative of {text} was the first to be {self.number}"
        what = f"`{self.name}`" if self.name else text if self.span is not None else "the loss"
        return f"{what} was the first to be {self.number}"

    @property
    def detail(self) -> str:
        """`exp(105.2) in example 3 of the batch at t = 5, element [2]`."""
        return f"{self.formula} {self.place}".strip()
