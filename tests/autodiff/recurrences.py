"""Small graphs with loops of every kind, each with a scalar output `loss`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Value
from graphc.ops.contraction import matmul
from graphc.ops.elementwise import ADD, CAST, DIV, EQUAL, LESS, MUL, SELECT, SUB, TANH
from graphc.ops.indexing import BROADCAST, RENAME
from graphc.ops.leaf import INSIDE_STEP, PIN, POSITION, STEP, constant
from graphc.ops.masking import sum_over
from graphc.ops.summing import REDUCE_SUM
from graphc.types import BATCH, Affine, Dim, Index, Length, TensorType
from tests.loops import Outcome, Step, loop

D = Dim.named("D", 3)
H = Dim.named("H", 2)
T = Index.full("t", Length("T"))
K = Index.full("k", Length("K", Dim.literal(3)))
BEFORE = Index("u", T.length, Affine(1), Affine.of(T) - 1)


@dataclass(frozen=True)
class Example:
    """A graph, and the inputs that its loss is differentiated by."""

    graph: Graph
    wrt: tuple[str, ...]


class Sheet(Builder):
    """A builder that keeps track of the graph's inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs: list[Value] = []

    def input(self, name: str, *axes: Index, shape: tuple[Dim, ...] = ()) -> Value:
        value = Value(TensorType.of("real", axes, shape), name)
        self.inputs.append(value)
        return value

    def finish(self, result: Value, **outputs: Value) -> Example:
        """The sum over everything as the loss, by all inputs."""
        squared = self(MUL, result, result)
        total = (
            self(REDUCE_SUM, squared, dims=tuple(range(result.type.rank)), indices=())
            if result.type.rank
            else squared
        )
        while total.type.axes:
            total = sum_over(self, total, total.type.axes)
        graph = Graph(tuple(self.inputs), tuple(self.nodes), {"loss": total, **outputs})
        return Example(graph, tuple(value.name for value in self.inputs))


def start(b: Builder, *axes: Index, shape: tuple[Dim, ...] = (H,)) -> Value:
    return (
        b(BROADCAST, constant(b, 0.0, shape=shape), indices=axes) if axes else constant(b, 0.0, shape=shape)
    )


def fork() -> Example:
    """One value read three times, and operands with fewer indices or as scalars."""
    s = Sheet()
    x, w, g = s.input("x", BATCH, T, shape=(D,)), s.input("w", shape=(D,)), s.input("g")
    p, y = s.input("p", T, shape=(D,)), s.input("y", BATCH)
    h = s(PIN, s(TANH, s(ADD, s(MUL, x, w), p)), name="h")
    both = s(ADD, s(MUL, h, g), s(MUL, h, s(TANH, h)))
    return s.finish(s(MUL, both, y), h=h)


def elman(reverse: bool = False) -> Example:
    """h = tanh(U h' + V x) + e, the sum of all its steps and of the last."""
    s = Sheet()
    x, e = s.input("x", BATCH, T, shape=(D,)), s.input("e", BATCH, T, shape=(H,))
    u, v, h0 = s.input("U", shape=(H, H)), s.input("V", shape=(H, D)), s.input("h0", shape=(H,))

    def step(b: Builder, at: Step) -> Outcome:
        (u, v), (x, e), (h,) = at.constants, at.slices, at.carries
        new = b(PIN, b(ADD, b(TANH, b(ADD, matmul(b, u, h), matmul(b, v, x))), e), name="h")
        return [new], [new]

    first = s(BROADCAST, h0, indices=(BATCH,))
    final, all_ = loop(s, T, step, constants=[u, v], sequences=[x, e], carries=[first], reverse=reverse)
    summed = sum_over(s, all_, (T,))
    return s.finish(s(ADD, summed, s(MUL, final, final)), h=all_, last=final)


def second_order() -> Example:
    """A lag of two as two carries, one of them unused behind the loop, and an integer carry."""
    s = Sheet()
    x, a = s.input("x", BATCH, T), s.input("a")
    zero = start(s, BATCH, shape=())
    count = s(BROADCAST, constant(s, 0, "int"), indices=(BATCH,))

    def step(b: Builder, at: Step) -> Outcome:
        (a,), (x,), (one_back, two_back, count) = at.constants, at.slices, at.carries
        more = b(ADD, count, constant(b, 1, "int"))
        scale = b(CAST, more, dtype="real")
        new = b(TANH, b(ADD, b(MUL, a, b(ADD, one_back, b(MUL, two_back, a))), b(DIV, x, scale)))
        return [new, one_back, more], [new]

    finals = loop(s, T, step, constants=[a], sequences=[x], carries=[zero, zero, count])
    return s.finish(s(ADD, sum_over(s, finals[3], (T,)), finals[0]), count=finals[2])


