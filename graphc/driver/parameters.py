"""A program's state by name: parameters and running statistics, as the user sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np

from graphc.diagnostics import fault, nearest
from graphc.driver.arrays import kind_of, to_canonical
from graphc.frontend.spec import ParamInfo, Spec
from graphc.ir.op import Array
from graphc.train.initializers import Initializer, draw, fans, read_initializer
from graphc.types import Index, TensorType


class Parameters(MutableMapping[str, Array]):
    """Qualified name to array. What is read is a copy, what is assigned is copied and checked.

    Layout: the declared axes, then the element's dims.
    """

    def __init__(self, spec: Spec, seed: int, real: np.dtype[Any]) -> None:
        self._real = real
        self._types: dict[str, tuple[TensorType, tuple[Index, ...]]] = {}
        self._values: dict[str, Array] = {}
        self.updates: dict[str, int] = {}
        """How often each running statistic has been updated."""
        for name, param in spec.params.items():
            self._types[name] = (param.type, param.axes)
            self._values[name] = initial(param, seed).astype(real)
        for name, state in spec.states.items():
            self._types[name] = (state.type, spec.system.indices(name))
            self._values[name] = np.full(state.type.sizes, state.start or 0.0, real)
            self.updates[name] = 0 if state.start is None else 1

    def __getitem__(self, name: str) -> Array:
        self._known(name)
        return self._values[name].copy()

    def __setitem__(self, name: str, value: Any) -> None:
        self._known(name)
        try:
            array = np.asarray(value)
        except ValueError:
            array = np.asarray(None)
        wanted = self._values[name].shape
        if array.dtype.kind not in "fiub":
            raise fault("E448", f"parameter `{name}` holds numbers; found {kind_of(array)}")
        if array.shape != wanted:
            raise fault(
                "E448",
                f"parameter `{name}` has the shape {list(wanted)}; found {list(array.shape)}",
            )
        with np.errstate(over="ignore"):  # what is too large for the precision becomes infinite
            self._values[name] = array.astype(self._real)
        if name in self.updates:
            self.updates[name] = max(1, self.updates[name])

    def __delitem__(self, name: str) -> None:
        raise fault("E448", f"parameter `{name}` cannot be deleted")

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def _known(self, name: str) -> None:
        if name not in self._values:
            raise fault("E448", f"there is no parameter `{name}`", help=nearest(name, self._values))

    def canonical(self) -> Mapping[str, Array]:
        """All values in the layout of their types, not copied."""
        found = {}
        for name, value in self._values.items():
            type_, axes = self._types[name]
            found[name] = to_canonical(value, type_, axes) if axes else value
        return found


def initial(param: ParamInfo, seed: int) -> Array:
    """A parameter's first value, drawn from a stream of its own name."""
    if param.value is not None:
        return param.value
    dims: dict[str, int] = {}
    if param.scope is not None:
        dims |= {name: dim.value for name, dim in param.scope.all_dims.items()}
    if param.draw is not None:
        initializer = read_initializer(param.draw, dims)
    elif param.type.rank >= 2:
        initializer = Initializer("xavier", ())
    else:
        initializer = Initializer("lecun", ())
    shape = param.type.sizes
    fan_in, fan_out = fans(shape)
    family = param.sizes[: len(param.axes)]
    if not family:
        return draw(initializer, shape, fan_in, fan_out, seed, param.name)
    # Each member of a family draws for itself, so that a deeper network begins like a shallower one.
    members = [
        draw(initializer, shape, fan_in, fan_out, seed, f"{param.name}[{','.join(map(str, place))}]")
        for place in np.ndindex(*family)
    ]
    return np.array(members).reshape(*family, *shape)
