"""A file that may be a spec or a trained model: what `draw` and `profile` look at."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from graphc.cli.entry import usage
from graphc.cli.options import Compilation
from graphc.cli.use import LAST

if TYPE_CHECKING:
    from graphc.driver.program import Program

_AS_TRAINED = ("dtype", "seed", "without")
"""Options of a spec that have no use for a trained model: it has its own."""


def opened(file: str, compilation: Compilation) -> Program:
    """A spec compiled, or a trained model. Raises E707 for options that a model has itself."""
    import graphc

    if file == LAST and not os.path.exists(file):
        from graphc.driver.listing import newest

        file = str(newest())
        click.echo(f"run {file}", err=True)
    if not (os.path.isdir(file) or file.endswith(".safetensors")):
        return compilation.compile(file)  # type: ignore[return-value]
    source = click.get_current_context().get_parameter_source
    given = [f"--{name}" for name in _AS_TRAINED if source(name) is ParameterSource.COMMANDLINE]
    for option in (*given, *(f"--set {name}=..." for name in compilation.dims)):
        raise usage("E707", f"`{option}` has no use here: `{file}` is a trained model and stays as it is")
    return graphc.load(
        file, backend=compilation.backend, root=compilation.root, settings=dict(compilation.settings)
    )
