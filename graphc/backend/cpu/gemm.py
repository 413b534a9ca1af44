"""Matrix products for compiled code: C[m, n] = or += A[m, k] @ B[k, n].

Pointers are to float32 or float64; sizes and strides are int64 and count elements. Nothing is allocated and
no index is checked. A stride rs is that from row to row, cs from column to column: a transposed operand is
one with its strides exchanged. C must not overlap A, B and the workspace.

Three ways to use it:

- `gemm_packed` with a right operand that `pack_right` packed before: for weights that many products share;
- `gemm` for everything else;
- `gemm_task` for the parts of one large `gemm`, on any threads in any order.

Bits: in a `gemm_packed` the numbers of a row do not depend on the other rows of the call, so it may be cut
into slices of rows at will. A `gemm` is the same as its tasks, and what the tasks are depends on m, n and k
alone.
"""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.core import cgutils
from numba.extending import register_jitable

from graphc.backend.cpu import blas, pointers
from graphc.backend.cpu.tile import (
    DOT_VECTORS,
    HOST,
    LOW,
    TALL,
    VECTORS,
    WIDE,
    dot_blocks,
    intrinsic,
    lanes,
    low,
    move,
    outlined,
    tall,
    wide,
)

at: Any = pointers.at  # compiled code calls it without its first argument
_compiled = register_jitable(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""Compiled once for a type of pointer. A plain `njit` would compile anew for each literal argument, and entry
points from Python would double the time."""
_inlined = njit(inline="always")
"""Every level of compiled calls optimizes and translates all below it again: so there are few levels."""

_DEPTH = 256
"""Steps of k in one block: a panel of B of this depth stays in the first cache."""
_HEIGHT = 96
"""Rows of A in one block, which stays in the second cache."""
_BREADTH = 1024
"""Columns of B that are packed at a time."""
_FEW_ROWS = 16
_SMALL = 1 << 13
"""B is read where it lies if few rows need it, or if it is small: packing would cost more than it saves."""
_PANEL = VECTORS * HOST.lanes(types.float32)
"""Columns of a panel of float32; one of float64 has half as many."""
_LEAST_TASK = 1 << 21
"""Multiplications that make a task worth its start and the packing of its operands."""
_MOST_TASKS = 16
_HAS_BLAS = blas.library() is not None


@intrinsic
def _stack_tile(typing: Any, like: Any) -> Any:
    """Room for one tile on the stack, its rows a panel apart."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = context.get_value_type(signature.return_type).pointee
        return cgutils.alloca_once(builder, number, TALL * _PANEL)

    return like(like), emit


@_inlined
def packed_size(k, n):  # type: ignore[no-untyped-def]
    """How many elements the packed B[k, n] takes."""
    return k * ((n + _PANEL - 1) // _PANEL * _PANEL)


@_inlined
def _copy(source, step, length, target):  # type: ignore[no-untyped-def]
    """target[i] = source[i * step] for 0 <= i < length."""
    i = 0
    if step == 1:
        while i + lanes(target) <= length:
            move(at(source, i), at(target, i))
            i += lanes(target)
    while i < length:
        target[i] = source[i * step]
        i += 1


@_compiled
def pack_right(b, rs, cs, k, n, packed):  # type: ignore[no-untyped-def]
    """Write B[k, n] as panels: [n / w][k][w] for a panel of w columns, the last one filled up with zeros."""
    outlined()
    width = VECTORS * lanes(packed)
    for j in range(0, n, width):
        source, target = at(b, j * cs), at(packed, j * k)
        if cs == 1 and j + width <= n:
            for i in range(k):
                _copy(at(source, i * rs), 1, width, at(target, i * width))
        else:
            for column in range(width):
                inside = j + column < n
                for i in range(k):
                    target[i * width + column] = source[i * rs + column * cs] if inside else 0


@_inlined
def _move_tile(source, from_stride, rows, columns, target, to_stride):  # type: ignore[no-untyped-def]
    for row in range(rows):
        for column in range(columns):
            target[row * to_stride + column] = source[row * from_stride + column]


@_inlined
def _one_panel(a, rsa, csa, b, step, c, rsc, m, n, k, accumulate):  # type: ignore[no-untyped-def]
    """C[m, n] for the n columns of one panel, of which the last ones may be missing."""
    width = VECTORS * lanes(c)
    spare = _stack_tile(c)
    i = 0
    while i < m:
        height = LOW if m - i <= LOW or TALL < m - i <= 2 * LOW else TALL  # whichever leaves less over
        rows = height if m - i > height else m - i
        first, corner = at(a, i * rsa), at(c, i * rsc)
        tile, stride = corner, rsc
        if n < width:  # tiles are whole: this one is made beside C
            tile, stride = spare, width
            _move_tile(corner, rsc, rows if accumulate else 0, n, spare, width)
        if height == TALL:
            tall(first, rsa, csa, b, step, 0, tile, stride, rows, k, accumulate)
        else:
            low(first, rsa, csa, b, step, 0, tile, stride, rows, k, accumulate)
        if n < width:
            _move_tile(spare, width, rows, n, corner, rsc)
        i += rows


@_compiled
def _multiply(a, rsa, csa, b, step, jump, c, rsc, m, n, k, accumulate):  # type: ignore[no-untyped-def]
    """C[m, n] = or += A[m, k] @ B where B's rows are `step` apart and its panels `jump`."""
    outlined()
    width = VECTORS * lanes(c)
    for p in range(0, k if k > 0 else 1, _DEPTH):  # also once without any k: C is then zero
        depth = _DEPTH if k - p > _DEPTH else k - p
        add = 1 if p > 0 else accumulate
        for i in range(0, m, _HEIGHT):
            rows = _HEIGHT if m - i > _HEIGHT else m - i
            first = at(a, i * rsa + p * csa)
            j = 0
            while j < n:
                panels, corner = at(b, j // width * jump + p * step), at(c, i * rsc + j)
                if m == 1 and n - j >= WIDE * width:
                    wide(first, rsa, csa, panels, step, jump, corner, rsc, 1, depth, add)
                    j += WIDE * width
                else:
                    columns = width if n - j > width else n - j
                    _one_panel(first, rsa, csa, panels, step, corner, rsc, rows, columns, depth, add)
                    j += width


@_inlined
def gemm_packed(a, rsa, csa, packed, c, rsc, m, n, k, accumulate):  # type: ignore[no-untyped-def]
    """C[m, n] = or += A[m, k] @ B with B from `pack_right`; C's columns lie side by side."""
    width = VECTORS * lanes(packed)
    _multiply(a, rsa, csa, packed, width, k * width, c, rsc, m, n, k, accumulate)


@_compiled
def dot(a, sa, b, sb, k):  # type: ignore[no-untyped-def]
    """The sum of a[i * sa] * b[i * sb] over 0 <= i < k. Unit strides are fast."""
    outlined()
    whole = k // (DOT_VECTORS * lanes(a)) if sa == 1 and sb == 1 else 0
    total = dot_blocks(a, b, whole)
    for i in range(whole * DOT_VECTORS * lanes(a), k):
        total += a[i * sa] * b[i * sb]
    return total


@_inlined
def _dots(a, rsa, csa, b, rsb, csb, c, rsc, csc, m, n, k, accumulate):  # type: ignore[no-untyped-def]
    """Each element of C by itself: for a vector on one side, or a C without a unit stride."""
    for cell in range(m * n):
        i, j = cell // n, cell % n
        value = dot(at(a, i * rsa), csa, at(b, j * csb), rsb, k)
        place = i * rsc + j * csc
        c[place] = c[place] + value if accumulate else value


@_compiled
def _pack_left(a, rs, cs, m, k, packed):  # type: ignore[no-untyped-def]
    """Move A[m, k] together, in the direction in which it lies: as [m, k] with cs = 1, else as [k, m]."""
    outlined()
    outer, inner = (m, k) if cs == 1 else (k, m)
    jump, step = (rs, cs) if cs == 1 else (cs, rs)
    for i in range(outer):
        _copy(at(a, i * jump), step, inner, at(packed, i * inner))


@_inlined
def _by_panels(a, rsa, csa, b, rsb, csb, c, rsc, m, n, k, accumulate, workspace):  # type: ignore[no-untyped-def]
    """Blocks of both operands are packed, so that they lie in the caches while tiles are made of them."""
    width = VECTORS * lanes(c)
    for j in range(0, n, _BREADTH):
        columns = _BREADTH if n - j > _BREADTH else n - j
        for p in range(0, k if k > 0 else 1, _DEPTH):
            depth = _DEPTH if k - p > _DEPTH else k - p
            add = 1 if p > 0 else accumulate
            pack_right(at(b, p * rsb + j * csb), rsb, csb, depth, columns, workspace)
            left = at(workspace, depth * (columns + _PANEL))
            for i in range(0, m, _HEIGHT):
                rows = _HEIGHT if m - i > _HEIGHT else m - i
                _pack_left(at(a, i * rsa + p * csa), rsa, csa, rows, depth, left)
                rs, cs = (depth, 1) if csa == 1 else (1, rows)
                corner = at(c, i * rsc + j)
                _multiply(
                    left, rs, cs, workspace, width, depth * width, corner, rsc, rows, columns, depth, add
                )


@_inlined
def _by_rows(a, rsa, csa, b, rsb, csb, c, rsc, m, n, k, accumulate, workspace):  # type: ignore[no-untyped-def]
    """The product where C's columns lie side by side."""
    plain_a, plain_b = csa == 1 and rsa >= k, csb == 1 and rsb >= n
    for_blas = _HAS_BLAS and rsc >= n and k > 0  # what its leading dimensions can say
    for_blas = for_blas and (plain_a or (rsa == 1 and csa >= m)) and (plain_b or (rsb == 1 and csb >= k))
    done = 0
    if csb == 1 and (m <= _FEW_ROWS or k * n <= _SMALL):
        width = VECTORS * lanes(c)
        done = n // width * width
        _multiply(a, rsa, csa, b, rsb, width, c, rsc, m, done, k, accumulate)
    elif for_blas:
        done = n
        lda, ldb = rsa if plain_a else csa, rsb if plain_b else csb
        blas.call_gemm(not plain_a, not plain_b, m, n, k, a, lda, b, ldb, accumulate, c, rsc)
    if done < n:
        rest = at(b, done * csb)
        _by_panels(a, rsa, csa, rest, rsb, csb, at(c, done), rsc, m, n - done, k, accumulate, workspace)


@_inlined
def _grid(m, n, k):  # type: ignore[no-untyped-def]
    """Into how many blocks of rows and of columns a product is cut: powers of two, which threads share."""
    down, across = 1, 1
    while down * across < _MOST_TASKS and m * n * k >= 2 * down * across * _LEAST_TASK:
        if m * across >= n * down:
            down *= 2
        else:
            across *= 2
    return down, across


@_inlined
def gemm_tasks(m, n, k):  # type: ignore[no-untyped-def]
    """The number of tasks of a product, which depends on nothing but its extents."""
    down, across = _grid(m, n, k)
    return down * across


@_inlined
def gemm_workspace(m, n, k):  # type: ignore[no-untyped-def]
    """How many elements of workspace `gemm`, and each `gemm_task` by itself, may write."""
    longer = m if m > n else n  # which of the two is on the right is up to the strides
    return (_DEPTH if k > _DEPTH else k) * ((longer if longer < _BREADTH else _BREADTH) + _PANEL + _HEIGHT)


@_compiled
def gemm_task(task, a, rsa, csa, b, rsb, csb, c, rsc, csc, m, n, k, accumulate, workspace):  # type: ignore[no-untyped-def]
    """The block of C number `task`, 0 <= task < gemm_tasks(m, n, k); the rest as for `gemm`."""
    outlined()
    down, across = _grid(m, n, k)
    height = ((m + down - 1) // down + TALL - 1) // TALL * TALL
    breadth = ((n + across - 1) // across + _PANEL - 1) // _PANEL * _PANEL
    top, left = task // across * height, task % across * breadth
    m, n = (height if m - top > height else m - top), (breadth if n - left > breadth else n - left)
    if m <= 0 or n <= 0:
        return
    a, b, c = at(a, top * rsa), at(b, left * csb), at(c, top * rsc + left * csc)
    if (n == 1 and csa == 1) or (m == 1 and rsb == 1) or (csc != 1 and rsc != 1):
        _dots(a, rsa, csa, b, rsb, csb, c, rsc, csc, m, n, k, accumulate)
        return
    if csc != 1 or (n == 1 and rsc == 1):  # the transposed product, whose right operand is A
        a, rsa, csa, b, rsb, csb, c, rsc, m, n = b, csb, rsb, a, csa, rsa, c, csc, n, m
    _by_rows(a, rsa, csa, b, rsb, csb, c, rsc, m, n, k, accumulate, workspace)


@_inlined
def gemm(a, rsa, csa, b, rsb, csb, c, rsc, csc, m, n, k, accumulate, workspace):  # type: ignore[no-untyped-def]
    """C[m, n] = or += A[m, k] @ B[k, n] with any strides; for k = 0 the product is zero.

    `workspace` has room for `gemm_workspace(m, n, k)` elements. A C without a unit stride is made
    element by element, which is slow.
    """
    for task in range(gemm_tasks(m, n, k)):
        gemm_task(task, a, rsa, csa, b, rsb, csb, c, rsc, csc, m, n, k, accumulate, workspace)
