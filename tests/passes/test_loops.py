"""Work that leaves loops, sums that products take, and boundaries that carries start from."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from graphc.autodiff import differentiate
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, LoopNode, Node, Value
from graphc.ops.contraction import CONTRACT, matmul
from graphc.ops.convolution import CONV
from graphc.ops.elementwise import ADD, CAST, DIV, EQUAL, MUL, SELECT, SIGMOID, SUB, TANH
from graphc.ops.indexing import GATHER, RENAME
from graphc.ops.leaf import LENGTH, PIN, POSITION, STEP, constant
from graphc.ops.masking import sum_over
from graphc.ops.summing import BROADCAST, REDUCE_SUM
from graphc.passes import optimize
from graphc.passes.dce import Dce
from graphc.passes.initials import Initials
from graphc.types import BATCH, Affine, Dim, Index, Length, TensorType
from tests.autodiff.recurrences import EXAMPLES
from tests.loops import Outcome, Step, loop
from tests.passes.comparing import assert_same, graph, inside, loops, ops

D, H, V = Dim.named("D", 3), Dim.named("H", 2), Dim.named("V", 2)
T = Index.full("t", Length("T"))


def real(name: str, *axes: Index, shape: tuple[Dim, ...] = ()) -> Value:
    return Value(TensorType.of("real", axes, shape), name)


def zeros(b: Builder, shape: tuple[Dim, ...] = (H,)) -> Value:
    return b(BROADCAST, constant(b, 0.0, shape=shape), indices=(BATCH,))


def total(b: Builder, value: Value) -> Value:
    value = b(REDUCE_SUM, b(MUL, value, value), dims=tuple(range(value.type.rank)), indices=())
    return sum_over(b, value, value.type.axes)


# Networks whose gradients are known to be right.


def elman(reverse: bool = False) -> tuple[Graph, Sequence[str]]:
    b, x = Builder(), real("x", BATCH, T, shape=(D,))
    w, u, bias = real("W", shape=(H, D)), real("U", shape=(H, H)), real("b", shape=(H,))

    def step(b: Builder, at: Step) -> Outcome:
        (w, u, bias), (x,), (h,) = at.constants, at.slices, at.carries
        new = b(TANH, b(ADD, b(ADD, matmul(b, w, x), matmul(b, u, h)), bias))
        return [new], [b(PIN, new, name="h")]

    _, h = loop(b, T, step, constants=[w, u, bias], sequences=[x], carries=[zeros(b)], reverse=reverse)
    return graph(b, x, w, u, bias, loss=total(b, h)), ["W", "U", "b", "x"]


def lstm() -> tuple[Graph, Sequence[str]]:
    b, x = Builder(), real("x", BATCH, T, shape=(D,))
    ws = [real(f"W{i}", shape=(H, D)) for i in range(4)]
    us = [real(f"U{i}", shape=(H, H)) for i in range(4)]

    def step(b: Builder, at: Step) -> Outcome:
        (x,), (h, c) = at.slices, at.carries
        parts = zip(at.constants[:4], at.constants[4:], strict=True)
        i, f, o, g = (b(ADD, matmul(b, w, x), matmul(b, u, h)) for w, u in parts)
        kept = b(MUL, b(SIGMOID, f), c)
        cell = b(ADD, kept, b(MUL, b(SIGMOID, i), b(TANH, g)))
        new = b(MUL, b(SIGMOID, o), b(TANH, cell))
        return [new, cell], [new]

    results = loop(b, T, step, constants=[*ws, *us], sequences=[x], carries=[zeros(b), zeros(b)])
    names = [value.name for value in (*ws, *us)]
    return graph(b, x, *ws, *us, loss=total(b, results[2])), names


def _producer(found: Graph, name: str) -> Node:
    value = found.outputs[name]
    node = next(node for node in found.nodes if value in node.results)
    assert isinstance(node, Node)
    return node


@pytest.mark.parametrize(
    "made", [elman, lambda: elman(reverse=True), lstm], ids=["elman", "backwards", "lstm"]
)
def test_inputs_and_weight_gradients_are_one_product_each(made) -> None:  # type: ignore[no-untyped-def]
    start, wrt = made()
    before = differentiate(start, "loss", wrt).graph
    after = optimize(before, keep=(), verify=True)
    assert_same(before, after)
    matrices = [name for name in wrt if name[0] in "WU"]
    for name in matrices:
        product = _producer(after, f"grad:{name}")
        assert product.op is CONTRACT
        assert product.attrs["indices"] == (BATCH, T)
    forward, backward = loops(after)
    # Only the products with the recurrent weights remain, one each way.
    recurrent = sum(name.startswith("U") for name in wrt)
    assert ops(forward.loop.body)["contract"] == recurrent
    assert ops(backward.loop.body)["contract"] == recurrent
    assert inside(after)["reduce_sum"] == 0


def test_passes_can_be_switched_off() -> None:
    start, wrt = elman()
    before = differentiate(start, "loss", wrt).graph
    assert inside(optimize(before, disabled=["hoist"]))["contract"] > inside(optimize(before))["contract"]
    unsunk = optimize(before, disabled=["sink"])
    assert isinstance(_producer(unsunk, "grad:W").op.name, str)
    assert inside(unsunk)["reduce_sum"] > 0
    uncontracted = optimize(before, disabled=["contract"])
    assert _producer(uncontracted, "grad:W").op is REDUCE_SUM


@pytest.mark.parametrize("name", EXAMPLES)
def test_recurrences_keep_no_outer_product_in_reverse_loops(name: str) -> None:
    example = EXAMPLES[name]()
    after = optimize(differentiate(example.graph, "loss", example.wrt).graph, keep=(), verify=True)
    for node in after.walk():
        if isinstance(node, Node) and node.op is CONTRACT and len(node.result.type.shape) == 2:
            assert node.attrs["indices"]


def test_gathers_and_convolutions_leave_with_what_feeds_them() -> None:
    b = Builder()
    table, words = real("E", shape=(V, H)), Value(TensorType.of("int", (BATCH, T)), "w")
    image, filters = real("x", BATCH, T, shape=(D, D, D)), real("F", shape=(H, D, D, D))

    def step(b: Builder, at: Step) -> Outcome:
        (table, filters), (word, image), (h,) = at.constants, at.slices, at.carries
        seen = b(CONV, b(TANH, image), filters, stride=(1, 1), pad=((0, 0), (0, 0)), dilation=(1, 1))
        read = b(ADD, b(GATHER, table, word, dim=0), b(REDUCE_SUM, seen, dims=(1, 2), indices=()))
        new = b(TANH, b(ADD, h, read))
        return [new], [new]

    _, h = loop(b, T, step, constants=[table, filters], sequences=[words, image], carries=[zeros(b)])
    before = graph(b, table, words, image, filters, loss=total(b, h))
    after = optimize(before, verify=True)
    assert inside(after) == {"add": 1, "tanh": 1}
    assert_same(before, after)
    wrt = ["E", "F"]
    gradients = differentiate(before, "loss", wrt).graph
    found = optimize(gradients, verify=True)
    assert_same(gradients, found)
    assert _producer(found, "grad:E").attrs["indices"] == (BATCH, T)
    assert _producer(found, "grad:F").attrs["indices"] == (BATCH, T)


def test_cheap_work_stays_and_steps_become_positions() -> None:
    b, x, w = Builder(), real("x", BATCH, T, shape=(D,)), real("W", shape=(H, D))

    def step(b: Builder, at: Step) -> Outcome:
        (w,), (x,), (h,) = at.constants, at.slices, at.carries
        odd = b(EQUAL, b(STEP, index=T), constant(b, 2, "int"))
        read = matmul(b, w, b(SELECT, odd, x, constant(b, 0.5)))
        cheap = b(REDUCE_SUM, b(MUL, read, b(TANH, h)), dims=(0,), indices=())
        return [b(TANH, b(ADD, h, cheap))], []

    (h,) = loop(b, T, step, constants=[w], sequences=[x], carries=[zeros(b)])
    before = graph(b, x, w, h=h)
    after = optimize(before, verify=True)
    assert ops(after)["position"] == 1
    assert inside(after)["contract"] == 0
    assert inside(after)["mul"] == 1
    assert_same(before, after)


def test_elementwise_work_alone_is_not_moved() -> None:
    b, x = Builder(), real("x", BATCH, T)

    def step(b: Builder, at: Step) -> Outcome:
        (x,), (h,) = at.slices, at.carries
        new = b(ADD, h, b(TANH, x))
        return [new], [b(MUL, new, new)]

    _, h = loop(b, T, step, sequences=[x], carries=[zeros(b, ())])
    before = graph(b, x, h=h)
    assert optimize(before) is before or inside(optimize(before)) == inside(before)


def test_outputs_of_a_layer_leave_behind_the_loop() -> None:
    b, x, w = Builder(), real("x", BATCH, T, shape=(H,)), real("W", shape=(D, H))

    def step(b: Builder, at: Step) -> Outcome:
        (w,), (x,), (h,) = at.constants, at.slices, at.carries
        new = b(TANH, b(ADD, h, x))
        return [new], [b(TANH, matmul(b, w, new)), x]

    _, y, same = loop(b, T, step, constants=[w], sequences=[x], carries=[zeros(b)])
    before = graph(b, x, w, y=y, same=same)
    after = optimize(before, verify=True)
    assert inside(after)["contract"] == 0
    assert after.outputs["same"] is after.inputs[0]
    assert_same(before, after)


def test_sums_over_examples_leave_behind_the_loop() -> None:
    """The gradient of a peephole: the summed product is made of what is stacked anyway, or given."""
    b, x = Builder(), real("x", BATCH, T, shape=(H,))
    u, v = real("U", shape=(H, H)), real("v", shape=(H,))

    def step(b: Builder, at: Step) -> Outcome:
        (u, v), (x,), (c,) = at.constants, at.slices, at.carries
        new = b(TANH, b(ADD, b(ADD, x, matmul(b, u, c)), b(MUL, v, c)))
        return [new], [new]

    _, c = loop(b, T, step, constants=[u, v], sequences=[x], carries=[zeros(b)])
    before = differentiate(graph(b, x, u, v, loss=total(b, c)), "loss", ["U", "v"]).graph
    after = optimize(before, verify=True)
    assert inside(after)["reduce_sum"] == 0
    assert _producer(after, "grad:v").attrs["indices"] == (BATCH, T)
    _, backward = loops(after)
    assert backward.loop.stacks == 1
    assert inside(optimize(before, disabled=["sink"]))["reduce_sum"] == 1
    assert_same(before, after)


def test_what_leads_to_a_sum_over_examples_stays_where_more_would_be_stacked() -> None:
    b, x = Builder(), real("x", BATCH, T)

    def step(b: Builder, at: Step) -> Outcome:
        (x,), (h,) = at.slices, at.carries
        new = b(TANH, b(ADD, x, h))
        apart = b(MUL, b(ADD, new, h), b(SUB, new, h))
        return [new], [sum_over(b, apart, (BATCH,)), sum_over(b, b(MUL, apart, x), (BATCH,))]

    _, first, second = loop(b, T, step, sequences=[x], carries=[zeros(b, ())])
    before = graph(b, x, first=first, second=second)
    after = optimize(before, verify=True)
    assert inside(after)["reduce_sum"] == 0
    assert inside(after)["mul"] == 1
    assert loops(after)[0].loop.stacks == 1
    assert_same(before, after)


def test_a_sum_of_large_products_is_a_contraction() -> None:
    """The weighed sum of attention never makes its summands."""
    b, s = Builder(), Index.full("s", T.length)
    weights, values = real("k", BATCH, T), real("v", BATCH, T, shape=(D,))
    other = b(RENAME, b(MUL, weights, weights), old=T, new=s)
    scores = b(MUL, b(TANH, weights), other)
    summed = sum_over(b, b(MUL, scores, values), (T,))
    before = graph(b, weights, values, y=total(b, summed))
    after = optimize(before, verify=True)
    assert ops(after)["contract"] == 1
    assert_same(before, after)
    own = graph(b, weights, values, y=total(b, values))
    assert ops(optimize(own))["contract"] == 0


def test_what_is_not_masked_itself_does_not_poison_the_sum() -> None:
    """Causal attention: the values lack the index t that the mask `u <= t` has; NaN behind the end."""
    b, earlier = Builder(), Index("u", T.length, Affine(1), Affine.of(T))
    k, v = real("k", BATCH, T), real("v", BATCH, T, shape=(D,))
    over, values = (b(RENAME, x, old=T, new=earlier) for x in (k, v))
    attended = sum_over(b, b(MUL, b(TANH, b(MUL, k, over)), values), (earlier,))
    before = graph(b, k, v, loss=total(b, attended))
    after = optimize(before, verify=True)
    assert ops(after)["contract"] == 1
    assert_same(before, after)
    gradients = differentiate(before, "loss", ["k", "v"]).graph
    assert_same(gradients, optimize(gradients, verify=True))


def test_a_factor_of_examples_without_steps_does_not_poison_the_sum() -> None:
    b, x, w = Builder(), real("x", BATCH, T, shape=(D,)), real("y", BATCH, shape=(H,))
    count = b(CAST, b(LENGTH, length=T.length), dtype="real")
    scaled = b(DIV, w, count)
    outer = b(CONTRACT, scaled, x, labels=(("i",), ("j",), ("i", "j")), indices=())
    before = graph(b, x, w, y=sum_over(b, outer, (BATCH, T)))
    after = optimize(before, verify=True)
    assert ops(after)["reduce_sum"] == 1
    assert_same(before, after)


# Boundaries.


def _bounded(reverse: bool, lag: int, *, last: bool = False) -> Graph:
    """h at a step reads h `lag` steps earlier; in front of the first ones there are boundaries."""
    b, x = Builder(), real("x", BATCH, T, shape=(H,))
    held = [real(f"h{k}", BATCH, shape=(H,)) for k in range(lag)]

    def step(b: Builder, at: Step) -> Outcome:
        carries, (x,) = at.carries, at.slices
        here, value = b(STEP, index=T), carries[-1]
        for k, boundary in enumerate(at.constants):
            # At step number lag - k the value read is boundary k, k steps further out than the nearest.
            if reverse:
                place = b(ADD, here, constant(b, lag, "int"))
                edge = b(ADD, b(LENGTH, length=T.length), constant(b, k + 1, "int"))
            else:
                place, edge = b(ADD, here, constant(b, -lag, "int")), constant(b, -k, "int")
            value = b(SELECT, b(EQUAL, place, edge), boundary, value)
        new = b(TANH, b(ADD, b(SUB, x, value), carries[0] if last else value))
        return [new, *carries[:-1]], [new]

    starts = [zeros(b) for _ in range(lag)]
    results = loop(b, T, step, constants=held, sequences=[x], carries=starts, reverse=reverse)
    outputs = {"last": results[0]} if last else {}
    return graph(b, x, *held, h=results[-1], **outputs)


@pytest.mark.parametrize("reverse", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("lag", [1, 2, 3])
def test_carries_start_from_boundaries(reverse: bool, lag: int) -> None:
    before = _bounded(reverse, lag)
    after = optimize(before, verify=True)
    assert inside(after)["select"] == 0
    (node,) = loops(after)
    _, _, starts = node.loop.split(node.operands)
    assert {value.name for value in starts} == {f"h{k}" for k in range(lag)}
    assert_same(before, after)
    assert inside(optimize(before, disabled=["initials"]))["select"] == lag


def test_boundaries_stay_where_the_initial_value_is_seen() -> None:
    """A final carry of an example without steps is its initial value."""
    before = _bounded(False, 1, last=True)
    assert inside(Dce()(Initials()(before)))["select"] == 1
    assert_same(before, optimize(before, verify=True))


def test_a_boundary_that_varies_with_the_step_stays() -> None:
    b, x = Builder(), real("x", BATCH, T, shape=(H,))

    def step(b: Builder, at: Step) -> Outcome:
        (x,), (h,) = at.slices, at.carries
        first = b(EQUAL, b(STEP, index=T), constant(b, 1, "int"))
        new = b(TANH, b(ADD, x, b(SELECT, first, x, h)))
        return [new], [new]

    _, h = loop(b, T, step, sequences=[x], carries=[zeros(b)])
    before = graph(b, x, h=h)
    assert Initials()(before) is before


def test_positions_outside_of_loops_are_no_steps() -> None:
    b, p = Builder(), real("p", T)
    before = graph(b, p, y=b(POSITION, index=T))
    assert not any(isinstance(node, LoopNode) for node in optimize(before).nodes)
