"""A graph in the DOT language of Graphviz.

Inputs are ellipses, parameters boxes with a fold, operations boxes, the loss an octagon. A loop is a frame
around its body; a dashed edge runs from what a step leaves to where the next step finds it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from graphc.ir.graph import Graph, Loop, LoopNode, Node, Value

INDENT = "  "


def dot(graph: Graph, *, title: str = "", parameters: Collection[str] = (), loss: str | None = None) -> str:
    """The drawing of a graph. `parameters` names those of its inputs, `loss` one of its outputs."""
    drawing = _Drawing(parameters, None if loss is None else graph.outputs[loss])
    drawing.graph(graph, depth=1)
    head = [f"digraph {quote(title or 'graph')} {{", f"{INDENT}rankdir=BT;"]
    head.append(f'{INDENT}node [shape=box, fontname="sans-serif"];')
    return "\n".join([*head, *drawing.lines, *drawing.edges, "}"]) + "\n"


def quote(text: str) -> str:
    """A string of DOT. Its one escape outside of line ends is `\\"`, but labels read backslashes too."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "\\n")
    return '"' + "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text) + '"'


@dataclass
class _Drawing:
    parameters: Collection[str]
    loss: Value | None
    lines: list[str] = field(default_factory=list)
    edges: list[str] = field(default_factory=list)
    places: dict[Value, tuple[str, str]] = field(default_factory=dict)
    """Where an edge from a value starts, and what it says there."""
    clusters: int = 0

    def graph(self, graph: Graph, depth: int) -> None:
        for value in graph.inputs:
            parameter = value.name in self.parameters
            shape, role = ("note", "param") if parameter else ("ellipse", "input")
            self._draw(value, f"{role} {value.name}", shape, depth)
        self._nodes(graph, depth)
        for number, (name, value) in enumerate(graph.outputs.items()):
            if value is not self.loss and value.name != name:
                self._line(f"o{number} [label={quote(name)}, shape=plaintext];", depth)
                self._edge(value, f"o{number}")

    def _nodes(self, graph: Graph, depth: int) -> None:
        for node in graph.nodes:
            if isinstance(node, LoopNode):
                self._loop(node, depth)
            else:
                self._node(node, depth)

    def _node(self, node: Node, depth: int) -> None:
        value = node.result
        head = f"{value.name} = {node.op.name}" if value.name else node.op.name
        self._draw(value, head, "octagon" if value is self.loss else "", depth)
        for operand in node.operands:
            self._edge(operand, self.places[value][0])

    def _draw(self, value: Value, head: str, shape: str, depth: int) -> None:
        name = f"v{len(self.places)}"
        self.places[value] = (name, "")
        style = f", shape={shape}" if shape else ""
        label = quote("\n".join((head, str(value.type))))
        self._line(f"{name} [label={label}{style}];", depth)

    def _loop(self, node: LoopNode, depth: int) -> None:
        loop = node.loop
        way = "from the last to the first" if loop.reverse else "from the first to the last"
        self._line(f"subgraph cluster_{self.clusters} {{", depth)
        self.clusters += 1
        self._line(f"label={quote(f'loop over {loop.index}, {way}')};", depth + 1)
        for value, role in _body_inputs(loop):
            head = f"{role} {value.name}".rstrip()
            self._draw(value, head, "plaintext" if role == "constant" else "ellipse", depth + 1)
        self._nodes(loop.body, depth + 1)
        self._line("}", depth)
        for operand, inner in zip(node.operands, loop.body.inputs, strict=False):
            self._edge(operand, self.places[inner][0])
        self._close(node)

    def _close(self, node: LoopNode) -> None:
        """Back edges of carries and histories, and where the loop's results are found."""
        loop, outputs = node.loop, node.loop.body_outputs
        _, _, carries = loop.split(loop.body.inputs)
        for carry, after in zip(carries, outputs[: loop.carries], strict=True):
            self._back(after, carry, carry.name or after.name)
        histories = loop.body.inputs[len(loop.body.inputs) - len(loop.histories) :]
        for history, stack in zip(histories, loop.histories, strict=True):
            written = outputs[loop.carries + stack]
            self._back(written, history, f"history of {written.name}".removesuffix(" of "))
        for i, (result, inner) in enumerate(zip(node.results, outputs, strict=True)):
            said = "after the loop" if i < loop.carries else f"all {loop.index.name}"
            self.places[result] = (self.places[inner][0], said)

    def _edge(self, value: Value, target: str) -> None:
        source, said = self.places[value]
        label = f" [label={quote(said)}]" if said else ""
        self._line(f"{source} -> {target}{label};", 1, to_edges=True)

    def _back(self, value: Value, target: Value, label: str) -> None:
        source = self.places[value][0]
        attributes = f"label={quote(label)}, style=dashed, constraint=false"
        self._line(f"{source} -> {self.places[target][0]} [{attributes}];", 1, to_edges=True)

    def _line(self, text: str, depth: int, *, to_edges: bool = False) -> None:
        (self.edges if to_edges else self.lines).append(INDENT * depth + text)


def _body_inputs(loop: Loop) -> Iterator[tuple[Value, str]]:
    constants, sequences, carries = loop.split(loop.body.inputs)
    for values, role in ((constants, "constant"), (sequences, "each"), (carries, "carry")):
        for value in values:
            yield value, role
    for value in loop.body.inputs[loop.constants + loop.sequences + loop.carries :]:
        yield value, "history"
