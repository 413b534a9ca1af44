"""The syntax tree as an indented list, for `graphc show --stage ast`."""

from __future__ import annotations

from dataclasses import fields

from graphc.frontend import ast
from graphc.frontend.walk import children


def dump_tree(file: ast.File) -> str:
    """One node a line: the line of the source, then the kind of the node and what it holds itself."""
    digits = max(3, len(str(_line(file, file.span.end))))
    out: list[str] = []
    _dump(file, "", 0, digits, out)
    return "\n".join(out) + "\n"


def _dump(node: ast.Syntax, role: str, depth: int, digits: int, out: list[str]) -> None:
    held = [
        f"{entry.name}={value!r}"
        for entry in fields(node)
        if isinstance(value := getattr(node, entry.name), str | bool) and value is not False
    ]
    label = f"{role}: " if role else ""
    words = " ".join([f"{label}{type(node).__name__}", *held])
    out.append(f"{_line(node, node.span.start):>{digits}}  {'  ' * depth}{words}")
    for name, child in children(node):
        _dump(child, name, depth + 1, digits, out)


def _line(node: ast.Syntax, offset: int) -> int:
    return node.span.source.position(offset)[0]
