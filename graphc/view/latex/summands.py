"""What one read of a name gives back, as a summand of the name's cotangent.

A use says what one point of the reading equation gives to one position of the name, `h[t-1]`. The equation of
the name asks the other way round: which points give something to position `t`? So subscripts are solved for
the reader's index, `t + 1`, and indices that the name does not have are summed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from graphc.ir.system import System, Unit
from graphc.types import BATCH, Affine, Index
from graphc.view.latex.adjoint import Use
from graphc.view.latex.algebra import made
from graphc.view.latex.terms import Term, constant, substitute, symbols


@dataclass(frozen=True)
class Range:
    """A position that must lie between others for a summand to exist."""

    place: Affine
    lo: Affine
    hi: Affine

    def at(self, by: Mapping[Index, Affine]) -> Range:
        """The same for given positions."""
        return Range(*(_put(place, by) for place in (self.place, self.lo, self.hi)))

    def holds(self) -> bool:
        """Whether it is so for all lengths of at least one; a bound that depends on more counts as met."""
        gaps = (self.place - self.lo, self.hi - self.place)
        return all(not gap.is_constant or gap.constant >= 0 for gap in gaps)


@dataclass(frozen=True)
class Summand:
    """What one use gives back, at the name's own indices.

    `fixed` are the positions that the use reads alone (`h[T]`); `ranges` say where the summand exists;
    `matches` are pairs of positions that must be equal, where a subscript cannot be solved.
    """

    term: Term
    fixed: tuple[tuple[Index, Affine], ...] = ()
    ranges: tuple[Range, ...] = ()
    matches: tuple[tuple[Affine, Affine], ...] = ()

    def at(self, place: Mapping[Index, Affine]) -> Summand | None:
        """The summand at a fixed position, None if it does not reach there."""
        ranges = tuple(found.at(place) for found in self.ranges)
        if any(place.get(index, position) != position for index, position in self.fixed):
            return None
        if not all(found.holds() for found in ranges):
            return None
        return Summand(_without_single(substitute(self.term, place)), (), ranges, self.matches)


@dataclass(frozen=True)
class Sum:
    """The cotangent of `name` at `subscripts`: the sum of its uses' shares.

    At the positions `except_at` it has an equation of its own.
    """

    name: str
    subscripts: tuple[Affine, ...]
    summands: tuple[Summand, ...]
    except_at: tuple[tuple[Index, Affine], ...] = ()


def merged(found: Iterable[Summand]) -> tuple[Summand, ...]:
    """Equal summands as a multiple of one."""
    counted: list[tuple[Summand, int]] = []
    for each in found:
        known = next((place for place, (other, _) in enumerate(counted) if other == each), None)
        if known is None:
            counted.append((each, 1))
        else:
            counted[known] = (each, counted[known][1] + 1)
    return tuple(_times(each, count) for each, count in counted)


def _times(one: Summand, count: int) -> Summand:
    if count == 1:
        return one
    term = one.term
    product = made("mul", (constant(count), term), {}, term.dtype, term.shape, term.has_batch)
    return replace(one, term=product)


def summand(system: System, units: Sequence[Unit], unit: Unit, use: Use) -> Summand:
    """A use by one of the units, seen from the name that is used."""
    own = frozenset(system.indices(use.name))
    apart = _apart(use.cotangent.free | symbols(use.subscripts), _narrowed(units, unit), own)
    term = substitute(use.cotangent, apart)
    subscripts = [_put(place, apart) for place in use.subscripts]
    solved: dict[Index, Affine] = {}
    fixed, matches = [], []
    for index, place in zip(system.indices(use.name), subscripts, strict=True):
        variables = symbols([place])
        if not variables:
            fixed.append((index, place))
        elif solution := _solved(place, Affine.of(index), variables - solved.keys()):
            solved[solution[0]] = solution[1]
        else:
            matches.append((Affine.of(index), place))
    ranges = tuple(Range(p, _put(j.lo, solved), _put(j.hi, solved)) for j, p in solved.items())
    term = substitute(term, solved)
    left = {i: replace(i, lo=_put(i.lo, solved), hi=_put(i.hi, solved)) for i in term.free - own}
    term = substitute(term, {old: Affine.of(new) for old, new in left.items() if old != new})
    found = _summed(term, own, tuple(fixed), ranges, tuple(matches))
    if term.has_batch and BATCH not in system.type(use.name).axes:
        # Outside of the sums over steps, whose number is the example's own.
        attrs = {"dims": (), "indices": (BATCH,)}
        total = made("reduce_sum", (found.term,), attrs, term.dtype, term.shape, False)
        return replace(found, term=total)
    return found


def _narrowed(units: Sequence[Unit], unit: Unit) -> dict[Index, Index]:
    """The unit's indices without the positions at their ends that have equations of their own."""
    places = [other.place.positions for other in units if other.place and other.place.of == unit.name]
    ends = {position[0] for position in places if len(position) == 1}
    found: dict[Index, Index] = {}
    for index in {index for index, _ in ends}:
        now = index
        while (index, now.lo) in ends:
            now = replace(now, lo=now.lo + 1)
        while (index, now.hi) in ends:
            now = replace(now, hi=now.hi + -1)
        if now != index:
            found[index] = now
    return found


