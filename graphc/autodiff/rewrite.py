"""Renaming what nodes read, for the reverse walk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from graphc.ir.graph import AnyNode, Value


def renamed(nodes: Iterable[AnyNode], names: Mapping[Value, Value]) -> tuple[AnyNode, ...]:
    """The nodes with other operands; results stay the values they were."""
    return tuple(
        replace(node, operands=tuple(names.get(operand, operand) for operand in node.operands))
        for node in nodes
    )
