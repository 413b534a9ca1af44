"""`--set fit.epochs=3` and keyword arguments: one option of a block replaced before the block is read."""

from __future__ import annotations

import re
from dataclasses import replace

from graphc.diagnostics import Source, Span, fault
from graphc.frontend import ast
from graphc.train.data.settings import SUFFIXES
from graphc.train.expressions import parse_value

_KEY = re.compile(r"(data|fit)\.([A-Za-z_]\w*)(?:\.([A-Za-z_]\w*))?\Z")


def override(
    settings: ast.Settings | None, key: str, value: str | float | bool, *, name: str = "--set"
) -> ast.Settings:
    """The block with one option replaced: `fit.epochs`, or one value of a call, `fit.optimizer.lr`.

    A text is read as an expression (`source` and `unknown` take it as it is), and faults in it point into
    `key=text`, in a source called `name`.
    """
    text = str(value).lower() if isinstance(value, bool) else str(value)
    source = Source(name, f"{key}={text}")
    match = _KEY.match(key)
    if match is None:
        raise fault(
            "E406", f"`{key}` is no option", Span(source, 0, len(key)), help="`fit.epochs`, `data.source`"
        )
    kind, option, part = match.groups()
    if settings is not None and settings.kind != kind:
        raise ValueError(f"`{key}` is no option of a `{settings.kind}` block")
    settings = settings or ast.Settings(Span(source, 0, 0), "fit" if kind == "fit" else "data", ())
    given = _given(source, len(key) + 1, is_text=_is_text(option, text))
    old = next((item for item in settings.options if item.name == option), None)
    if part is not None:
        given = _with_part(old, option, part, given, Span(source, 0, len(key)))
    others = tuple(item for item in settings.options if item.name != option)
    new = ast.Option(Span(source, len(kind) + 1, len(key)), option, given)
    return replace(settings, options=(*others, new))


def _is_text(option: str, text: str) -> bool:
    """Whether a value is a text, which needs no quotes on a command line."""
    is_file = text.endswith((*SUFFIXES, "/"))
    is_one = option in ("source", "unknown")
    return not text.startswith('"') and (is_one or (option in ("validation", "test") and is_file))


def _given(source: Source, start: int, *, is_text: bool) -> ast.Expr:
    if is_text:
        return ast.String(Span(source, start, len(source.text)), source.text[start:])
    return parse_value(source, start)


def _with_part(old: ast.Option | None, option: str, part: str, given: ast.Expr, span: Span) -> ast.Expr:
    """The call that an option holds, with one of its values replaced."""
    call = old.value if old else None
    if isinstance(call, ast.Name):
        call = ast.Call(call.span, call, ())
    if not isinstance(call, ast.Call):
        raise fault(
            "E406", f"the spec's `{option}` has no values of its own", span, help=f"set `{option}` as a whole"
        )
    kept = tuple(item for item in call.options if item.name != part)
    return replace(call, options=(*kept, ast.Option(span, part, given)))
