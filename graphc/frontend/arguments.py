"""What a call of a built-in function may be given."""

from __future__ import annotations

from graphc.diagnostics import fault, nearest
from graphc.frontend import ast
from graphc.frontend.arithmetic import one_line


def expect(expr: ast.Call, count: int, options: tuple[str, ...] = ()) -> None:
    """Raises E224 unless the call has `count` arguments, E225 on an option it does not know."""
    name = one_line(expr.function.span.text)
    if len(expr.args) != count:
        plural = "argument" if count == 1 else "arguments"
        raise fault("E224", f"`{name}` takes {count} {plural}, not {len(expr.args)}", expr.span)
    for option in expr.options:
        if option.name not in options:
            raise fault(
                "E225",
                f"`{name}` has no option `{option.name}`",
                option.span,
                help=nearest(option.name, options),
            )
