"""Update rules, each stated once as a formula, and the graphs that a backend compiles of them.

A rule sees the parameters as one vector `w`, their gradients as another one `g`, and its own state as
vectors of the same length (its `slots`). What changes from step to step comes in as numbers, so that
nothing is compiled twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Value
from graphc.ir.op import Op
from graphc.ops.elementwise import ADD, DIV, MUL, SELECT, SQRT, SUB
from graphc.ops.leaf import constant
from graphc.ops.reduction import REDUCE_SUM
from graphc.types import Dim, TensorType


@dataclass(frozen=True)
class Term:
    """A value of a graph under construction, for formulas written with Python's operators."""

    builder: Builder
    value: Value

    def __add__(self, other: Term | float) -> Term:
        return self._with(ADD, self, other)

    def __sub__(self, other: Term | float) -> Term:
        return self._with(SUB, self, other)

    def __mul__(self, other: Term | float) -> Term:
        return self._with(MUL, self, other)

    def __rmul__(self, other: float) -> Term:
        return self._with(MUL, other, self)

    def __truediv__(self, other: Term | float) -> Term:
        return self._with(DIV, self, other)

    def sqrt(self) -> Term:
        return Term(self.builder, self.builder(SQRT, self.value))

    def _with(self, op: Op, *operands: Term | float) -> Term:
        b = self.builder
        return Term(b, b(op, *(o.value if isinstance(o, Term) else constant(b, o) for o in operands)))


Terms = Mapping[str, Term]


class Rule(Protocol):
    """An optimizer."""

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of its state's vectors, which are zeros before the first step."""
        ...

    def numbers(self, step: int) -> dict[str, float]:
        """What the formula takes besides vectors; `step` counts from 1. The names are always the same."""
        ...

    def formula(self, w: Term, g: Term, state: Terms, number: Terms) -> dict[str, Term]:
        """The new parameters, as `w`, and the new state by slot."""
        ...


@dataclass(frozen=True)
class Momentum:
    """v = beta v + g; with `averaging` v = beta v + (1 - beta) g, the lecture's form. Then w = w - lr v."""

    lr: float
    beta: float = 0.9
    averaging: bool = False
    slots = ("v",)

    def numbers(self, step: int) -> dict[str, float]:
        return {"lr": self.lr}

    def formula(self, w: Term, g: Term, state: Terms, number: Terms) -> dict[str, Term]:
        share = 1 - self.beta if self.averaging else 1.0
        v = self.beta * state["v"] + share * g
        return {"w": w - number["lr"] * v, "v": v}


@dataclass(frozen=True)
class Sgd:
    """w = w - lr g; with `momentum` the same as `Momentum` in its common form."""

    lr: float
    momentum: float = 0.0

    @property
    def slots(self) -> tuple[str, ...]:
        return Momentum.slots if self.momentum else ()

    def numbers(self, step: int) -> dict[str, float]:
        return {"lr": self.lr}

    def formula(self, w: Term, g: Term, state: Terms, number: Terms) -> dict[str, Term]:
        if self.momentum:
            return Momentum(self.lr, self.momentum).formula(w, g, state, number)
        return {"w": w - number["lr"] * g}


@dataclass(frozen=True)
class Adam:
    """Moving averages m of g and v of g^2, bias-corrected; w = w - lr m' / (sqrt(v') + eps).

    Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1.
    """

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    slots = ("m", "v")

    def numbers(self, step: int) -> dict[str, float]:
        return {"lr": self.lr, "m_bias": 1 - self.beta1**step, "v_bias": 1 - self.beta2**step}

    def formula(self, w: Term, g: Term, state: Terms, number: Terms) -> dict[str, Term]:
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        v = self.beta2 * state["v"] + (1 - self.beta2) * g * g
        size = (v / number["v_bias"]).sqrt() + self.eps
        return {"w": w - number["lr"] * (m / number["m_bias"]) / size, "m": m, "v": v}


def update_graph(rule: Rule, size: int, *, masked: bool = False) -> Graph:
    """One step of a rule on `size` numbers: from `w`, `g` and the slots to new `w` and slots.

    Besides the rule's numbers it takes `scale`, by which gradients are multiplied first (clipping). With
    `masked` it takes `moves`, bool of shape (size,): where it is false, parameters and state stay.
    """
    b = Builder()
    flat = TensorType.of("real", (), (Dim.literal(size),))
    vectors = {name: Value(flat, name) for name in ("w", "g", *rule.slots)}
    scalars = {name: Value(TensorType.of("real"), name) for name in ("scale", *rule.numbers(1))}
    term = {name: Term(b, value) for name, value in {**vectors, **scalars}.items()}
    state = {slot: term[slot] for slot in rule.slots}
    found = rule.formula(term["w"], term["g"] * term["scale"], state, term)
    outputs = {name: moved.value for name, moved in found.items()}
    inputs = [*vectors.values(), *scalars.values()]
    if masked:
        moves = Value(flat.with_dtype("bool"), "moves")
        outputs = {name: b(SELECT, moves, new, vectors[name]) for name, new in outputs.items()}
        inputs.append(moves)
    return Graph(tuple(inputs), tuple(b.nodes), outputs)


def squares_graph(size: int) -> Graph:
    """The sum of the squares of `size` numbers `g`."""
    b = Builder()
    g = Value(TensorType.of("real", (), (Dim.literal(size),)), "g")
    total = b(REDUCE_SUM, b(MUL, g, g), dims=(0,), indices=())
    return Graph((g,), tuple(b.nodes), {"squares": total})
