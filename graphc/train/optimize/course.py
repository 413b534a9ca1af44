"""What an optimizer's equations take besides vectors, from step to step.

Most of it can be known beforehand: it is computed for many steps at once, so that a step looks it up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphc.backend import Run
from graphc.backend.reference import prepare
from graphc.diagnostics import fault, nearest
from graphc.frontend.optimizers import STEP, STEPS
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Node, Value
from graphc.ir.op import Array
from graphc.train.optimize.optimizers import GROUPS, RANGES, Optimizer
from graphc.train.optimize.rules import Rule
from graphc.train.optimize.schedules import JUDGED, Formulas, Moment, Schedule, unknown_end
from graphc.train.state import Layout
from graphc.types import BATCH

_AT_ONCE = 256


@dataclass(frozen=True)
class _Table:
    """Values at steps `first`, `first + 1`, ...; from step `ends` on it does not hold."""

    first: int
    ends: float
    options: Mapping[str, Array]
    reals: Array
    """Of shape (steps, numbers): what of the rule's numbers is real."""
    others: Mapping[str, Array]

    def row(self, step: int) -> int:
        return 0 if self.ends == math.inf else step - self.first


class Course:
    """The options of an optimizer and the numbers of its rule, at each step."""

    def __init__(self, optimizer: Optimizer, rule: Rule, real: np.dtype[Any]) -> None:
        self.leaves = {
            place: value
            for name, amount in optimizer.amounts.items()
            for place, value in amount.leaves(name).items()
        }
        self.moment = Moment()
        self._kinds = {setting.name: setting.kind for setting in optimizer.definition.settings}
        schedules = {place: value for place, value in self.leaves.items() if isinstance(value, Schedule)}
        self._formulas = Formulas(schedules)
        self._numbers = prepare(_for_steps(rule.numbers))
        self._counts_steps = (
            any(value.name == STEP for value in rule.numbers.inputs) or "step" in self._formulas.given
        )
        self._needs_steps = any(value.name == STEPS for value in rule.numbers.inputs)
        self._span = optimizer.span
        self._table: _Table | None = None
        outputs = rule.numbers.outputs
        self._names = [name for name, value in outputs.items() if value.type.dtype == "real"]
        self._reals: Array = np.zeros(len(self._names), real)
        others = {
            name: np.dtype(value.type.dtype) for name, value in outputs.items() if name not in self._names
        }
        self.scalars: dict[str, Array] = {name: np.zeros((), dtype) for name, dtype in others.items()}
        """What the rule's step takes besides vectors. The reals share memory: one copy fills them."""
        self.scalars |= {name: self._reals[i : i + 1].reshape(()) for i, name in enumerate(self._names)}

    @property
    def is_judged(self) -> bool:
        """Whether a schedule asks how the validation loss goes."""
        return bool(JUDGED & self._formulas.given)

    def move(self, moment: Moment) -> None:
        """From the next step on another moment holds."""
        if moment != self.moment:
            self.moment = moment
            if self._formulas.given or self._needs_steps:
                self._table = None

    def option(self, name: str, step: int) -> float | None:
        """One option, for parameters of which nothing else is said; None if there is none of the name."""
        table = self._at(step)
        return float(table.options[name][table.row(step)]) if name in table.options else None

    def options(self, step: int) -> dict[str, float]:
        """The options by place, `lr` or `lr/Emb`."""
        table = self._at(step)
        return {place: float(values[table.row(step)]) for place, values in table.options.items()}

    def look_up(self, step: int) -> None:
        """Write what the rule's step takes into `scalars`."""
        table = self._at(step)
        row = table.row(step)
        self._reals[...] = table.reals[row]
        for name, values in table.others.items():
            self.scalars[name][...] = values[row]

    def _at(self, step: int) -> _Table:
        table = self._table
        if table is None or not table.first <= step < table.ends:
            table = self._table = self._computed(step)
        return table

    def _computed(self, step: int) -> _Table:
        """Raises E545, E546 for a schedule without a value, E404 for one that leaves its option's range."""
        ahead = np.arange(step, step + (_AT_ONCE if self._counts_steps else 1), dtype=np.int64)
        found = self._formulas(ahead, self.moment)
        count = self._sound(step, found, len(ahead))
        steps = ahead[:count]
        options = {
            place: found[place][:count] if isinstance(value, Schedule) else np.full(count, value)
            for place, value in self.leaves.items()
        }
        real = np.dtype(np.float64)
        inputs = {**options, STEP: steps, STEPS: np.full(count, self._steps_in_all())}
        numbers = self._numbers.run(inputs, Run(real, batch=count))
        ends = step + count if self._counts_steps else math.inf
        every = {name: np.broadcast_to(values, (count,)) for name, values in numbers.items()}
        reals = (
            np.stack([every.pop(name) for name in self._names], axis=1)
            if self._names
            else np.zeros((count, 0))
        )
        return _Table(step, ends, options, reals.astype(self._reals.dtype), every)

    def _steps_in_all(self) -> int:
        if self.moment.steps is None and self._needs_steps:
            raise unknown_end(self._span)
        return self.moment.steps or 0

    def _sound(self, step: int, found: Mapping[str, Array], count: int) -> int:
        """For how many steps all schedules give what they may. Raises E404, E546 if `step` is none of them.

        Later ones may never be made: a formula need not have a value behind the end of the training.
        """
        for place, values in found.items():
            name = place.partition("/")[0]
            allowed = RANGES[self._kinds[name]]
            # A rate may come to rest at zero.
            sound = [math.isfinite(value) and (value == 0 or allowed.holds(value)) for value in values]
            if not sound[0]:
                schedule = self.leaves[place]
                assert isinstance(schedule, Schedule)
                span, value = schedule.formula.span, values[0]
                if not math.isfinite(value):
                    raise fault("E546", f"`{span.text}` is {value} at step {step}", span)
                what = f"`{name}` must be {allowed.text}, and `{span.text}` is {value:g} at step {step}"
                raise fault("E404", what, span)
            count = min(count, (*sound, False).index(False))
        return count


