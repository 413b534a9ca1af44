"""The language of step functions: compiled, they do what Python does with the same source."""

import ctypes
from collections.abc import Callable
from textwrap import indent
from typing import Any

import numpy as np
import pytest
from llvmlite import binding

from graphc.backend.cpu import assembler, machine, steps
from graphc.backend.cpu.unit import Unit

NOTES: list[tuple[int, ...]] = []
"""What running code has noted. A step has no results; it calls functions, here those that note."""


def _note(*given: int | None) -> None:
    NOTES.append(tuple(number or 0 for number in given))


def _note_begin(me: int, workers: int, start: int, *rest: int) -> None:
    _note(start)


PAIR = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)(_note)
INTS, ADDRESS = [ctypes.c_int64] * 4, ctypes.c_void_p
BEGIN = ctypes.CFUNCTYPE(None, *INTS[:2], ADDRESS, *INTS, ADDRESS)(_note_begin)
LIBRARY = {"barrier": "graphc_test_pair", "pack": "graphc_test_begin"}
HELPERS: dict[str, Any] = {
    "quotient": lambda a, b: a // b,
    "remainder": lambda a, b: a % b,
    "select": lambda condition, a, b: a if condition else b,
    "maximum": max,
    "minimum": min,
    "int64": int,
    "share": lambda me, workers, extent: (me * extent // workers, (me + 1) * extent // workers),
    "barrier": _note,
}


def compiled(unit: Unit) -> Callable[..., None]:
    binding.add_symbol(LIBRARY["barrier"], ctypes.cast(PAIR, ctypes.c_void_p).value)
    binding.add_symbol(LIBRARY["pack"], ctypes.cast(BEGIN, ctypes.c_void_p).value)
    code = assembler.assemble(steps.lowered(unit))
    machine.load([code])
    return machine.function(unit.symbol, unit.parameters)


def notes(function: Callable[..., None], *arguments: int) -> list[tuple[int, ...]]:
    NOTES.clear()
    function(*arguments)
    return list(NOTES)


def function(body: str) -> Unit:
    text = f"def f(x, y):\n{indent(body, '    ')}\n"
    return Unit("f", text, ("int64", "int64"), LIBRARY, language="steps")


def agreed(body: str, *arguments: int) -> list[tuple[int, ...]]:
    """What compiled code and Python note, which is the same."""
    unit = function(body)
    names = dict(HELPERS)
    exec(unit.source, names)
    found = notes(compiled(unit), *arguments)
    assert found == notes(names["f"], *arguments)
    return found


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "7",
        "-3",
        "-x",
        "x + y * 2 - 1",
        "(x - y) * (x + y)",
        "quotient(x, 3)",
        "remainder(x, y + 2)",
        "maximum(x, y)",
        "minimum(x - 5, -y)",
        "select(x < y, x, y)",
        "select(x <= y, 10, 20)",
        "select(x > y, x - y, y - x)",
        "select((x >= 0) & (y < 3), 1, 0)",
        "select((x == y) | (x != 11), 1, 0)",
        "select(not x == y, 1, 0)",
        "select(True, 1, 0) + select(False, 1, 0)",
        "int64(x < y) + int64(not x < y) * 5",
    ],
)
def test_expressions(text: str) -> None:
    for x, y in [(11, 4), (3, 3), (0, 9)]:
        assert agreed(f"z = {text}\nbarrier(z, {text})", x, y)


def test_sums_wrap_around_at_64_bits() -> None:
    f = compiled(function("barrier(x + y, x * y)"))
    assert notes(f, 2**63 - 1, 2) == [(-(2**63) + 1, -2)]


@pytest.mark.parametrize("bounds", ["x", "y, x", "x - 1, -1, -1", "y, x + y, 1", "x, y, -1"])
def test_loops_run_over_ranges(bounds: str) -> None:
    body = f"for i in range({bounds}):\n    barrier(i, x)\nbarrier(x, y)"
    assert len(agreed(body, 5, 2)) > 1
    for x, y in [(0, 3), (1, 0), (2, 2)]:
        agreed(body, x, y)


