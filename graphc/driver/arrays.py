"""Arrays from and to the user: batch first, then the axes as declared, then the element's dims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.diagnostics import Diagnostic, GraphcError, fault, nearest
from graphc.frontend.arithmetic import one_line
from graphc.frontend.spec import InputInfo, NonEmpty, Spec
from graphc.ir.op import Array
from graphc.types import BATCH, BATCH_NAME, Affine, Index, Length, TensorType

_LONGEST = 2**31 - 1
"""What a length that no input has can be at most."""


@dataclass(slots=True)  # not frozen: that costs time, and each step makes one
class Feed:
    """Inputs in canonical layout, ready to run. `lengths` has every run-time length, one for each example."""

    arrays: dict[str, Array]
    batch: int
    lengths: dict[str, Array]
    dense: bool
    """Whether all examples have one length along each axis."""

    def shape(self, type_: TensorType) -> tuple[int, ...]:
        """The shape of a type's arrays in a run on these inputs."""
        found: list[int] = []
        for index in type_.axes:
            if index.name == BATCH_NAME:
                found.append(self.batch)
            elif index.length.size is not None:
                found.append(index.length.size.value)
            else:
                found.append(int(self.lengths[index.length.name].max(initial=0)))
        return (*found, *type_.sizes)


def axis_order(type_: TensorType, declared: Sequence[Index]) -> tuple[int, ...]:
    """Which dimension of the user's array each dimension of the type's is; the user has the batch first."""
    own = ([BATCH] if BATCH in type_.axes else []) + [axis for axis in declared if axis in type_.axes]
    own += [axis for axis in type_.axes if axis not in own]
    return (*(own.index(axis) for axis in type_.axes), *range(len(own), len(own) + type_.rank))


def to_canonical(array: Array, type_: TensorType, declared: Sequence[Index]) -> Array:
    """From the user's order of axes to the type's."""
    return np.transpose(array, axis_order(type_, declared))


def to_declared(array: Array, type_: TensorType, declared: Sequence[Index]) -> Array:
    """From the type's order of axes to the user's; always a copy."""
    order = axis_order(type_, declared)
    return np.array(np.transpose(array, [order.index(dim) for dim in range(len(order))]))


def feed(
    infos: Mapping[str, InputInfo],
    given: Mapping[str, Any],
    lengths: Mapping[str, Any] | None,
    real: np.dtype[Any],
    known: Mapping[str, Length] | None = None,
) -> Feed:
    """Check inputs and lay them out: trimmed to the longest example, with zeros behind each one's end.

    `known` are the ends of the spec's axes: run-time lengths among them can be given without an input.

    Raises E440 to E446 for wrong names, shapes, kinds and lengths.
    """
    faults: list[Diagnostic] = []
    for name in given:
        if name not in infos:
            faults.append(Diagnostic("E440", f"there is no input `{name}`", help=nearest(name, infos)))
    missing = [name for name in infos if name not in given]
    if missing:
        faults.append(Diagnostic("E441", f"input `{missing[0]}` is not given", infos[missing[0]].span))
    if faults:
        raise GraphcError(faults)
    arrays = {name: _array(infos[name], given[name], real) for name in infos}
    batch = _batch(infos, arrays)
    own = _lengths(infos, arrays, dict(lengths or {}), batch, known or {})
    longest = {name: int(values.max(initial=0)) for name, values in own.items()}
    result: dict[str, Array] = {}
    for name, info in infos.items():
        ends = [None if a.length.is_fixed else longest[a.length.name] for a in info.axes]
        array = arrays[name][(slice(None), *(slice(end) for end in ends))]
        valid = _valid(info, own, array.shape)
        if not valid.all():
            array = np.where(valid.reshape(valid.shape + (1,) * info.type.rank), array, 0).astype(array.dtype)
        _check_values(info, array, valid)
        result[name] = to_canonical(array, info.type, info.axes)
    dense = all(len(set(values.tolist())) <= 1 for values in own.values())
    return Feed(result, batch, own, dense)