def _for_steps(graph: Graph) -> Graph:
    """The same graph for many steps at once: they are its batch."""
    b = Builder()
    moved = {value: Value(value.type.with_axes((BATCH,)), value.name) for value in graph.inputs}
    for node in graph.nodes:
        assert isinstance(node, Node)
        moved[node.result] = b(node.op, *(moved[operand] for operand in node.operands), **node.attrs)
    outputs = {name: moved[value] for name, value in graph.outputs.items()}
    return Graph(tuple(moved[value] for value in graph.inputs), tuple(b.nodes), outputs)


class Spread:
    """An option that differs between parameters, as a vector of their layout."""

    def __init__(self, name: str, optimizer: Optimizer, layout: Layout, real: np.dtype[Any]) -> None:
        self.flat: Array = np.zeros(layout.size, real)
        self._spans = {
            place: _spans(place, optimizer, layout) for place in optimizer.amounts[name].leaves(name)
        }
        self._last: dict[str, float] = {}

    def fill(self, options: Mapping[str, float]) -> None:
        """What is more special is written over what is more general."""
        values = {place: options[place] for place in self._spans}
        if values != self._last:
            self._last = values
            for place, spans in self._spans.items():
                for span in spans:
                    self.flat[span] = values[place]


def _spans(place: str, optimizer: Optimizer, layout: Layout) -> list[slice]:
    """Where the parameters of a place lie: `lr/enc` holds for all of layer `enc`. Raises E547."""
    option, *path = place.split("/")
    if not path:
        return [slice(0, layout.size)]
    prefix = ".".join(path)
    found = [span for name, span in layout.spans.items() if name == prefix or name.startswith(f"{prefix}.")]
    if not found:
        known = {*layout.spans, *(name.partition(".")[0] for name in layout.spans)}
        what = (
            f"`{option} = {GROUPS}(...)`: `{prefix}` is no parameter that is trained, and no layer with one"
        )
        raise fault("E547", what, optimizer.span, help=nearest(prefix, known))
    return found


@dataclass(frozen=True)
class Plateau:
    """How the validation loss has gone: what schedules on a plateau ask for.

    The loss stands still each time that `patience` epochs in a row are not better than the best one.
    """

    patience: int = 5
    worse: int = 0
    stalled: int = 0
    last: float = math.inf
    best: float = math.inf
    since: int = 0

    def after(self, loss: float) -> Plateau:
        """After one more epoch."""
        better = loss < self.best
        since = 0 if better else self.since + 1
        stalls = since == self.patience
        return replace(
            self,
            worse=self.worse + (loss > self.last),
            stalled=self.stalled + stalls,
            last=loss,
            best=loss if better else self.best,
            since=0 if stalls else since,
        )
