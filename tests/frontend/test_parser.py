"""Every construct of the language becomes the tree that `ast.py` promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphc.diagnostics import GraphcError, Source
from graphc.frontend import ast
from graphc.frontend.formatter import format_tree
from graphc.frontend.grammar import cache_folder
from graphc.frontend.parser import parse

SKETCHES = sorted((Path(__file__).parent / "sketches").glob("*.nn"))


def file(text: str) -> ast.File:
    return parse(Source("test.nn", text))


def statement(text: str) -> ast.Statement:
    (found,) = file(text).statements
    return found


def value(text: str) -> ast.Expr:
    found = statement(f"x = {text}")
    assert isinstance(found, ast.Equation)
    return found.value


def grouped(node: ast.Syntax) -> str:
    """An expression with all its brackets."""
    match node:
        case ast.Binary():
            return f"({grouped(node.left)} {node.op} {grouped(node.right)})"
        case ast.Unary():
            return f"({node.op} {grouped(node.operand)})"
        case _:
            return format_tree(node)


@pytest.mark.parametrize("sketch", SKETCHES, ids=lambda path: path.stem)
def test_sketches(sketch: Path) -> None:
    assert file(sketch.read_text(encoding="utf-8")).statements


def test_sketches_hold_every_node() -> None:
    seen: set[str] = set()
    waiting: list[object] = [file(sketch.read_text(encoding="utf-8")) for sketch in SKETCHES]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting += node
        elif isinstance(node, ast.Syntax):
            seen.add(type(node).__name__)
            waiting += vars(node).values()
    known = {
        name for name, kind in vars(ast).items() if isinstance(kind, type) and issubclass(kind, ast.Syntax)
    }
    assert known - seen == {"Syntax"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-a^2", "(- (a ^ 2))"),
        ("a^b^c", "(a ^ (b ^ c))"),
        ("2^-1", "(2 ^ (- 1))"),
        ("-W @ x", "((- W) @ x)"),
        ("a * W @ x", "(a * (W @ x))"),
        ("W @ x * a", "((W @ x) * a)"),
        ("A @ B @ x", "((A @ B) @ x)"),
        ("a / b / c", "((a / b) / c)"),
        ("a - b - c", "((a - b) - c)"),
        ("a + b * c", "(a + (b * c))"),
        ("a - -b", "(a - (- b))"),
        ("a + b < c * d", "((a + b) < (c * d))"),
        ("not a == b", "(not (a == b))"),
        ("not a and b", "((not a) and b)"),
        ("a or b and c", "(a or (b and c))"),
        ("a and b or c and d", "((a and b) or (c and d))"),
        ("(a + b) * c", "((a + b) * c)"),
        ("not not a", "(not (not a))"),
        ("--a", "(- (- a))"),
        ("W.T @ h[t-1]", "(W.T @ h[t-1])"),
    ],
)
def test_precedence(text: str, expected: str) -> None:
    assert grouped(value(text)) == expected


@pytest.mark.parametrize("text", ["1", "007", "0.5", "1e-4", "2E+3", "1.5e10"])
def test_numbers_keep_their_text(text: str) -> None:
    found = value(text)
    assert isinstance(found, ast.Number)
    assert found.text == text


def test_range_needs_no_spaces() -> None:
    found = statement("axis t = 1..T")
    assert isinstance(found, ast.AxisDeclaration)
    assert format_tree(found.items[0].hi) == "T"


def test_binder_only_with_a_range() -> None:
    found = value("mean[batch, t = 1..T-1](x[t])")
    assert isinstance(found, ast.Call)
    assert isinstance(found.function, ast.Subscript)
    assert [type(item) for item in found.function.items] == [ast.Name, ast.Binder]


def test_types() -> None:
    found = statement("input a : [], b : real, c : bool, d : index(K), e : index(K)[M], f : [H, 2*D], g")
    assert isinstance(found, ast.InputDeclaration)
    types = [item.type for item in found.items]
    assert [kind and kind.kind for kind in types] == ["real", "real", "bool", "index", "index", "real", None]
    assert types[0] == types[1]


def test_equation_and_function_differ_by_their_brackets() -> None:
    assert isinstance(statement("f[x] = 3"), ast.Equation)
    assert isinstance(statement("f(x) = 3"), ast.FunctionDefinition)


@pytest.mark.parametrize(
    "word", ["data", "fit", "input", "output", "check", "over", "index", "real", "running"]
)
def test_keywords_are_free_as_fields_and_options(word: str) -> None:
    assert format_tree(statement(f"y = f({word} = 3) + e.{word}")) == f"y = f({word} = 3) + e.{word}"
    assert statement(f"data {{ {word} = low }}") == statement(f"data {{\n{word} = low\n}}")


@pytest.mark.parametrize(
    "text",
    [
        "y = a +\n b",
        "y = a\n  + b",
        "y = a\n\n# why\n  + b",
        "y =\n a + b",
        "y = (a\n+ b\n)",
        "y = a + # why\n b",
        "y = a + b\r\n",
        "\ty\t=\ta + b",
    ],
)
def test_where_a_statement_goes_on(text: str) -> None:
    assert file(text) == file("y = a + b")


def test_items_are_separated_by_commas_or_lines() -> None:
    assert statement("fit { a = 1, b = [1,\n2], }") == statement("fit {\n\n a = 1\n b = [1, 2]\n}")
    assert statement("check { a ~= 1, b ~= 2 +- 0.1 }") == statement("check\n{ a ~= 1\n b ~= 2 +- 0.1 }")


def test_spans_quote_what_was_written() -> None:
    found = value("(a + b) @ f(x)")
    assert isinstance(found, ast.Binary)
    assert found.span.text == "(a + b) @ f(x)"
    assert found.left.span.text == "(a + b)"
    block = statement("block A(D) {\n output x\n}")
    assert block.span.text == "block A(D) {\n output x\n}"


def test_empty_text() -> None:
    assert file("").statements == ()
    assert file("# only a comment").statements == ()


# ------------------------------------------------------------------------------- hostile texts


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x = " + "(" * 10_000 + "a" + ")" * 10_000, "E108"),
        ("x = " + "(" * 10_000, "E108"),
        ("x = " + "f(" * 101 + "a" + ")" * 101, "E108"),
        ("x = " + "[" * 10_000 + "]" * 10_000, "E108"),
        ("{" * 10_000, "E108"),
        ("block A {\n" * 10_000, "E106"),
        (" block A {" * 10_000, "E108"),
        ("x = " + "-" * 3_000 + "a", "E108"),
        ("x = " + "not " * 3_000 + "a", "E108"),
        ("x = " + "a + " * 3_000 + "a", "E108"),
        ("x = " + "a^" * 3_000 + "a", "E108"),
        ("x = a" + "[t]" * 3_000, "E108"),
        ("x = a" + ".b" * 3_000, "E108"),
        ("x = f" + "(a)" * 300, "E125"),
        ("x\0 = 3", "E110"),
        ("x = \x1b[31m", "E110"),
        ("x = 3\ry = 4", "E110"),
        ("x = " + "1" * 100_000, "E112"),
        ("a" * 100_000 + " = 3", "E133"),
        (")" * 10_000, "E104"),
        ("}" * 10_000, "E107"),
        ("$" * 10_000, "E109"),
        ("." * 10_000, "E115"),
        ('"', "E113"),
    ],
    ids=lambda item: item if len(item) == 4 else None,
)
def test_hostile_texts_get_a_diagnostic(text: str, code: str) -> None:
    with pytest.raises(GraphcError) as caught:
        file(text)
    assert code in {fault.code for fault in caught.value.diagnostics}
    assert len(str(caught.value)) < 100_000


def test_what_is_still_allowed() -> None:
    assert value("f(" * 99 + "a" + ")" * 99)
    assert value(" + ".join(["a"] * 200))
    assert value("f(" + ", ".join(["a"] * 5_000) + ")")


def test_a_forgotten_bracket_hides_nothing() -> None:
    with pytest.raises(GraphcError) as caught:
        file("h = f(a, [b\ny = c d\nparam W : [H, D\nz = 2x\n")
    assert [fault.code for fault in caught.value.diagnostics] == ["E103", "E123", "E103", "E111"]


def test_the_cache_lies_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "kept"))
    assert cache_folder() == tmp_path / "kept"
    monkeypatch.delenv("GRAPHC_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "graphc"
