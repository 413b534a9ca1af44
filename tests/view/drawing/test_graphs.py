"""Pictures of graphs of the compiler: small ones of made-up operations."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from graphc.ir.builder import Builder
from graphc.ir.form import pointwise
from graphc.ir.graph import Graph, Loop, Value, body_graph
from graphc.ir.op import Op, Sample, non_differentiable
from graphc.types import BATCH, Index, Length, TensorType
from graphc.view.drawing.graphs import graph_picture
from graphc.view.drawing.picture import Picture

SCALAR = TensorType.of("real", [BATCH])
TIME = Index.full("t", Length("T"))


def no_samples() -> Iterable[Sample]:
    return ()


ADD = Op(
    name="add",
    infer=lambda types, attrs: types[0],
    vjp=non_differentiable,
    oracle=lambda *_: np.zeros(()),
    samples=no_samples,
    form=pointwise("a + b"),
)


def wires(picture: Picture) -> list[tuple[str, str, str]]:
    """Each wire as the titles of its ends, and what it says."""
    return [(picture.box(w.source).title, picture.box(w.target).title, w.said) for w in picture.wires]


def test_a_plain_graph() -> None:
    x, w = Value(SCALAR, "x"), Value(SCALAR, "w")
    build = Builder()
    total = build(ADD, x, w)
    loss = build(ADD, total, total, called="f")
    graph = Graph((x, w), tuple(build.nodes), {"f": loss, "twice": total})
    picture = graph_picture(graph, title="sum", parameters={"w"}, loss="f")
    assert picture.title == "sum"
    assert [(box.title, box.role) for box in picture.boxes] == [
        ("x", "input"),
        ("w", "param"),
        ("twice = +", "operation"),
        ("f = +", "loss"),
    ]
    twice = ("twice = +", "f = +", "")
    assert wires(picture) == [("x", "twice = +", ""), ("w", "twice = +", ""), twice, twice]


def test_a_loop_is_a_frame_with_a_wire_back() -> None:
    step, carry = Value(SCALAR, "x"), Value(SCALAR, "h[t+1]")
    inside = Builder()
    after = inside(ADD, step, carry, called="h")
    body = body_graph((step, carry), tuple(inside.nodes), (after, after))
    loop = Loop(TIME, reverse=True, body=body, constants=0, sequences=1, carries=1)
    x, start = Value(SCALAR.with_axes([BATCH, TIME]), "x"), Value(SCALAR, "h0")
    build = Builder()
    last, everything = build.loop(loop, x, start)
    both = build(ADD, last, everything)
    picture = graph_picture(Graph((x, start), tuple(build.nodes), {"both": both}))
    (frame,) = picture.frames
    assert (frame.kind, frame.label) == ("loop", "loop over t, from the last to the first")
    inner = [box.title for box in picture.boxes if box.frame == frame.id]
    assert inner == ["h[t+1]", "h = +"]
    assert wires(picture) == [
        ("h0", "h[t+1]", "begins with"),
        ("x", "h = +", "at t"),
        ("h[t+1]", "h = +", ""),
        ("h = +", "h[t+1]", "1 step ahead"),
        ("h = +", "both = +", "first t"),
        ("h = +", "both = +", "all t"),
    ]
    assert [w.said for w in picture.wires if w.is_back] == ["1 step ahead"]
