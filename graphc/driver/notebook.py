"""Specs in the cells of a notebook: `%load_ext graphc`, then `%%nn name` above the equations."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from graphc.diagnostics import GraphcError, fault
from graphc.driver.compile import compile

if TYPE_CHECKING:
    from graphc.view.drawing.drawing import Drawing

BOUND = "program"
"""What a cell that says no name is bound to."""


class Shell(Protocol):
    """What is used of IPython's shell; it is no dependency, since only a shell calls this."""

    user_ns: dict[str, Any]

    def register_magic_function(self, func: Callable[..., Any], magic_kind: str, magic_name: str) -> None: ...


def register(shell: Shell) -> None:
    """Make `%%nn` known to a shell: what `%load_ext graphc` does."""

    def nn(line: str, cell: str) -> Drawing | None:
        """Compile the cell's equations, bind the program to the name on the line, show its drawing."""
        try:
            return compiled_cell(shell.user_ns, line.strip() or BOUND, cell)
        except GraphcError as error:
            _tell(diagnostic.render() for diagnostic in error.diagnostics)
            return None

    shell.register_magic_function(nn, "cell", "nn")


def compiled_cell(names: dict[str, Any], name: str, cell: str) -> Drawing:
    """The drawing of a cell's spec, whose program is from now on one of the `names`.

    Raises E702 for what cannot be a name in Python, and every fault of the spec.
    """
    if not name.isidentifier():
        raise fault("E702", f"`%%nn {name}`: a program is bound to a name of Python, as in `%%nn lstm`")
    program = compile(cell.rstrip("\n") + "\n")
    _tell(warning.render() for warning in program.warnings)
    names[name] = program
    return program.draw()


def _tell(texts: Iterable[str]) -> None:
    """On stderr, which notebooks show as they show it for other code."""
    for text in texts:
        sys.stderr.write(f"{text}\n")