def test_loops_lie_in_loops_and_names_are_used_again() -> None:
    body = """
for i in range(x):
    a = i * 10
    for j in range(i, -1, -1):
        a_j = a + j
        barrier(a_j, i)
    for j in range(y):
        pass
    if i == 1:
        a = i
        barrier(a, 0)
for i in range(y):
    a = 2 * i
    barrier(a, i)
lo, hi = share(0, 1, x)
for i in range(lo, hi):
    lo, hi = share(i, x, y)
    barrier(lo, hi)
"""
    assert len(agreed(body, 3, 2)) == 6 + 1 + 2 + 3


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_workers_share_a_range(workers: int) -> None:
    found: list[int] = []
    for me in range(workers):
        ((lo, hi),) = agreed("lo, hi = share(x, y, 10)\nbarrier(lo, hi)", me, workers)
        found += range(lo, hi)
    assert found == list(range(10))


def test_sizes_are_read_and_pointers_moved() -> None:
    source = """
def f(table, x):
    a = reals(table[0])
    i = ints(table[1])
    b = bools(table[x])
    pack(0, 1, at(a, x), x, 1, 1, 1, a)
    barrier(i[0], i[x])
    barrier(at(i, 1)[0], 0)
    pack(0, 1, at(at(a, -1), x * 2), x, 1, 1, 1, a)
"""
    numbers = np.array([5, 6, 7])
    table = np.array([1 << 20, numbers.ctypes.data, 1 << 30])
    for real, size in (("float32*", 4), ("float64*", 8)):
        unit = Unit("f", source, ("int64*", "int64"), {**LIBRARY, "reals": real}, language="steps")
        found = notes(compiled(unit), table.ctypes.data, 2)
        assert found == [((1 << 20) + 2 * size,), (5, 7), (6, 0), ((1 << 20) + 3 * size,)]


@pytest.mark.parametrize(
    ("body", "line", "shown"),
    [
        ("while x > y:\n    pass", 2, "while x > y:"),
        ("x += 1", 2, "x += 1"),
        ("x = y = 1", 2, "x = y = 1"),
        ("x", 2, "x"),
        ("z = x / y", 2, "x / y"),
        ("z = 1.5", 2, "1.5"),
        ("z = x < y < 3", 2, "x < y < 3"),
        ("z = 1 + (x < y)", 2, "x < y"),
        ("z = x & y", 2, "x"),
        ("z = maximum(x, y, key=x)", 2, "maximum(x, y, key=x)"),
        ("lo, hi = share(x, y)", 2, "lo, hi = share(x, y)"),
        ("z = quotient(x, x < y)", 2, "quotient(x, x < y)"),
        ("z = sqrt(x)", 2, "sqrt(x)"),
        ("sqrt(x)", 2, "sqrt(x)"),
        ("z = x[0]", 2, "x"),
        ("z = w", 2, "w"),
        ("if x:\n    pass", 2, "x"),
        ("if x < y:\n    pass\nelse:\n    pass", 2, "if x < y:"),
        ("for i in range(0, x, 2):\n    pass", 2, "2"),
        ("for i in range(x):\n    pass\nbarrier(i, x)", 4, "i"),
        ("for x in range(y):\n    pass\nbarrier(x, y)", 4, "x"),
        ("z = 0\nfor i in range(x):\n    z = z + i", 4, "z"),
        ("z = 0\nif x < y:\n    z = 1\nbarrier(z, z)", 5, "z"),
    ],
)
def test_what_is_not_of_the_language_is_named(body: str, line: int, shown: str) -> None:
    with pytest.raises(ValueError) as raised:
        steps.lowered(function(body))
    assert str(raised.value).startswith(f"line {line} of `f`: no step says `{shown}")


def test_calls_keep_to_the_parameters() -> None:
    with pytest.raises(ValueError, match=r"`f` calls `barrier\(int64, int64\)` with int64, bool"):
        steps.lowered(function("barrier(x, x < y)"))


def test_equal_sources_become_equal_text() -> None:
    body = "for i in range(x):\n    barrier(i, y)"
    assert steps.lowered(function(body)) == steps.lowered(function(body))
