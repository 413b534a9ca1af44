"""`graphc fmt`: one way to write a spec, with the comments and the blank lines of its author.

The text is printed anew from the syntax tree, so that formatting cannot change what is said. A statement with
a comment in its middle is left as it stands, because the new text may have no place for the comment.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from graphc.diagnostics import Source
from graphc.frontend import ast, printer
from graphc.frontend.parser import parse
from graphc.frontend.scanner import Token as Word
from graphc.frontend.scanner import scan
from graphc.frontend.wrapping import WIDTH, wrap

WIDEST_PADDING = 12
"""Neighbouring `=` are aligned unless that would move one of them by more columns than this."""

_BRACED = ast.BlockDefinition | ast.OptimizerDefinition | ast.Check | ast.Settings | ast.Generate
Entry = ast.Statement | ast.CheckItem | ast.Option


@dataclass
class _Row:
    """A line to be: `left mark right` where it can be aligned with its neighbours, else all is in `left`."""

    indent: int
    left: str
    mark: str = ""
    right: str = ""
    comment: str = ""
    fixed: bool = False

    @property
    def text(self) -> str:
        return f"{self.left} {self.mark} {self.right}" if self.mark else self.left


def format_source(source: Source) -> str:
    """The text in its one form. Raises what `parse` raises."""
    file = parse(source)
    layout = _Layout(source, scan(source).comments)
    layout.entries(file.statements, 0, 0)
    return layout.text()


def format_tree(node: ast.Syntax) -> str:
    """The text of any node of a syntax tree."""
    if isinstance(node, ast.File):
        layout = _Layout(None, [])
        layout.entries(node.statements, 0, 0)
        return layout.text()
    if isinstance(node, printer.Part):
        return printer.part(node)
    if isinstance(node, ast.Statement):
        layout = _Layout(None, [])
        layout.entries((node,), 0, 0)
        return layout.text().rstrip("\n")
    assert isinstance(node, ast.Expr | ast.Slice | ast.Binder | ast.Option)
    return printer.expression(node)


class _Layout:
    """Collects rows. Without a source there are no comments and no blank lines."""

    def __init__(self, source: Source | None, comments: list[Word]) -> None:
        self.source = source
        self.comments = comments
        self.next_comment = 0
        self.rows: list[_Row] = []
        self.braces = []
        if source is not None:
            self.braces = [token.start for token in scan(source).tokens if token.text == "{"]

    def text(self) -> str:
        _align(self.rows)
        lines: list[str] = []
        for row in self.rows:
            lines += [row.text] if row.fixed else wrap(" " * row.indent + row.text, row.indent)
            if row.comment:
                lines[-1] += f"  {row.comment}"
        return "\n".join(line.rstrip() for line in lines) + "\n" if lines else ""

    # -------------------------------------------------------------------------------- entries

    def entries(self, nodes: Sequence[Entry], indent: int, start: int, end: int = -1) -> None:
        """The statements or items of a file or of braces, which stand at `start` to `end` of the source."""
        done = start
        for node in nodes:
            done = self._comments_before(node.span.start, indent, done, start)
            self._blank(done, node.span.start, start)
            self._entry(node, indent)
            done = max(done, self._comment_behind(node.span.end))
        limit = len(self.source.text) if self.source and end < 0 else end
        self._comments_before(limit, indent, done, start)

    def _comments_before(self, limit: int, indent: int, done: int, start: int) -> int:
        while self.next_comment < len(self.comments) and self.comments[self.next_comment].start < limit:
            comment = self.comments[self.next_comment]
            self.next_comment += 1
            self._blank(done, comment.start, start)
            self.rows.append(_Row(indent, " " * indent + comment.text.rstrip(), fixed=True))
            done = comment.end
        return done

    def _comment_behind(self, end: int) -> int:
        if self.source is None or self.next_comment >= len(self.comments):
            return end
        comment = self.comments[self.next_comment]
        if comment.start < end or not re.fullmatch(r"[ \t,]*", self.source.text[end : comment.start]):
            return end
        self.next_comment += 1
        self.rows[-1].comment = comment.text.rstrip()
        return comment.end

    def _blank(self, done: int, following: int, start: int) -> None:
        if self.source is None or done == start:
            return
        if re.search(r"\n[ \t\r]*\n", self.source.text[done:following]):
            self.rows.append(_Row(0, "", fixed=True))

    def _entry(self, node: Entry, indent: int) -> None:
        head_end = self._brace(node) if isinstance(node, _BRACED) else node.span.end
        if self._has_comment(node.span.start, head_end):
            self._as_it_stands(node, indent)
        elif isinstance(node, _BRACED):
            self._braced(node, indent)
        elif isinstance(node, ast.Equation):
            left, right = printer.equation_left(node), printer.expression(node.value)
            self.rows.append(_Row(indent, left, "=", right))
        elif isinstance(node, ast.CheckItem):
            self.rows.append(_Row(indent, printer.check_left(node), "~=", printer.check_right(node)))
        elif isinstance(node, ast.Option):
            self.rows.append(_Row(indent, node.name, "=", printer.expression(node.value)))
        else:
            self.rows.append(_Row(indent, printer.head(node)))

    def _brace(self, node: _BRACED) -> int:
        if self.source is None:
            return node.span.start
        return self.braces[bisect_left(self.braces, node.span.start)]

    def _has_comment(self, start: int, end: int) -> bool:
        index = self.next_comment
        return index < len(self.comments) and start <= self.comments[index].start < end

    def _as_it_stands(self, node: Entry, indent: int) -> None:
        first, *others = node.span.text.split("\n")
        lines = [" " * indent + first.rstrip(), *(line.rstrip() for line in others)]
        self.rows.append(_Row(indent, "\n".join(lines), fixed=True))
        while self._has_comment(node.span.start, node.span.end):
            self.next_comment += 1

    def _braced(self, node: _BRACED, indent: int) -> None:
        head = printer.head(node)
        body: Sequence[Entry]
        match node:
            case ast.Check():
                body = node.items
            case ast.Settings():
                body = node.options
            case _:
                body = node.body
        if isinstance(node, ast.Check | ast.Settings) and self._fits(node, head, body, indent):
            inside = ", ".join(format_tree(item) for item in body)
            self.rows.append(_Row(indent, f"{head} {{ {inside} }}" if body else f"{head} {{}}"))
            return
        start = self._brace(node) + 1
        self.rows.append(_Row(indent, f"{head} {{"))
        start = self._comment_behind(start) if self.source else start
        self.entries(body, indent + 2, start, node.span.end)
        self.rows.append(_Row(indent, "}"))

    def _fits(self, node: _BRACED, head: str, body: Sequence[Entry], indent: int) -> bool:
        """Whether braces stay on one line: if their author wrote them so, and they are not too long."""
        if "\n" in node.span.text or self._has_comment(node.span.start, node.span.end):
            return False
        return indent + len(head) + sum(len(format_tree(item)) + 2 for item in body) + 4 <= WIDTH


# ------------------------------------------------------------------------------- alignment


def _align(rows: list[_Row]) -> None:
    start = 0
    while start < len(rows):
        end = start + 1
        while end < len(rows) and rows[start].mark and _together(rows[start], rows[end]):
            end += 1
        _pad(rows[start:end])
        start = end


def _together(first: _Row, other: _Row) -> bool:
    return first.mark == other.mark and first.indent == other.indent and not other.fixed


def _pad(rows: list[_Row]) -> None:
    short = [row for row in rows if row.indent + len(row.text) <= WIDTH]
    widths = [len(row.left) for row in short]
    if len(short) < 2 or max(widths) - min(widths) > WIDEST_PADDING:
        return
    for row in short:
        padding = max(widths) - len(row.left)
        if row.indent + len(row.text) + padding <= WIDTH:
            row.left += " " * padding
