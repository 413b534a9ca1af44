"""The syntax tree of a `.nn` file: what was written, nothing resolved.

Nodes compare without their spans, so that `parse(format(tree)) == tree`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from graphc.diagnostics import Span


@dataclass(frozen=True)
class Syntax:
    """Anything with a place in the source."""

    span: Span = field(compare=False, repr=False)


# ------------------------------------------------------------------------------------ expressions


@dataclass(frozen=True)
class Number(Syntax):
    """`text` is kept: a check derives its tolerance from the digits written."""

    text: str

    @property
    def is_integer(self) -> bool:
        return self.text.isdigit()

    @property
    def value(self) -> float:
        return float(self.text)


@dataclass(frozen=True)
class String(Syntax):
    value: str


@dataclass(frozen=True)
class Name(Syntax):
    id: str


@dataclass(frozen=True)
class Field(Syntax):
    """`e.h`, `W.T`."""

    object: Expr
    name: str


@dataclass(frozen=True)
class Slice(Syntax):
    """`a:b` inside `[]`: elements a to b (exclusive), 0-based; either side may be missing."""

    lo: Expr | None
    hi: Expr | None


@dataclass(frozen=True)
class Binder(Syntax):
    """`u = 1..t` inside `[]`."""

    name: str
    lo: Expr
    hi: Expr


@dataclass(frozen=True)
class Subscript(Syntax):
    """`h[t-1]`, `W[0, :]`, and the head of `sum[t = 1..T-1](...)`."""

    object: Expr
    items: tuple[Expr | Slice | Binder, ...]


@dataclass(frozen=True)
class Unary(Syntax):
    op: Literal["-", "not"]
    operand: Expr


BinaryOp = Literal["+", "-", "*", "/", "@", "^", "==", "!=", "<", "<=", ">", ">=", "and", "or"]


@dataclass(frozen=True)
class Binary(Syntax):
    op: BinaryOp
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Option(Syntax):
    """`name = value` in a call or in the braces of `data`, `fit`, `check`, `generate`."""

    name: str
    value: Expr


@dataclass(frozen=True)
class Call(Syntax):
    """`f(x, y, rate = 0.5)`; `function` is a `Name`, a `Field`, or one with a `Subscript` (`sum[t]`)."""

    function: Expr
    args: tuple[Expr, ...]
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class ListLiteral(Syntax):
    """`[1, 2]` where no subscript can stand."""

    items: tuple[Expr, ...]


Expr = Number | String | Name | Field | Subscript | Unary | Binary | Call | ListLiteral

# ------------------------------------------------------------------------------------ declarations


@dataclass(frozen=True)
class TypeExpr(Syntax):
    """`[H, D]`, `real`, `bool` or `index(K)`; `index(K)` may carry a shape: `index(K)[M]`."""

    kind: Literal["real", "index", "bool"]
    shape: tuple[Expr, ...] = ()
    classes: Expr | None = None


@dataclass(frozen=True)
class Declarator(Syntax):
    """One name of `input`, `param` or `noise`: `Pos[t] : [E] ~ normal(0.1)`.

    `draw` is what follows `~`, `value` what follows `=`. A bare name takes type and initializer from
    the next declarator that has one (`elaborate` does this, the tree keeps what was written).
    """

    name: str
    subscripts: tuple[Expr, ...] = ()
    type: TypeExpr | None = None
    draw: Expr | None = None
    value: Expr | None = None


@dataclass(frozen=True)
class DimItem(Syntax):
    name: str
    value: Expr | None


@dataclass(frozen=True)
class DimDeclaration(Syntax):
    items: tuple[DimItem, ...]


@dataclass(frozen=True)
class AxisItem(Syntax):
    """`t = 1..T`; `lo` must be 1 (checked later, so that the message can say why)."""

    name: str
    lo: Expr
    hi: Expr


@dataclass(frozen=True)
class AxisDeclaration(Syntax):
    items: tuple[AxisItem, ...]


@dataclass(frozen=True)
class InputDeclaration(Syntax):
    items: tuple[Declarator, ...]


@dataclass(frozen=True)
class ParamDeclaration(Syntax):
    items: tuple[Declarator, ...]
    frozen: bool = False


@dataclass(frozen=True)
class NoiseDeclaration(Syntax):
    """`noise eps[t] : [D] ~ normal`: a fresh draw in training, its mean in evaluation."""

    items: tuple[Declarator, ...]


@dataclass(frozen=True)
class Equation(Syntax):
    """`h[t] = ...`, also `h[t] : [H] = ...`; with `running`, `running m = mean[batch](x)` (options such as
    `decay`)."""

    name: str
    subscripts: tuple[Expr, ...]
    value: Expr
    annotation: TypeExpr | None = None
    running: bool = False
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class LayerItem(Syntax):
    """`enc = LSTM(D, H)` or the family `res[k] = Residual(16)`."""

    name: str
    subscripts: tuple[Expr, ...]
    call: Call


@dataclass(frozen=True)
class LayerDeclaration(Syntax):
    items: tuple[LayerItem, ...]


@dataclass(frozen=True)
class Parameter(Syntax):
    """A formal parameter of a function (`y : index`, `rate = 0.5`) or of a block (a dim)."""

    name: str
    kind: Literal["real", "index", "bool"] | None = None
    default: Expr | None = None


@dataclass(frozen=True)
class FunctionDefinition(Syntax):
    """`mish(x) = x * tanh(softplus(x))`."""

    name: str
    parameters: tuple[Parameter, ...]
    value: Expr


@dataclass(frozen=True)
class BlockDefinition(Syntax):
    name: str
    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]


SettingKind = Literal["number", "positive", "nonnegative", "fraction", "flag"]
"""What an option is: a number; one above 0, from 0 on, or from 0 on and below 1; true or false."""


@dataclass(frozen=True)
class Setting(Syntax):
    """A formal option of an optimizer: `beta : fraction = 0.9`."""

    name: str
    kind: SettingKind = "number"
    default: Expr | None = None


@dataclass(frozen=True)
class OptimizerDefinition(Syntax):
    """`optimizer sgd(lr : positive) { w[k] = w[k-1] - lr * g[k] }`."""

    name: str
    settings: tuple[Setting, ...]
    body: tuple[Equation, ...]


@dataclass(frozen=True)
class Import(Syntax):
    """`import "cells.nn"`: its functions and blocks become known here."""

    path: String


@dataclass(frozen=True)
class Output(Syntax):
    """`output h, c`; in a block, what a call gives; at the top, what `forward` gives first."""

    values: tuple[Expr, ...]


@dataclass(frozen=True)
class Minimize(Syntax):
    """`minimize loss` or, for losses that alternate, `minimize loss over W1, enc`."""

    value: Expr
    over: tuple[Name | Field, ...] = ()


@dataclass(frozen=True)
class ReportItem(Syntax):
    """`accuracy(p, y)` or `acc = accuracy(p, y)`."""

    name: str | None
    value: Expr


@dataclass(frozen=True)
class Report(Syntax):
    items: tuple[ReportItem, ...]


@dataclass(frozen=True)
class CheckItem(Syntax):
    """`f ~= 0.9526` with an optional `+- 0.001`."""

    value: Expr
    expected: Expr
    tolerance: Expr | None = None


@dataclass(frozen=True)
class Check(Syntax):
    """`check { ... }` or `check(updates = 1, mode = training) { ... }`."""

    options: tuple[Option, ...]
    items: tuple[CheckItem, ...]


@dataclass(frozen=True)
class Settings(Syntax):
    """`data { ... }` and `fit { ... }`."""

    kind: Literal["data", "fit"]
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Generate(Syntax):
    """`generate T = 500 { s[1] = prompt  s[t] = sample(p[t-1]) }`; body options such as `stop = 0`
    stand among the equations and are `Option`s of the head: `generate T = 500, stop = 0 { ... }`."""

    options: tuple[Option, ...]
    body: tuple[Equation, ...]


Statement = (
    DimDeclaration
    | AxisDeclaration
    | InputDeclaration
    | ParamDeclaration
    | NoiseDeclaration
    | Equation
    | LayerDeclaration
    | FunctionDefinition
    | BlockDefinition
    | OptimizerDefinition
    | Import
    | Output
    | Minimize
    | Report
    | Check
    | Settings
    | Generate
)


@dataclass(frozen=True)
class File(Syntax):
    statements: tuple[Statement, ...]
