"""Small graphs that schedules have trouble with, each a function from a builder to its outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from graphc.autodiff import differentiate
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Value
from graphc.ops.contraction import CONTRACT, matmul
from graphc.ops.elementwise import ADD, CAST, EXP, GREATER, LESS, LOGICAL_NOT, MUL, SELECT, SIN, SUB, TANH
from graphc.ops.first import FIRST_TRUE
from graphc.ops.indexing import BROADCAST, GATHER, PICK, RENAME, SCATTER, SCATTER_ADD, SHIFT
from graphc.ops.leaf import PIN, POSITION, STEP, constant
from graphc.ops.masking import masked, sum_over
from graphc.ops.movement import CONCAT, FLIP, RESHAPE, SLICE, STACK, TRANSPOSE
from graphc.ops.random import BERNOULLI, CATEGORICAL, NORMAL
from graphc.ops.reduction import ARGMAX, ARGMIN, REDUCE_MAX
from graphc.ops.summing import EXPAND, REDUCE_SUM
from graphc.types import BATCH, Affine, Dim, DType, Index, Length, TensorType
from tests.loops import Outcome, Step, loop

T = Index.full("t", Length("T"))
S = Index.full("s", Length("T"))
N = Index.full("n", Length("N"))
K = Index.full("k", Length("K", Dim.literal(3)))
ONE = Index.full("once", Length("ONE", Dim.literal(1)))
BEFORE = Index("u", T.length, Affine(1), Affine.of(T) - 1)
C, D, H = Dim.named("C", 2), Dim.named("D", 3), Dim.named("H", 9)
W = Dim.named("W", 16)
"""Wide enough for matrix products."""
Z = Dim.named("Z", 0)

Outputs = Mapping[str, Value]


class Sheet(Builder):
    """A builder that keeps track of the graph's inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs: list[Value] = []

    def input(self, name: str, *axes: Index, shape: tuple[Dim, ...] = (), dtype: DType = "real") -> Value:
        value = Value(TensorType.of(dtype, axes, shape), name)
        self.inputs.append(value)
        return value

    def spread(self, value: Value, *indices: Index) -> Value:
        return self(BROADCAST, value, indices=indices)


def built(corner: Callable[[Sheet], Outputs]) -> Graph:
    """The graph, with the sum over all its real outputs as `loss`."""
    sheet = Sheet()
    outputs = dict(corner(sheet))
    total = constant(sheet, 0.0)
    for value in outputs.values():
        if value.type.dtype == "real" and 0 not in value.type.sizes:
            part = sheet(SIN, value)
            if part.type.rank:
                part = sheet(REDUCE_SUM, part, dims=tuple(range(part.type.rank)), indices=())
            while part.type.axes:
                part = sum_over(sheet, part, part.type.axes)
            total = sheet(ADD, total, part)
    return Graph(tuple(sheet.inputs), tuple(sheet.nodes), {**outputs, "loss": total})


def with_gradients(graph: Graph) -> Graph:
    """The graph with the gradients of its loss by all real inputs."""
    reals = [value.name for value in graph.inputs if value.type.dtype == "real"]
    made = differentiate(graph, "loss", reals).graph
    return Graph(made.inputs, made.nodes, {**graph.outputs, **made.outputs})


# Values that lie nowhere, or in several places.


def nothing(s: Sheet) -> Outputs:
    x, w, y = s.input("x", BATCH, shape=(Z,)), s.input("w", shape=(D, Z)), s.input("y", BATCH, shape=(D,))
    wide = s.input("wide", BATCH, shape=(Z, C))
    reshaped = s(RESHAPE, wide, shape=(C, Z))
    product = matmul(s, w, x)
    return {
        "sum": s(REDUCE_SUM, x, dims=(0,), indices=()),
        "max": s(REDUCE_MAX, x, dims=(0,), indices=()),
        "product": s(ADD, product, y),
        "empty": s(TANH, x),
        "joined": s(CONCAT, x, y, x, dim=0),
        "itself": x,
        "reshaped": reshaped,
        "sums": s(REDUCE_SUM, reshaped, dims=(1,), indices=()),
    }


