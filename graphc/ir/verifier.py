"""Checks that a graph keeps the rules that every pass relies on. A fault here is a fault of the compiler."""

from __future__ import annotations

from graphc.ir.graph import AnyNode, Graph, LoopNode, Node, Value
from graphc.ir.op import TypeFault
from graphc.types import Index, TensorType

_LOOP_LEAVES = frozenset({"step", "inside_step"})
"""Ops that mean something only in the body of a loop over their index."""


class VerificationFault(AssertionError):
    """A graph that breaks a rule. The message names the node."""


def verify(graph: Graph) -> None:
    """Raise `VerificationFault` unless the graph is well formed.

    Every value has one definition, in front of its uses; bodies use only what they are handed; types are
    what the ops' rules say; loops have the operands, inputs and outputs that their form asks for; in the
    body of a loop over t nothing varies over t; attributes can be compared.
    """
    names = [value.name for value in graph.inputs]
    _require(len({*names}) == len(names), "graph", "two inputs have one name")
    _Verifier().graph(graph, (), "graph")


class _Place:
    """A node in a message: its text is made when a message needs it."""

    def __init__(self, node: AnyNode) -> None:
        self.node = node

    def __str__(self) -> str:
        return describe(self.node)


class _Verifier:
    """The values that have been defined anywhere so far."""

    def __init__(self) -> None:
        self.defined: set[Value] = set()

    def graph(self, graph: Graph, loops: tuple[Index, ...], place: str) -> None:
        known: set[Value] = set()
        for value in graph.inputs:
            self._define(value, known, loops, f"{place}, input {value.name}".rstrip())
        for node in graph.nodes:
            here = _Place(node)
            for operand in node.operands:
                if operand not in known:
                    _require(False, here, f"operand {operand} is not defined here")
            if isinstance(node, LoopNode):
                self._loop(node, loops, here)
            else:
                _check_node(node, loops, here)
            for result in node.results:
                self._define(result, known, loops, here)
        for name, value in graph.outputs.items():
            _require(value in known, place, f"output {name} is not defined here")

    def _define(self, value: Value, known: set[Value], loops: tuple[Index, ...], here: object) -> None:
        if value in self.defined:
            _require(False, here, f"{value} is defined twice")
        if any(index in value.type.axes for index in loops):
            _require(False, here, f"{value} varies over the index of its loop")
        self.defined.add(value)
        known.add(value)

    def _loop(self, node: LoopNode, loops: tuple[Index, ...], here: object) -> None:
        loop, index = node.loop, node.loop.index
        _require(index not in loops, here, f"a loop over {index} inside a loop over {index}")
        count = loop.constants + loop.sequences + loop.carries
        _require(len(node.operands) == count, here, f"{len(node.operands)} operands, not {count}")
        outputs = loop.body_outputs
        _require(len(outputs) >= loop.carries, here, "fewer outputs than carries")
        _require(len(node.results) == len(outputs), here, f"{len(node.results)} results, not {len(outputs)}")
        constants, slices, carries = loop.split(loop.body.inputs)
        for kind, operands, inputs in zip(
            ("constant", "sequence", "carry"),
            loop.split(node.operands),
            (constants, slices, carries),
            strict=True,
        ):
            for operand, inside in zip(operands, inputs, strict=True):
                wanted = _stacked(inside.type, index) if kind == "sequence" else inside.type
                _require_type(operand.type, wanted, here, f"{kind} {inside.name}".rstrip())
        for carry, after, final in zip(carries, outputs, node.results, strict=False):
            _require_type(after.type, carry.type, here, f"next of carry {carry.name}".rstrip())
            _require_type(final.type, carry.type, here, f"last of carry {carry.name}".rstrip())
        for output, result in zip(outputs[loop.carries :], node.results[loop.carries :], strict=True):
            _require_type(result.type, _stacked(output.type, index), here, f"stack {output.name}".rstrip())
        _check_histories(node, here)
        self.graph(loop.body, (*loops, index), f"body of {here}")


def _check_node(node: Node, loops: tuple[Index, ...], here: object) -> None:
    try:
        hash(tuple(node.attrs.items()))
    except TypeError as error:
        raise VerificationFault(f"{here}: an attribute cannot be compared ({error})") from None
    try:
        wanted = node.op.infer([operand.type for operand in node.operands], node.attrs)
    except (TypeFault, AssertionError) as fault:
        raise VerificationFault(f"{here}: the operands do not fit: {fault}") from fault
    _require_type(node.result.type, wanted, here, "the result")
    if node.op.name in _LOOP_LEAVES:
        index = node.attrs["index"]
        _require(index in loops, here, f"stands outside a loop over {index}")


def _check_histories(node: LoopNode, here: object) -> None:
    loop = node.loop
    views = loop.body.inputs[len(loop.body.inputs) - len(loop.histories) :]
    for number, view in zip(loop.histories, views, strict=True):
        _require(0 <= number < loop.stacks, here, f"a history of stack {number}, of {loop.stacks}")
        own = loop.body_outputs[loop.carries + number].type
        bound = [index for index in view.type.axes if index not in own.axes]
        over_it = len(bound) == 1 and bound[0].length == loop.index.length
        _require(over_it, here, f"history {view} has no index of its own over the loop's length")
        _require_type(view.type, _stacked(own, bound[0]), here, f"history {view.name}".rstrip())


def _stacked(type: TensorType, index: Index) -> TensorType:
    return type.with_axes({*type.axes, index})


def _require_type(found: TensorType, wanted: TensorType, here: object, what: str) -> None:
    # A literal dim may stand for a named one: substituting equals must not make a graph ill formed.
    same = found.dtype == wanted.dtype and found.axes == wanted.axes and found.same_shape(wanted)
    if not same:
        _require(False, here, f"{what} is {found}, not {wanted}")


def _require(holds: bool, here: object, message: str) -> None:
    if not holds:
        raise VerificationFault(f"{here}: {message}")


def describe(node: AnyNode) -> str:
    """A node in a message: what it does, what its result is called, where it comes from."""
    what = f"loop over {node.loop.index}" if isinstance(node, LoopNode) else f"`{node.op.name}`"
    names = ", ".join(result.name for result in node.results if result.name)
    place = f" ({node.span})" if node.span is not None else ""
    return f"{what}{f' -> {names}' if names else ''}{place}"
