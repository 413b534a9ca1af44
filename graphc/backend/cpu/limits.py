"""What this machine can do at most, measured with code of our own: memory, elementwise arithmetic, products.

The measured kernels are compiled and shared out as those of programs are, so a program could be as fast.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from graphc.backend.cpu import sync
from graphc.backend.cpu.assemble import assemble
from graphc.backend.cpu.compile import build
from graphc.backend.cpu.products import room
from graphc.backend.cpu.sizing import evaluate
from graphc.ir.op import Array
from graphc.kernel.expr import ONE, ZERO, Apply, Expr, Load, Name, call, real
from graphc.kernel.nest import For, Kernel, Let, Parameter, Statement, Store
from graphc.schedule.products import workspace_size
from graphc.schedule.program import Argument, Buffer, Launch, Matrix, Product, Program, Repeat, Size

_SETS = tuple(1 << bits for bits in range(15, 28, 2))
"""Bytes that a copy reads and writes: from what any first cache holds to what no cache does."""
_CHAIN = 16
"""Multiplications of an element, and as many additions: its load and store are nothing beside them."""
_ELEMENTS = 1 << 11
"""What a first cache holds."""
_SIDES = (192, 256, 320)
"""Of the matrices that are multiplied: large enough to pay, small enough for the second cache."""
_SECONDS = 0.002
"""That one measurement should take."""
_REPEATS, _LONGEST = 20, 0.1
"""Measurements, and their seconds, of which the best counts: others may use the machine as well."""


@dataclass(frozen=True)
class Limits:
    """Rates that `workers` reach together: bytes and operations in a second; of operations, that of one times
    their number.

    memory: bytes read and written, by how many bytes are gone through again and again.
    """

    workers: int
    memory: Sequence[tuple[int, float]]
    elementwise: float
    products: float

    def bandwidth(self, bytes: int) -> float:
        """The rate for what touches so many bytes, if all of them were touched just before."""
        fitting = [rate for held, rate in self.memory if held >= bytes]
        return max(fitting) if fitting else self.memory[-1][1]


def measure(real: str, workers: int) -> Limits:
    """Measure for `float32` or `float64`, with so many workers at once: about half a second."""
    width = np.dtype(real).itemsize
    copies = _Measured(_elementwise(0), real, workers)
    memory = []
    for held in _SETS:
        count = held // (2 * width)
        x, y = np.full(count, 0.5, real), np.zeros(count, real)
        memory.append((held, held / copies.seconds([x, y], [count])))
    x, y = np.linspace(-0.5, 0.5, _ELEMENTS, dtype=real), np.zeros(_ELEMENTS, real)
    chain = _Measured(_elementwise(_CHAIN), real, 1).seconds([x, y], [_ELEMENTS])
    elementwise = 2 * _CHAIN * _ELEMENTS / chain
    products = max(_product_rate(side, real) for side in _SIDES)
    return Limits(workers, memory, workers * elementwise, workers * products)


def _product_rate(side: int, real: str) -> float:
    """Operations in a second of a product of square matrices, by one worker."""
    measured = _Measured(_product(), real, 1)
    a, b, c = (np.full((side, side), 0.5, real) for _ in range(3))
    space = np.zeros(evaluate(room(measured.program.buffers[3].size), {"n": side}), real)
    return 2 * side**3 / measured.seconds([a, b, c, space], [side])


class _Measured:
    """A program that does one step again and again. Its last size says how often."""

    def __init__(self, program: Program, real: str, workers: int) -> None:
        self.program = program
        self.function: Callable[..., None] = build(assemble(program, real))
        self.pool = sync.pool(workers)

    def seconds(self, arrays: Sequence[Array], sizes: Sequence[int]) -> float:
        """The least time that one step took on these buffers."""
        table = np.array([*(array.ctypes.data for array in arrays), 0], np.int64)
        rounds = 1
        while True:
            numbers = np.array([*sizes, rounds], np.int64)
            took = self._run(table, numbers)
            if took >= _SECONDS / 2:
                break
            rounds = min(8 * rounds, int(rounds * _SECONDS / max(took, 1e-9)) + 1)
        least, ended = took, time.perf_counter() + _LONGEST
        for _ in range(_REPEATS):
            least = min(least, self._run(table, numbers))
            if time.perf_counter() > ended:
                break
        return least / rounds

    def _run(self, table: Array, sizes: Array) -> float:
        began = time.perf_counter()
        self.pool.run(self.function, table.ctypes.data, sizes.ctypes.data)
        return time.perf_counter() - began


def _program(sizes: Mapping[str, str], buffers: Sequence[Buffer], step: Launch | Product) -> Program:
    again = Repeat(Name("round"), Name("rounds"), False, (step,), sliced=False)
    named = (*(Size(name, "extent", source) for name, source in sizes.items()),)
    return Program((*named, Size("rounds", "extent", "rounds")), tuple(buffers), (again,))


def _elementwise(chain: int) -> Program:
    """y[i] = p(x[i]) with a polynomial of so many terms, by Horner's rule; without terms y[i] = x[i] / 2."""
    place, count, value = Name("i"), Name("n"), Name("value", "real")
    expr: Expr = value if chain else Apply("*", (value, real(0.5)))
    for _ in range(chain):
        expr = call("fma", expr, value, real(0.25))
    body: tuple[Statement, ...] = (Let(value, Load("x", place)), Store("y", place, expr))
    parameters = Parameter("x", "real"), Parameter("y", "real", written=True)
    kernel = Kernel("limit", parameters, ("n",), (For(place, count, body, ranged=True),))
    x, y = Buffer("x", "real", count, "input"), Buffer("y", "real", count, "output")
    return _program({"n": "n"}, [x, y], Launch(kernel, (Argument(x), Argument(y)), (count,), count))


def _product() -> Program:
    side = Name("n")
    a, b, c = (Buffer(name, "real", side * side) for name in "abc")
    left, right, result = (Matrix(buffer, ZERO, side, ONE) for buffer in (a, b, c))
    step = Product(result, left, right, side, side, side)
    space = Buffer("workspace", "real", workspace_size(step))
    return _program({"n": "n"}, [a, b, c, space], replace(step, workspace=space))
