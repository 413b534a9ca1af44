"""Weights of PyTorch's modules for instances of the library's blocks. PyTorch itself is not needed.

What PyTorch's parameters are called and how they are laid out: its documentation of `nn.LSTM`, `nn.GRU`,
`nn.RNN`, `nn.Linear` and the normalizations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.diagnostics import fault, nearest
from graphc.driver.weights import as_array, fitting, read
from graphc.frontend.scope import Layer, Scope
from graphc.ir.op import Array

if TYPE_CHECKING:
    from graphc.driver.program import Program

Parts = tuple[tuple[str, tuple[str, ...]], ...]

_LSTM = ("i", "f", "c", "o")
_GATES: Parts = (
    ("weight_ih", tuple(f"W{gate}" for gate in _LSTM)),
    ("weight_hh", tuple(f"U{gate}" for gate in _LSTM)),
    ("bias_ih", tuple(f"b{gate}" for gate in _LSTM)),
    ("bias_hh", tuple(f"b{gate}" for gate in _LSTM)),
)
CELLS: dict[str, Parts] = {
    "LSTM": _GATES,
    "GRU_library": (
        ("weight_ih", ("Wr", "Wz", "W")),
        ("weight_hh", ("Ur", "Uz", "U")),
        ("bias_ih", ("br", "bz", "b")),
        ("bias_hh", ("br", "bz", "c")),
    ),
    "VariationalLSTM": _GATES,
    "DropoutLSTM": _GATES,
    "PackedLSTM": _GATES,
    "Elman": (("weight_ih", ("W",)), ("weight_hh", ("U",)), ("bias_ih", ("b",)), ("bias_hh", ("b",))),
}
"""Each of PyTorch's arrays, which has one block of rows for each gate, and ours from the top down.

There are two biases, one beside each product. Where both are the same parameter of ours it is their sum.
"""
_PACKED = {"PackedLSTM": ("i", "f", "o", "c")}
"""Blocks that have the gates' matrices in one, `W` on x and h behind each other, in this order."""
BOTH_WAYS = ("Bidirectional", "BidirectionalGRU")
_NORMALIZATION: Parts = (("weight", ("g",)), ("bias", ("b",)))
_STATISTICS: Parts = (("running_mean", ("m",)), ("running_var", ("v",)))
MODULES: dict[str, Parts] = {
    "Dense": (("weight", ("W",)), ("bias", ("b",))),
    "Embedding": (("weight", ("W",)),),
    "LayerNorm": _NORMALIZATION,
    "BatchNorm": _NORMALIZATION + _STATISTICS,
    "BatchNorm2d": _NORMALIZATION + _STATISTICS,
}
_OPTIONAL = ("bias", "bias_ih", "bias_hh")
"""PyTorch's modules can be made without them; ours are zero then."""
_IDLE = ("num_batches_tracked",)
"""What PyTorch keeps and no evaluation reads."""


def assign(
    program: Program,
    state_dict: Mapping[str, Any] | str | Path,
    layer: str,
    *,
    prefix: str = "",
    layer_number: int = 0,
    reverse: bool = False,
) -> list[str]:
    """See `Program.load_pytorch`."""
    given, origin = read(state_dict)
    prefix = prefix.removesuffix(".")
    arrays: dict[str, Array] = {}
    for name, instance, backwards in _instances(program, layer, reverse):
        parts = _counterpart(program, name, instance)
        suffixes = [""]
        if instance.block.name in CELLS:
            numbers = range(layer_number, layer_number + _members(instance))
            suffixes = [f"_l{number}{'_reverse' if backwards else ''}" for number in numbers]
        modules = [_Module(given, origin, prefix, suffix).take(parts) for suffix in suffixes]
        if order := _PACKED.get(instance.block.name):
            modules = [_packed(module, order) for module in modules]
        for own in _expected(instance.block.name, parts):
            shape = program.params[f"{name}.{own}"].shape[1 if instance.family else 0 :]
            members = [module.get(own, np.zeros(shape)) for module in modules]
            called = f"`{prefix}` in {origin}, for `{own}`," if prefix else f"what is in {origin} for `{own}`"
            array = _stacked(members, called) if instance.family else members[0]
            arrays[f"{name}.{own}"] = fitting(program, f"{name}.{own}", array, called)
    program.params.update(arrays)
    return list(arrays)


# ------------------------------------------------------------------------------------------ our layers


def _instances(program: Program, layer: str, reverse: bool) -> list[tuple[str, Layer, bool]]:
    """The layers that a module's weights go to, and whether each reads the sequence from its end."""
    found = _layer(program, layer)
    if found.block.name not in BOTH_WAYS:
        return [(layer, found, reverse)]
    if reverse:
        raise fault("E622", f"`{layer}` takes both directions: `reverse` has no meaning for it")
    ways = {"forward": False, "backward": True}
    return [(f"{layer}.{way}", _layer(program, f"{layer}.{way}"), back) for way, back in ways.items()]


