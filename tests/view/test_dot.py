"""Drawings, to the letter, of small graphs of made-up operations."""

from collections.abc import Iterable

import numpy as np

from graphc.ir.builder import Builder
from graphc.ir.form import pointwise
from graphc.ir.graph import Graph, Loop, Value, body_graph
from graphc.ir.op import Op, Sample, non_differentiable
from graphc.types import BATCH, Index, Length, TensorType
from graphc.view.dot import dot, quote

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

HEAD = """\
  rankdir=BT;
  graph [fontname="sans-serif"];
  edge [fontname="sans-serif"];
  node [shape=box, fontname="sans-serif"];
"""

PLAIN = f"""\
digraph "sum \\"a\\"" {{
{HEAD}  v0 [label="input x\\nreal [batch]", shape=ellipse];
  v1 [label="param w\\nreal [batch]", shape=note];
  v2 [label="+\\nreal [batch]", penwidth=2.5, tooltip="a fork: 3 uses"];
  v3 [label="f = +\\nreal [batch]", shape=octagon];
  o1 [label="twice", shape=plaintext];
  v0 -> v2;
  v1 -> v2;
  v2 -> v3;
  v2 -> v3;
  v2 -> o1;
}}
"""

LOOP = f"""\
digraph "graph" {{
{HEAD}  v0 [label="input x\\nreal [batch, t]", shape=ellipse];
  v1 [label="input h0\\nreal [batch]", shape=ellipse];
  subgraph cluster_0 {{
    label="loop over t, from the last to the first";
    v2 [label="h[t+1]\\nreal [batch]", shape=ellipse];
    v3 [label="h = +\\nreal [batch]", penwidth=2.5, tooltip="a fork: 3 uses"];
  }}
  o0 [label="last", shape=plaintext];
  o1 [label="all", shape=plaintext];
  v1 -> v2 [label="begins with"];
  v0 -> v3 [label="at t"];
  v2 -> v3;
  v3 -> v2 [label="1 step ahead", style=dashed, constraint=false];
  v3 -> o0 [label="first t"];
  v3 -> o1 [label="all t"];
}}
"""


def test_a_plain_graph() -> None:
    x, w = Value(SCALAR, "x"), Value(SCALAR, "w")
    build = Builder()
    total = build(ADD, x, w)
    loss = build(ADD, total, total, called="f")
    graph = Graph((x, w), tuple(build.nodes), {"f": loss, "twice": total})
    drawn = dot(graph, title='sum "a"', parameters={"w"}, loss="f")
    assert drawn == PLAIN


def test_a_loop_is_a_frame_with_a_back_edge() -> None:
    step, carry = Value(SCALAR, "x"), Value(SCALAR, "h[t+1]")
    inside = Builder()
    after = inside(ADD, step, carry, called="h")
    body = body_graph((step, carry), tuple(inside.nodes), (after, after))
    loop = Loop(TIME, reverse=True, body=body, constants=0, sequences=1, carries=1)
    x, start = Value(SCALAR.with_axes([BATCH, TIME]), "x"), Value(SCALAR, "h0")
    build = Builder()
    last, everything = build.loop(loop, x, start)
    assert dot(Graph((x, start), tuple(build.nodes), {"last": last, "all": everything})) == LOOP


def test_quotes_backslashes_and_line_ends() -> None:
    assert quote('a "b" \\n\nc\x07') == '"a \\"b\\" \\\\n\\nc\N{REPLACEMENT CHARACTER}"'