def unchanged(s: Sheet) -> Outputs:
    """Outputs that are inputs, constants and views, and one value under several names."""
    x, y = s.input("x", BATCH, T, shape=(D, C)), s.input("y")
    both = s(TANH, s(ADD, x, y))
    return {
        "x'": x,
        "x": x,
        "y": s.spread(y, BATCH, K),
        "five": constant(s, 5, "int"),
        "table": constant(s, (1.0, 2.0, 3.0), shape=(D,)),
        "turned": s(TRANSPOSE, x, perm=(1, 0)),
        "part": s(SLICE, x, dim=0, start=1, stop=3, size=C),
        "flat": s(RESHAPE, x, shape=(Dim.literal(6),)),
        "turned and flat": s(RESHAPE, s(TRANSPOSE, x, perm=(1, 0)), shape=(Dim.literal(6),)),
        "one": both,
        "two": both,
        "view of one": s(TRANSPOSE, both, perm=(1, 0)),
        "half of one": s(SLICE, both, dim=1, start=1, stop=2, size=Dim.literal(1)),
    }


def products_of_outputs(s: Sheet) -> Outputs:
    """Values that are outputs as well as operands of products, whole, in part and on their side."""
    x, w = s.input("x", BATCH, T, shape=(W,)), s.input("w", shape=(W, W))
    v = s(TANH, w)
    first = matmul(s, v, x)
    second = matmul(s, s(TRANSPOSE, v, perm=(1, 0)), first)
    third = matmul(s, s(SLICE, v, dim=0, start=3, stop=12, size=H), second)
    bias = s(ADD, third, s(SLICE, first, dim=0, start=2, stop=11, size=H))
    return {"v": v, "first": first, "second": second, "third": third, "bias": bias}


def joined(s: Sheet) -> Outputs:
    """Parts that vary over less than the whole, are parts twice, inputs, products or joins themselves."""
    x, y, w = s.input("x", BATCH, T, shape=(W,)), s.input("y", shape=(D,)), s.input("w", shape=(W, W))
    half = s(TANH, y)
    product = matmul(s, w, x)
    whole = s(CONCAT, x, half, product, half, dim=0)
    again = s(CONCAT, whole, s(SIN, x), y, dim=0)
    over = s(STACK, half, y, s(MUL, half, half))
    return {
        "whole": whole,
        "again": again,
        "half": half,
        "product": product,
        "over": over,
        "side": s(STACK, x, x),
    }


def apart_in_memory(s: Sheet) -> Outputs:
    """Products whose summed coordinates, rows or columns do not lie in one run, or are shared."""
    x, w = s.input("x", BATCH, T, shape=(W, D)), s.input("w", shape=(D, W, H))
    q, k = s.input("q", BATCH, T, shape=(C, H)), s.input("k", BATCH, T, shape=(C, H))
    other = s(RENAME, k, old=T, new=S)
    labels = (("a", "b"), ("b", "a", "c"), ("c",))
    scores = s(CONTRACT, q, other, labels=(("h", "e"), ("h", "e"), ("h",)), indices=())
    weights = masked(s, s(TANH, scores), (S,))
    values = masked(s, other, (S,))
    mixed = s(CONTRACT, weights, values, labels=(("h",), ("h", "e"), ("h", "e")), indices=(S,))
    valid = masked(s, x, (BATCH, T))
    outer = s(
        CONTRACT, valid, valid, labels=(("a", "b"), ("c", "d"), ("b", "c", "a", "d")), indices=(BATCH, T)
    )
    return {
        "z": s(CONTRACT, x, w, labels=labels, indices=()),
        "scores": scores,
        "mixed": mixed,
        "outer": outer,
    }


def winners(s: Sheet) -> Outputs:
    x = s.input("x", BATCH, T, shape=(D, C))
    masked_ = masked(s, x, (T,), -1e9)
    positive = s(GREATER, x, constant(s, 0.5))
    return {
        "dims": s(ARGMAX, x, dims=(0,), indices=()),
        "steps": s(ARGMAX, masked_, dims=(), indices=(T,)),
        "least": s(ARGMIN, masked(s, x, (T,), 1e9), dims=(), indices=(T,)),
        "examples": s(ARGMIN, masked(s, x, (BATCH,), 1e9), dims=(), indices=(BATCH,)),
        "first": s(CAST, s(FIRST_TRUE, positive, dims=(0, 1), indices=()), dtype="int"),
        "most": s(REDUCE_MAX, masked(s, x, (BATCH, T), -1e9), dims=(0,), indices=(BATCH, T)),
    }


def named_oddly(s: Sheet) -> Outputs:
    """Names that are no identifiers, or alike but for what no identifier may have."""
    x, y, z = s.input("x'", BATCH), s.input("x_", BATCH), s.input("für lo", BATCH)
    h = s(PIN, s(TANH, s(ADD, x, y)), name="enc.h'")
    g = s(PIN, s(MUL, s(TANH, h), z), name="enc_h_")
    return {"class": h, "step": g, "table": s(MUL, h, g), "n_T": s(ADD, x, z), "1": s(SUB, g, h)}


