"""From text to syntax tree, with all the faults of a file in one run."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace
from typing import Any, TypeVar, cast

from lark import TextSlice, UnexpectedInput, UnexpectedToken

from graphc.diagnostics import Diagnostic, GraphcError, Source, Span, nearest
from graphc.frontend import ast
from graphc.frontend.build import Builder
from graphc.frontend.grammar import grammar
from graphc.frontend.lines import KEYWORDS, Line, split
from graphc.frontend.place import Place
from graphc.frontend.scanner import scan
from graphc.frontend.syntax_faults import explain
from graphc.frontend.walk import deepest

MOST_FAULTS = 50
"""How many faults one run shows; a file with more is mostly not a spec at all."""

DEEPEST_TREE = 200
"""How many levels an expression may have, chains such as `a + b + c + ...` included."""

Node = TypeVar("Node", bound=ast.Syntax)


def parse(source: Source) -> ast.File:
    """The syntax tree of a text, or a `GraphcError` with all its independent syntax faults."""
    scanned = scan(source)
    lines, bracket_faults = split(scanned)
    parser = _Parser(source, scanned.faults + bracket_faults)
    statements = parser.statements(lines)
    if parser.faults:
        raise GraphcError(_in_order(parser.faults))
    return ast.File(Span(source, 0, len(source.text)), statements)


def _in_order(faults: list[Diagnostic]) -> list[Diagnostic]:
    # The same message twice in one line is one fault that was made twice.
    distinct = {
        (fault.span.line if fault.span else 0, fault.code, fault.message): fault for fault in faults[::-1]
    }
    ordered = sorted(distinct.values(), key=lambda fault: fault.span.start if fault.span else 0)
    if len(ordered) > MOST_FAULTS:
        message = f"{len(ordered) - MOST_FAULTS} more faults are not shown"
        ordered = [*ordered[:MOST_FAULTS], Diagnostic("E138", message, help="correct the first ones first")]
    return ordered


def _check_mark(line: Line, start: str) -> int | None:
    """The first `~=` or `+-` that does not stand at the top of a check's line."""
    depth, seen = 0, set[str]()
    for index, token in enumerate(line.tokens):
        depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
        # The grammar's own lexer would read `+-` as two words where it cannot be one.
        if token.text in ("~=", "+-"):
            if start != "check_item" or depth or token.text in seen:
                return index
            seen.add(token.text)
    return None


