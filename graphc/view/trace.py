"""What one run of a program showed: every name with its value and its cotangent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy.typing as npt

from graphc.types import TensorType

Array = npt.NDArray[Any]
Kind = Literal["input", "param", "value"]


@dataclass(frozen=True)
class TraceRow:
    """One name of the spec. `summands` are the parts of a cotangent, each with the name that it came from."""

    name: str
    kind: Kind
    type: TensorType
    value: Array
    cotangent: Array | None = None
    summands: Sequence[tuple[str, Array]] = ()
    line: int | None = None


@dataclass(frozen=True)
class Trace:
    """Rows in the order of the forward pass.

    `single` says that the spec itself gave the one example: arrays then have no batch axis.
    """

    rows: Sequence[TraceRow]
    loss: float | None
    single: bool
