"""The grammar is LALR(1) without any conflict, and none of its terminals can be taken for another."""

from importlib.resources import files

from lark import Lark


def test_strict() -> None:
    text = files("graphc.frontend").joinpath("grammar.lark").read_text(encoding="utf-8")
    Lark(text, parser="lalr", lexer="contextual", strict=True, start=["statement", "option", "check_item"])
