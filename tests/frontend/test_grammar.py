"""The grammar is LALR(1) without any conflict, none of its terminals can be taken for another, and the tables
that lie beside it are its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lark
import pytest
from lark import Lark, UnexpectedInput
from lark.parsers.lalr_analysis import Shift

from graphc.frontend import grammar
from graphc.frontend.grammar import GRAMMAR, STARTS, TABLES, build


def test_strict() -> None:
    text = GRAMMAR.read_text(encoding="utf-8")
    Lark(text, parser="lalr", lexer="contextual", strict=True, start=list(STARTS))


def test_the_tables_are_those_of_the_grammar() -> None:
    shipped = grammar._shipped()
    assert shipped is not None, "write them anew: python -m graphc.frontend.grammar"
    assert described(shipped) == described(build())


def test_tables_say_what_they_were_made_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "grammar.tables"
    monkeypatch.setattr(grammar, "TABLES", kept)
    assert grammar._shipped() is None, "there are none"
    grammar.write(kept)
    assert grammar._shipped() is not None
    monkeypatch.setattr(lark, "__version__", "0.0.0")
    assert grammar._shipped() is None


def test_tables_of_another_grammar_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path))
    changed = tmp_path / "grammar.lark"
    changed.write_text(GRAMMAR.read_text(encoding="utf-8").replace('"dim"', '"size"'), encoding="utf-8")
    monkeypatch.setattr(grammar, "GRAMMAR", changed)
    monkeypatch.setattr(grammar, "TABLES", TABLES)
    made = grammar.grammar.__wrapped__()
    made.parse("size N = 3", start="statement")
    with pytest.raises(UnexpectedInput):
        made.parse("dim N = 3", start="statement")


def described(parser: Lark) -> tuple[Any, ...]:
    """What makes a parser: terminals, rules, options, and its automaton with states numbered as they are met.

    Lark numbers them in the order of a set, which is another one in each process.
    """
    terminals = sorted((t.name, t.pattern.to_regexp(), t.priority) for t in parser.terminals)
    options = {key: value for key, value in parser.options.options.items() if key != "cache"}
    return terminals, sorted(map(_rule, parser.rules)), options, list(_automaton(parser))


def _automaton(parser: Lark) -> Iterator[Any]:
    table: Any = parser.parser.parser._parse_table  # type: ignore[attr-defined]
    numbers = {table.start_states[start]: place for place, start in enumerate(STARTS)}
    left = list(numbers)
    while left:
        row = {}
        for token, (action, to) in sorted(table.states[left.pop(0)].items()):
            if action is Shift:
                if to not in numbers:
                    left.append(to)
                row[token] = numbers.setdefault(to, len(numbers))
            else:
                row[token] = _rule(to)
        yield row
    yield [numbers[table.end_states[start]] for start in STARTS]


def _rule(rule: Any) -> str:
    options = [(name, getattr(rule.options, name)) for name in rule.options.__serialize_fields__]
    return repr((str(rule.origin.name), [symbol.name for symbol in rule.expansion], rule.alias, options))
