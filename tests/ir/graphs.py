"""Small graphs built by hand, with spans."""

from __future__ import annotations

from graphc.diagnostics import Source, Span
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Loop, LoopNode, Value, body_graph
from graphc.ops.contraction import CONTRACT, matmul
from graphc.ops.elementwise import ADD, CAST, MUL, TANH
from graphc.ops.leaf import CONSTANT, INSIDE_STEP, PIN, STEP
from graphc.ops.masking import masked, sum_over
from graphc.ops.summing import BROADCAST, REDUCE_SUM
from graphc.types import BATCH, Affine, Dim, Index, Length, TensorType

SOURCE = Source(
    "rnn.nn",
    "h[0] = 0\nh[t] = tanh(U @ h[t-1] +\n            V @ x[t])\nloss = sum[t](sum(h[t]) * weight)\n",
)
T = Index.full("t", Length("T"))
U = Index("u", T.length, Affine(1), Affine.of(T) - 1)
D, H = Dim.named("D", 4), Dim.named("H", 3)


def span(text: str) -> Span:
    start = SOURCE.text.index(text)
    return Span(SOURCE, start, start + len(text))


def recurrence() -> Graph:
    """A recurrent network with a step of its own body, a history, and a masked sum."""
    x = Value(TensorType.of("real", (BATCH, T), (D,)), "x")
    recurrent, inward = (
        Value(TensorType.of("real", (), (H, H)), "U"),
        Value(TensorType.of("real", (), (H, D)), "V"),
    )
    b = Builder()
    with b.at(span("V @ x[t]")):
        driven = matmul(b, inward, x)
    start = b(BROADCAST, b(CONSTANT, value=0.0, dtype="real", shape=(H,)), indices=(BATCH,))
    with b.at(span("h[t] = tanh(U @ h[t-1] +\n            V @ x[t])")):
        _, h = b.loop(step_of(driven.type), recurrent, driven, start)
    with b.at(span("sum[t](sum(h[t]) * weight)")):
        summed = b(REDUCE_SUM, h, dims=(0,), indices=())
        weight = b(CONSTANT, value=0.1, dtype="real", shape=())
        loss = b(PIN, sum_over(b, b(MUL, summed, weight), (T,)), name="loss")
    return Graph((x, recurrent, inward), tuple(b.nodes), {"loss": loss, "h": h})


def step_of(driven: TensorType) -> Loop:
    """The loop over t: h from the h before it and all those before that."""
    state = driven.with_axes((BATCH,))
    u, now = Value(TensorType.of("real", (), (H, H)), "U"), Value(state)
    before, past = Value(state, "h"), Value(state.with_axes((BATCH, U)), "h")
    b = Builder((T,))
    with b.at(span("U @ h[t-1]")):
        product = matmul(b, u, before)
    h = b(TANH, b(ADD, product, now), called="h")
    b(INSIDE_STEP, index=T, steps=frozenset({T}))
    late = b(MUL, h, b(CAST, b(STEP, index=T), dtype="real"))
    whole = b(ADD, late, b(REDUCE_SUM, masked(b, past, (U,)), dims=(), indices=(U,)))
    body = body_graph((u, now, before, past), tuple(b.nodes), (h, whole))
    return Loop(T, False, body, 1, 1, 1, (0,))


def product() -> Graph:
    """The smallest graph worth printing: a gradient's product, summed over everything."""
    g, x = (Value(TensorType.of("real", (BATCH, T), (dim,)), name) for dim, name in ((H, "g"), (D, "x")))
    b = Builder()
    labels = (("i",), ("j",), ("i", "j"))
    w = b(CONTRACT, masked(b, g, (BATCH, T)), x, labels=labels, indices=(BATCH, T), called="grad W")
    long = b(CONSTANT, value=tuple(float(i) for i in range(20)), dtype="real", shape=(Dim.literal(20),))
    return Graph((g, x), tuple(b.nodes), {"W": w, "table": long})


def the_loop(graph: Graph) -> LoopNode:
    (found,) = (node for node in graph.nodes if isinstance(node, LoopNode))
    return found
