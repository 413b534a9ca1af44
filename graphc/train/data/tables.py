"""Arrays against the inputs of a model: every array found, of the right layout, with sound values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from graphc.diagnostics import Diagnostic, GraphcError, nearest
from graphc.ir.op import Array
from graphc.train.data.archives import Layout
from graphc.train.data.origins import Origin
from graphc.train.protocol import InputSpec

Specs = Mapping[str, InputSpec]


@dataclass(frozen=True)
class Matching:
    """The name in the source of each input, and of the lengths of each run-time length that has some."""

    inputs: Mapping[str, str]
    lengths: Mapping[str, str]


class Faults:
    """Faults of one source, raised together."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.found: list[Diagnostic] = []

    def add(self, code: str, message: str, help: str = "") -> None:
        self.found.append(Diagnostic(code, message, self.origin.span, help=help))

    def finish(self) -> None:
        if self.found:
            raise GraphcError(self.found)


def match(
    specs: Specs,
    found: Mapping[str, Layout],
    origin: Origin,
    *,
    rename: Mapping[str, str] | None = None,
    surplus: bool = False,
    others: Collection[str] = (),
) -> Matching:
    """Arrays to inputs by name, and their layouts checked.

    `surplus` allows arrays that nothing asks for, `others` are further names that are no surprise.

    The lengths of `T` are the array `lengths_T`, or `T` if no input is called so.
    """
    faults = Faults(origin)
    asked = {name: (rename or {}).get(name, name) for name in specs}
    present = {name: array for name, array in asked.items() if array in found}
    matching = Matching(present, _lengths(specs, asked, found))
    expected = {(rename or {}).get(name, name) for name in others}
    strange = set(found) - set(present.values()) - set(matching.lengths.values()) - expected
    for name in [name for name in specs if name not in present]:
        faults.add("E420", *_missing(origin, name, asked[name], strange))
    # Where an input is missing, the others are candidates for it and were named with it.
    for extra in sorted(strange) if not surplus and len(present) == len(specs) else ():
        known = [f"lengths_{name}" for name in _running(specs)] + list(specs)
        message = f"{origin} has an array `{extra}`, but there is no such input"
        faults.add("E421", message, nearest(extra, known))
    _check_layouts(specs, matching, found, faults)
    faults.finish()
    return matching


def _missing(origin: Origin, name: str, array: str, others: set[str]) -> tuple[str, str]:
    """What is said of an input without an array, and the array that may be meant."""
    here = ", ".join(f"`{other}`" for other in sorted(others)) or "no others"
    called = f" (called `{array}` there)" if array != name else ""
    same = [other for other in sorted(others) if other.lower() == array.lower()]
    meant = f"did you mean `{same[0]}`?" if same else nearest(array, others)
    return f"{origin} has no array for the input `{name}`{called}; it has {here}", meant


def _running(specs: Specs) -> list[str]:
    """All run-time lengths of the inputs."""
    return sorted({length for spec in specs.values() for length in spec.running_lengths if length})


def _lengths(specs: Specs, asked: Mapping[str, str], found: Mapping[str, Layout]) -> dict[str, str]:
    result = {}
    for length in _running(specs):
        for candidate in (f"lengths_{length}", length):
            if candidate in found and candidate not in asked.values():
                result[length] = candidate
                break
    return result


def _check_layouts(specs: Specs, matching: Matching, found: Mapping[str, Layout], faults: Faults) -> None:
    origin = faults.origin
    sizes: dict[str, tuple[int, str]] = {}
    counts: dict[str, int] = {}
    for name, array in matching.inputs.items():
        spec, layout = specs[name], found[array]
        if not _is_fit(spec, layout.dtype.kind):
            faults.add(
                "E423", f"`{name}` in {origin}: expected {_expected_dtype(spec)}, found {layout.dtype}"
            )
        expected = spec.layout
        if len(layout.shape) != len(expected) + 1 or any(
            isinstance(size, int) and size != actual
            for size, actual in zip(expected, layout.shape[1:], strict=True)
        ):
            shown = "(" + ", ".join(["examples", *map(str, expected)]) + ")"
            faults.add("E422", f"`{name}` in {origin}: expected the shape {shown}, found {layout.shape}")
            continue
        counts[name] = layout.shape[0]
        for length, size in zip(expected, layout.shape[1:], strict=True):
            if isinstance(length, str) and sizes.setdefault(length, (size, name))[0] != size:
                other = sizes[length]
                faults.add(
                    "E428",
                    f"{origin}: `{length}` is {other[0]} in `{other[1]}` and {size} in `{name}`",
                )
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"`{name}` has {count}" for name, count in counts.items())
        faults.add("E426", f"{origin}: inputs differ in their number of examples: {shown}")
    elif 0 in counts.values():
        faults.add("E429", f"{origin} has no examples")
    for array in matching.lengths.values():
        layout, count = found[array], next(iter(counts.values()), None)
        if layout.dtype.kind not in "iu" or len(layout.shape) != 1 or count not in (None, layout.shape[0]):
            faults.add(
                "E427",
                f"`{array}` in {origin}: expected one whole number for each example, "
                f"found {layout.dtype} of shape {layout.shape}",
            )


def _is_fit(spec: InputSpec, kind: str) -> bool:
    return kind in {"real": "fiu", "int": "iu", "bool": "b"}[spec.type.dtype]


def _expected_dtype(spec: InputSpec) -> str:
    if spec.classes is not None:
        return f"whole numbers from 0 to {spec.classes - 1}"
    return {"real": "numbers", "int": "whole numbers", "bool": "booleans"}[spec.type.dtype]


def reshaped(spec: InputSpec, array: Array) -> Array:
    """A named set's rows in the input's layout, where the number of elements agrees (64 as 8 by 8)."""
    running = [size for size in spec.layout if isinstance(size, str)]
    fixed = int(np.prod([size for size in spec.layout if isinstance(size, int)], dtype=np.int64))
    held = int(np.prod(array.shape[1:], dtype=np.int64))
    if len(running) > 1 or fixed == 0 or held % fixed or (not running and held != fixed):
        return array
    return array.reshape(
        len(array), *(held // fixed if isinstance(size, str) else size for size in spec.layout)
    )
