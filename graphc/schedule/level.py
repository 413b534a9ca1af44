"""One level of a graph - its top, or the body of a loop - as steps.

Every value is one of three: *inlined* into whatever reads it (movements, what is cheap or needed once), a
*member* of a kernel, or the result of steps of its own (a product, a scatter, a loop, the parts of a join).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from graphc.ir.form import Element, Scatter
from graphc.ir.graph import AnyNode, Graph, LoopNode, Node, Value
from graphc.kernel.expr import ONE, Expr, Reduce
from graphc.ops.contraction import CONTRACT
from graphc.ops.elementwise import ADD
from graphc.ops.movement import CONCAT, STACK
from graphc.ops.summing import REDUCE_SUM
from graphc.schedule import blocks, costs, loops, scatters
from graphc.schedule.groups import Copy, Group, Held, Member, Shape, Single, Space, assign
from graphc.schedule.kernels import Writer
from graphc.schedule.places import Memory, Place
from graphc.schedule.products import (
    packed_size,
    product,
    repacked,
    rows_are_examples,
    smaller_first,
    workspace_size,
    worthwhile,
)
from graphc.schedule.program import Buffer, Matrix, Pack, Product, Step
from graphc.schedule.sites import Reader, renamed
from graphc.schedule.views import joined_parts, view
from graphc.types import BATCH, Index, sort_indices


@dataclass(frozen=True)
class Context:
    """The loops around a level."""

    steps: Mapping[Index, Expr] = field(default_factory=dict)
    dense: bool = False
    """No run has ragged lengths."""


class Level:
    """The scheduling of one level. `places` says where the values from outside lie."""

    def __init__(self, graph: Graph, memory: Memory, places: Mapping[Value, Place], context: Context) -> None:
        self.graph = graph
        self.memory = memory
        self.context = context
        self.places: dict[Value, Place] = dict(places)
        self.constants = frozenset[Buffer]()
        """Buffers that do not change while the level's loop runs."""
        self.producers: dict[Value, AnyNode] = {v: node for node in graph.nodes for v in node.results}
        self.reader = Reader(memory, context.steps)
        self.required: dict[Value, Held | None] = {}
        """What is computed into a place of its own."""
        self.parts: dict[Value, list[Copy]] = {}
        """Of a join the parts that are not computed in their place."""
        self.copies: list[Copy] = []
        self.groups: list[Group | Single] = []
        self.position: dict[Value, int] = {}
        self.loops: dict[LoopNode, loops.Layout] = {}
        self.matrices: dict[Node, tuple[Value, ...]] = {}
        """The operands of products: copies, where they do not lie as matrices themselves."""
        self.totals: dict[Node, tuple[Node, Value]] = {}
        """Additions that a product makes by adding to what lies there: the product, and the other summand."""
        self.relaid: dict[Value, Value] = {}
        """Inputs in the order of memory, for products."""
        self.packed: dict[Matrix, Pack] = {}
        """What products read again and again, packed before the level's loop begins."""

    # ------------------------------------------------------------------------------------- places

    def place(self, value: Value) -> Place:
        """Where a value lies; from now on it does."""
        if value not in self.places:
            node = self.producers[value]
            if isinstance(node, Node) and costs.is_view(node):
                seen = view(node, self.place(node.operands[0]))
                if seen is not None:
                    self.places[value] = seen
                    return seen
            self.put(value, self.memory.laid_out(value.name or "v", value.type))
        return self.places[value]

    def put(self, value: Value, place: Place, held: Held | None = None) -> None:
        """Compute a value at a place; of a join each part, if it has no place yet."""
        self.places[value] = place
        self.required[value] = held
        node = self.producers[value]
        if isinstance(node, Node) and node.op in (CONCAT, STACK):
            self.parts[value] = []
            for part, where in zip(node.operands, joined_parts(node, place), strict=True):
                if self.takes_place(part) and part.type.axes == value.type.axes:
                    self.put(part, where)
                else:
                    type_ = part.type.with_axes(value.type.axes)
                    self.parts[value].append(Copy(part, where, type_))

    def takes_place(self, value: Value, held: bool = False) -> bool:
        """Whether a value can still be computed at a place that is given to it."""
        node = self.producers.get(value)
        if value in self.places or not isinstance(node, Node) or costs.is_view(node):
            return False
        return not held or (isinstance(node.op.form, Element) and not self._alone(node))

    def store(self, value: Value, place: Place, held: Held | None = None) -> None:
        """Have a value lie at a place, computed there or copied."""
        if self.takes_place(value, held is not None):
            self.put(value, place, held)
        else:
            self.copies.append(Copy(value, place, value.type, held))

    def child(self, graph: Graph, places: Mapping[Value, Place], step: Mapping[Index, Expr]) -> Level:
        """The level of a loop's body."""
        return Level(graph, self.memory, places, replace(self.context, steps={**self.context.steps, **step}))

    def base(self, value: Value) -> Value:
        """What is looked at, of a value that is only a view."""
        node = self.producers.get(value)
        while isinstance(node, Node) and value not in self.required and costs.is_view(node):
            value = node.operands[0]
            node = self.producers.get(value)
        return value

    def _bases(self, values: Sequence[Value]) -> list[Value]:
        return [self.base(value) for value in values if value in self.places]

    # ---------------------------------------------------------------------------------- scheduling

    def schedule(self) -> None:
        """Give every value its group. Outputs have their places, or are copied, already."""
        self.totals = self._totals()
        added = {product for product, _ in self.totals.values()}
        for node in self.graph.nodes:
            if isinstance(node, LoopNode):
                self.loops[node] = loops.Layout(self, node)
            elif node in self.totals:
                self._lay_out_product(self.totals[node][0], node.result)
            elif node.op is CONTRACT and worthwhile(node):
                if node not in added:
                    self._lay_out_product(node, node.result)
            elif self._alone(node):
                self.place(node.result)
        copied = [copy.source for copy in (*self.copies, *(c for some in self.parts.values() for c in some))]
        inlined = costs.inlined(self.graph, self.required.keys(), copied)
        for node in self.graph.nodes:
            if isinstance(node, Node) and (node.result in inlined or self._looks(node)):
                self.reader.inlined[node.result] = node
            elif node not in added:
                self._take(node)
        for copy in self.copies:
            self.copy(copy)
        self._give_places()

    def _alone(self, node: Node) -> bool:
        """Whether a node's result is made by steps of its own."""
        if node.op is CONTRACT:
            return worthwhile(node)
        return isinstance(node.op.form, Scatter) or node.op in (CONCAT, STACK)

    def _looks(self, node: Node) -> bool:
        return costs.is_view(node) and node.result in self.places and node.result not in self.required

    def _totals(self) -> dict[Node, tuple[Node, Value]]:
        """Sums of a product that nothing else reads and something that is there before it."""
        uses = Counter(operand for node in self.graph.nodes for operand in node.operands)
        uses.update(self.graph.outputs.values())
        found: dict[Node, tuple[Node, Value]] = {}
        for node in self.graph.nodes:
            if not isinstance(node, Node) or node.op is not ADD or node.result in self._held():
                continue
            for value, other in (node.operands, node.operands[::-1]):
                made = self.producers.get(value)
                alone = uses[value] == 1 and value not in self.places and value.type == node.result.type
                if alone and isinstance(made, Node) and made.op is CONTRACT and worthwhile(made):
                    found[node] = (made, other)
                    break
        return found

    def _lay_out_product(self, node: Node, result: Value) -> None:
        """Settle where a product's operands lie, and that what it makes is `result`."""
        out = self.place(result)
        operands = tuple(self._relaid(value) for value in node.operands)
        if product(node, [*map(self.place, operands), out], self.memory) is None:
            operands = self._repacked(node, operands, out)
        self.matrices[node] = operands

    def _relaid(self, value: Value) -> Value:
        """The value, or a copy of an input whose axes lie in another order than those of everything else."""
        place = self.place(value)
        order = self.memory.order(value.type.axes)
        if value not in self.graph.inputs or place.buffer.role != "input" or order == value.type.axes:
            return value
        if value not in self.relaid:
            self.relaid[value] = self._fresh(value)
        return self.relaid[value]

    def _fresh(self, value: Value) -> Value:
        copied = Value(value.type, value.name)
        self.places[copied] = self.memory.laid_out(value.name or "copy", value.type)
        return copied

    def _repacked(self, node: Node, operands: tuple[Value, ...], out: Place) -> tuple[Value, ...]:
        """Operands of which one (the smaller, if that is enough) or both are copied, to be matrices."""
        for side in smaller_first(node):
            copied = self._fresh(operands[side])
            tried = tuple(copied if i == side else value for i, value in enumerate(operands))
            if product(node, [*(self.places[v] for v in tried), out], self.memory) is not None:
                return tried
            self.memory.drop(self.places.pop(copied).buffer)
        copies = tuple(Value(operand.type, operand.name) for operand in operands)
        self.places.update(zip(copies, repacked(node, self.memory), strict=True))
        return copies

    def _take(self, node: AnyNode) -> None:
        if isinstance(node, LoopNode):
            layout = self.loops[node]
            for copy in layout.starts():
                self.copy(copy)
            self._single(node.results, layout.schedule(), self._bases(node.operands), layout.apart)
        elif node.op in (CONCAT, STACK):
            for copy in self.parts[node.result]:
                self.copy(copy)
            self.position[node.result] = len(self.groups) - 1
        elif node in self.totals:
            product_node, other = self.totals[node]
            self.copy(Copy(other, self.places[node.result], node.result.type))
            self._product(product_node, node.result, accumulate=True)
        elif node.op is CONTRACT and worthwhile(node):
            self._product(node, node.result)
        elif isinstance(node.op.form, Scatter):
            nest = scatters.scatter(self, node)
            self._single(node.results, lambda: [nest.launch()], nest.reads, lambda: nest.apart)
        else:
            self._member(node)

    def _product(self, node: Node, result: Value, accumulate: bool = False) -> None:
        operands = self.matrices[node]
        for source, used in zip(node.operands, operands, strict=True):
            if used is not source and used not in self.position:
                space = Space.of(source.type, self.memory)
                expr = self.reader.read(source, dict(space.axes), space.dims)
                self._assign(Member(used, source.type, space, expr, node.span))

        def made() -> Product:
            places = [self.places[value] for value in (*operands, result)]
            found = product(node, places, self.memory)
            assert found is not None, node
            return replace(found, accumulate=accumulate)

        self._single(
            [result],
            lambda: [self._as_product(made())],
            self._bases(operands),
            lambda: rows_are_examples(node) and self._stays(made()),
        )

    def _as_product(self, made: Product) -> Product:
        """With room for its work, or with its right operand packed."""
        if not self._stays(made):
            room = self.memory.buffer("workspace", "real", workspace_size(made))
            return replace(made, workspace=room)
        pack = self.packed.get(made.b)
        if pack is None:
            buffer = self.memory.buffer("panels", "real", packed_size(made.k, made.n))
            pack = self.packed[made.b] = Pack(made.b, made.k, made.n, buffer)
        return replace(made, packed=pack.packed)

    def _stays(self, made: Product) -> bool:
        """Whether a product's right operand is the same at each step: it is packed before the loop."""
        return made.b.buffer in self.constants and not made.over and made.c.columns == ONE

    def _assign(self, member: Member) -> None:
        assign(self.groups, self.position, member)

    def _single(
        self,
        results: Sequence[Value],
        emit: Callable[[], list[Step]],
        reads: Sequence[Value],
        apart: Callable[[], bool],
    ) -> None:
        self.groups.append(Single(tuple(reads), emit, apart))
        for result in results:
            self.position[result] = len(self.groups) - 1

    def _member(self, node: Node) -> None:
        value = node.result
        space = Space.of(value.type, self.memory)
        expr = self.reader.at(node, space.point, value.type.rank)
        if isinstance(expr, Reduce) and node.attrs.get("indices"):
            expr = self._in_memory_order(expr, node.attrs["indices"])
        member = Member(value, value.type, space, expr, node.span, held=self.required.get(value))
        member.shape = self._shape(node)
        member.summed = self.memory.order(node.attrs.get("indices", ()))
        self._assign(member)

    def _in_memory_order(self, reduce: Reduce, indices: Sequence[Index]) -> Reduce:
        """The reduction with its loops over indices, which stand first, in the order of memory.

        The variables keep their order: whatever shares a stage has the same names from outside to inside.
        """
        given = dict(zip(sort_indices(indices), reduce.over, strict=False))
        order = self.memory.order(indices)
        names = [name for name, _ in reduce.over[: len(order)]]
        over = [(name, given[index][1]) for name, index in zip(names, order, strict=True)]
        body = renamed(
            reduce.body, {given[index][0].name: name for name, index in zip(names, order, strict=True)}
        )
        return replace(reduce, over=(*over, *reduce.over[len(order) :]), body=body)

    def _shape(self, node: Node) -> Shape:
        """Whether it sums over outer coordinates: then rows are added to rows.

        So it is where the coordinate that is innermost in memory is kept, of the operand that has most.
        """
        if node.op not in (REDUCE_SUM, CONTRACT) or node.result.type.dtype != "real":
            return "row"
        if node.result in self._held() or not node.operands:
            return "row"
        *given, result = _labels(node)
        operands = [[*self.memory.order(v.type.axes), *g] for v, g in zip(node.operands, given, strict=True)]
        largest = max(operands, key=len)
        kept = {*node.result.type.axes, *result}
        return "columns" if largest and largest[-1] in kept and not kept.issuperset(largest) else "row"

    def _held(self) -> set[Value]:
        return {value for value, held in self.required.items() if held is not None}

    def copy(self, copy: Copy) -> None:
        """Have a value stored at one more place, from here on."""
        space = Space.of(copy.type, self.memory)
        expr = self.reader.read(copy.source, dict(space.axes), space.dims)
        self._assign(Member(None, copy.type, space, expr, place=copy.place, held=copy.held))

    def _give_places(self) -> None:
        """Members that are read from memory lie somewhere; the others are locals of their kernels."""
        for group in self.groups:
            if isinstance(group, Single):
                for value in group.reads:
                    if value in self.position:
                        self.place(value)
                continue
            for member in group.members:
                for entry in member.reads:
                    inside = entry.value in group.spaces and group.kept_inside(member, entry)
                    if not inside and entry.value in self.position:
                        self.place(entry.value)
        for group in self.groups:
            if isinstance(group, Group):
                for member in group.members:
                    if member.value is not None:
                        member.place = self._stored(group, member)

    def _stored(self, group: Group, member: Member) -> Place | None:
        assert member.value is not None
        if member.value not in self.places and (member.nested or group.shape == "columns"):
            self.place(member.value)
        return self.places.get(member.value)

    def steps(self, sliced: bool) -> list[Step]:
        """The level's steps, in order."""
        writer = Writer(self.memory, self.places)
        found: list[Step] = []
        for group in self.groups:
            if isinstance(group, Group) and not sliced and blocks.cut(group):
                found += blocks.launches(writer, group)
            elif isinstance(group, Group):
                found.append(writer.launch(group, sliced))
            else:
                found += group.emit()
        return found

    def examples_are_apart(self) -> bool:
        """Whether all that the level does, it does for each example by itself."""
        return all(self._apart(group) for group in self.groups)

    def _apart(self, group: Group | Single) -> bool:
        if isinstance(group, Group):
            return any(index == BATCH for index, _ in group.outer)
        return group.apart()


def _labels(node: Node) -> tuple[tuple[Hashable, ...], ...]:
    """Names of the dims of the operands and of the result of a sum or a contraction."""
    if node.op is CONTRACT:
        return tuple(node.attrs["labels"])
    dims = tuple(range(node.operands[0].type.rank))
    return dims, tuple(dim for dim in dims if dim not in node.attrs["dims"])
