"""A graph in the DOT language of Graphviz.

Inputs are ellipses, parameters boxes with a fold, operations boxes, the loss an octagon. A box says the name
that the spec gives the value, what is computed, its type and its line; the line's text is the tooltip. A
value with several uses, a fork, has a thick border. A loop is a frame around its body; a dashed edge runs
from what a step leaves to where the next step finds it, and says how many steps lie between.

What only stands between two operations is not drawn: constants stand in the box that uses them, and values
that are handed on unchanged (into a loop, under another index) are words at an edge.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from graphc.diagnostics import Span
from graphc.ir.graph import AnyNode, Graph, LoopNode, Node, Value
from graphc.ir.printer import place

INDENT = "  "
_SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^", "contract": "@"}
_WIDEST_TEXT = 100


def dot(
    graph: Graph,
    *,
    title: str = "",
    parameters: Collection[str] = (),
    loss: str | None = None,
    file: str = "",
) -> str:
    """The drawing of a graph. `parameters` names those of its inputs, `loss` one of its outputs.

    Lines of other sources than `file` are named with their source.
    """
    drawing = _Drawing(parameters, file)
    drawing.graph(graph, loss)
    head = [f"digraph {quote(title or 'graph')} {{", f"{INDENT}rankdir=BT;"]
    head += [f'{INDENT}{kind} [fontname="sans-serif"];' for kind in ("graph", "edge")]
    head.append(f'{INDENT}node [shape=box, fontname="sans-serif"];')
    return "\n".join([*head, *map(str, drawing.lines), *drawing.edges, "}"]) + "\n"


def quote(text: str) -> str:
    """A string of DOT. Its one escape outside of line ends is `\\"`, but labels read backslashes too."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "\\n")
    return '"' + "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text) + '"'


@dataclass
class _Box:
    """A box of the drawing, written when all its uses are known."""

    id: str
    label: list[str]
    depth: int
    shape: str = ""
    span: Span | None = None
    line: str = ""
    names: tuple[str, ...] = ()
    piece: bool = False
    """Whether it is a part of a tensor, drawn as the spec writes it: `w[0]`."""
    uses: int = 0

    def __str__(self) -> str:
        attributes = [f"label={quote(chr(10).join(self.label))}"]
        attributes += [f"shape={self.shape}"] if self.shape else []
        attributes += ["penwidth=2.5"] if self.uses > 1 else []
        notes = [f"{self.line}: {_one_line(self.span)}"] if self.span is not None else []
        notes += [f"a fork: {self.uses} uses"] if self.uses > 1 else []
        attributes += [f"tooltip={quote(chr(10).join(notes))}"] if notes else []
        return f"{INDENT * self.depth}{self.id} [{', '.join(attributes)}];"


@dataclass(frozen=True)
class _Place:
    """Where a value is found: a box and what an edge from it says, or a constant that is written out."""

    box: _Box | None
    said: tuple[str, ...] = ()
    text: str = ""


