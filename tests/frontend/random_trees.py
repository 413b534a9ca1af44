"""Random syntax trees, as hypothesis strategies: whatever the parser can give, and nothing else."""

from __future__ import annotations

from hypothesis import strategies as st

from graphc.diagnostics import Source, Span
from graphc.frontend import ast
from graphc.frontend.lines import KEYWORDS

NOWHERE = Span(Source("", ""), 0, 0)
LOGIC = ("and", "or", "not")

words = st.from_regex(r"[A-Za-z_][A-Za-z_0-9]{0,4}", fullmatch=True) | st.sampled_from(
    [*KEYWORDS, "over", "index"]
)
names = words.filter(lambda word: word not in LOGIC)
fresh = names.filter(lambda word: word not in KEYWORDS)
numbers = st.sampled_from(["0", "1", "42", "007", "0.5", "1e-4", "2E+3", "1.25e10"]).map(
    lambda text: ast.Number(NOWHERE, text)
)
strings = st.text(st.characters(categories=["L", "N", "P"], exclude_characters='"'), max_size=6).map(
    lambda text: ast.String(NOWHERE, text)
)
name_nodes = names.map(lambda word: ast.Name(NOWHERE, word))
OPERATORS = ["+", "-", "*", "/", "@", "^", "==", "!=", "<", "<=", ">", ">=", "and", "or"]


def _compound(inner: st.SearchStrategy[ast.Expr]) -> st.SearchStrategy[ast.Expr]:
    fields = st.builds(ast.Field, st.just(NOWHERE), inner, names)
    binders = st.builds(ast.Binder, st.just(NOWHERE), names, inner, inner)
    slices = st.builds(ast.Slice, st.just(NOWHERE), st.none() | inner, st.none() | inner)
    items = st.lists(inner | binders | slices, min_size=1, max_size=3).map(tuple)
    functions = name_nodes | st.builds(ast.Field, st.just(NOWHERE), name_nodes, names)
    heads = functions | st.builds(ast.Subscript, st.just(NOWHERE), functions, items)
    calls = st.builds(ast.Call, st.just(NOWHERE), heads, tuples(inner), options(inner))
    return st.one_of(
        fields,
        calls,
        st.builds(ast.Subscript, st.just(NOWHERE), inner, items),
        st.builds(ast.Unary, st.just(NOWHERE), st.sampled_from(["-", "not"]), inner),
        st.builds(ast.Binary, st.just(NOWHERE), st.sampled_from(OPERATORS), inner, inner),
        st.builds(ast.ListLiteral, st.just(NOWHERE), tuples(inner)),
    )


def tuples(inner, least: int = 0, most: int = 3):  # type: ignore[no-untyped-def]
    """Up to `most` of something, as a tuple."""
    return st.lists(inner, min_size=least, max_size=most).map(tuple)


def options(values):  # type: ignore[no-untyped-def]
    """Options of different names."""
    one = st.builds(ast.Option, st.just(NOWHERE), names, values)
    return st.lists(one, max_size=2, unique_by=lambda option: option.name).map(tuple)


_expressions = st.recursive(numbers | strings | name_nodes, _compound, max_leaves=8)
# Deferred, so that hypothesis does not write out the whole strategy in each that contains it.
expressions = st.deferred(lambda: _expressions)
positions = tuples(expressions, most=2)
types = st.one_of(
    st.builds(
        ast.TypeExpr,
        st.just(NOWHERE),
        st.sampled_from(["real", "bool"]),
        positions,
    ),
    st.builds(ast.TypeExpr, st.just(NOWHERE), st.just("index"), positions, expressions),
)
starts = st.one_of(
    st.fixed_dictionaries({"draw": expressions}), st.fixed_dictionaries({"value": expressions}), st.just({})
)
declarators = st.builds(
    lambda name, subscripts, type_, start: ast.Declarator(NOWHERE, name, subscripts, type_, **start),
    names,
    positions,
    st.none() | types,
    starts,
)
calls = expressions.filter(lambda node: isinstance(node, ast.Call)) | st.builds(
    ast.Call, st.just(NOWHERE), name_nodes, tuples(expressions)
)
equations = st.builds(ast.Equation, st.just(NOWHERE), fresh, positions, expressions, st.none() | types)
running = st.builds(
    ast.Equation,
    st.just(NOWHERE),
    names,
    positions,
    expressions,
    st.none() | types,
    st.just(True),
    options(expressions),
)
defaults = st.none() | expressions
kinds = st.sampled_from([None, "real", "index", "bool"])
setting_kinds = st.sampled_from(["number", "positive", "nonnegative", "fraction", "flag"])


