"""The lines of a page about the backward pass, from the loss to the parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from graphc.types import BATCH, Affine, Index
from graphc.view.latex.adjoint import Named, bars
from graphc.view.latex.naming import Naming
from graphc.view.latex.pieces import PRODUCT, SUM
from graphc.view.latex.rows import Line
from graphc.view.latex.summands import Sum, Summand
from graphc.view.latex.terms import symbols


@dataclass(frozen=True)
class Backward:
    """A bar marks the derivative of the loss by a name."""

    naming: Naming

    def cotangents(self) -> list[Line]:
        """The derivatives by everything that is computed, each after those that it is made of."""
        seed = self.naming.found.seed
        if seed is None:
            return []
        example = BATCH in self.naming.system.type(seed).axes
        one = rf"\frac{{1}}{{{self.naming.writer.batch}}}" if self.naming.found.couples and example else "1"
        first = Line(self.naming.name(seed, (), bar=True, example=example), one)
        return [first, *(line for step in self.naming.found.steps if not self._is_leaf(step)
                         for line in self._step(step))]  # fmt: skip

    def gradients(self) -> list[Line]:
        """The derivatives by what is given: parameters, with some options inputs."""
        return [line for step in self.naming.found.steps if self._is_leaf(step) for line in self._step(step)]

    def _is_leaf(self, step: Sum | Named) -> bool:
        return step.name in self.naming.system.leaves

    def _step(self, step: Sum | Named) -> Iterator[Line]:
        if isinstance(step, Named):
            assert step.cotangent is not None
            places = map(Affine.of, step.indices)
            left = self.naming.name(step.name, places, bar=True, example=step.cotangent.has_batch)
            right = self.naming.writer.formula(step.cotangent)
            short = self.naming.found.short.get(step.name)
            limits: dict[Index, Index] = {}
            if short is not None:
                right += f" = {self.naming.writer.formula(short.term)}"
                limits = _limits(short)
            yield Line(left, right, self._within(limits))
            return
        example = BATCH in self.naming.system.type(step.name).axes
        left = self.naming.name(step.name, step.subscripts, bar=True, example=example)
        each = [_limits(summand) for summand in step.summands]
        shared = each[0] if each and all(limits == each[0] for limits in each) else {}
        summands = [
            self._summand(summand, limits if limits != shared else {}, is_alone=len(each) == 1)
            for summand, limits in zip(step.summands, each, strict=True)
        ]
        yield Line(left, _added(summands), self._order(step) or self._within(shared))
        yield from self._nothing(step, shared)
        yield from self._elsewhere(step)
        yield from self._zeros(step)

    def _summand(self, summand: Summand, limits: dict[Index, Index], *, is_alone: bool) -> str:
        is_free = is_alone or summand.term.op in ("neg", "add", "sub")
        rank = SUM if is_free and not (limits or summand.matches) else PRODUCT
        text = self.naming.writer.formula(summand.term, rank)
        writer = self.naming.writer
        conditions = [f"{writer.position(one)} = {writer.position(two)}" for one, two in summand.matches]
        for index, limit in limits.items():
            conditions += [rf"{writer.index(index)} \leq {writer.position(limit.hi)}"] * (
                limit.hi != index.hi
            )
            conditions += [rf"{writer.index(index)} \geq {writer.position(limit.lo)}"] * (
                limit.lo != index.lo
            )
        return "".join(rf"{writer.style.indicator(condition)} \, " for condition in conditions) + text

    # ------------------------------------------------------------------------ steps, and their ends

    def _within(self, limits: dict[Index, Index]) -> str:
        return ",\\ ".join(self.naming.steps(index, new.lo, new.hi) for index, new in limits.items())

    def _nothing(self, step: Sum, limits: dict[Index, Index]) -> Iterator[Line]:
        """`\\bar{p}_T = 0`: steps of a name that nothing reads."""
        for index, new in limits.items():
            for first, last in ((index.lo, new.lo + -1), (new.hi + 1, index.hi)):
                gap = last - first
                if not gap.is_constant or gap.constant < 0:
                    continue
                place = first if gap.constant == 0 else Affine.of(index)
                places = tuple(found.substitute(index, place) for found in step.subscripts)
                note = self.naming.steps(index, first, last) if gap.constant else ""
                yield Line(self.naming.name(step.name, places, bar=True), "0", note)

    def _elsewhere(self, step: Sum) -> Iterator[Line]:
        """`\\bar{o}_t = 0` where nothing but the last step of a name is read."""
        sums = [other for other in self.naming.found.steps if isinstance(other, Sum)]
        own = [other for other in sums if other.name == step.name]
        indices = self.naming.system.indices(step.name)
        pairs = [zip(indices, other.subscripts, strict=True) for other in own]
        fixed = [[index for index, place in places if place != Affine.of(index)] for places in pairs]
        if step is not own[-1] or not all(fixed):
            return
        writer = self.naming.writer
        note = r"\text{otherwise}"
        if len(own) == len(fixed[0]) == 1:
            (index,) = fixed[0]
            note = rf"{writer.index(index)} \neq {writer.position(step.subscripts[indices.index(index)])}"
        yield Line(self.naming.name(step.name, map(Affine.of, indices), bar=True), "0", note)

    def _order(self, step: Sum) -> str:
        """The steps in the order in which they can be computed."""
        parts = []
        for place in step.subscripts:
            index = next(iter(symbols([place])), None)
            moved = [] if index is None else [*_shifts(step, index)]
            if index is None or not moved:
                continue
            first, last = index.lo, index.hi
            skipped = [p for i, p in step.except_at if i == index]
            last = last + -1 if last in skipped else last
            parts.append(self.naming.steps(index, *((last, first) if moved[0] > 0 else (first, last))))
        return ",\\ ".join(parts)

    def _zeros(self, step: Sum) -> Iterator[Line]:
        """`\\bar{a}_{T+1} = 0`: cotangents of steps that do not exist."""
        found = [
            name
            for summand in step.summands
            for bound in summand.ranges
            for index in symbols([bound.place])
            if (shift := bound.place.constant) and bound.place == Affine.of(index) + shift
            for name in self._beyond(summand, index, shift, step)
        ]
        if found:
            first, *rest = dict.fromkeys(found)
            yield Line(first, " = ".join([*rest, "0"]))

    def _beyond(self, summand: Summand, index: Index, shift: int, step: Sum) -> Iterator[str]:
        end = index.hi if shift > 0 else index.lo
        if any(place == end for i, place in step.except_at if i == index):
            return
        for bar in bars(summand.term):
            if index in symbols(bar.attr("subscripts")):
                places = tuple(place.substitute(index, end) for place in bar.attr("subscripts"))
                yield self.naming.name(bar.attr("name"), places, bar=True)


def _limits(summand: Summand) -> dict[Index, Index]:
    """The steps at which a summand exists, where these are fewer than its name has.

    A summand that speaks of a cotangent of another step is none of these: beyond the last step that is zero.
    """
    found: dict[Index, Index] = {}
    for bound in summand.ranges:
        for index in symbols([bound.place]):
            shift = bound.place.constant
            if bound.place != Affine.of(index) + shift or _is_told(summand, index):
                continue
            now = found.get(index, index)
            lo, hi = bound.lo + -shift, bound.hi + -shift
            now = replace(now, lo=lo) if _is_after(lo, now.lo) else now
            now = replace(now, hi=hi) if _is_after(now.hi, hi) else now
            if now != index:
                found[index] = now
    return found


def _shifts(step: Sum, index: Index) -> Iterator[int]:
    """How far away the steps are whose cotangents a step's own is made of, as far as they are others."""
    for summand in step.summands:
        for bound in summand.ranges if _is_told(summand, index) else ():
            shift = bound.place.constant
            if shift and bound.place == Affine.of(index) + shift:
                yield shift


def _is_told(summand: Summand, index: Index) -> bool:
    """Whether a summand speaks of a cotangent of a step that varies with the index."""
    return any(index in symbols(bar.attr("subscripts")) for bar in bars(summand.term))


def _is_after(one: Affine, other: Affine) -> bool:
    gap = one - other
    return gap.is_constant and gap.constant > 0


def _added(summands: list[str]) -> str:
    text, *more = summands or ["0"]
    for summand in more:
        text += f" - {summand[1:]}" if summand.startswith("-") else f" + {summand}"
    return text
