"""The picture of a graph of the compiler: a box for each operation, a loop as a frame around its body.

What only stands between two operations is not drawn: constants stand in the box that uses them, and values
handed on unchanged (into a loop, under another index) are words at a wire. A wire back runs from what a step
leaves to where the next step finds it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from graphc.diagnostics import Span
from graphc.ir.graph import AnyNode, Graph, LoopNode, Node, Value
from graphc.types import BATCH, Index, TensorType
from graphc.view.drawing.found import Found
from graphc.view.drawing.metrics import shortened
from graphc.view.drawing.operations import HOLE, SYMBOLS
from graphc.view.drawing.picture import Axis, Box, Frame, Picture, Role, Wire
from graphc.view.drawing.pins import pinned_names
from graphc.view.drawing.rolled import line_of

_NAME = re.compile(r"[\w.]+(\[[^\]]*\])?")
"""A name of the spec, with a subscript or without: not a text that says what is computed."""
_WIDEST = 40
"""Characters of a text of the spec in a box."""
LEFT = "left"
"""The frame of what has left its loop."""


def graph_picture(
    graph: Graph,
    *,
    title: str = "",
    parameters: Collection[str] = (),
    loss: str | None = None,
    loops: Collection[Span] = (),
    found: Found | None = None,
) -> Picture:
    """A graph as it stands. `parameters` names those of its inputs, `loss` one of its outputs.

    `loops` are the places of the spec that are computed in loops as it is written: what comes from there and
    stands outside now has left its loop, and has a frame that says so. `found` are numbers to show.
    """
    drawing = _Drawing(parameters, loops, found or Found())
    drawing.graph(graph, loss)
    boxes = [drawing.box(draft) for draft in drawing.drafts]
    return Picture(title or "graph", boxes, drawing.wires, drawing.frames)


@dataclass
class _Draft:
    """A box while later nodes may still give it a name or a part in a loss."""

    id: str
    role: Role
    operation: str
    type: TensorType
    frame: str
    value: Value
    span: Span | None = None
    names: tuple[str, ...] = ()
    is_piece: bool = False
    """Whether it is a part of a tensor, drawn as the spec writes it: `w[0]`."""


@dataclass(frozen=True)
class _Place:
    """Where a value is found: a box and what a wire from it says, or a constant that is written out."""

    box: _Draft | None
    said: tuple[str, ...] = ()
    text: str = ""


@dataclass
class _Drawing:
    parameters: Collection[str]
    loops: Collection[Span]
    found: Found
    drafts: list[_Draft] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    places: dict[Value, _Place] = field(default_factory=dict)
    same: dict[Value, Value] = field(default_factory=dict)
    """What a value at the border of a loop is on the other side."""
    used: Counter[tuple[Value, Value]] = field(default_factory=Counter)
    """How many wires there are from a value to what is computed from it."""
    starts: dict[Value, dict[str, list[int]]] = field(default_factory=dict)
    """Of a value that loops begin with: by loop, the numbers of the wires to its states."""
    running: dict[str, Index] = field(default_factory=dict)
    """The index of the loop that a frame is."""

    def box(self, draft: _Draft) -> Box:
        """A draft that has all its names, with its numbers."""
        around = self.running.get(draft.frame)
        axes = [index for index in draft.type.axes if index != BATCH]
        axes = axes if around is None else [around, *axes]
        shape = "[" + ", ".join(map(str, draft.type.shape)) + "]" if draft.type.shape else draft.type.dtype
        return Box(
            draft.id,
            " = ".join(draft.names),
            draft.operation,
            draft.role,
            shape,
            tuple(Axis(index.name.rstrip("'"), index.length.name) for index in axes),
            draft.frame,
            line_of(draft.span) if draft.span else None,
            self.found.values.get(draft.value),
            self.found.cotangents.get(draft.value),
            has_batch=self.found.has_batch and BATCH in draft.type.axes,
        )

    def graph(self, graph: Graph, loss: str | None) -> None:
        for value in graph.inputs:
            role: Role = "param" if value.name in self.parameters else "input"
            self._draw(value, role, "", "").names = (value.name,)
        self._nodes(graph.nodes, "")
        self._give_back()
        for name, value in graph.outputs.items():
            box = self.places[value].box
            if box is None:
                continue
            if name == loss:
                box.role = "loss"
            elif box.role == "operation" and name not in box.names and value.name != name:
                box.names = (*box.names, name)

    def _nodes(self, nodes: Sequence[AnyNode], frame: str) -> None:
        names = pinned_names(nodes)
        for node in nodes:
            if isinstance(node, LoopNode):
                self._loop(node, frame)
            elif not (self._written_out(node) or self._handed_on(node, names)):
                self._node(node, names, frame)

    # ------------------------------------------------------------------------------------- nodes

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
        """A pin lends its name to the box below it; a renamed index is a word at a wire."""
        below = self.places[node.operands[0]] if node.operands else _Place(None)
        if below.box is None:
            return False
        if node.op.name == "pin" and node.attrs["name"] in below.box.names:
            self.places[node.result] = below
        elif node.op.name == "rename" and {*names.get(node.result, ())} <= {*below.box.names}:
            old, new = (str(node.attrs[side]) for side in ("old", "new"))
            said = () if old.rstrip("'") == new.rstrip("'") else (f"{old} as {new}",)
            self.places[node.result] = _Place(below.box, (*below.said, *said))
        elif node.op.name == "reshape" and below.box.is_piece and node.span == below.box.span:
            below.box.type = node.result.type
            self.places[node.result] = below
        else:
            return False
        return True

    def _node(self, node: Node, names: Mapping[Value, list[str]], frame: str) -> None:
        value = node.result
        own = [node.attrs["name"]] if node.op.name == "pin" else []
        own += names.get(value, [])
        box = self._draw(value, "operation", self._formula(node), frame or self._left(node), node.span)
        box.names = tuple(own or ([value.name] if _NAME.fullmatch(value.name) else []))
        box.is_piece = node.op.name == "slice" and node.span is not None and not own
        for operand in node.operands:
            self._wire(operand, box, value)

    def _left(self, node: Node) -> str:
        """The frame of what has been moved out of a loop, for a node that was."""
        if node.span is None or node.span not in self.loops:
            return ""
        if not any(frame.id == LEFT for frame in self.frames):
            self.frames.append(Frame(LEFT, "left the loop: computed once for all steps", "loop"))
        return LEFT

    def _is_said(self, node: Node) -> bool:
        """Whether a product or a sum is all that a text of the spec says, which then says it better."""
        said = node.result.name
        if node.span is None or _NAME.fullmatch(said) or len(said) > _WIDEST:
            return False
        return node.op.name in ("contract", "reduce_sum") and said == " ".join(node.span.text.split())

    def _formula(self, node: Node) -> str:
        """The operation with its constants: `+`, `1 - ·`, `select(·, ·, 0)`."""
        name = node.op.name
        texts = [self.places[operand].text for operand in node.operands]
        if name == "pin":
            return texts[0]
        if self._is_said(node):
            return node.result.name
        if name == "slice" and node.span is not None:
            return shortened(" ".join(node.span.text.split()), _WIDEST)
        symbol = SYMBOLS.get(name)
        if not any(texts):
            return symbol or name
        shown = [text or HOLE for text in texts]
        return f"{shown[0]} {symbol} {shown[1]}" if symbol else f"{name}({', '.join(shown)})"

    def _draw(self, value: Value, role: Role, operation: str, frame: str, span: Span | None = None) -> _Draft:
        box = _Draft(f"v{len(self.drafts)}", role, operation, value.type, frame, value, span)
        self.places[value] = _Place(box)
        self.drafts.append(box)
        return box

    # ------------------------------------------------------------------------------------- loops

    def _loop(self, node: LoopNode, frame: str) -> None:
        loop = node.loop
        way = "from the last to the first" if loop.reverse else "from the first to the last"
        inner = f"loop{len(self.frames)}"
        self.frames.append(Frame(inner, f"loop over {loop.index}, {way}", "loop", frame))
        self.running[inner] = loop.index
        constants, sequences, carries = loop.split(loop.body.inputs)
        outer = loop.split(node.operands)
        shared = zip((*constants, *sequences), (*outer[0], *outer[1]), strict=True)
        self.same |= {value: self.same.get(operand, operand) for value, operand in shared}
        for value, operand in zip(constants, outer[0], strict=True):
            self.places[value] = self.places[operand]
        for value, operand in zip(sequences, outer[1], strict=True):
            there = self.places[operand]
            said = there.said if there.box is None else (*there.said, f"at {loop.index.name}")
            self.places[value] = _Place(there.box, said, there.text)
        for value, operand in zip(carries, outer[2], strict=True):
            start = self.places[operand].text
            box = self._draw(value, "state", f"begins with {start}" if start else "", inner)
            box.names = (value.name or "carried",)
            self._begin(operand, box, inner)
        for value in loop.body.inputs[loop.constants + loop.sequences + loop.carries :]:
            self._draw(value, "state", "all steps so far", inner)
        self._nodes(loop.body.nodes, inner)
        self._close(node)

    def _close(self, node: LoopNode) -> None:
        """Wires back of carries and histories, and where the loop's results are found."""
        loop, outputs = node.loop, node.loop.body_outputs
        carries = loop.split(loop.body.inputs)[2]
        for carry, after in zip(carries, outputs[: loop.carries], strict=True):
            self._back(after, carry, "1 step ahead" if loop.reverse else "lag 1")
        histories = loop.body.inputs[len(loop.body.inputs) - len(loop.histories) :]
        for history, stack in zip(histories, loop.histories, strict=True):
            self._back(outputs[loop.carries + stack], history, "lag 1 and more")
        last = "first" if loop.reverse else "last"
        for i, (result, inner) in enumerate(zip(node.results, outputs, strict=True)):
            said = f"{last if i < loop.carries else 'all'} {loop.index.name}"
            there = self.places[inner]
            self.places[result] = _Place(there.box, (*there.said, said), there.text)
            self.same[result] = self.same.get(inner, inner)

    # ------------------------------------------------------------------------------------- wires

    def _wire(self, value: Value, target: _Draft, user: Value) -> None:
        """A use of a value by the node with the result `user`, with its summand of the cotangent."""
        there = self.places[value]
        if there.box is not None:
            own = self.same.get(value, value)
            parts = self.found.summands.get((own, user), [])
            number = self.used[own, user]
            self.used[own, user] += 1
            part = parts[number] if number < len(parts) else None
            said = ", ".join(there.said)
            self.wires.append(Wire(there.box.id, target.id, said=said, cotangent=part))

    def _begin(self, value: Value, state: _Draft, loop: str) -> None:
        """A use of a value by the state of a loop that begins with it."""
        there = self.places[value]
        if there.box is not None:
            starts = self.starts.setdefault(self.same.get(value, value), {})
            starts.setdefault(loop, []).append(len(self.wires))
            self.wires.append(Wire(there.box.id, state.id, said=", ".join([*there.said, "begins with"])))

    def _give_back(self) -> None:
        """The summands that states give back to what they begin with, if each of them gives one: the reverse
        walk comes to the last loop first, and to the states of a loop in their order."""
        for value, starts in self.starts.items():
            parts = self.found.summands.get((value, None), [])
            wires = [wire for of_loop in reversed(starts.values()) for wire in of_loop]
            for wire, part in zip(wires, parts, strict=True) if len(wires) == len(parts) else ():
                self.wires[wire] = replace(self.wires[wire], cotangent=part)

    def _back(self, value: Value, target: Value, said: str) -> None:
        source, carry = self.places[value].box, self.places[target].box
        assert carry is not None
        if source is not None:
            (part, *_) = self.found.summands.get((self.same.get(value, value), None), [None])
            self.wires.append(Wire(source.id, carry.id, said=said, is_back=True, cotangent=part))
