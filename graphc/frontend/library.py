"""Where functions and blocks come from: the standard library and a file's imports.

Of the standard library only the files are parsed whose names a spec uses, directly or through each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.resources import files

from graphc.diagnostics import Source, fault
from graphc.frontend import ast
from graphc.frontend.parser import parse
from graphc.frontend.scope import Library
from graphc.frontend.verdict import DEFINING

Reader = Callable[[ast.String], Source]
"""Gives the text that an import's path names, or raises E243 if that file cannot be read."""

_OPTIMIZERS = "optimizers.nn"
_OPTIMIZER = re.compile(r"^optimizer ([^\W\d]\w*)", re.MULTILINE)
_WORD = re.compile(r"[^\W\d]\w*")
_DEFINITION = re.compile(r"^(?:block\s+)?([^\W\d]\w*)\s*\(", re.MULTILINE)


@cache
def _texts() -> Mapping[str, str]:
    folder = files("graphc") / "stdlib"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".nn"))
    return {name: (folder / name).read_text(encoding="utf-8") for name in names}


@cache
def _index() -> Mapping[str, str]:
    """The file that defines each name."""
    return {name: file for file, text in _texts().items() for name in _DEFINITION.findall(text)}


@cache
def _parsed(file: str) -> ast.File:
    return parse(Source(f"stdlib/{file}", _texts()[file]))


def standard_names() -> frozenset[str]:
    """Every function and block of `graphc/stdlib/*.nn`."""
    return frozenset(_index())


@cache
def optimizer_names() -> frozenset[str]:
    """Every optimizer of the standard library."""
    return frozenset(_OPTIMIZER.findall(_texts()[_OPTIMIZERS]))


@cache
def standard_optimizer(name: str) -> Library:
    """The definitions of one name in the standard library, with the functions that their equations call."""
    # The others are left out, as empty lines: parsing all of them takes long, and a training needs one.
    text = _texts()[_OPTIMIZERS]
    wanted = re.compile(rf"^optimizer {name}\b.*?^}}$", re.MULTILINE | re.DOTALL)
    kept = {place for match in wanted.finditer(text) for place in range(*match.span())}
    alone = "".join(c if place in kept or c == "\n" else " " for place, c in enumerate(text))
    file = parse(Source(f"stdlib/{_OPTIMIZERS}", alone))
    return standard_library(frozenset(_WORD.findall(alone))).extended(file)


def standard_library(words: Iterable[str] | None = None) -> Library:
    """The files of the standard library that define any of `words` (all, if None), and what those use."""
    wanted = standard_names() if words is None else set(words)
    chosen: set[str] = set()
    while new := {_index()[word] for word in wanted & standard_names()} - chosen:
        chosen |= new
        wanted = {word for file in new for word in _WORD.findall(_texts()[file])}
    library = Library(others=standard_names())
    for file in sorted(chosen):
        library = library.extended(_parsed(file))
    return library


def with_imports(file: ast.File, read: Reader) -> Library:
    """The standard library and what the file's imports define.

    Raises E243 for a file that cannot be read, E244 for imports in a circle, E245 for other statements.
    """
    imported = _opened(file, read, [], set())
    words: set[str] = set()
    for each in (file, *imported):
        words |= set(_WORD.findall(each.span.source.text))
    library = standard_library(words)
    for each in imported:
        library = library.extended(each)
    return library


def _opened(file: ast.File, read: Reader, above: list[str], done: set[str]) -> list[ast.File]:
    """The imported files, each once, those that others use before them."""
    found: list[ast.File] = []
    for statement in file.statements:
        if not isinstance(statement, ast.Import):
            continue
        source = read(statement.path)
        if source.name in above:
            circle = " -> ".join([*above[above.index(source.name) :], source.name])
            raise fault("E244", f"imports go in a circle: {circle}", statement.span)
        if source.name in done:
            continue
        imported = parse(source)
        for other in imported.statements:
            if not isinstance(other, DEFINING | ast.Import):
                first = other.span.text.split("\n")[0]
                raise fault(
                    "E245",
                    f"`{statement.path.value}` is imported and holds `{first}`; "
                    "an imported file defines functions, blocks and optimizers only",
                    other.span,
                )
        found += [*_opened(imported, read, [*above, source.name], done), imported]
        done.add(source.name)
    return found