def _array(info: InputInfo, given: Any, real: np.dtype[Any]) -> Array:
    try:
        array = np.asarray(given)
    except ValueError:
        array = np.asarray(None)
    wanted = {"real": "numbers", "int": "whole numbers", "bool": "true or false"}[info.type.dtype]
    kinds = {"real": "fiub", "int": "iuf", "bool": "b"}[info.type.dtype]
    fits = array.dtype.kind in kinds
    if fits and info.type.dtype == "int" and array.dtype.kind == "f":
        with np.errstate(all="ignore"):
            fits = bool(np.all(array[np.isfinite(array)] == np.floor(array[np.isfinite(array)])))
    if not fits:
        raise fault("E442", f"input `{info.name}` holds {wanted}; found {kind_of(array)}", info.span)
    layout: list[int | str] = [
        a.length.name if a.length.size is None else a.length.size.value for a in info.axes
    ]
    layout += info.type.sizes
    ok = array.ndim == len(layout) + 1 and all(
        isinstance(want, str) or want == size for want, size in zip(layout, array.shape[1:], strict=True)
    )
    if not ok:
        shape = ", ".join(["batch", *map(str, layout)])
        raise fault(
            "E443",
            f"input `{info.name}` has the shape [{', '.join(map(str, array.shape))}], expected [{shape}]",
            info.span,
        )
    dtypes = {"real": real, "int": np.dtype(np.int64), "bool": np.dtype(np.bool_)}
    if info.type.dtype == "int" and array.dtype.kind == "f":
        array = np.where(np.isfinite(array), array, -1)
    with np.errstate(over="ignore"):  # what is too large for the precision becomes infinite
        return array.astype(dtypes[info.type.dtype])


def kind_of(array: Array) -> str:
    """What an array holds, in words."""
    kinds = {"f": "fractions", "i": "whole numbers", "u": "whole numbers", "b": "true or false"}
    kinds |= {"U": "text", "S": "text", "c": "complex numbers"}
    found = kinds.get(array.dtype.kind, "lists of different lengths, or objects")
    return f"{found} ({array.dtype})" if array.dtype.kind in "fiuc" else found


def _batch(infos: Mapping[str, InputInfo], arrays: Mapping[str, Array]) -> int:
    sizes = {name: len(array) for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"`{name}` {size}" for name, size in sizes.items())
        raise fault("E444", f"inputs have different numbers of examples: {found}")
    return next(iter(sizes.values()), 1)


def _lengths(
    infos: Mapping[str, InputInfo],
    arrays: Mapping[str, Array],
    given: dict[str, Any],
    batch: int,
    known_ends: Mapping[str, Length],
) -> dict[str, Array]:
    extents: dict[str, tuple[int, str]] = {}
    for name, info in infos.items():
        for place, axis in enumerate(info.axes):
            if axis.length.is_fixed:
                continue
            size = arrays[name].shape[1 + place]
            known = extents.setdefault(axis.length.name, (size, name))
            if known[0] != size and axis.length.name not in given:
                raise fault(
                    "E445",
                    f"`{axis.length.name}` is {known[0]} in input `{known[1]}` and {size} in `{name}`",
                    info.span,
                )
            extents[axis.length.name] = (min(size, known[0]), name)
    own: dict[str, Array] = {}
    free = [name for name, length in known_ends.items() if not length.is_fixed and name not in extents]
    for name in given:
        if name not in extents and name not in free:
            raise fault(
                "E446", f"there is no run-time length `{name}`", help=nearest(name, [*extents, *free])
            )
        if name in free:
            extents[name] = (_LONGEST, "")
    for name, (extent, source) in extents.items():
        try:
            values = np.asarray(given.get(name, extent))
        except ValueError:
            values = np.asarray(None)
        if values.dtype.kind not in "iu" or values.shape not in ((), (batch,)):
            raise fault("E446", f"lengths of `{name}` are one whole number for each of {batch} examples")
        values = np.broadcast_to(values.astype(np.int64), (batch,))
        bad = np.flatnonzero((values < 0) | (values > extent))
        if bad.size:
            raise fault(
                "E446",
                f"length `{name}` of example {bad[0]} is {values[bad[0]]}; "
                + (f"input `{source}` has {extent} positions" if source else f"it is from 0 to {extent}"),
            )
        own[name] = values
    return own


def _valid(info: InputInfo, lengths: Mapping[str, Array], shape: tuple[int, ...]) -> Array:
    """Which positions lie inside each example's own lengths."""
    valid: Array = np.ones(shape[: 1 + len(info.axes)], dtype=bool)
    for place, axis in enumerate(info.axes, start=1):
        if not axis.length.is_fixed:
            inside = np.arange(shape[place]) < lengths[axis.length.name][:, None]
            valid &= inside.reshape(
                [shape[0], *(shape[d] if d == place else 1 for d in range(1, valid.ndim))]
            )
    return valid