def _layer(program: Program, name: str) -> Layer:
    """Raises E622 if the spec has no such layer."""
    scope: Scope = program.spec.scope
    found: object = None
    for part in name.split("."):
        found = scope.names.get(part)
        if not isinstance(found, Layer):
            layers = [known for known, entry in scope.names.items() if isinstance(entry, Layer)]
            raise fault("E622", f"the spec has no layer `{name}`", help=nearest(part, layers))
        scope = found.scope
    assert isinstance(found, Layer)
    return found


def _members(layer: Layer) -> int:
    """How many layers a family has; a layer by itself is one."""
    ends = [index.length.size for index in layer.family]
    return int(np.prod([end.value for end in ends if end is not None], dtype=np.int64))


def _counterpart(program: Program, name: str, layer: Layer) -> Parts:
    """What the block is in PyTorch. Raises E622 for a block that is nothing there."""
    block = layer.block.name
    parts = CELLS.get(block) or MODULES.get(block)
    if parts is None or len(layer.family) > (1 if block in CELLS else 0):
        known = ", ".join([*CELLS, *BOTH_WAYS, *MODULES])
        what = f"a family of `{block}`" if layer.family else f"the block `{block}`"
        raise fault("E622", f"`{name}` is {what}, which has no counterpart; known are {known}")
    expected = set(_expected(block, parts))
    held = {key.removeprefix(f"{name}.") for key in program.params if key.startswith(f"{name}.")}
    if held != expected:
        odd = min(held ^ expected)
        raise fault("E622", f"`{name}` is a block of the file's own: its `{odd}` is not the library's")
    return parts


def _expected(block: str, parts: Parts) -> list[str]:
    """The parameters that a block has."""
    return ["W", "b"] if block in _PACKED else list(dict.fromkeys(own for _, names in parts for own in names))


def _packed(module: Mapping[str, Array], order: tuple[str, ...]) -> dict[str, Array]:
    """All gates in one matrix on x and h, and in one bias if there are any."""
    found = {"W": np.vstack([np.hstack([module[f"W{gate}"], module[f"U{gate}"]]) for gate in order])}
    if f"b{order[0]}" in module:
        found["b"] = np.concatenate([module[f"b{gate}"] for gate in order])
    return found


# ------------------------------------------------------------------------------------ PyTorch's modules


@dataclass(frozen=True)
class _Module:
    """The entries of a state dict that belong to one module: `prefix.weight_ih` and so on, then `suffix`."""

    given: Mapping[str, Any]
    origin: str
    prefix: str
    suffix: str

    def take(self, parts: Parts) -> dict[str, Array]:
        """Our parameters by name, biases that are not there left out. Raises E620."""
        self._check_surplus([key for key, _ in parts])
        found: dict[str, Array] = {}
        for key, names in parts:
            full = self._full(key)
            if full not in self.given and key in _OPTIONAL:
                continue
            if full not in self.given:
                raise fault("E620", f"{self.origin} lacks `{full}`", help=nearest(full, self.given))
            for name, rows in zip(names, self._rows(full, len(names)), strict=True):
                found[name] = found[name] + rows if name in found else rows
        return found

    def _full(self, key: str) -> str:
        return f"{self.prefix}.{key}{self.suffix}" if self.prefix else key + self.suffix

    def _rows(self, key: str, gates: int) -> list[Array]:
        array = as_array(self.given[key])
        if array.dtype.kind not in "fiu" or array.ndim == 0 or len(array) % gates:
            shape = list(array.shape)
            raise fault("E620", f"`{key}` in {self.origin} is {shape}: no numbers in {gates} blocks of rows")
        # The two biases of a gate are added up before they are rounded to the program's precision.
        return np.split(array.astype(np.float64), gates)

    def _check_surplus(self, keys: list[str]) -> None:
        """What the module has besides, such as the projection of an LSTM, would change what it computes."""
        start, expected = f"{self.prefix}." if self.prefix else "", {self._full(key) for key in keys}
        for key in self.given:
            name = key.removeprefix(start)
            if not key.startswith(start) or not name.endswith(self.suffix) or "." in name:
                continue
            if key not in expected and name not in _IDLE:
                raise fault("E620", f"{self.origin} has `{key}`, which the block has no place for")


def _stacked(members: list[Array], called: str) -> Array:
    """A family's parameter. Raises E620 if its members differ in shape."""
    shapes = {member.shape for member in members}
    if len(shapes) > 1:
        raise fault("E620", f"{called} differs in shape from layer to layer: {sorted(shapes)}")
    return np.stack(members)
