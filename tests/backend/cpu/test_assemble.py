"""Programs as running code: products, slices of the batch and barriers, with any number of workers."""

import numpy as np
import pytest

from graphc.backend.cpu import executable
from graphc.backend.cpu.executable import Executable
from graphc.backend.state import Run
from graphc.ir.graph import Graph
from graphc.kernel.expr import Const, Load, Name, apply, call
from graphc.kernel.nest import For, Kernel, Parameter, Store
from graphc.schedule.program import (
    Argument,
    Barrier,
    Buffer,
    Launch,
    Matrix,
    Pack,
    Product,
    Program,
    Repeat,
    Size,
)
from graphc.types import BATCH, Dim, Index, Length, TensorType

H = 24
B, T, t, b, j = (Name(n) for n in ("B", "T", "t", "b", "j"))
STEPS = Index.full("t", Length("T"))
WIDTH = Dim.named("H", H)


def recurrence() -> Program:
    """h[t] = tanh(x[t] + U h[t-1]) in slices, then g = sum over t and batch of h x'."""
    states = TensorType.of("real", [BATCH, STEPS], [WIDTH])
    square = TensorType.of("real", [], [WIDTH, WIDTH])
    x = Buffer("x", "real", B * T * H, "input", "x", states)
    u = Buffer("u", "real", Const(H * H), "input", "u", square)
    h = Buffer("h", "real", B * T * H, "output", "h", states)
    g = Buffer("g", "real", Const(H * H), "output", "g", square)
    z, packed = Buffer("z", "real", B * H), Buffer("packed", "real", Const(H * 64))
    room = Buffer("room", "real", Const(400_000))
    at = b * (T * H) + t * H + j
    total = apply("+", Load("x", at), Load("z", b * H + j), dtype="real")
    body = (For(b, B, (For(j, Const(H), (Store("h", at, call("tanh", total)),)),), ranged=True),)
    buffers = (Parameter("x", "real"), Parameter("z", "real"), Parameter("h", "real", True))
    cell = Kernel("cell", buffers, ("B", "T", "t"), body)
    nothing = apply("*", Const(0.0, "real"), Const(1.0, "real"), dtype="real")
    zero = Kernel(
        "zero",
        (Parameter("z", "real", True),),
        ("B",),
        (For(b, B, (For(j, Const(H), (Store("z", b * H + j, nothing),)),), ranged=True),),
    )
    first = Matrix(h, t * H, T * H, Const(1))
    product = Product(
        Matrix(z, Const(0), Const(H), Const(1)),
        first,
        Matrix(u, Const(0), Const(1), Const(H)),
        B,
        Const(H),
        Const(H),
        packed=packed,
    )
    cells = Launch(cell, tuple(Argument(o) for o in (x, z, h)), (B, T, t), B)
    last = Product(
        Matrix(g, Const(0), Const(H), Const(1)),
        Matrix(h, Const(0), Const(1), Const(H)),
        Matrix(x, Const(0), Const(H), Const(1)),
        Const(H),
        Const(H),
        B * T,
        workspace=room,
    )
    steps = (
        Pack(Matrix(u, Const(0), Const(1), Const(H)), Const(H), Const(H), packed),
        Launch(zero, (Argument(z),), (B,), B),
        Barrier(),
        Repeat(t, T, False, (cells, product), sliced=True, batch=B),
        Barrier(),
        last,
    )
    sizes = (Size("B", "extent", "batch"), Size("T", "extent", "T"))
    return Program(sizes, (x, u, h, g, z, packed, room), steps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_bits_for_any_number_of_workers(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executable, "_ALONE", 0)
    draw, found = np.random.default_rng(0), set()
    x, u = draw.standard_normal((13, 9, H)).astype(dtype), (draw.standard_normal((H, H)) / 5).astype(dtype)
    run = Run(np.dtype(dtype), 13, {"T": 9})
    for workers in ("1", "2", "3"):
        monkeypatch.setenv("GRAPHC_THREADS", workers)
        found_here = Executable(Graph((), (), {}), recurrence()).run({"x": x, "u": u}, run)
        found.add((found_here["h"].tobytes(), found_here["g"].tobytes()))
    assert len(found) == 1
    h = np.zeros((13, H))
    for step in range(9):
        h = np.tanh(x[:, step] + h @ u.T.astype(np.float64))
        np.testing.assert_allclose(found_here["h"][:, step], h, rtol=1e-4, atol=1e-5)
    g = found_here["h"].reshape(-1, H).T @ x.reshape(-1, H)
    np.testing.assert_allclose(found_here["g"], g, rtol=1e-3, atol=1e-4)


def test_other_sizes_and_given_results() -> None:
    ready = Executable(Graph((), (), {}), recurrence())
    draw = np.random.default_rng(1)
    u = draw.standard_normal((H, H))
    for batch, steps in [(1, 1), (5, 3), (2, 7), (5, 3)]:
        x = draw.standard_normal((batch, steps, H))
        out = {"h": np.empty((batch, steps, H)), "g": np.empty((H, H))}
        found = ready.run({"x": x, "u": u}, Run(batch=batch, lengths={"T": steps}), out)
        assert found["h"] is out["h"]
        np.testing.assert_allclose(found["h"][:, 0], np.tanh(x[:, 0]), rtol=1e-12)