def _apart(
    indices: Iterable[Index], narrowed: Mapping[Index, Index], own: frozenset[Index]
) -> dict[Index, Affine]:
    """Other names for a reader's indices than for those of the name that is read: both may be called t."""
    found: dict[Index, Affine] = {}

    def renamed(index: Index) -> Index:
        if index not in found:
            now = narrowed.get(index, index)
            inner = {symbol: Affine.of(renamed(symbol)) for symbol in symbols([now.lo, now.hi])}
            name = f"{now.name}'" if any(now.name == other.name for other in own) else now.name
            now = replace(now, name=name, lo=_put(now.lo, inner), hi=_put(now.hi, inner))
            found[index] = Affine.of(now)
        ((symbol, _),) = found[index].terms
        assert isinstance(symbol, Index)
        return symbol

    for index in indices:
        renamed(index)
    return found


def _summed(
    term: Term,
    own: frozenset[Index],
    fixed: tuple[tuple[Index, Affine], ...],
    ranges: tuple[Range, ...],
    matches: tuple[tuple[Affine, Affine], ...],
) -> Summand:
    """Sum over what the name does not vary over, where the ranges of what it does leave room."""
    kept: list[Range] = []
    limits: dict[Index, Index] = {}
    rest = term.free - own
    for found in ranges:
        left = found
        for bound, is_upper in ((found.hi, True), (found.lo, False)):
            if room := _limit(bound, found.place, rest, is_upper):
                index, end, is_first = room
                now = limits.get(index, index)
                limits[index] = replace(now, lo=end) if is_first else replace(now, hi=end)
                left = replace(left, hi=found.place) if is_upper else replace(left, lo=found.place)
        if left != Range(found.place, found.place, found.place):
            kept.append(left)
    over = tuple(sorted((limits.get(i, i) for i in rest), key=lambda i: (len(symbols([i.lo, i.hi])), i.name)))
    if over:
        term = substitute(term, {old: Affine.of(new) for old, new in limits.items()})
        attrs = {"dims": (), "indices": over}
        term = made("reduce_sum", (term,), attrs, term.dtype, term.shape, term.has_batch)
    return Summand(term, fixed, tuple(kept), matches)


def _without_single(term: Term) -> Term:
    """What a sum over one position is, `sum[t = T..T](x[t])`: its value there."""
    if term.op != "reduce_sum" or term.attr("dims") or len(term.bound) != 1:
        return term
    (index,) = term.bound
    return substitute(term.operands[0], {index: index.lo}) if index.lo == index.hi else term


def _limit(
    bound: Affine, place: Affine, rest: frozenset[Index], is_upper: bool
) -> tuple[Index, Affine, bool] | None:
    """`u <= t` as an end of the range of t, from u on: the index, its end, whether that is the first.

    None for a bound without an index of the rest; of several one is solved for, which is summed inside.
    """
    factors = {s: factor for s, factor in bound.terms if isinstance(s, Index) and s in rest}
    if not factors:
        return None
    index = min(factors, key=lambda index: index.name)
    factor = factors[index]
    assert abs(factor) == 1, "positions are counted one by one"
    end = place - (bound - Affine(0, ((index, factor),)))
    return index, end if factor == 1 else -end, is_upper == (factor == 1)


def _solved(place: Affine, equals: Affine, variables: frozenset[Index]) -> tuple[Index, Affine] | None:
    """The variable that makes `place` equal to something, if it stands there alone and once."""
    factors = [(s, factor) for s, factor in place.terms if s in variables]
    if len(factors) != 1 or len(symbols([place])) != 1 or abs(factors[0][1]) != 1:
        return None
    index, factor = factors[0]
    assert isinstance(index, Index)
    rest = equals - Affine(place.constant, tuple((s, c) for s, c in place.terms if s != index))
    return index, rest if factor == 1 else -rest


def _put(place: Affine, by: Mapping[Index, Affine]) -> Affine:
    for symbol, position in by.items():
        place = place.substitute(symbol, position)
    return place
