"""Matrix products as units: compiled once for a dtype and linked into every program that multiplies."""

from __future__ import annotations

from functools import cache

from graphc.backend.cpu.unit import Unit
from graphc.kernel.expr import Expr

_MODULE = "graphc.backend.cpu"
_USES = {
    "at": f"{_MODULE}.pointers:at",
    "share": f"{_MODULE}.operators:share",
    "pack_right": f"{_MODULE}.gemm:pack_right",
    "gemm_packed": f"{_MODULE}.gemm:gemm_packed",
    "gemm_tasks": f"{_MODULE}.gemm:gemm_tasks",
    "gemm_task": f"{_MODULE}.gemm:gemm_task",
}


def _unit(real: str, name: str, kinds: str, source: str) -> Unit:
    """`kinds`: `p` for a pointer to reals, `i` for an int, one for each parameter."""
    parameters = tuple(f"{real}*" if kind == "p" else "int64" for kind in kinds)
    return Unit(name, source, parameters, {use: path for use, path in _USES.items() if f"{use}(" in source})


@cache
def pack(real: str) -> Unit:
    """`pack(b, rs, cs, k, n, packed)`: lay out the right operand [k, n]."""
    source = """
def pack(b, rs, cs, k, n, packed):
    pack_right(b, rs, cs, k, n, packed)
"""
    return _unit(real, "pack", "piiiip", source)


@cache
def rows(real: str) -> Unit:
    """`product_rows(a, rsa, csa, packed, c, rsc, lo, hi, n, k, accumulate)`: rows lo..hi of a product."""
    source = """
def product_rows(a, rsa, csa, packed, c, rsc, lo, hi, n, k, accumulate):
    if lo < hi:
        gemm_packed(at(a, lo * rsa), rsa, csa, packed, at(c, lo * rsc), rsc, hi - lo, n, k, accumulate)
"""
    return _unit(real, "product_rows", "piippiiiiii", source)


@cache
def tasks(real: str) -> Unit:
    """`product(me, workers, a, rsa, csa, b, rsb, csb, c, rsc, csc, m, n, k, accumulate, workspace)`: one
    worker's tasks of a product."""
    source = """
def product(me, workers, a, rsa, csa, b, rsb, csb, c, rsc, csc, m, n, k, accumulate, workspace):
    first, end = share(me, workers, gemm_tasks(m, n, k))
    for i in range(first, end):
        gemm_task(i, a, rsa, csa, b, rsb, csb, c, rsc, csc, m, n, k, accumulate, workspace)
"""
    return _unit(real, "product", "iipiipiipiiiiiip", source)


def room(size: Expr) -> Expr:
    """Elements of a workspace that are one worker's: whole cache lines, so that no two workers share one."""
    return (size + 15) // 16 * 16
