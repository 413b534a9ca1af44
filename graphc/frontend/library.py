"""Where functions and blocks come from: the standard library and a file's imports."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files

from graphc.diagnostics import Source, fault
from graphc.frontend import ast
from graphc.frontend.parser import parse
from graphc.frontend.scope import Library

Reader = Callable[[ast.String], Source]
"""Gives the text that an import's path names, or raises E243 if that file cannot be read."""


@cache
def standard_library() -> Library:
    """The functions and blocks of `graphc/stdlib/*.nn`."""
    library = Library()
    folder = files("graphc") / "stdlib"
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".nn"):
            text = entry.read_text(encoding="utf-8")
            library = library.extended(parse(Source(f"stdlib/{entry.name}", text)))
    return library


def with_imports(file: ast.File, read: Reader) -> Library:
    """The standard library and what the file's imports define.

    Raises E243 for a file that cannot be read, E244 for imports in a circle, E245 for other statements.
    """
    return _imported(file, read, standard_library(), [])


def _imported(file: ast.File, read: Reader, library: Library, opened: list[str]) -> Library:
    for statement in file.statements:
        if not isinstance(statement, ast.Import):
            continue
        source = read(statement.path)
        if source.name in opened:
            circle = " -> ".join([*opened[opened.index(source.name) :], source.name])
            raise fault("E244", f"imports go in a circle: {circle}", statement.span)
        imported = parse(source)
        for other in imported.statements:
            if not isinstance(other, ast.FunctionDefinition | ast.BlockDefinition | ast.Import):
                first = other.span.text.split("\n")[0]
                raise fault(
                    "E245",
                    f"`{statement.path.value}` is imported and holds `{first}`; "
                    "an imported file defines functions and blocks only",
                    other.span,
                )
        library = _imported(imported, read, library, [*opened, source.name]).extended(imported)
    return library
