"""Arrays from and to the user: batch first, then the axes as declared, then the element's dims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.diagnostics import Diagnostic, GraphcError, fault, nearest
from graphc.frontend.arithmetic import one_line
from graphc.frontend.spec import InputInfo, NonEmpty
from graphc.ir.op import Array
from graphc.types import BATCH, Index, TensorType


@dataclass(frozen=True)
class Feed:
    """Inputs in canonical layout, ready to run. `lengths` has every run-time length, one for each example."""

    arrays: dict[str, Array]
    batch: int
    lengths: dict[str, Array]

    @property
    def dense(self) -> bool:
        """Whether all examples have one length along each axis."""
        return all(len(set(own.tolist())) <= 1 for own in self.lengths.values())


def to_canonical(array: Array, type_: TensorType, declared: Sequence[Index]) -> Array:
    """From the user's order of axes to the type's."""
    order = ([BATCH] if BATCH in type_.axes else []) + [i for i in declared if i in type_.axes]
    rest = range(len(order), array.ndim)
    return np.transpose(array, [*(order.index(i) for i in type_.axes), *rest])


def to_declared(array: Array, type_: TensorType, declared: Sequence[Index]) -> Array:
    """From the type's order of axes to the user's; always a copy."""
    order = ([BATCH] if BATCH in type_.axes else []) + [i for i in declared if i in type_.axes]
    order += [i for i in type_.axes if i not in order]
    rest = range(len(order), array.ndim)
    return np.array(np.transpose(array, [*(type_.axes.index(i) for i in order), *rest]))


def feed(
    infos: Mapping[str, InputInfo],
    given: Mapping[str, Any],
    lengths: Mapping[str, Any] | None,
    real: np.dtype[Any],
) -> Feed:
    """Check inputs and lay them out: trimmed to the longest example, with zeros behind each one's end.

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
    own = _lengths(infos, arrays, dict(lengths or {}), batch)
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
    return Feed(result, batch, own)


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
    infos: Mapping[str, InputInfo], arrays: Mapping[str, Array], given: dict[str, Any], batch: int
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
    for name in given:
        if name not in extents:
            raise fault("E446", f"there is no run-time length `{name}`", help=nearest(name, extents))
    for name, (extent, source) in extents.items():
        values = np.asarray(given.get(name, extent))
        if values.dtype.kind not in "iu" or values.shape not in ((), (batch,)):
            raise fault("E446", f"lengths of `{name}` are one whole number for each of {batch} examples")
        values = np.broadcast_to(values.astype(np.int64), (batch,))
        bad = np.flatnonzero((values < 0) | (values > extent))
        if bad.size:
            raise fault(
                "E446",
                f"length `{name}` of example {bad[0]} is {values[bad[0]]}; "
                f"input `{source}` has {extent} positions",
            )
        own[name] = values
    return own


def _valid(info: InputInfo, lengths: Mapping[str, Array], shape: tuple[int, ...]) -> Array:
    """Which positions lie inside each example's own lengths."""
    valid: Array = np.ones(shape[: 1 + len(info.axes)], dtype=bool)
    for place, axis in enumerate(info.axes, start=1):
        if not axis.length.is_fixed:
            inside = np.arange(shape[place]) < lengths[axis.length.name][:, None]
            valid &= inside.reshape([shape[0], *(-1 if d == place else 1 for d in range(1, valid.ndim))])
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
    """Zeros at positions outside each example's own length, in canonical layout."""
    if BATCH not in type_.axes:
        return array
    for place, axis in enumerate(type_.axes):
        if axis == BATCH or axis.length.is_fixed or axis.length.name not in lengths:
            continue
        own = lengths[axis.length.name]
        if int(own.min(initial=0)) == array.shape[place]:
            continue
        inside = np.arange(array.shape[place]) < own[:, None]
        shape = [len(own), *(-1 if d == place else 1 for d in range(1, array.ndim))]
        array = np.where(inside.reshape(shape), array, np.zeros((), array.dtype))
    return array


def check_nonempty(nonempty: Sequence[NonEmpty], fed: Feed) -> None:
    """Raises E450 where an example's lengths leave a mean or maximum with nothing."""
    for need in nonempty:
        steps = np.full(fed.batch, need.steps.constant)
        for symbol, coefficient in need.steps.terms:
            steps = steps + coefficient * fed.lengths.get(symbol.name, np.ones(fed.batch, np.int64))
        bad = np.flatnonzero(steps < 0)
        if bad.size:
            lengths = ", ".join(f"{s.name} = {fed.lengths[s.name][bad[0]]}" for s, _ in need.steps.terms)
            raise fault(
                "E450",
                f"`{one_line(need.span.text)}` has nothing to go over in example {bad[0]}, where {lengths}",
                need.span,
            )
