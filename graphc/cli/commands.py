"""The commands that look at what is compiled: check, show."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from graphc.cli.entry import FAULT, print_diagnostic, print_error, usage
from graphc.cli.options import Compilation, compilation, json_option
from graphc.diagnostics import Diagnostic, GraphcError

if TYPE_CHECKING:
    pass

STAGES = ("ast", "params", "ir", "grad", "schedule", "kernel", "unrolled")


# --------------------------------------------------------------------------------------- check


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--grad", is_flag=True, help="Compare gradients with finite differences too.")
@json_option
@compilation("float64")
def check(paths: tuple[str, ...], grad: bool, as_json: bool, compilation: Compilation) -> int:
    """Verify the `check` blocks of files and folders."""
    from graphc.view.checks import FileChecks, check_object, check_text

    files: list[FileChecks] = []
    for path in spec_files(paths):
        try:
            program = compilation.compile(path)
            print_warnings(program.warnings)
            files.append(FileChecks(path, tuple(program.checks(grad))))
        except GraphcError as error:
            files.append(FileChecks(path, (), str(error)))
            print_error(error)
        if not as_json:
            click.echo(check_text(files[-1]))
    if as_json:
        from graphc.view.results import dumps

        click.echo(dumps(check_object(files)))
    elif len(files) > 1:
        good = sum(file.ok for file in files)
        click.echo(f"{good} of {len(files)} files are right")
    return 0 if all(file.ok for file in files) else FAULT


def spec_files(paths: Iterable[str]) -> list[str]:
    """Files as named, and the specs that folders hold, in the order of their names."""
    found: list[str] = []
    for path in paths:
        if not os.path.isdir(path):
            found.append(path)
            continue
        inside = sorted(str(file) for file in Path(path).rglob("*.nn") if file.is_file())
        if not inside:
            raise usage("E705", f"`{path}` holds no `.nn` file")
        found += inside
    return list(dict.fromkeys(found))


# ---------------------------------------------------------------------------------------- show


@click.command()
@click.argument("file")
@click.option(
    "--stage",
    type=click.Choice(STAGES),
    default="ir",
    show_default=True,
    help="The tree, the parameters, the graph, the graph with gradients, a training step as it is scheduled "
    "for the CPU, the source of its kernels, the graph without loops.",
)
@compilation("float32")
def show(file: str, stage: str, compilation: Compilation) -> None:
    """Print FILE as it stands after a stage of the compiler."""
    click.echo(compilation.compile(file).show(stage).rstrip("\n"))


def print_warnings(warnings: Iterable[Diagnostic]) -> None:
    for warning in warnings:
        print_diagnostic(warning)
