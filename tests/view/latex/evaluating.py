"""The value of a formula, point by point: each operation by its oracle, sums as loops.

Slow and plain: it shares nothing with the way in which gradients are computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import logsumexp

import graphc
from graphc.driver.compiled import Compiled
from graphc.driver.execution import Execution
from graphc.driver.pictures.equations import derived_equations
from graphc.driver.pictures.picturing import MODE
from graphc.ops import TABLE
from graphc.types import BATCH, Affine, Index, Length, TensorType
from graphc.view.latex.adjoint import Named
from graphc.view.latex.gradients import Sum
from graphc.view.latex.terms import Term, symbols

Env = Mapping[Index, int]

TOTALS: Mapping[str, Callable[..., Any]] = {
    "reduce_sum": np.sum,
    "reduce_prod": np.prod,
    "reduce_max": np.max,
    "reduce_min": np.min,
    "logsumexp": logsumexp,
}


@dataclass
class Frame:
    """What an oracle asks of a run, for a single point."""

    types: tuple[TensorType, ...]
    out: TensorType
    axes: tuple[Index, ...] = ()
    real: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float64))


class Run:
    """A program with its values and cotangents, found by the backend, and the formulas that are to agree."""

    def __init__(self, program: Compiled, inputs: bool = True) -> None:
        self.system = program.pipeline.spec(MODE).system
        self.found = derived_equations(program, inputs=inputs)
        units = [each.unit.name for each in self.found.derived]
        terms = [value for d in self.found.derived for value in (d.value, *(n.value for n in d.named))]
        used = {part.attr("name") for term in terms for part in term.walk() if part.op == "ref"}
        names = [*units, *(name for name in self.system.leaves if name in used)]
        self.fed = program.feed(None, None)
        execution = Execution(program.pipeline, program.params, program.real, program.seed)
        real = [name for name in names if self.system.type(name).dtype == "real"]
        result = execution.gradients_by_name(MODE, real, self.fed, execution.run(self.fed), names=names)
        self.values = {n: execution.shown(n, a, self.system, self.fed) for n, a in result.values.items()}
        self.bars = {n: execution.shown(n, a, self.system, self.fed) for n, a in result.gradients.items()}
        self.named = {named.name: named for named in self.found.named}
        self.is_for_one = self.found.seed is not None and not self.found.couples
        """Whether formulas are for one example, whose loss has the cotangent 1, not 1 / B."""
        if self.is_for_one and BATCH in self.system.type(str(self.found.seed)).axes:
            for name in self.bars:
                if BATCH in self.system.type(name).axes:
                    self.bars[name] = self.bars[name] * self.fed.batch
        else:
            self.is_for_one = False

    def length(self, length: Length, example: int) -> int:
        steps = np.asarray(self.fed.lengths[length.name])
        return int(steps[example] if steps.ndim else steps)

    def place(self, place: Affine, env: Env, example: int) -> int:
        total = place.constant
        for symbol, factor in place.terms:
            known = self.length(symbol, example) if isinstance(symbol, Length) else env[symbol]
            total += factor * known
        return total

    def positions(self, indices: tuple[Index, ...], example: int, env: Env) -> Iterator[Env]:
        """All positions of indices whose ranges may depend on each other."""
        if not indices:
            yield env
            return
        first = next(i for i in indices if not i.dependencies & {*indices} - {i, BATCH})
        lo, hi = (self.place(bound, env, example) for bound in (first.lo, first.hi))
        rest = tuple(index for index in indices if index != first)
        for position in range(lo, hi + 1):
            yield from self.positions(rest, example, {**env, first: position})

    # ------------------------------------------------------------------------------------- values

    def at(self, name: str, places: tuple[int, ...], example: int, bar: bool) -> Any:
        """A name at positions, from a boundary equation where one holds it; zero beyond its range."""
        if name in self.named:
            named = self.named[name]
            term = named.cotangent if bar else named.value
            assert term is not None
            env = dict(zip(named.indices, places, strict=True))
            if not self.is_inside(named.indices, env, example):
                return np.zeros([dim.value for dim in term.shape])
            return self.value(term, env, example)
        edges = [unit for unit in self.system.units.values() if unit.place and unit.place.of == name]
        for unit in sorted(edges, key=lambda unit: len(unit.indices)):  # a corner before the edges there
            if unit.place and unit.name in self.values:
                fixed = {i: self.place(p, {}, example) for i, p in unit.place.positions}
                own = dict(zip(self.system.indices(name), places, strict=True))
                if all(own[index] == position for index, position in fixed.items()):
                    rest = tuple(own[index] for index in unit.indices)
                    return self.entry(unit.name, rest, example, bar)
        env = dict(zip(self.system.indices(name), places, strict=True))
        if not self.is_inside(self.system.indices(name), env, example):
            return np.zeros([dim.value for dim in self.system.type(name).shape])
        return self.entry(name, places, example, bar)

    def is_inside(self, indices: tuple[Index, ...], env: Env, example: int) -> bool:
        ends = ((self.place(i.lo, env, example), env[i], self.place(i.hi, env, example)) for i in indices)
        return all(lo <= position <= hi for lo, position, hi in ends)

    def entry(self, name: str, places: tuple[int, ...], example: int, bar: bool) -> Any:
        array = (self.bars if bar else self.values)[name]
        if BATCH in self.system.type(name).axes:
            array = array[example if len(array) > 1 else 0]
        return array[tuple(place - 1 for place in places)]

    def value(self, term: Term, env: Env, example: int) -> Any:
        """The element of a formula at one point."""
        if term.op == "ref":
            places = tuple(self.place(place, env, example) for place in term.attr("subscripts"))
            return self.at(term.attr("name"), places, example, term.attr("bar"))
        if term.op == "position":
            return np.float64(self.place(term.attr("at"), env, example))
        if term.op == "length":
            return np.float64(self.length(term.attr("length"), example))
        if term.op == "count":
            index = term.attr("index")
            return np.float64(sum(1 for _ in self.all_of((index,), env, example))) / self.share_of((index,))
        if term.op == "at":
            position = self.place(term.attr("place"), env, example)
            return self.value(term.operands[0], {**env, term.attr("index"): position}, example)
        if indices := dict(term.attrs).get("indices"):
            return self.over(term, indices, env, example)
        return self.oracle(term, [self.value(operand, env, example) for operand in term.operands])

    def all_of(self, indices: tuple[Index, ...], env: Env, example: int) -> Iterator[tuple[Env, int]]:
        examples = range(self.fed.batch) if BATCH in indices else [example]
        rest = tuple(index for index in indices if index != BATCH)
        for one in examples:
            for inner in self.positions(rest, one, env):
                yield inner, one

    def over(self, term: Term, indices: tuple[Index, ...], env: Env, example: int) -> Any:
        """A total over indices; a softmax is the share of its own point, a first one is where it is."""
        if term.op == "first_true":
            (x,) = term.operands
            own = next(place for place, point in enumerate(self.all_of(indices, env, example))
                       if point == (env, example))  # fmt: skip
            points = self.all_of(indices, env, example)
            true = np.asarray([self.value(x, inner, one) for inner, one in points], bool)
            return true[own] & ~np.any(true[:own], axis=0)
        if term.op not in ("softmax", *TOTALS):
            attrs = tuple((name, () if name == "indices" else value) for name, value in term.attrs)
            point = replace(term, attrs=attrs)
            values = [self.value(point, inner, one) for inner, one in self.all_of(indices, env, example)]
            return sum(values) / self.share_of(indices)
        (x,) = term.operands
        found = [self.value(x, inner, one) for inner, one in self.all_of(indices, env, example)]
        if term.op == "softmax":
            assert not term.attr("dims")
            return np.exp(self.value(x, env, example)) / np.sum(np.exp(found), axis=0)
        if term.op == "reduce_sum":
            found = [value / self.share_of(indices) for value in found]
        total = TOTALS[term.op]
        result = total(found, axis=0) if found else np.zeros([dim.value for dim in x.shape])
        return total(result, axis=term.attr("dims")) if term.attr("dims") else result

    def share_of(self, indices: tuple[Index, ...]) -> int:
        """What a sum over the examples is divided by: a formula for one example is a mean over a batch."""
        return self.fed.batch if self.is_for_one and BATCH in indices else 1

    def oracle(self, term: Term, arrays: list[Any]) -> Any:
        types = tuple(TensorType(o.dtype, (), o.shape) for o in term.operands)
        out = TensorType(term.dtype, (), term.shape)
        attrs = dict(term.attrs)
        if term.op == "constant":
            return np.broadcast_to(np.asarray(attrs["value"], np.float64), out.sizes)
        kinds = {"real": np.float64, "int": np.int64, "bool": np.bool_}
        given = [np.asarray(a, kinds[o.dtype]) for a, o in zip(arrays, term.operands, strict=True)]
        return TABLE[term.op].oracle(Frame(types, out), attrs, *given)  # type: ignore[arg-type]

    # ------------------------------------------------------------------------------------ equations

    def check(self, step: Sum | Named) -> int:
        """Compare one gradient equation with the gradients that were computed; how many points there were."""
        if isinstance(step, Named):
            return 0  # compared where it is used
        indices = self.system.indices(step.name)
        free = tuple(i for i, place in zip(indices, step.subscripts, strict=True) if place == Affine.of(i))
        has_batch = BATCH in self.system.type(step.name).axes
        points = 0
        for example in range(self.fed.batch) if has_batch else [0]:
            for env in self.positions(free, example, {}):
                places = tuple(self.place(place, env, example) for place in step.subscripts)
                if self.is_elsewhere(step, places, example):
                    continue
                expected = self.at(step.name, places, example, bar=True)
                shares = [self.share(summand, env, example) for summand in step.summands]
                np.testing.assert_allclose(
                    sum(shares), expected, rtol=1e-10, atol=1e-12, err_msg=f"{step.name}{places}"
                )
                points += 1
        return points

    def is_elsewhere(self, step: Sum, places: tuple[int, ...], example: int) -> bool:
        """Whether another equation of the name is for these very positions, with more of them fixed."""
        for other in self.found.steps:
            if isinstance(other, Sum) and other.name == step.name:
                fixed = [not symbols([place]) for place in other.subscripts]
                pairs = zip(other.subscripts, places, fixed, strict=True)
                holds = all(self.place(p, {}, example) == place for p, place, known in pairs if known)
                if holds and sum(fixed) > sum(not symbols([place]) for place in step.subscripts):
                    return True
        return False

    def share(self, summand: Any, env: Env, example: int) -> Any:
        inside = all(
            self.place(r.lo, env, example)
            <= self.place(r.place, env, example)
            <= self.place(r.hi, env, example)
            for r in summand.ranges
        )
        assert not summand.matches, "no spec of the tests has a subscript that cannot be solved"
        return self.value(summand.term, env, example) if inside else 0.0

    def check_shortcuts(self) -> None:
        """Compare each shorter form with the one that it is short for."""
        for name, short in self.found.short.items():
            named = self.named[name]
            assert named.cotangent is not None
            for example in range(self.fed.batch):
                for env in self.positions(named.indices, example, {}):
                    expected = self.value(named.cotangent, env, example)
                    found = self.share(short, env, example)
                    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12, err_msg=name)

    def check_forward(self) -> int:
        """Compare each equation with the values that were computed."""
        points = 0
        for each in self.found.derived:
            type_ = each.unit.value.type
            for example in range(self.fed.batch) if BATCH in type_.axes else [0]:
                for env in self.positions(each.unit.indices, example, {}):
                    places = tuple(env[i] for i in each.unit.indices)
                    expected = self.entry(each.unit.name, places, example, bar=False)
                    if each.unit.place is None and self.is_boundary(each.unit.name, places, example):
                        continue
                    found = self.value(each.value, env, example)
                    np.testing.assert_allclose(
                        found, expected, rtol=1e-10, atol=1e-12, err_msg=f"{each.unit.name}{places}"
                    )
                    points += 1
        return points

    def is_boundary(self, name: str, places: tuple[int, ...], example: int) -> bool:
        own = dict(zip(self.system.indices(name), places, strict=True))
        return any(
            all(own[i] == self.place(p, {}, example) for i, p in unit.place.positions)
            for unit in self.system.units.values()
            if unit.place and unit.place.of == name
        )


def compiled(path: str) -> Compiled:
    return graphc.compile(path, backend="reference", dtype="float64")
