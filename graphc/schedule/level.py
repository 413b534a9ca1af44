"""One level of a graph - its top, or the body of a loop - as steps.

Every value is one of three: *inlined* into whatever reads it (movements, what is cheap or needed once), a
*member* of a kernel, or the result of steps of its own (a product, a scatter, a loop, the parts of a join).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from graphc.ir.form import Element, Scatter
from graphc.ir.graph import AnyNode, Graph, LoopNode, Node, Value
from graphc.kernel.expr import Expr, Reduce
from graphc.ops.contraction import CONTRACT
from graphc.ops.movement import CONCAT, STACK
from graphc.ops.summing import REDUCE_SUM
from graphc.schedule import blocks, costs, loops, scatters, windows
from graphc.schedule.groups import Copy, Group, Held, Member, Shape, Single, Space, assign
from graphc.schedule.kernels import Writer
from graphc.schedule.matrices import Matrices
from graphc.schedule.places import Memory, Place
from graphc.schedule.program import Step
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
        self.matrices = Matrices(self)

    # ------------------------------------------------------------------------------------- places

    def place(self, value: Value) -> Place:
        """Where a value lies; from now on it does."""
        if value not in self.places:
            node = self.producers[value]
            if isinstance(node, Node) and costs.is_view(node) and node.operands[0] not in self.reader.inlined:
                seen = view(node, self.place(node.operands[0]))
                if seen is not None:
                    self.places[value] = seen
                    return seen
            self.put(value, self.memory.laid_out(value.name or "v", value.type, title=value.name))
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

    def child(
        self,
        graph: Graph,
        places: Mapping[Value, Place],
        step: Mapping[Index, Expr],
        memory: Memory | None = None,
    ) -> Level:
        """The level of a loop's body. `memory`: as it is seen there, if not as here."""
        context = replace(self.context, steps={**self.context.steps, **step})
        return Level(graph, memory or self.memory, places, context)

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
        matrices = self.matrices
        matrices.find_totals()
        added = matrices.added
        for node in self.graph.nodes:
            if isinstance(node, LoopNode):
                self.loops[node] = windows.layout(self, node)
            elif node in matrices.totals:
                matrices.lay_out(matrices.totals[node][0], node.result)
            elif matrices.is_product(node):
                if node not in added:
                    matrices.lay_out(node, node.result)
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
        joined = node.op in (CONCAT, STACK)
        return joined or isinstance(node.op.form, Scatter) or self.matrices.is_product(node)

    def _looks(self, node: Node) -> bool:
        return costs.is_view(node) and node.result in self.places and node.result not in self.required

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
        elif node in self.matrices.totals:
            made, other = self.matrices.totals[node]
            self.copy(Copy(other, self.places[node.result], node.result.type))
            self._product(made, node.result, accumulate=True)
        elif self.matrices.is_product(node):
            self._product(node, node.result)
        elif isinstance(node.op.form, Scatter):
            nest = scatters.scatter(self, node)
            self._single(node.results, lambda: [nest.launch()], nest.reads, lambda: nest.apart)
        else:
            self._member(node)

    def _product(self, node: Node, result: Value, accumulate: bool = False) -> None:
        matrices = self.matrices
        for source, used in zip(node.operands, matrices.operands[node], strict=True):
            if used is not source and used not in self.position:
                space = Space.of(source.type, self.memory)
                expr = self.reader.read(source, dict(space.axes), space.dims)
                self._assign(Member(used, source.type, space, expr, node.span))
        self._single(
            [result],
            lambda: [matrices.made(node, result, accumulate)],
            self._bases(matrices.operands[node]),
            lambda: matrices.is_apart(node, result),
        )

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
        held = self.required.get(value)
        if isinstance(expr, Reduce):
            if node.attrs.get("indices"):
                expr = self._in_memory_order(expr, node.attrs["indices"])
        elif held is None and not value.type.rank and self.memory.is_table(value.type.axes):
            space = space.by_rows(self.memory)
            expr = self.reader.at(node, space.point, 1)
        member = Member(value, value.type, space, expr, node.span, held=held)
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
        if self.is_held(node.result) or not node.operands:
            return "row"
        *given, result = _labels(node)
        operands = [[*self.memory.order(v.type.axes), *g] for v, g in zip(node.operands, given, strict=True)]
        largest = max(operands, key=len)
        kept = {*node.result.type.axes, *result}
        return "columns" if largest and largest[-1] in kept and not kept.issuperset(largest) else "row"

    def is_held(self, value: Value) -> bool:
        """Whether a value keeps what it was for examples that have ended."""
        return self.required.get(value) is not None

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
