"""What a command names: a run, the newest one, or a file that may be a spec or a trained model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from graphc.cli.entry import usage
from graphc.cli.options import Compilation

if TYPE_CHECKING:
    from graphc.driver.program import Program

LAST = "last"

_AS_TRAINED = ("dtype", "seed", "without")
"""Options of a spec that have no use for a trained model: it has its own."""


def chosen(run: str, *, below: Path | None = None, quiet: bool = False) -> str:
    """`run` itself, or for `last` the run that was begun last in the folder `below` (`runs` by default).

    Which one that is goes to stderr unless `quiet`. What has the name `last` itself is meant first.
    Raises E711 if there is no run.
    """
    if run != LAST or os.path.exists(run):
        return run
    from graphc.driver.listing import newest

    found = str(newest(below))
    if not quiet:
        click.echo(f"run {found}", err=True)
    return found


def opened(file: str, compilation: Compilation) -> Program:
    """A spec compiled, or a trained model. Raises E711, E707 for options that a model has itself."""
    import graphc

    file = chosen(file)
    if not (os.path.isdir(file) or file.endswith(".safetensors")):
        return compilation.compile(file)  # type: ignore[return-value]
    source = click.get_current_context().get_parameter_source
    given = [f"--{name}" for name in _AS_TRAINED if source(name) is ParameterSource.COMMANDLINE]
    for option in (*given, *(f"--set {name}=..." for name in compilation.dims)):
        raise usage("E707", f"`{option}` has no use here: `{file}` is a trained model and stays as it is")
    return graphc.load(
        file, backend=compilation.backend, root=compilation.root, settings=dict(compilation.settings)
    )
