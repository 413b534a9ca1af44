"""Walking the syntax tree: the children of a node, and how deep a tree is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from graphc.frontend.ast import Syntax


def children(node: Syntax) -> Iterator[tuple[str, Syntax]]:
    """The nodes directly below, in the order of the fields, each with the name of its field."""
    for entry in fields(node):
        value = getattr(node, entry.name)
        if isinstance(value, Syntax):
            yield entry.name, value
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, Syntax):
                    yield entry.name, item


def deepest(node: Syntax, limit: int) -> Syntax | None:
    """The first node more than `limit` levels below, or None. Does not recurse, so any tree is safe."""
    waiting = [(node, 0)]
    while waiting:
        current, depth = waiting.pop()
        if depth > limit:
            return current
        waiting += [(child, depth + 1) for _, child in children(current)]
    return None
