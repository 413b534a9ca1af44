"""What a file declares besides its equations: inputs, parameters, objectives, reports, checks, settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from graphc.diagnostics import Span
from graphc.frontend import ast
from graphc.frontend.scope import Scope
from graphc.ir.op import Array
from graphc.ir.system import System
from graphc.types import Affine, Index, TensorType


@dataclass(frozen=True, eq=False)
class InputInfo:
    """`type` has batch; `axes` are the declared indices in order. `examples` holds literal values, one array
    an example (axes, then the element's dims); None if the data must come from outside."""

    name: str
    type: TensorType
    axes: tuple[Index, ...]
    classes: int | None
    span: Span
    examples: tuple[Array, ...] | None = None
    batched: bool = False
    """The literal was written as `batch(...)`."""
    dim: str = ""
    """The V of `index(V)`, where the number of classes is a dim alone."""

    @property
    def has_value(self) -> bool:
        """Whether the spec itself gives this input."""
        return self.examples is not None


@dataclass(frozen=True, eq=False)
class ParamInfo:
    """A parameter: `value` as given by `=`, or the initializer call given by `~` (None: the default draw)."""

    name: str
    type: TensorType
    axes: tuple[Index, ...]
    span: Span
    frozen: bool
    value: Array | None = None
    draw: ast.Expr | None = None
    scope: Scope | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """The array's shape: one size for each declared axis, then the element's."""
        ends = (axis.length.size for axis in self.axes)
        return tuple(size.value for size in ends if size is not None) + self.type.sizes


@dataclass(frozen=True, eq=False)
class StateInfo:
    """A running statistic: `decay` of the old value is kept; `start` is None if the first batch sets it."""

    name: str
    type: TensorType
    decay: float
    start: float | None
    span: Span


@dataclass(frozen=True, eq=False)
class Objective:
    """`minimize`: the unit that holds the loss; `over` are the parameters it moves (None: all)."""

    unit: str
    over: tuple[str, ...] | None
    span: Span


@dataclass(frozen=True, eq=False)
class Metric:
    """`report`: its name and the unit that holds it."""

    name: str
    unit: str
    span: Span


@dataclass(frozen=True)
class NonEmpty:
    """A mean or maximum over positions that are `steps + 1` in number: at least one for every example."""

    steps: Affine
    span: Span


OUTPUT = "output@"
"""Begins the name of an `output` that is an expression; the user sees the expression itself."""


@dataclass(eq=False)
class Spec:
    """A file, elaborated for one mode."""

    file: ast.File
    scope: Scope
    system: System
    inputs: dict[str, InputInfo] = field(default_factory=dict)
    params: dict[str, ParamInfo] = field(default_factory=dict)
    states: dict[str, StateInfo] = field(default_factory=dict)
    updates: dict[str, str] = field(default_factory=dict)
    """Running statistic to the unit that holds this batch's value (training only)."""
    objectives: list[Objective] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    checks: list[ast.Check] = field(default_factory=list)
    data: ast.Settings | None = None
    fit: ast.Settings | None = None
    generate: ast.Generate | None = None
    nonempty: list[NonEmpty] = field(default_factory=list)
    """What the lengths of every example must satisfy."""
    names: list[str] = field(default_factory=list)
    """The units that the user can see, in the order of the file."""

    @property
    def has_fit(self) -> bool:
        """Whether `graphc run` trains."""
        return self.fit is not None
