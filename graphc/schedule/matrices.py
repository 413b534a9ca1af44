"""The products of a level: where operands lie, what is copied and packed for them, what they add to."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from graphc.ir.graph import Node, Value
from graphc.kernel.expr import ONE
from graphc.ops.contraction import CONTRACT
from graphc.ops.elementwise import ADD
from graphc.schedule.places import Place
from graphc.schedule.products import (
    packed_size,
    product,
    repacked,
    rows_are_examples,
    smaller_first,
    workspace_size,
    worthwhile,
)
from graphc.schedule.program import Buffer, Matrix, Pack, Product

if TYPE_CHECKING:
    from graphc.schedule.level import Level


class Matrices:
    """What a level knows of its products."""

    def __init__(self, level: Level) -> None:
        self.level = level
        self.constants = frozenset[Buffer]()
        """Buffers that do not change while the level's loop runs."""
        self.operands: dict[Node, tuple[Value, ...]] = {}
        """Of each product: copies, where the operands do not lie as matrices themselves."""
        self.totals: dict[Node, tuple[Node, Value]] = {}
        """Additions that a product makes by adding to what lies there: the product, and the other summand."""
        self.packed: dict[Matrix, Pack] = {}
        """What products read again and again, packed before the level's loop begins."""
        self._relaid: dict[Value, Value] = {}
        """Inputs in the order of memory."""

    def is_product(self, node: Node) -> bool:
        return node.op is CONTRACT and worthwhile(node)

    @property
    def added(self) -> frozenset[Node]:
        """The products that add."""
        return frozenset(node for node, _ in self.totals.values())

    def find_totals(self) -> None:
        """Find sums of a product that nothing else reads and something that is there before it.

        Only such as have to lie in memory: an addition that is part of a kernel costs nothing there.
        """
        level = self.level
        uses = Counter(operand for node in level.graph.nodes for operand in node.operands)
        uses.update(level.graph.outputs.values())
        for node in level.graph.nodes:
            if not isinstance(node, Node) or node.op is not ADD:
                continue
            if node.result not in level.required or level.is_held(node.result):
                continue
            for value, other in (node.operands, node.operands[::-1]):
                made = level.producers.get(value)
                alone = uses[value] == 1 and value not in level.places and value.type == node.result.type
                if alone and isinstance(made, Node) and self.is_product(made):
                    self.totals[node] = (made, other)
                    break

    def lay_out(self, node: Node, result: Value) -> None:
        """Settle where a product's operands lie, and that what it makes is `result`."""
        out = self.level.place(result)
        operands = tuple(self._in_order(value) for value in node.operands)
        if product(node, [*map(self.level.place, operands), out], self.level.memory) is None:
            operands = self._repacked(node, operands, out)
        self.operands[node] = operands

    def _in_order(self, value: Value) -> Value:
        """The value, or a copy of an input whose axes lie in another order than those of everything else."""
        place = self.level.place(value)
        order = self.level.memory.order(value.type.axes)
        if value not in self.level.graph.inputs or place.buffer.role != "input" or order == value.type.axes:
            return value
        if value not in self._relaid:
            self._relaid[value] = self._fresh(value)
        return self._relaid[value]

    def _fresh(self, value: Value) -> Value:
        copied = Value(value.type, value.name)
        self.level.places[copied] = self.level.memory.laid_out(
            value.name or "copy", value.type, title=value.name
        )
        return copied

    def _repacked(self, node: Node, operands: tuple[Value, ...], out: Place) -> tuple[Value, ...]:
        """Operands of which one (the smaller, if that is enough) or both are copied, to be matrices."""
        level = self.level
        for side in smaller_first(node):
            copied = self._fresh(operands[side])
            tried = tuple(copied if i == side else value for i, value in enumerate(operands))
            if product(node, [*(level.places[v] for v in tried), out], level.memory) is not None:
                return tried
            level.memory.drop(level.places.pop(copied).buffer)
        copies = tuple(Value(operand.type, operand.name) for operand in operands)
        level.places.update(zip(copies, repacked(node, level.memory), strict=True))
        return copies

    def made(self, node: Node, result: Value, accumulate: bool) -> Product:
        """The product as it runs: with room for its work, or with its right operand packed."""
        found = replace(self._plain(node, result), accumulate=accumulate)
        if not self._stays(found):
            room = self.level.memory.buffer("workspace", "real", workspace_size(found))
            return replace(found, workspace=room)
        pack = self.packed.get(found.b)
        if pack is None:
            buffer = self.level.memory.buffer("panels", "real", packed_size(found.k, found.n))
            pack = self.packed[found.b] = Pack(found.b, found.k, found.n, buffer)
        return replace(found, packed=pack.packed)

    def is_apart(self, node: Node, result: Value) -> bool:
        """Whether it can be shared out by examples: then its right operand is packed."""
        return rows_are_examples(node) and self._stays(self._plain(node, result))

    def _plain(self, node: Node, result: Value) -> Product:
        places = [self.level.places[value] for value in (*self.operands[node], result)]
        found = product(node, places, self.level.memory)
        assert found is not None, node
        return found

    def _stays(self, made: Product) -> bool:
        """Whether a product's right operand is the same at each step: it is packed before the loop."""
        return made.b.buffer in self.constants and not made.over and made.c.columns == ONE
