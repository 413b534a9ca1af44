"""The library of matrix products: object code of its own for each dtype, which all programs call.

It is emitted as LLVM's instructions (`gemm`), assembled once, and kept beside the compiled units. A program
holds nothing but calls of it, by name; so it is loaded before the first program that has some.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from graphc.backend.cpu import blas, machine
from graphc.backend.cpu import cache as kept
from graphc.kernel.expr import Expr

PARAMETERS = {"pack": "iipiiiip", "product_rows": "piippiiiiii", "product": "iipiipiipiiiiiip"}
"""Of the public functions: `p` for a pointer to reals, `i` for an int."""


def symbol(name: str, real: str) -> str:
    """What a function for `float32` or `float64` is called in compiled code."""
    return f"graphc_{name}_{real}"


def use(name: str, real: str) -> str:
    """The function for a unit that uses it, see `Unit.uses`."""
    return f"graphc.backend.cpu.calls:FUNCTIONS.{name}_{real}"


def provide(needs: Iterable[str]) -> None:
    """Load the library for the reals of which code needs functions. Again it does nothing."""
    needed = set(needs)
    for real in ("float32", "float64"):
        if any(symbol(name, real) in needed for name in PARAMETERS):
            load(real)


@cache
def load(real: str) -> None:
    """Make the functions for these reals known to code that is loaded from now on."""
    blas.register()
    entry = f"products_{real}.o"
    code = kept.read(entry)
    # A BLAS that was there when the entry was made may be gone: then it is made anew, without it.
    if code is None or machine.missing(code.needs):
        # Here, because a library from the cache needs no compiler.
        from graphc.backend.cpu import gemm, instructions, tile

        public = {name: symbol(name, real) for name in PARAMETERS}
        code = gemm.assemble(instructions.Emitter(real, tile.HOST, public), blas.library())
        kept.write(entry, code)
    machine.share(code.body, [symbol(name, real) for name in PARAMETERS])


def room(size: Expr) -> Expr:
    """Elements of a workspace that are one worker's: whole cache lines, so that no two workers share one."""
    return (size + 15) // 16 * 16
