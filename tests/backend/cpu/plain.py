"""Programs in plain Python: the generated source as it is, without the compiler.

It takes milliseconds where compiling takes seconds, so many schedules can be held to the reference. And it
sees what compiled code does not: an element outside of its buffer is an IndexError, memory that nobody has
written is NaN, and workers take turns from barrier to barrier in an order of the test's choice, so that a
result that lacks a barrier comes out differently.
"""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np

from graphc.backend.cpu import executable
from graphc.backend.cpu.assemble import assemble
from graphc.backend.cpu.sizing import evaluate
from graphc.backend.cpu.unit import Unit
from graphc.ir.op import Array
from graphc.kernel.evaluate import FUNCTIONS
from graphc.ops.philox import SCALARS
from graphc.schedule.program import Product, Program


@contextmanager
def uncompiled(order: Sequence[int] = (0,)) -> Iterator[None]:
    """Inside, programs for the CPU are run in plain Python, by as many workers as `order` has numbers."""
    with (
        patch.object(executable, "assemble", _assembled),
        patch.object(executable, "begin", lambda given: None),
        patch.object(executable, "build", lambda given: _Plain(*given).run),
        patch.object(executable.sync, "count", lambda: len(order)),
        patch.object(executable.sync, "pool", lambda workers: _Turns(order)),
        patch.object(executable, "_ALONE", -1 if len(order) > 1 else math.inf),
    ):
        yield


def _assembled(program: Any, real: str, clocks: bool) -> tuple[Any, str, Any]:
    assert not clocks, "a step in plain Python has no clocks"
    return program, real, assemble(program, real)


@dataclass(slots=True)
class Pointer:
    """An element of a buffer; `cast` makes a Python number or a NumPy scalar of what it holds."""

    array: Array
    start: int
    cast: Callable[[Any], Any]

    def _checked(self, offset: int) -> int:
        at = self.start + offset
        if not 0 <= at < len(self.array):
            raise IndexError(f"element {at} of {len(self.array)}")
        return at

    def __getitem__(self, offset: int) -> Any:
        return self.cast(self.array[self._checked(offset)])

    def __setitem__(self, offset: int, value: Any) -> None:
        self.array[self._checked(offset)] = value

    def matrix(self, rows: int, columns: int, row: int, column: int) -> Array:
        """The places of the elements of a matrix."""
        at: Array = self.start + np.arange(rows)[:, None] * row + np.arange(columns) * column
        if at.size and not (at.min() >= 0 and at.max() < len(self.array)):
            raise IndexError(f"elements {at.min()} to {at.max()} of {len(self.array)}")
        return at


def _real_maximum(a: Any, b: Any) -> Any:
    return max(a, b) if isinstance(a, int) and isinstance(b, int) else np.maximum(a, b)


def _real_minimum(a: Any, b: Any) -> Any:
    return min(a, b) if isinstance(a, int) and isinstance(b, int) else np.minimum(a, b)


def _int64(value: Any) -> int:
    return int(value) if np.isfinite(value) else -(2**63)


def _share(me: int, workers: int, extent: int) -> tuple[int, int]:
    return me * extent // workers, (me + 1) * extent // workers


def _pack(me: int, workers: int, b: Pointer, rs: int, cs: int, k: int, n: int, packed: Pointer) -> None:
    lo, hi = _share(me, workers, n)
    part, whole = _at(b, lo * cs), _at(packed, lo)
    packed.array[whole.matrix(k, hi - lo, n, 1)] = b.array[part.matrix(k, hi - lo, rs, cs)]


def _rows(
    a: Pointer,
    rsa: int,
    csa: int,
    b: Pointer,
    c: Pointer,
    rsc: int,
    lo: int,
    hi: int,
    n: int,
    k: int,
    add: int,
) -> None:
    _multiply(_at(a, lo * rsa), rsa, csa, b, n, 1, _at(c, lo * rsc), rsc, 1, hi - lo, n, k, add)


def _product(me: int, workers: int, a: Pointer, rsa: int, csa: int, *rest: Any) -> None:
    *middle, c, rsc, csc, m, n, k, add, _ = rest
    lo, hi = _share(me, workers, m)
    _multiply(_at(a, lo * rsa), rsa, csa, *middle, _at(c, lo * rsc), rsc, csc, hi - lo, n, k, add)


def _multiply(
    a: Pointer,
    rsa: int,
    csa: int,
    b: Pointer,
    rsb: int,
    csb: int,
    c: Pointer,
    rsc: int,
    csc: int,
    *sizes: int,
) -> None:
    m, n, k, add = sizes
    at = c.matrix(m, n, rsc, csc)
    found = a.array[a.matrix(m, k, rsa, csa)] @ b.array[b.matrix(k, n, rsb, csb)]
    c.array[at] = c.array[at] + found if add else found


