"""Raw pointers for compiled code: how kernels see memory.

A pointer costs no reference count and no check of its index, and one kernel with pointers serves buffers of
any extent. Nothing here knows how long a buffer is: the schedule does.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

REAL32 = types.CPointer(types.float32)
REAL64 = types.CPointer(types.float64)
INT = types.CPointer(types.int64)
BOOL = types.CPointer(types.uint8)
"""Truth values lie in memory as bytes, as NumPy has them: compare with zero to read one."""


def _from_address(pointer: types.CPointer) -> Any:
    @intrinsic
    def convert(typing: Any, address: Any) -> Any:
        """The pointer with this address, an int64."""

        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(pointer))

        return pointer(types.int64), emit

    return convert


real32 = _from_address(REAL32)
real64 = _from_address(REAL64)
int_ = _from_address(INT)
bool_ = _from_address(BOOL)


@intrinsic
def at(typing: Any, pointer: Any, offset: Any) -> Any:
    """The pointer `offset` elements further on."""
    if not isinstance(pointer, types.CPointer):
        return None

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start, by = arguments
        by = context.cast(builder, by, signature.args[1], types.int64)
        return builder.gep(start, [by])

    return pointer(pointer, offset), emit