def _check_values(info: InputInfo, array: Array, valid: Array) -> None:
    if info.classes is None or not array.size:
        return
    bad = ((array < 0) | (array >= info.classes)) & valid.reshape(valid.shape + (1,) * info.type.rank)
    if bad.any():
        where = np.argwhere(bad)[0]
        raise fault(
            "E447",
            f"input `{info.name}` is index({info.classes}): whole numbers from 0 to {info.classes - 1}; "
            f"example {where[0]} has {array[tuple(where)]}",
            info.span,
        )


def masked(array: Array, type_: TensorType, lengths: Mapping[str, Array]) -> Array:
    """Zeros outside each example's own length and outside the part `lo..hi` that an index runs over.

    In canonical layout. An index whose range varies with something that the value does not is left alone.
    """
    for place, index in enumerate(type_.axes):
        if index == BATCH or (index.is_full and index.length.is_fixed):
            continue
        if not index.dependencies <= set(type_.axes) or not _lengths_of(index) <= set(lengths):
            continue
        if index.is_full and int(lengths[index.length.name].min(initial=0)) == array.shape[place]:
            continue
        at = _positions(array, place)
        inside = (at >= _bound(index.lo, array, type_, lengths)) & (
            at <= _bound(index.hi, array, type_, lengths)
        )
        array = np.where(inside, array, np.zeros((), array.dtype))
    return array


def _lengths_of(index: Index) -> set[str]:
    """The run-time lengths that an index's range is written with."""
    bounds = (index.lo, index.hi)
    return {symbol.name for bound in bounds for symbol, _ in bound.terms if isinstance(symbol, Length)}


def _positions(array: Array, place: int) -> Array:
    """1, 2, ... along one dimension of an array."""
    return _along(np.arange(1, array.shape[place] + 1), array, place)


def _along(values: Array, array: Array, place: int) -> Array:
    return values.reshape([-1 if d == place else 1 for d in range(array.ndim)])


def _bound(bound: Affine, array: Array, type_: TensorType, lengths: Mapping[str, Array]) -> Array:
    """An end of a range at each position that it varies with."""
    total = np.asarray(bound.constant)
    for symbol, coefficient in bound.terms:
        if isinstance(symbol, Length):
            value = _along(lengths[symbol.name], array, type_.axes.index(BATCH))
        else:
            value = _positions(array, type_.axes.index(symbol))
        total = total + coefficient * value
    return total


def feed_spec(
    spec: Spec,
    given: Mapping[str, Any],
    lengths: Mapping[str, Any] | None,
    real: np.dtype[Any],
    infos: Mapping[str, InputInfo] | None = None,
    nonempty: Sequence[NonEmpty] | None = None,
) -> Feed:
    """The inputs of a spec, checked against all that it says of them; `infos` are only some of them, and
    `nonempty` what some of its names ask for.

    Raises what `feed` does, and E450 where an example leaves one of `nonempty` with nothing.
    """
    fed = feed(spec.inputs if infos is None else infos, given, lengths, real, spec.scope.lengths)
    check_nonempty(
        spec.nonempty if nonempty is None else nonempty, fed.lengths, fed.batch, "example {}".format
    )
    return fed


def check_nonempty(
    nonempty: Sequence[NonEmpty], lengths: Mapping[str, Array], count: int, called: Callable[[int], str]
) -> None:
    """Raises E450 where the lengths of one of `count` examples leave a mean or maximum with nothing.

    `called` is what the message calls an example.
    """
    for need in nonempty:
        if any(symbol.name not in lengths for symbol, _ in need.steps.terms):
            continue  # a run that needs this length finds that it is missing
        steps = np.full(count, need.steps.constant)
        for symbol, coefficient in need.steps.terms:
            steps = steps + coefficient * lengths[symbol.name]
        bad = np.flatnonzero(steps < 0)
        if bad.size:
            row = int(bad[0])
            shown = ", ".join(
                f"{symbol.name} = {lengths[symbol.name][row]}" for symbol, _ in need.steps.terms
            )
            raise fault(
                "E450",
                f"`{one_line(need.span.text)}` has nothing to go over in {called(row)}, where {shown}",
                need.span,
            )