def over_two_axes(s: Sheet) -> Outputs:
    """Sums over several indices at once, of values that lie in another order than their indices."""
    x, y = s.input("x", BATCH, N, T, shape=(D,)), s.input("y", BATCH, T)
    z = masked(s, s(MUL, s(RENAME, x, old=T, new=S), s(RENAME, y, old=T, new=S)), (BATCH, N, S))

    def step(b: Builder, at: Step) -> Outcome:
        (x,), (h,) = at.slices, at.carries
        new = b(TANH, b(ADD, x, h))
        return [new], [b(MUL, new, x)]

    zero = s.spread(constant(s, 0.0, shape=(D,)), BATCH, N)
    _, stack = loop(s, T, step, sequences=[x], carries=[zero])
    return {
        "three": s(REDUCE_SUM, z, dims=(), indices=(BATCH, N, S)),
        "two": s(REDUCE_SUM, masked(s, stack, (BATCH, T)), dims=(), indices=(BATCH, T)),
        "dims": s(REDUCE_SUM, masked(s, stack, (N, T)), dims=(0,), indices=(N, T)),
        "total": s(REDUCE_SUM, masked(s, stack, (BATCH, N, T)), dims=(0,), indices=(BATCH, N, T)),
        "stack": stack,
    }


# Loops.


def odd_carries(s: Sheet) -> Outputs:
    """Next states that are views, constants, inputs, other carries, or one value for two."""
    x, c = s.input("x", BATCH, T, shape=(D, D)), s.input("c", shape=(D, D))
    start = s.spread(s(TANH, c), BATCH)

    def step(b: Builder, at: Step) -> Outcome:
        (c,), (x,), carries = at.constants, at.slices, at.carries
        turned, left, right, fixed, seen, given, one, two, held = carries
        new = b(TANH, b(ADD, b(MUL, turned, x), left))
        after = [
            b(TRANSPOSE, turned, perm=(1, 0)),
            right,
            left,
            b(BROADCAST, constant(b, 0.5, shape=(D, D)), indices=(BATCH,)),
            x,
            b(BROADCAST, c, indices=(BATCH,)),
            new,
            new,
            held,
        ]
        return after, [turned, new, b(ADD, one, two), fixed, seen, given]

    other = s.spread(c, BATCH)
    carries = [start, start, other, start, start, start, other, start, start]
    names = ["turned", "left", "right", "fixed", "seen", "given", "one", "two", "held"]
    names += [f"stack {i}" for i in range(6)]
    return dict(zip(names, loop(s, T, step, constants=[c], sequences=[x], carries=carries), strict=True))


def other_kinds(s: Sheet) -> Outputs:
    """Carries that are whole numbers or truth values, and carries that do not vary over the batch."""
    x, p = s.input("x", BATCH, T), s.input("p", K)
    count = s.spread(constant(s, 0, "int"), BATCH)
    flag = s.spread(constant(s, False, "bool"), BATCH)

    def step(b: Builder, at: Step) -> Outcome:
        (x,), (count, flag) = at.slices, at.carries
        large = b(GREATER, x, constant(b, 0.0))
        more = b(SELECT, large, b(ADD, count, b(STEP, index=T)), count)
        return [more, b(SELECT, large, b(LOGICAL_NOT, flag), flag)], [more, flag, large]

    def plain(b: Builder, at: Step) -> Outcome:
        (p,), (w,) = at.slices, at.carries
        return [b(TANH, b(ADD, w, p))], [b(MUL, w, p)]

    names = ["count", "flag", "counts", "flags", "large"]
    found = dict(zip(names, loop(s, T, step, sequences=[x], carries=[count, flag]), strict=True))
    last, all_ = loop(s, K, plain, sequences=[p], carries=[constant(s, 0.2)])
    return {**found, "last": last, "all": all_}


