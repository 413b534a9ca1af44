"""NumPy's OpenBLAS from compiled code: it is found, it multiplies, and its threads are put back."""

from __future__ import annotations

import ctypes
import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llvmlite import binding

from graphc.backend.cpu import assembler, blas, machine
from graphc.backend.cpu.instructions import Emitter, Registers
from graphc.backend.cpu.large import emit_call
from graphc.backend.cpu.operands import OPERANDS, Product

needs_library = pytest.mark.skipif(blas.library() is None, reason="NumPy was built with another BLAS")


@pytest.fixture
def four_threads() -> Any:
    before = blas.threads()
    blas._set_threads(4, before)
    yield
    blas._set_threads(before, blas.threads())


def test_found_names_the_library() -> None:
    used = blas.library()
    assert blas.found() == (
        f"{used.path.name}, {used.bits}-bit integers" if used else "none: own kernels for every product"
    )


def test_nothing_is_found_where_no_package_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file of the right name that is no library is passed over, and the answer says that there is none."""
    (tmp_path / "libopenblas.so").write_text("not a library")
    monkeypatch.setattr(blas, "_FOLDERS", {"numpy": (str(tmp_path),), "no_such_package": ("lib",)})
    assert list(blas._candidates()) == [tmp_path / "libopenblas.so"]
    blas.library.cache_clear()
    try:
        assert blas.library() is None
        assert blas.found().startswith("none")
    finally:
        blas.library.cache_clear()


@cache
def gemm(real: str) -> Any:
    """`gemm(a, rsa, csa, ..., m, n, k, accumulate)`: the library's function, compiled."""
    used, symbol = blas.library(), f"test_gemm_{real}"
    assert used is not None
    emit = Emitter(real, Registers(16, 16, fused=False), {"gemm": symbol})
    with emit.function("gemm", OPERANDS) as arguments:
        emit_call(emit, used, Product.of(arguments))
    blas.register()
    machine.load([assembler.assemble(str(emit.module), effort="written")])
    kinds = {"p": ctypes.c_void_p, "i": ctypes.c_int64}
    return ctypes.CFUNCTYPE(None, *(kinds[kind] for kind in OPERANDS))(binding.address_of_symbol(symbol))


@needs_library
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("across", [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("accumulate", [0, 1])
def test_products(dtype: Any, across: tuple[int, int], accumulate: int) -> None:
    m, n, k = 5, 7, 3
    rng = np.random.default_rng(0)
    a, b, c = (rng.standard_normal(shape).astype(dtype) for shape in ((m, k), (k, n), (m, n)))
    expected = a @ b + (c if accumulate else 0)
    a, b = (np.asfortranarray(x) if t else x for x, t in zip((a, b), across, strict=True))
    operands = [
        x for o in (a, b, c) for x in (o.ctypes.data, *(stride // o.itemsize for stride in o.strides))
    ]
    gemm(np.dtype(dtype).name)(*operands, m, n, k, accumulate)
    np.testing.assert_allclose(c, expected, rtol=1e-5, atol=1e-5)


@needs_library
def test_threads_are_put_back(four_threads: None) -> None:
    with blas.single_thread:
        assert blas.threads() == 1
        with blas.single_thread:
            assert blas.threads() == 1
        assert blas.threads() == 1
    assert blas.threads() == 4
    with pytest.raises(RuntimeError), blas.single_thread:
        raise RuntimeError
    assert blas.threads() == 4


@needs_library
def test_the_last_of_two_threads_puts_them_back(four_threads: None) -> None:
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with blas.single_thread:
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(10)
    with blas.single_thread:
        pass
    assert blas.threads() == 1
    leave.set()
    thread.join()
    assert blas.threads() == 4
