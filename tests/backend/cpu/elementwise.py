"""Functions of scalars, compiled in a loop over elements, as kernels have them."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.backend.cpu.compile import build
from graphc.backend.cpu.unit import Unit

Array = np.ndarray[Any, np.dtype[Any]]

_KINDS = {"float32": "float32", "float64": "float64", "int64": "int64", "bool": "uint8"}


def loop(path: str, operands: list[Any], result: Any) -> Unit:
    """out[i] = function(a[i], ...) for elements of these dtypes. `path` says where the function is."""
    names = "abcdefg"[: len(operands)]
    value = f"function({', '.join(f'{name}[i]' for name in names)})"
    if np.dtype(result) == np.bool_:
        value = f"uint8({value})"
    source = f"def loop({', '.join(names)}, out, n):\n    for i in range(n):\n        out[i] = {value}\n"
    kinds = [f"{_KINDS[np.dtype(dtype).name]}*" for dtype in (*operands, result)]
    return Unit("loop", source, (*kinds, "int64"), {"function": path, "uint8": "numba:uint8"})


def applied(path: str, *operands: Array, result: Any = None) -> Array:
    """The function of each element. `result` is the dtype of what it returns, if not that of the operands."""
    out = np.zeros(len(operands[0]), result or operands[0].dtype)
    unit = loop(path, [operand.dtype for operand in operands], out.dtype)
    build(unit)(*(array.ctypes.data for array in (*operands, out)), len(out))
    return out
