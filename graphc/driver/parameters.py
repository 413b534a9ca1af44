"""A program's state by name: parameters and running statistics, as the user sees them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np

from graphc.diagnostics import fault, nearest
from graphc.driver.arrays import axis_order, kind_of
from graphc.frontend.spec import ParamInfo, Spec
from graphc.ir.op import Array
from graphc.train.initializers import Initializer, draw, fans, read_initializer
from graphc.train.state import Generations, Layout, Vector
from graphc.types import TensorType

AVERAGE = "@average"
"""Ends the name of the leaf by which a graph reads a running statistic's average."""


class Parameters(MutableMapping[str, Array]):
    """Qualified name to array. What is read is a copy, what is assigned is copied and checked.

    Layout: the declared axes, then the element's dims. Inside, everything lies in flat vectors, each array
    in the layout of its type, so that graphs read and write there without a copy.
    """

    def __init__(self, spec: Spec, seed: int, real: np.dtype[Any]) -> None:
        axes = {name: param.axes for name, param in spec.params.items()}
        axes |= {name: spec.system.indices(name) for name in spec.states}
        types = {name: param.type for name, param in spec.params.items()}
        types |= {name: state.type for name, state in spec.states.items()}
        self._orders = {name: axis_order(types[name], axes[name]) for name in axes}
        shapes = {name: _shape(types[name]) for name in axes}
        frozen = {name for name, param in spec.params.items() if param.frozen}
        self.weights = Generations(_layout(shapes, [n for n in spec.params if n not in frozen]), real)
        """The parameters that training moves, in the order of the spec."""
        self.frozen = Vector(_layout(shapes, [n for n in spec.params if n in frozen]), real)
        self.averages = Vector(_layout(shapes, spec.states), real)
        """What is kept of each running statistic."""
        self.updates: dict[str, int] = {}
        """Whether each running statistic has an average yet: 0 or 1."""
        for name, param in spec.params.items():
            self._put(name, initial(param, seed))
        for name, state in spec.states.items():
            self.averages.parts[name].fill(state.start or 0.0)
            self.updates[name] = 0 if state.start is None else 1
        self._still = {
            **self.frozen.parts,
            **{name + AVERAGE: part for name, part in self.averages.parts.items()},
        }

    def __getitem__(self, name: str) -> Array:
        return np.array(self._declared(name), order="C")

    def __setitem__(self, name: str, value: Any) -> None:
        wanted = self._declared(name).shape
        try:
            array = np.asarray(value)
        except ValueError:
            array = np.asarray(None)
        if array.dtype.kind not in "fiub":
            raise fault("E448", f"parameter `{name}` holds numbers; found {kind_of(array)}")
        if array.shape != wanted:
            raise fault(
                "E448",
                f"parameter `{name}` has the shape {list(wanted)}; found {list(array.shape)}",
            )
        self._put(name, array)
        if name in self.updates:
            self.updates[name] = 1

    def __delitem__(self, name: str) -> None:
        raise fault("E448", f"parameter `{name}` cannot be deleted")

    def __contains__(self, name: object) -> bool:
        return name in self._orders

    def __iter__(self) -> Iterator[str]:
        return iter(self._orders)

    def __len__(self) -> int:
        return len(self._orders)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of everything that `state` can hold, by the names that it has there."""
        return {self._kind(name): self._declared(name).shape for name in self._orders}

    def state(self) -> dict[str, Array]:
        """Copies of all of it by kind and name: `param/W`, and `running/m` if that has an average."""
        return {self._kind(name): self[name] for name in self._orders if self.updates.get(name, 1)}

    def restore(self, state: Mapping[str, Array]) -> None:
        """What `state` gave, again. A statistic that is not named has no average then."""
        for name in self._orders:
            if (kept := state.get(self._kind(name))) is not None:
                self._put(name, kept)
            if name in self.updates:
                self.updates[name] = int(kept is not None)

    def _kind(self, name: str) -> str:
        return f"{'running' if name in self.updates else 'param'}/{name}"

    def leaves(self) -> dict[str, Array]:
        """What a graph's leaves stand for, by their names, in the layout of their types: views."""
        return {**self._still, **self.weights.now.parts}

    def average(self, name: str, value: Array, decay: float) -> None:
        """Move a running statistic's average by a batch's value, which is used up; the first one sets it."""
        kept = self.averages.parts[name]
        if self.updates[name]:
            np.multiply(kept, decay, out=kept)
            np.add(kept, np.multiply(value, 1 - decay, out=value), out=kept)
        else:
            np.copyto(kept, value)
        self.updates[name] = 1

    def _declared(self, name: str) -> Array:
        """A view with the axes as they are declared."""
        if name not in self._orders:
            raise fault("E448", f"there is no parameter `{name}`", help=nearest(name, self._orders))
        for vector in (self.weights.now, self.frozen, self.averages):
            if name in vector.parts:
                order = self._orders[name]
                return vector.parts[name].transpose([order.index(dim) for dim in range(len(order))])
        raise AssertionError(name)

    def _put(self, name: str, declared: Array) -> None:
        """Copy an array in the layout of its declaration."""
        with np.errstate(over="ignore"):  # what is too large for the precision becomes infinite
            value = declared.astype(self.weights.now.flat.dtype).transpose(self._orders[name])
        if name in self.weights.layout.shapes:
            self.weights.assign(name, value)
        else:
            vector = self.frozen if name in self.frozen.parts else self.averages
            np.copyto(vector.parts[name], value)


def _shape(type_: TensorType) -> tuple[int, ...]:
    """The shape of a type whose axes all have fixed ends."""
    ends = [axis.length.size for axis in type_.axes]
    return (*(end.value for end in ends if end is not None), *type_.sizes)


def _layout(shapes: Mapping[str, tuple[int, ...]], names: Iterable[str]) -> Layout:
    return Layout({name: shapes[name] for name in names})


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
