"""Kernels through Numba: what they may say, what they mean, and that Numba is as it was."""

from __future__ import annotations

import subprocess
import sys

import numba
import numpy as np
import pytest
from llvmlite import binding
from llvmlite.binding import ffi

from graphc.backend.cpu.compile import build
from graphc.backend.cpu.translate import lowered
from graphc.backend.cpu.unit import Unit
from tests.backend.cpu.units import DOUBLE

KINDS = ("float64*", "int64*", "int64")
USES = {
    "real": "numba:float64",
    "int64": "numba:int64",
    "maximum": "graphc.backend.cpu.functions:FUNCTIONS.maximum",
    "nothing": "os:sep",
}


def kernel(body: str) -> Unit:
    """A function of reals `x`, ints `k` and their number `n`."""
    return Unit("kernel", f"def kernel(x, k, n):\n{body}", KINDS, USES)


MEANINGS = {
    "a loop from a number to another": "    for i in range(2, n):\n        k[i] = i\n",
    "a loop from the end to the beginning": "    for i in range(n, 2):\n        k[0] = i\n",
    "an extent that changes inside of the loop": """
    m = 3
    for i in range(m):
        m = m + 1
        k[i] = m
""",
    "a name with a new value": """
    s = k[1]
    a = s + 1
    s = s + 1
    b = s + 1
    k[0] = a * 100 + b
""",
    "an element with a new value": """
    a = x[1] * x[1]
    x[1] = a + 1.0
    b = x[1] * x[1]
    x[0] = a - b
""",
    "an element that is added to": "    for i in range(n):\n        k[i] += i\n",
    "branches in loops": """
    for i in range(n):
        last = i
        for j in range(i):
            if (j > 1) & (not x[j] < x[i]):
                last = j
                x[j] = -x[j]
        k[i] = last - 7 * (k[i] - i)
""",
    "numbers and casts": """
    x[0] = real(k[3]) / -0.5
    k[0] = int64(x[1] * 10.0) - -3
    k[1] = maximum(k[1], -9223372036854775808)
""",
}


@pytest.mark.parametrize("body", MEANINGS.values(), ids=MEANINGS)
def test_kernels_mean_what_python_means(body: str) -> None:
    unit = kernel(body)
    x, k = np.linspace(-1, 2, 6), np.arange(3, 9)
    expected_x, expected_k = x.tolist(), k.tolist()
    names = {"real": float, "int64": int, "maximum": max}
    exec(unit.source, names)
    names["kernel"](expected_x, expected_k, 6)
    build(unit)(x.ctypes.data, k.ctypes.data, 6)
    assert x.tolist() == expected_x
    assert k.tolist() == expected_k


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x[0] = x.size", "`x.size` is not in the language of kernels"),
        ("while n: pass", "is not in the language of kernels"),
        ("k[0] = k[1] // 2", "`FloorDiv` is not in the language of kernels"),
        ("n = 3", "`n` is a parameter and cannot be assigned"),
        ("for i in range(n): k[i] = 0\n    k[0] = i", "nothing says what `i` is"),
        ("x[0] = missing", "nothing says what `missing` is"),
        ("x[0] = nothing", "'/' is not in the language of kernels"),
        ("x[0] = x[1] * k[1]", "function * with parameters (float64, int64)"),
        ("x[0] = k[0]", "Cannot resolve setitem: float64*[int64] = int64"),
        ("x[0] = maximum(x[1])", "function maximum with parameters (float64)"),
    ],
)
def test_what_is_no_kernel_is_refused_with_its_line(line: str, message: str) -> None:
    with pytest.raises(numba.core.errors.NumbaError) as caught:
        lowered(kernel(f"    k[0] = 1\n    {line}\n"))
    text = str(caught.value)
    assert message in text
    place = 2 + len(line.splitlines())
    assert f"line {place}" in text
    assert line.splitlines()[-1] in text


def test_a_kernel_calls_no_other_unit() -> None:
    with pytest.raises(AssertionError, match="`kernel` calls other units"):
        lowered(Unit("kernel", "def kernel(x, k, n):\n    double(x, x, n)\n", KINDS, {"double": DOUBLE}))


def test_the_text_is_the_same_every_time_and_llvm_has_no_part_in_it() -> None:
    unit = kernel("    for i in range(n):\n        x[i] = maximum(x[i], 0.5)\n")
    first = lowered(unit)
    assert first.count("noalias") == 4
    calls: list[str] = []
    both = (lambda: calls.append("begun"), lambda: calls.append("done"))
    ffi.register_lock_callback(*both)
    try:
        assert lowered(unit) == first
        assert not calls
        binding.get_process_triple()
        assert calls
    finally:
        ffi.unregister_lock_callback(*both)


APART = """
import operator
import numba
from numba.core.registry import cpu_target
from numba.extending import overload
from graphc.backend.cpu.translate import lowered
from tests.backend.cpu.units import DOUBLE

alone = lowered(DOUBLE)
assert "_toplevel_target_context" not in vars(cpu_target)
assert numba.njit(lambda a, b: (a + b, [a]))(1, 2.5) == (3.5, [1])
overload(operator.add)(lambda a, b: (lambda a, b: a) if a == b == numba.float32 else None)
assert numba.njit(lambda a: a * 2)(4) == 8
assert lowered(DOUBLE) == alone
assert numba.njit(lambda a: a - 1)(4) == 3
"""


def test_what_a_program_does_with_numba_is_apart() -> None:
    subprocess.run([sys.executable, "-c", APART], check=True)