@dataclass
class _Drawing:
    parameters: Collection[str]
    file: str
    lines: list[_Box | str] = field(default_factory=list)
    edges: list[str] = field(default_factory=list)
    places: dict[Value, _Place] = field(default_factory=dict)
    boxes: int = 0
    clusters: int = 0

    def graph(self, graph: Graph, loss: str | None, depth: int = 1) -> None:
        for value in graph.inputs:
            parameter = value.name in self.parameters
            shape, role = ("note", "param") if parameter else ("ellipse", "input")
            self._draw(value, [f"{role} {value.name}", str(value.type)], depth, shape)
        names = _names(graph.nodes)
        self._nodes(graph.nodes, names, depth)
        for number, (name, value) in enumerate(graph.outputs.items()):
            box = self.places[value].box
            if name == loss and box is not None:
                box.shape = "octagon"
                if not box.names:
                    box.label[0] = f"loss = {box.label[0]}"
            elif value.name != name and (box is None or name not in box.names):
                end = _Box(f"o{number}", [name], depth, "plaintext")
                self.lines.append(end)
                self._edge(value, end)

    def _nodes(self, nodes: Sequence[AnyNode], names: Mapping[Value, list[str]], depth: int) -> None:
        for node in nodes:
            if isinstance(node, LoopNode):
                self._loop(node, depth)
            elif not (self._written_out(node) or self._handed_on(node, names)):
                self._node(node, names, depth)

    def _written_out(self, node: Node) -> bool:
        """A constant, and what only gives one its shape: no box of its own, text in those that use it."""
        text = ""
        if node.op.name == "constant" and isinstance(node.attrs["value"], bool | int | float):
            text = f"{node.attrs['value']:g}"
        elif node.op.name in ("expand", "broadcast", "cast"):
            text = self.places[node.operands[0]].text
        if text:
            self.places[node.result] = _Place(None, text=text)
        return bool(text)

    def _handed_on(self, node: Node, names: Mapping[Value, list[str]]) -> bool:
        """A pin lends its name to the box below it; a renamed index is a word at an edge."""
        below = self.places[node.operands[0]] if node.operands else _Place(None)
        if below.box is None:
            return False
        if node.op.name == "pin" and node.attrs["name"] in below.box.names:
            self.places[node.result] = below
        elif node.op.name == "rename" and node.result not in names:
            said = f"{node.attrs['old']} as {node.attrs['new']}"
            self.places[node.result] = _Place(below.box, (*below.said, said))
        elif node.op.name == "reshape" and below.box.piece and node.span == below.box.span:
            below.box.label[1:] = [str(node.result.type)]
            self.places[node.result] = below
        else:
            return False
        return True

    def _node(self, node: Node, names: Mapping[Value, list[str]], depth: int) -> None:
        value = node.result
        own = [node.attrs["name"]] if node.op.name == "pin" else []
        own += names.get(value, [])
        own = own or ([value.name] if value.name else [])
        label = [" = ".join(part for part in (*own, self._formula(node)) if part), str(value.type)]
        if own and node.span is not None:
            label.append(place(node.span, self.file))
        box = self._draw(value, label, depth, span=node.span)
        box.names = tuple(own)
        box.piece = node.op.name == "slice" and node.span is not None and not own
        for operand in node.operands:
            self._edge(operand, box)

    def _formula(self, node: Node) -> str:
        """The operation with its constants: `+`, `1 - .`, `select(., ., 0)`."""
        name = node.op.name
        texts = [self.places[operand].text for operand in node.operands]
        if name == "pin":
            return texts[0]
        if name == "slice" and node.span is not None:
            return _one_line(node.span)
        symbol = _SYMBOLS.get(name)
        if not any(texts):
            return symbol or name
        shown = [text or "." for text in texts]
        return f"{shown[0]} {symbol} {shown[1]}" if symbol else f"{name}({', '.join(shown)})"

    def _draw(
        self, value: Value, label: list[str], depth: int, shape: str = "", span: Span | None = None
    ) -> _Box:
        box = _Box(f"v{self.boxes}", label, depth, shape, span, place(span, self.file) if span else "")
        self.boxes += 1
        self.places[value] = _Place(box)
        self.lines.append(box)
        return box

    # ------------------------------------------------------------------------------------- loops

    def _loop(self, node: LoopNode, depth: int) -> None:
        loop = node.loop
        way = "from the last to the first" if loop.reverse else "from the first to the last"
        self.lines.append(f"{INDENT * depth}subgraph cluster_{self.clusters} {{")
        self.clusters += 1
        self.lines.append(f"{INDENT * (depth + 1)}label={quote(f'loop over {loop.index}, {way}')};")
        constants, sequences, carries = loop.split(loop.body.inputs)
        outer = loop.split(node.operands)
        for value, operand in zip(constants, outer[0], strict=True):
            self.places[value] = self.places[operand]
        for value, operand in zip(sequences, outer[1], strict=True):
            there = self.places[operand]
            said = there.said if there.box is None else (*there.said, f"at {loop.index.name}")
            self.places[value] = _Place(there.box, said, there.text)
        for value, operand in zip(carries, outer[2], strict=True):
            start = self.places[operand].text
            label = [value.name or "carried", str(value.type), *([f"begins with {start}"] if start else [])]
            self._edge(operand, self._draw(value, label, depth + 1, "ellipse"), "begins with")
        for value in loop.body.inputs[loop.constants + loop.sequences + loop.carries :]:
            self._draw(value, ["all steps so far", str(value.type)], depth + 1, "ellipse")
        self._nodes(loop.body.nodes, _names(loop.body.nodes), depth + 1)
        self.lines.append(f"{INDENT * depth}}}")
        self._close(node)

    def _close(self, node: LoopNode) -> None:
        """Back edges of carries and histories, and where the loop's results are found."""
        loop, outputs = node.loop, node.loop.body_outputs
        carries = loop.split(loop.body.inputs)[2]
        for carry, after in zip(carries, outputs[: loop.carries], strict=True):
            self._back(after, carry, "1 step ahead" if loop.reverse else "lag 1")
        histories = loop.body.inputs[len(loop.body.inputs) - len(loop.histories) :]
        for history, stack in zip(histories, loop.histories, strict=True):
            self._back(outputs[loop.carries + stack], history, "lag 1 and more")
        for i, (result, inner) in enumerate(zip(node.results, outputs, strict=True)):
            said = f"last {loop.index.name}" if i < loop.carries else f"all {loop.index.name}"
            if loop.reverse and i < loop.carries:
                said = f"first {loop.index.name}"
            there = self.places[inner]
            self.places[result] = _Place(there.box, (*there.said, said), there.text)

    # ------------------------------------------------------------------------------------- edges

    def _edge(self, value: Value, target: _Box, *more: str) -> None:
        there = self.places[value]
        if there.box is None:
            return
        there.box.uses += 1
        said = ", ".join([*there.said, *more])
        label = f" [label={quote(said)}]" if said else ""
        self.edges.append(f"{INDENT}{there.box.id} -> {target.id}{label};")

    def _back(self, value: Value, target: Value, label: str) -> None:
        source, carry = self.places[value].box, self.places[target].box
        assert carry is not None
        if source is not None:
            source.uses += 1
            attributes = f"label={quote(label)}, style=dashed, constraint=false"
            self.edges.append(f"{INDENT}{source.id} -> {carry.id} [{attributes}];")


def _names(nodes: Sequence[AnyNode]) -> dict[Value, list[str]]:
    """The names that pins give to results of operations among these nodes, below any number of pins."""
    found: dict[Value, list[str]] = {}
    lowest = {node.result: node.result for node in nodes if isinstance(node, Node)}
    for node in nodes:
        if isinstance(node, Node) and node.op.name == "pin" and node.operands[0] in lowest:
            lowest[node.result] = below = lowest[node.operands[0]]
            found.setdefault(below, []).append(node.attrs["name"])
    return found


def _one_line(span: Span) -> str:
    text = " ".join(span.text.split())
    return text if len(text) <= _WIDEST_TEXT else text[: _WIDEST_TEXT - 3] + "..."