class _Parser:
    def __init__(self, source: Source, faults: list[Diagnostic]) -> None:
        self.source = source
        self.faults = faults
        self.known = sorted(fault.span.start for fault in faults if fault.span)

    # -------------------------------------------------------------------------------- statements

    def statements(self, lines: list[Line]) -> tuple[ast.Statement, ...]:
        found = [self._statement(line) for line in lines]
        return tuple(statement for statement in found if statement is not None)

    def _statement(self, line: Line) -> ast.Statement | None:
        if not line.tokens:
            self._fault("E131", "before this `{` something is missing", line, "as in `fit { epochs = 30 }`")
            return None
        wants_body = KEYWORDS.get(line.keyword) is not None
        if line.body is not None and not wants_body:
            self._needless_body(line)
            return None
        head = cast("ast.Statement | None", self._tree(line, "statement"))
        if line.body is None and wants_body and head is not None:
            message = f"`{line.keyword}` has no braces"
            self._fault("E131", message, line, f"write `{_head_text(line)} {{ ... }}`")
            return None
        if line.body is None:
            return head
        return self._with_body(line, head)

    def _needless_body(self, line: Line) -> None:
        first, following = line.tokens[0], line.tokens[1].text if len(line.tokens) > 1 else ""
        if line.keyword or following in ("=", "[") or first.kind != "name":
            what = "an equation" if not line.keyword else f"`{line.keyword}`"
            self._fault("E131", f"{what} takes no braces", line, "a list is written `[1, 2]`", at_brace=True)
        else:
            advice = nearest(first.text.lower(), KEYWORDS)
            self._fault("E118", f"`{first.text}` does not begin a statement", line, advice)

    def _with_body(self, line: Line, head: ast.Statement | None) -> ast.Statement | None:
        """Parse the lines in the braces, also where the head is faulty, for their own faults."""
        body = line.body or []
        span = Span(self.source, line.start, line.end)
        match line.keyword:
            case "block":
                statements = self.statements(body)
                if isinstance(head, ast.BlockDefinition):
                    return replace(head, span=span, body=statements)
            case "check":
                items = self._items(body, "check_item", ast.CheckItem)
                if isinstance(head, ast.Check):
                    return replace(head, span=span, items=items)
            case "optimizer":
                advice = "its options stand behind its name: `optimizer mine(lr) {`"
                equations = self._equations(body, "an optimizer", advice)
                if isinstance(head, ast.OptimizerDefinition):
                    return replace(head, span=span, body=equations)
            case "generate":
                advice = "a condition such as `stop` stands before the brace: `generate T = 500, stop = 0 {`"
                equations = self._equations(body, "`generate`", advice)
                if isinstance(head, ast.Generate):
                    return replace(head, span=span, body=equations)
            case _:
                options = self._items(body, "option", ast.Option)
                self._check_options(options)
                if isinstance(head, ast.Settings):
                    return replace(head, span=span, options=options)
        return None

    def _items(self, lines: list[Line], start: str, kind: type[Node]) -> tuple[Node, ...]:
        found = []
        for line in lines:
            if line.body is not None:
                message = "no braces can stand inside these braces"
                self._fault("E131", message, line, "close the outer ones first", at_brace=True)
            elif (node := self._tree(line, start)) is not None:
                found.append(node)
        return tuple(node for node in found if isinstance(node, kind))

    def _equations(self, lines: list[Line], what: str, advice: str) -> tuple[ast.Equation, ...]:
        found: list[ast.Equation] = []
        for line in lines:
            statement = self._statement(line)
            if isinstance(statement, ast.Equation) and not statement.running:
                found.append(statement)
            elif statement is not None:
                message = f"`{line.tokens[0].text}` cannot stand in {what}, which holds equations only"
                self._fault("E130", message, line, advice)
        return tuple(found)

    def _check_options(self, options: tuple[ast.Option, ...]) -> None:
        builder = Builder(self.source)
        builder.check_twice(options, "option")
        self.faults += builder.faults

    # -------------------------------------------------------------------------------- one line

    def _tree(self, line: Line, start: str) -> ast.Syntax | None:
        """The tree of a line's head; nothing if it is faulty."""
        first, last = line.tokens[0].start, line.tokens[-1].end
        if line.faulty or self._has_fault(first, last):
            return None
        if (stray := _check_mark(line, start)) is not None:
            self.faults.append(explain(Place(self.source, line.tokens, stray, (), start)))
            return None
        try:
            tree = grammar().parse(TextSlice(self.source.text, first, last), start=start)
        except UnexpectedInput as error:
            self.faults.append(self._explain(error, line, start))
            return None
        builder = Builder(self.source)
        node = cast(ast.Syntax, builder.transform(cast(Any, tree)))
        if len(line.tokens) > DEEPEST_TREE and (place := deepest(node, DEEPEST_TREE)) is not None:
            message = f"this expression has more than {DEEPEST_TREE} levels"
            advice = "give a part of it a name, in an equation of its own"
            builder.faults.append(Diagnostic("E108", message, place.span, help=advice))
        self.faults += builder.faults
        return None if builder.faults else node

    def _has_fault(self, start: int, end: int) -> bool:
        index = bisect_left(self.known, start)
        return index < len(self.known) and self.known[index] < end

    def _explain(self, error: UnexpectedInput, line: Line, start: str) -> Diagnostic:
        at, accepts = len(line.tokens), set[str]()
        if isinstance(error, UnexpectedToken):
            accepts = set(error.accepts or error.expected)
        if not isinstance(error, UnexpectedToken) or error.token.type != "$END":
            at = bisect_right([token.start for token in line.tokens], error.pos_in_stream or 0) - 1
            if line.tokens[at].text == "==" and error.pos_in_stream != line.tokens[at].start:
                # Where only `=` could stand, the grammar took the first half of `==`.
                accepts = {"EQUALS"}
        return explain(Place(self.source, line.tokens, at, accepts, start))

    def _fault(self, code: str, message: str, line: Line, help: str = "", *, at_brace: bool = False) -> None:
        place = line.brace if at_brace or not line.tokens else line.tokens[0]
        assert place is not None
        self.faults.append(Diagnostic(code, message, Span(self.source, place.start, place.end), help=help))


def _head_text(line: Line) -> str:
    text = " ".join(token.text for token in line.tokens)
    return text if len(text) <= 40 else line.keyword
