"""Formatting changes how a spec looks, never what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc
from graphc.diagnostics import GraphcError, Source
from graphc.frontend import ast
from graphc.frontend.dump import dump_tree
from graphc.frontend.formatter import format_source, format_tree
from graphc.frontend.parser import parse
from graphc.frontend.scanner import scan
from tests.frontend.random_trees import expressions, files
from tests.golden import FOLDER, check_golden

HERE = Path(__file__).parent
SPECS = sorted([*(HERE / "sketches").glob("*.nn"), *(Path(graphc.__file__).parent / "stdlib").glob("*.nn")])
LAYOUT = FOLDER / "format"


def source(text: str) -> Source:
    return Source("test.nn", text)


def formatted(text: str) -> str:
    return format_source(source(text))


def comments(text: str) -> list[str]:
    return [comment.text.rstrip() for comment in scan(source(text)).comments]


def check(text: str) -> None:
    """All that formatting promises."""
    result = formatted(text)
    assert parse(source(result)) == parse(source(text))
    assert formatted(result) == result
    assert comments(result) == comments(text)
    assert "\n\n\n" not in result
    assert all(line == line.rstrip() for line in result.splitlines())


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_specs(spec: Path) -> None:
    check(spec.read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", sorted(LAYOUT.glob("*.nn")), ids=lambda path: path.stem)
def test_layout(case: Path, update_goldens: bool) -> None:
    text = case.read_text(encoding="utf-8")
    check(text)
    check_golden(case.with_suffix(".txt"), formatted(text), update_goldens)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x=((a+b))*(c)", "x = (a + b) * c"),
        ("x=a-(b-c)-(d)", "x = a - (b - c) - d"),
        ("x=(a^b)^c^(d)", "x = (a^b)^c^d"),
        ("x=(-a)^2+(-(b^2))", "x = (-a)^2 + -b^2"),
        ("x=(W@y)*2", "x = W @ y * 2"),
        ("x=(a<b)==(c)", "x = (a < b) == c"),
        ("x=not(a and b)", "x = not (a and b)"),
        ("x=(not a)==b", "x = (not a) == b"),
        ("h[ t-1 , u ]=k[u , t]", "h[t-1,u] = k[u,t]"),
        ("x=mean[ batch,t=1 .. T-1 ](y)", "x = mean[batch, t = 1..T-1](y)"),
        ("x=W[0,:]+W[ 1 : ]", "x = W[0, :] + W[1:]"),
        ("dim H=2 * D", "dim H = 2*D"),
        ("param W:[H+1,2 * D]~he,b", "param W : [H + 1, 2*D] ~ he, b"),
        ("input a:[],b:index( K )[M]", "input a : real, b : index(K)[M]"),
        ("block A{\n}", "block A() {\n}"),
        ("fit{}", "fit {}"),
        ("check{a~=1,b~=2+-.5}".replace(".5", "0.5"), "check { a ~= 1, b ~= 2 +- 0.5 }"),
        ("check{a~=1,-b~=2}", "check { a ~= 1, (-b) ~= 2 }"),
        ("minimize e  over W,enc . W".replace(" . ", "."), "minimize e over W, enc.W"),
    ],
)
def test_spaces_and_brackets(text: str, expected: str) -> None:
    assert formatted(text) == f"{expected}\n"


def test_neighbouring_equations_are_aligned() -> None:
    assert formatted("a=1\nlonger=2\n\nc=3") == "a      = 1\nlonger = 2\n\nc = 3\n"


def test_long_lines_are_broken_where_they_may_go_on() -> None:
    text = "y = " + " + ".join(f"f(argument_{index}, other)" for index in range(12))
    lines = formatted(text).splitlines()
    assert len(lines) > 1
    assert all(len(line) <= 110 for line in lines)
    assert all(line.startswith("    + ") for line in lines[1:])
    check(text)


def test_a_faulty_text_is_not_formatted() -> None:
    with pytest.raises(GraphcError, match="E102"):
        formatted("x = ")


@given(expressions)
def test_random_expressions(tree: ast.Expr) -> None:
    (found,) = parse(source(f"x = {format_tree(tree)}")).statements
    assert isinstance(found, ast.Equation)
    assert found.value == tree


@given(files)
def test_random_files(tree: ast.File) -> None:
    text = format_tree(tree)
    assert parse(source(text)) == tree
    check(text)


SCRAPS = [
    "a",
    "1",
    "=",
    "~=",
    "+-",
    "+",
    "-",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    "..",
    ".",
    ":",
    "\n",
    " ",
    "#",
]
SCRAPS += [
    "param ",
    "check ",
    "data ",
    "block ",
    "T",
    '"',
    "'",
    "not ",
    "~",
    "^",
    "\u2212",
    "\x00",
    "fit {",
    "x = ",
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(SCRAPS), max_size=30).map("".join))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parse(source(text))
    except GraphcError as error:
        message = str(error)
    else:
        message = "none"
        check(text)
    assert message


def test_dump() -> None:
    text = "h[t] = -W.T @ x\nfrozen param b\n"
    assert dump_tree(parse(source(text))) == (
        "  1  File\n"
        "  1    statements: Equation name='h'\n"
        "  1      subscripts: Name id='t'\n"
        "  1      value: Binary op='@'\n"
        "  1        left: Unary op='-'\n"
        "  1          operand: Field name='T'\n"
        "  1            object: Name id='W'\n"
        "  1        right: Name id='x'\n"
        "  2    statements: ParamDeclaration frozen=True\n"
        "  2      items: Declarator name='b'\n"
    )