def stacks(s: Sheet) -> Outputs:
    """What is stacked: constants, inputs, slices, the state before and after, one value twice; no carries."""
    x, c = s.input("x", BATCH, T, shape=(D,)), s.input("c", shape=(D,))

    def step(b: Builder, at: Step) -> Outcome:
        (c,), (x,), (h,) = at.constants, at.slices, at.carries
        new = b(TANH, b(MUL, b(ADD, x, h), c))
        return [new], [new, h, new, x, c, constant(b, 2.0), b(MUL, new, h)]

    def mapped(b: Builder, at: Step) -> Outcome:
        (x,) = at.slices
        return [], [b(SIN, x), x]

    zero = s.spread(c, BATCH)
    names = ["last", "after", "before", "after'", "x", "c", "constant", "both"]
    found = dict(zip(names, loop(s, T, step, constants=[c], sequences=[x], carries=[zero]), strict=True))
    sines, same = loop(s, T, mapped, sequences=[x], reverse=True)
    return {**found, "sines": sines, "same": same}


def held_products(s: Sheet, reverse: bool = False) -> Outputs:
    """States of ended examples are held, where a product or a scatter makes the state itself."""
    x, u, v = s.input("x", BATCH, T, shape=(W,)), s.input("u", shape=(W, W)), s.input("v", shape=(W, W))
    number = s.input("number", BATCH, T, dtype="int")
    start = s(TANH, x)
    first = s(PICK, start, constant(s, 1, "int"), index=T)

    def step(b: Builder, at: Step) -> Outcome:
        (u, v), (x, number), (h, g, counted) = at.constants, at.slices, at.carries
        place = b(SCATTER_ADD, b(MUL, h, x), b(EXPAND, number, shape=(W,), source=(None,)), **where)
        mixed = b(TANH, matmul(b, v, b(ADD, g, x)))
        return [matmul(b, u, h), mixed, place], [matmul(b, u, b(MUL, h, g)), counted]

    where = {"dim": 0, "size": D, "indices": ()}
    zero = s.spread(constant(s, 0.0, shape=(D,)), BATCH)
    names = ["h", "g", "counted", "products", "counts"]
    carries = [first, first, zero]
    found = loop(s, T, step, constants=[u, v], sequences=[x, number], carries=carries, reverse=reverse)
    return dict(zip(names, found, strict=True))


def attention_in_a_loop(s: Sheet) -> Outputs:
    """Products with a shared index and with an index that is no loop's, inside of a loop."""
    m, u = s.input("m", BATCH, N, shape=(W,)), s.input("u", shape=(W, W))
    x = s.input("x", BATCH, T, shape=(W,))

    def step(b: Builder, at: Step) -> Outcome:
        (m, u), (x,), (h,) = at.constants, at.slices, at.carries
        query = matmul(b, u, b(ADD, h, x))
        scores = b(TANH, b(CONTRACT, m, query, labels=(("e",), ("e",), ()), indices=()))
        read = b(CONTRACT, masked(b, scores, (N,)), m, labels=((), ("e",), ("e",)), indices=(N,))
        return [b(TANH, b(ADD, read, h))], [scores, read]

    zero = s.spread(constant(s, 0.1, shape=(W,)), BATCH)
    names = ["h", "scores", "reads"]
    return dict(zip(names, loop(s, T, step, constants=[m, u], sequences=[x], carries=[zero]), strict=True))


def tables_in_a_loop(s: Sheet) -> Outputs:
    """Elements by number, and positions of whole sequences by the loop's step, inside of a loop."""
    table, number = s.input("table", shape=(D, H)), s.input("number", BATCH, T, dtype="int")
    x = s(RENAME, s.input("x", BATCH, T, shape=(H,)), old=T, new=S)

    def step(b: Builder, at: Step) -> Outcome:
        (table, x), (number,), (h,) = at.constants, at.slices, at.carries
        back = b(SUB, b(STEP, index=T), constant(b, 1, "int"))
        before = b(PICK, x, back, index=S)
        some = b(PICK, x, b(ADD, number, constant(b, 1, "int")), index=S)
        row = b(GATHER, table, number, dim=0)
        return [b(TANH, b(ADD, b(MUL, h, row), before))], [row, b(MUL, h, some)]

    zero = s.spread(constant(s, 0.3, shape=(H,)), BATCH)
    found = loop(s, T, step, constants=[table, x], sequences=[number], carries=[zero])
    return dict(zip(["h", "rows", "some"], found, strict=True))