def _at(pointer: Pointer, offset: int) -> Pointer:
    return Pointer(pointer.array, pointer.start + offset, pointer.cast)


_NAMES: dict[str, Any] = {
    **FUNCTIONS,
    **SCALARS,
    "maximum": _real_maximum,
    "minimum": _real_minimum,
    "add_reassociating": lambda a, b: a + b,
    "isnan": np.isnan,
    "fma": lambda a, b, c: a * b + c,
    "at": _at,
    "share": _share,
    "quotient": lambda a, b: a // b,
    "remainder": lambda a, b: a % b,
    "opaque": lambda a: a,
    "select": lambda condition, a, b: a if condition else b,
    "int64": _int64,
    "uint8": int,
    "inf": math.inf,
    "nan": math.nan,
    "pack": _pack,
    "product": _product,
    "product_rows": _rows,
    "reals": lambda buffer: buffer,
    "ints": lambda buffer: buffer,
    "bools": lambda buffer: buffer,
    "barrier": lambda sync, workers: _Turns.running.barrier(sync) if workers > 1 else None,
}


class _Plain:
    """A program as a function of the same arguments as the compiled one."""

    def __init__(self, program: Program, real: str, unit: Unit) -> None:
        self.program = program
        kind = np.dtype(real)
        self.casts: dict[str, Callable[[Any], Any]] = {"real": kind.type, "int": int, "bool": int}
        self.dtypes = {"real": kind, "int": np.dtype(np.int64), "bool": np.dtype(np.uint8)}
        self.spaces = {step.workspace for step in program.walk() if isinstance(step, Product)}
        self.function = self._function(unit)

    def _function(self, unit: Unit) -> Callable[..., None]:
        names = {"real": self.casts["real"], "math": math}
        names |= _NAMES if unit.language == "steps" else {}
        for name, use in unit.uses.items():
            if name in _NAMES:
                names[name] = _NAMES[name]
            elif isinstance(use, Unit):
                names[name] = self._function(use)
            elif name != "real":
                raise KeyError(f"plain Python has no `{name}`")
        exec(unit.source, names)
        return names[unit.name]  # type: ignore[return-value]

    def run(self, me: int, workers: int, sync: int, table: int, sizes: int) -> None:
        numbers = list(map(int, _array(sizes, np.dtype(np.int64), len(self.program.sizes))))
        known = {size.name: max(1, n) for size, n in zip(self.program.sizes, numbers, strict=True)}
        addresses = _array(table, np.dtype(np.int64), len(self.program.buffers))
        buffers = [self._buffer(i, int(addresses[i]), known) for i in range(len(addresses))]
        if me == 0:
            for buffer, pointer in zip(self.program.buffers, buffers, strict=True):
                if buffer.role in ("work", "output") and buffer.dtype == "real":
                    pointer.array.fill(np.nan)
        if workers > 1:
            _Turns.running.barrier(me)
        with np.errstate(all="ignore"):
            self.function(me, workers, me, buffers, numbers)

    def _buffer(self, slot: int, address: int, known: dict[str, int]) -> Pointer:
        """The memory that a program may touch: reading at position 0 of an empty axis is allowed."""
        buffer = self.program.buffers[slot]
        count = 0 if buffer in self.spaces else evaluate(buffer.size, known)
        return Pointer(_array(address, self.dtypes[buffer.dtype], count), 0, self.casts[buffer.dtype])


def _array(address: int, dtype: np.dtype[Any], count: int) -> Array:
    """The memory there."""
    if not count:
        return np.empty(0, dtype)
    assert address, "a buffer without an address"
    raw = (ctypes.c_char * (count * dtype.itemsize)).from_address(address)
    return np.frombuffer(raw, dtype)


class _Turns:
    """Workers of which one runs at a time, in a given order, up to the next barrier."""

    running: _Turns

    def __init__(self, order: Sequence[int]) -> None:
        self.order = list(order)
        self.turn = 0
        self.failed: BaseException | None = None
        self.changed = threading.Condition()

    def run(self, job: Callable[..., None], *memory: int) -> None:
        _Turns.running = self
        workers = len(self.order)
        threads = [
            threading.Thread(target=self._work, args=(job, me, workers, memory)) for me in range(workers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failed is not None:
            raise self.failed

    def _work(self, job: Callable[..., None], me: int, workers: int, memory: tuple[int, ...]) -> None:
        self._await(self.order.index(me))
        try:
            job(me, workers, me, *memory)
        except BaseException as error:
            self.failed = self.failed or error
        self._pass_on()

    def _await(self, turn: int) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.turn % len(self.order) == turn or self.failed is not None)
        if self.failed is not None:
            raise RuntimeError("another worker has failed")

    def _pass_on(self) -> None:
        with self.changed:
            self.turn += 1
            self.changed.notify_all()

    def barrier(self, me: int) -> None:
        """All others go first, each up to its own barrier."""
        self._pass_on()
        self._await(self.order.index(me))
