"""The library of matrix products: object code of its own for each dtype, which all programs call.

It is emitted as LLVM's instructions (`gemm`), assembled once, and kept beside the compiled units. A program
holds nothing but calls of it, by name; so it is loaded before the first program that has some.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from graphc.backend.cpu import blas
from graphc.backend.cpu.compile import Part
from graphc.kernel.expr import Expr

if TYPE_CHECKING:
    from concurrent.futures import Future

    from graphc.backend.cpu.cache import Code

PARAMETERS = {"pack": "iipiiiip", "product_rows": "piippiiiiii", "product": "iipiipiipiiiiiip"}
"""Of the public functions: `p` for a pointer to reals, `i` for an int."""


def symbol(name: str, real: str) -> str:
    """What a function for `float32` or `float64` is called in compiled code."""
    return f"graphc_{name}_{real}"


def _begin(real: str) -> Future[Code]:
    # Here, because a library from the cache needs no compiler.
    from graphc.backend.cpu import assembler, gemm, instructions, tile

    emit = instructions.Emitter(real, tile.HOST, {name: symbol(name, real) for name in PARAMETERS})
    gemm.write(emit, blas.library())
    return assembler.submit(str(emit.module), effort="written")


LIBRARIES = {
    real: Part(
        f"products_{real}",
        f"products_{real}.o",
        tuple(symbol(name, real) for name in PARAMETERS),
        partial(_begin, real),
        blas.register,
    )
    for real in ("float32", "float64")
}
"""By the reals of which their functions make products."""


def room(size: Expr) -> Expr:
    """Elements of a workspace that are one worker's: whole cache lines, so that no two workers share one."""
    return (size + 15) // 16 * 16
