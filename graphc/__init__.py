"""graphc: write the equations, get the network."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from graphc.diagnostics import Diagnostic, GraphcError

if TYPE_CHECKING:
    from graphc.driver.compile import check, compile, load, parse
    from graphc.driver.fitting import FitResult
    from graphc.driver.program import Program

__version__ = "0.1.0"

__all__ = ["Diagnostic", "FitResult", "GraphcError", "Program", "check", "compile", "load", "parse"]


_HOMES = {"FitResult": "fitting", "Program": "program"} | dict.fromkeys(
    ("check", "compile", "load", "parse"), "compile"
)


def __getattr__(name: str) -> Any:
    # The compiler is imported when it is used, so that `graphc --help` and `graphc fmt` start at once.
    if name in _HOMES:
        return getattr(import_module(f"graphc.driver.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'graphc' has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext graphc` calls in a notebook: cells that begin with `%%nn name` are specs."""
    from graphc.driver.notebook import register

    register(shell)