def _unique(parameters):  # type: ignore[no-untyped-def]
    return st.lists(parameters, min_size=1, max_size=3, unique_by=lambda item: item.name).map(tuple)


targets = name_nodes | st.builds(ast.Field, st.just(NOWHERE), name_nodes, names)
simple = st.one_of(
    equations,
    running,
    st.builds(
        ast.DimDeclaration,
        st.just(NOWHERE),
        tuples(st.builds(ast.DimItem, st.just(NOWHERE), names, defaults), 1),
    ),
    st.builds(
        ast.AxisDeclaration,
        st.just(NOWHERE),
        tuples(st.builds(ast.AxisItem, st.just(NOWHERE), names, expressions, expressions), 1),
    ),
    st.builds(ast.InputDeclaration, st.just(NOWHERE), tuples(declarators, 1)),
    st.builds(ast.ParamDeclaration, st.just(NOWHERE), tuples(declarators, 1), st.booleans()),
    st.builds(ast.NoiseDeclaration, st.just(NOWHERE), tuples(declarators, 1)),
    st.builds(
        ast.LayerDeclaration,
        st.just(NOWHERE),
        tuples(st.builds(ast.LayerItem, st.just(NOWHERE), names, positions, calls), 1),
    ),
    st.builds(
        ast.FunctionDefinition,
        st.just(NOWHERE),
        fresh,
        _unique(st.builds(ast.Parameter, st.just(NOWHERE), names, kinds, defaults)),
        expressions,
    ),
    st.builds(ast.Import, st.just(NOWHERE), strings),
    st.builds(ast.Output, st.just(NOWHERE), tuples(expressions, 1)),
    st.builds(ast.Minimize, st.just(NOWHERE), expressions, tuples(targets)),
    st.builds(
        ast.Report,
        st.just(NOWHERE),
        tuples(st.builds(ast.ReportItem, st.just(NOWHERE), st.none() | names, expressions), 1),
    ),
    st.builds(
        ast.Check,
        st.just(NOWHERE),
        options(expressions),
        tuples(st.builds(ast.CheckItem, st.just(NOWHERE), expressions, expressions, defaults)),
    ),
    st.builds(ast.Settings, st.just(NOWHERE), st.sampled_from(["data", "fit"]), options(expressions)),
    st.builds(ast.Generate, st.just(NOWHERE), options(expressions), tuples(equations)),
    st.builds(
        ast.OptimizerDefinition,
        st.just(NOWHERE),
        names,
        _unique(st.builds(ast.Setting, st.just(NOWHERE), names, setting_kinds, defaults)) | st.just(()),
        tuples(equations),
    ),
)


def _blocks(inner: st.SearchStrategy[ast.Statement]) -> st.SearchStrategy[ast.Statement]:
    parameters = st.builds(ast.Parameter, st.just(NOWHERE), names, st.none(), defaults)
    some = st.lists(parameters, max_size=2, unique_by=lambda item: item.name).map(tuple)
    return st.builds(ast.BlockDefinition, st.just(NOWHERE), names, some, tuples(inner))


statements = st.recursive(simple, _blocks, max_leaves=4)
files = tuples(statements).map(lambda found: ast.File(NOWHERE, found))
