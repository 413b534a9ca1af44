"""Names that nobody asked for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from graphc.ir.graph import Graph, Node, Value
from graphc.ops.leaf import PIN
from graphc.passes.rebuild import Scope, rewrite


@dataclass(frozen=True)
class Unpin:
    """Drops the pins whose name is not in `keep`; None keeps all. A pin is the identity, so no value
    changes, but what was pinned may now be merged, moved and fused."""

    keep: Collection[str] | None = None
    name = "unpin"

    def __call__(self, graph: Graph) -> Graph:
        return graph if self.keep is None else rewrite(graph, self._rule)

    def _rule(self, scope: Scope, node: Node) -> Value | None:
        assert self.keep is not None
        return node.operands[0] if node.op is PIN and node.attrs["name"] not in self.keep else None