def nested() -> Example:
    """Layers inside time, with a sequence of weights and a tied one; what the layers stack is summed too."""
    s = Sheet()
    x, w = s.input("x", BATCH, T, shape=(H,)), s.input("W", K, shape=(H, H))
    tied, e = s.input("C", shape=(H, H)), s.input("e", BATCH, T, K, shape=(H,))

    def layer(b: Builder, at: Step) -> Outcome:
        (tied, state), (w, e), (z,) = at.constants, at.slices, at.carries
        mixed = b(ADD, matmul(b, w, z), b(MUL, matmul(b, tied, z), state))
        new = b(PIN, b(ADD, b(TANH, mixed), e), name="z")
        return [new], [new]

    def step(b: Builder, at: Step) -> Outcome:
        (w, tied), (x, e), (state,) = at.constants, at.slices, at.carries
        first = b(ADD, x, state)
        final, layers = loop(b, K, layer, constants=[tied, state], sequences=[w, e], carries=[first])
        return [b(TANH, b(ADD, final, state))], [layers]

    zero = start(s, BATCH)
    final, stacked = loop(s, T, step, constants=[w, tied], sequences=[x, e], carries=[zero])
    return s.finish(s(ADD, sum_over(s, stacked, (T, K)), final), z=stacked)


def history() -> Example:
    """h[t] = tanh(a sum[u = 1..t-1](h[u] m[u]) + x[t]) + e[t]."""
    s = Sheet()
    x, a, m = s.input("x", BATCH, T, shape=(H,)), s.input("a"), s.input("m", BATCH, T)
    e = s.input("e", BATCH, T, shape=(H,))
    # The other factor is a sequence over the same axis, whole inside the body under a name of its own.
    other = Index.full("v", T.length)
    whole = s(RENAME, m, old=T, new=other)
    view = Value(TensorType.of("real", (BATCH, BEFORE), (H,)), "h")

    def step(b: Builder, at: Step) -> Outcome:
        (a, m), (x, e), (h,) = at.constants, at.slices, at.histories
        weighed = b(MUL, h, b(RENAME, m, old=other, new=BEFORE))
        total = sum_over(b, weighed, (BEFORE,))
        new = b(ADD, b(TANH, b(ADD, b(MUL, total, a), x)), e)
        return [], [b(PIN, new, name="h")]

    (h,) = loop(s, T, step, constants=[a, whole], sequences=[x, e], histories=[(0, view)])
    return s.finish(h, h=h)


def pooled() -> Example:
    """A step that looks at the mean over the batch of the examples for which it happens."""
    s = Sheet()
    x, a = s.input("x", BATCH, T, shape=(H,)), s.input("a", shape=(H,))

    def step(b: Builder, at: Step) -> Outcome:
        (a,), (x,), (h,) = at.constants, at.slices, at.carries
        one = b(BROADCAST, constant(b, 1.0), indices=(BATCH,))
        mean = b(DIV, sum_over(b, b(ADD, h, x), (BATCH,)), sum_over(b, one, (BATCH,)))
        return [b(TANH, b(ADD, b(MUL, h, a), mean))], []

    (final,) = loop(s, T, step, constants=[a], sequences=[x], carries=[start(s, BATCH)])
    return s.finish(final)


def by_position() -> Example:
    """Steps that depend on their number, a stack of what no carry needs, an initial carry passed through."""
    s = Sheet()
    x, h0 = s.input("x", BATCH, T), s.input("h0", BATCH)
    scale = s(CAST, s(POSITION, index=T), dtype="real")

    def step(b: Builder, at: Step) -> Outcome:
        (x, scale), (h, kept) = at.slices, at.carries
        early = b(LESS, b(STEP, index=T), constant(b, 3, "int"))
        exact = b(EQUAL, b(CAST, b(STEP, index=T), dtype="real"), scale)
        new = b(SELECT, early, b(MUL, h, b(SUB, x, scale)), h)
        shown = b(SELECT, b(INSIDE_STEP, index=T, steps=frozenset({T})), b(MUL, new, x), x)
        return [b(SELECT, exact, new, h), kept], [b(MUL, shown, kept)]

    finals = loop(s, T, step, sequences=[x, scale], carries=[h0, h0])
    return s.finish(s(ADD, s(MUL, finals[0], finals[1]), sum_over(s, finals[2], (T,))))


EXAMPLES: dict[str, Callable[[], Example]] = {
    "fork": fork,
    "elman": elman,
    "elman backwards": lambda: elman(reverse=True),
    "second order": second_order,
    "nested": nested,
    "history": history,
    "pooled": pooled,
    "by position": by_position,
}
