"""The library of matrix products as Numba sees it."""

from __future__ import annotations

from numba import types

from graphc.backend.cpu.products import PARAMETERS, symbol


def _function(name: str, real: types.Float) -> types.ExternalFunction:
    kinds = (types.int64 if kind == "i" else types.CPointer(real) for kind in PARAMETERS[name])
    return types.ExternalFunction(symbol(name, str(real)), types.void(*kinds))


FUNCTIONS = {
    f"{name}_{real}": _function(name, real) for name in PARAMETERS for real in (types.float32, types.float64)
}
"""By name and type: `product_float32`."""
