"""Drawings, to the letter, of small graphs of made-up operations."""

from collections.abc import Iterable

import numpy as np

from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Loop, Value, body_graph
from graphc.ir.op import Op, Sample, non_differentiable
from graphc.types import BATCH, Index, Length, TensorType
from graphc.view.dot import dot, quote

SCALAR = TensorType.of("real", [BATCH])
TIME = Index.full("t", Length("T"))


def no_samples() -> Iterable[Sample]:
    return ()


ADD = Op("add", lambda types, attrs: types[0], non_differentiable, lambda *_: np.zeros(()), no_samples)

PLAIN = """\
digraph "sum \\"a\\"" {
  rankdir=BT;
  node [shape=box, fontname="sans-serif"];
  v0 [label="input x\\nreal [batch]", shape=ellipse];
  v1 [label="param w\\nreal [batch]", shape=note];
  v2 [label="add\\nreal [batch]"];
  v3 [label="f = add\\nreal [batch]", shape=octagon];
  o1 [label="twice", shape=plaintext];
  v0 -> v2;
  v1 -> v2;
  v2 -> v3;
  v2 -> v3;
  v2 -> o1;
}
"""

LOOP = """\
digraph "graph" {
  rankdir=BT;
  node [shape=box, fontname="sans-serif"];
  v0 [label="input x\\nreal [batch, t]", shape=ellipse];
  v1 [label="input h0\\nreal [batch]", shape=ellipse];
  subgraph cluster_0 {
    label="loop over t, from the last to the first";
    v2 [label="each x\\nreal [batch]", shape=ellipse];
    v3 [label="carry h\\nreal [batch]", shape=ellipse];
    v4 [label="h = add\\nreal [batch]"];
  }
  o0 [label="last", shape=plaintext];
  o1 [label="all", shape=plaintext];
  v2 -> v4;
  v3 -> v4;
  v0 -> v2;
  v1 -> v3;
  v4 -> v3 [label="h", style=dashed, constraint=false];
  v4 -> o0 [label="after the loop"];
  v4 -> o1 [label="all t"];
}
"""


def test_a_plain_graph() -> None:
    x, w = Value(SCALAR, "x"), Value(SCALAR, "w")
    build = Builder()
    total = build(ADD, x, w)
    loss = build(ADD, total, total, name="f")
    graph = Graph((x, w), tuple(build.nodes), {"f": loss, "twice": total})
    drawn = dot(graph, title='sum "a"', parameters={"w"}, loss="f")
    assert drawn == PLAIN


def test_a_loop_is_a_frame_with_a_back_edge() -> None:
    step, carry = Value(SCALAR, "x"), Value(SCALAR, "h")
    inside = Builder()
    after = inside(ADD, step, carry, name="h")
    body = body_graph((step, carry), tuple(inside.nodes), (after, after))
    loop = Loop(TIME, reverse=True, body=body, constants=0, sequences=1, carries=1)
    x, start = Value(SCALAR.with_axes([BATCH, TIME]), "x"), Value(SCALAR, "h0")
    build = Builder()
    last, everything = build.loop(loop, x, start)
    assert dot(Graph((x, start), tuple(build.nodes), {"last": last, "all": everything})) == LOOP


def test_quotes_backslashes_and_line_ends() -> None:
    assert quote('a "b" \\n\nc\x07') == '"a \\"b\\" \\\\n\\nc\N{REPLACEMENT CHARACTER}"'