def histories(s: Sheet) -> Outputs:
    """Sums over all earlier states, one earlier state by number, and products with all of them."""
    x, u = s.input("x", BATCH, T, shape=(W,)), s.input("u", shape=(W, W))
    view = Value(TensorType.of("real", (BATCH, BEFORE), (W,)), "h")

    def step(b: Builder, at: Step) -> Outcome:
        (u,), (x,), (h,) = at.constants, at.slices, at.histories
        total = sum_over(b, b(TANH, h), (BEFORE,))
        score = b(TANH, b(CONTRACT, h, matmul(b, u, x), labels=(("e",), ("e",), ()), indices=()))
        read = b(CONTRACT, masked(b, score, (BEFORE,)), h, labels=((), ("e",), ("e",)), indices=(BEFORE,))
        second = b(PICK, h, b(SUB, b(STEP, index=T), constant(b, 2, "int")), index=BEFORE)
        inside = b(GREATER, b(STEP, index=T), constant(b, 2, "int"))
        late = b(SELECT, inside, second, x)
        return [], [b(PIN, b(TANH, b(ADD, b(ADD, total, read), late)), name="h")]

    (h,) = loop(s, T, step, constants=[u], sequences=[x], histories=[(0, view)])
    return {"h": h}


def history_in_a_loop(s: Sheet) -> Outputs:
    """A history that begins anew with each step of a loop whose examples do not meet."""
    x, y = s.input("x", BATCH, T, shape=(D,)), s.input("y", BATCH, K, shape=(D,))
    view = Value(TensorType.of("real", (BATCH, BEFORE), (D,)), "g")

    def inner(b: Builder, at: Step) -> Outcome:
        (y,), (x,), (g,) = at.constants, at.slices, at.histories
        return [], [b(TANH, b(ADD, b(MUL, sum_over(b, g, (BEFORE,)), y), x))]

    def step(b: Builder, at: Step) -> Outcome:
        (x,), (y,), (h,) = at.constants, at.slices, at.carries
        (g,) = loop(b, T, inner, constants=[y], sequences=[x], histories=[(0, view)])
        return [b(TANH, b(ADD, h, sum_over(b, g, (T,))))], [g]

    zero = s.spread(constant(s, 0.1, shape=(D,)), BATCH)
    found = loop(s, K, step, constants=[x], sequences=[y], carries=[zero])
    return dict(zip(["h", "g"], found, strict=True))


def draws_in_a_loop(s: Sheet) -> Outputs:
    x = s.input("x", BATCH, T, shape=(D,))

    def step(b: Builder, at: Step) -> Outcome:
        (x,), (h,) = at.slices, at.carries
        number = b(STEP, index=T)
        how = {"stream": "drop", "shape": (D,), "per_example": True}
        kept = b(GREATER, b(BERNOULLI, constant(b, 0.6), number, **how), constant(b, 0.5))
        noise = b(NORMAL, number, **{**how, "stream": "noise"})
        p = b(EXP, b(MUL, h, constant(b, -1.0)))
        total = b(EXPAND, b(REDUCE_SUM, p, dims=(0,), indices=()), shape=(D,), source=(None,))
        drawn = b(CATEGORICAL, b(SUB, p, b(SUB, p, total)), number, stream="c", shape=(), per_example=True)
        new = b(TANH, b(SELECT, kept, b(ADD, h, x), b(MUL, h, noise)))
        return [new], [kept, noise, drawn]

    zero = s.spread(constant(s, 0.3, shape=(D,)), BATCH)
    names = ["h", "kept", "noise", "drawn"]
    return dict(zip(names, loop(s, T, step, sequences=[x], carries=[zero]), strict=True))


def loops_in_loops(s: Sheet) -> Outputs:
    """Depth times time with stacks of both, a loop over another run-time axis inside, a loop of one step."""
    x, y, w = s.input("x", BATCH, T, shape=(W,)), s.input("y", BATCH, N, T), s.input("w", K, shape=(W, W))

    def layer(b: Builder, at: Step) -> Outcome:
        (w,), (z, g) = at.slices, at.carries
        new = b(TANH, matmul(b, w, z))
        return [new, b(ADD, g, new)], [new, z]

    def inner(b: Builder, at: Step) -> Outcome:
        (h,), (y,), (a,) = at.constants, at.slices, at.carries
        new = b(TANH, b(ADD, b(MUL, a, h), y))
        return [new], [b(MUL, new, a)]

    def once(b: Builder, at: Step) -> Outcome:
        (a,) = at.carries
        return [b(TANH, b(ADD, a, a))], [a]

    def step(b: Builder, at: Step) -> Outcome:
        (w,), (x, y), (h, a) = at.constants, at.slices, at.carries
        z, g, layers, inputs = loop(b, K, layer, sequences=[w], carries=[b(ADD, x, h), h])
        total = b(REDUCE_SUM, z, dims=(0,), indices=())
        last, found = loop(b, N, inner, constants=[total], sequences=[y], carries=[a], reverse=True)
        (last, before) = loop(b, ONE, once, carries=[last])
        return [b(TANH, b(ADD, z, g)), last], [layers, inputs, found, before]

    zeros = [s.spread(constant(s, 0.1, shape=(W,)), BATCH), s.spread(constant(s, 0.2), BATCH)]
    found = loop(s, T, step, constants=[w], sequences=[x, y], carries=zeros)
    names = ["h", "a", "layers", "inputs", "found", "before"]
    return dict(zip(names, found, strict=True))


def one_after_another(s: Sheet) -> Outputs:
    """Loops over the same axis both ways and over another, each reading what the one before stacked."""
    x, u = s.input("x", BATCH, T, shape=(W,)), s.input("u", shape=(W, W))
    m = s.input("m", BATCH, N, shape=(W,))

    def step(b: Builder, at: Step) -> Outcome:
        (u,), (x,), (h,) = at.constants, at.slices, at.carries
        new = b(TANH, b(ADD, matmul(b, u, h), x))
        return [new], [new]

    zero = s.spread(constant(s, 0.1, shape=(W,)), BATCH)
    last, up = loop(s, T, step, constants=[u], sequences=[x], carries=[zero])
    first, down = loop(s, T, step, constants=[u], sequences=[up], carries=[last], reverse=True)
    both = s(CONCAT, up, down, dim=0)
    end, third = loop(s, N, step, constants=[u], sequences=[m], carries=[first])
    later = s(SHIFT, s(FLIP, masked(s, third, (N,)), dim=0), index=N, offset=1)
    return {"last": last, "first": first, "both": both, "end": end, "third": third, "later": later}


def together(s: Sheet) -> Outputs:
    """Steps in which the examples of a batch meet: sums over it, and products that sum over it."""
    x, u = s.input("x", BATCH, T, shape=(W,)), s.input("u", shape=(W, W))

    def step(b: Builder, at: Step) -> Outcome:
        (x,), (h, weights) = at.slices, at.carries
        total = sum_over(b, b(MUL, h, x), (BATCH,))
        valid = [masked(b, v, (BATCH,)) for v in (h, x)]
        outer = b(CONTRACT, *valid, labels=(("a",), ("b",), ("a", "b")), indices=(BATCH,))
        new = b(TANH, b(ADD, matmul(b, weights, b(ADD, h, x)), total))
        return [new, b(TANH, b(ADD, weights, outer))], [total]

    zero = s.spread(constant(s, 0.1, shape=(W,)), BATCH)
    first = s(PICK, masked(s, x, (T,)), constant(s, 1, "int"), index=T)
    last, weights, totals = loop(s, K, step, sequences=[s.spread(first, K)], carries=[zero, u])
    return {"last": last, "weights": weights, "totals": totals}


def scattered(s: Sheet) -> Outputs:
    """Sums at places that only the run knows: along an index, by position, and over the batch."""
    x, number = s.input("x", BATCH, T, shape=(D,)), s.input("number", BATCH, T, dtype="int")
    at = s(ADD, number, constant(s, 1, "int"))
    some = s(CAST, s(POSITION, index=T), dtype="real")
    valid = masked(s, s(MUL, x, some), (BATCH, T))
    where = {"dim": 0, "size": H, "indices": (BATCH, T)}
    each = s(EXPAND, number, shape=(D,), source=(None,))
    return {
        "places": s(SCATTER, valid, at, index=T, indices=(T,)),
        "table": s(SCATTER_ADD, valid, each, **where),
        "own": s(SCATTER_ADD, masked(s, x, (T,)), each, dim=0, size=H, indices=(T,)),
        "less": s(LESS, number, at),
    }


CORNERS: dict[str, Callable[[Sheet], Outputs]] = {
    "nothing": nothing,
    "unchanged": unchanged,
    "products of outputs": products_of_outputs,
    "joined": joined,
    "apart in memory": apart_in_memory,
    "winners": winners,
    "named oddly": named_oddly,
    "over two axes": over_two_axes,
    "odd carries": odd_carries,
    "other kinds": other_kinds,
    "stacks": stacks,
    "held products": held_products,
    "held products backwards": lambda s: held_products(s, reverse=True),
    "attention in a loop": attention_in_a_loop,
    "tables in a loop": tables_in_a_loop,
    "histories": histories,
    "history in a loop": history_in_a_loop,
    "draws in a loop": draws_in_a_loop,
    "loops in loops": loops_in_loops,
    "one after another": one_after_another,
    "together": together,
    "scattered": scattered,
}
