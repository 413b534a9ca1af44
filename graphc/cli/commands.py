"""The commands that compile: run, check, show, draw."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from graphc.cli.entry import FAULT, INTERRUPTED, print_diagnostic, print_error, usage
from graphc.cli.files import write_text
from graphc.cli.options import Compilation, compilation, json_option, read_inputs
from graphc.diagnostics import Diagnostic, GraphcError

if TYPE_CHECKING:
    from graphc.cli.program import Program

STAGES = ("ast", "params", "ir", "grad", "schedule", "kernel", "unrolled")


@click.command()
@click.argument("file")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=FILE.npy|NUMBERS",
    help="The value of an input, for a spec that does not give it: x=x.npy, x=[1,2].",
)
@click.option("--save", metavar="OUT.safetensors", help="Keep the trained program; `graphc.load` reads it.")
@json_option
@compilation("float32")
def run(file: str, inputs: tuple[str, ...], save: str | None, as_json: bool, compilation: Compilation) -> int:
    """Train FILE, or compute it step by step on the values given."""
    program = compilation.compile(file)
    print_warnings(program.warnings)
    if program.spec.has_fit:
        if inputs:
            raise usage(
                "E707", f"`--input` has no use here: `{file}` has a `fit` block and takes its data from there"
            )
        return _train(program, save, as_json)
    if save is not None:
        raise usage("E707", f"`--save` has no use here: `{file}` has no `fit` block and trains nothing")
    _compute(program, inputs, as_json)
    return 0


def _train(program: Program, save: str | None, as_json: bool) -> int:
    from graphc.view.results import dumps, fit_object, fit_text

    if save is not None:
        program.save(save)  # a path that cannot be written is found out before the training, not after
    try:
        result = program.fit(progress=lambda line: click.echo(line, err=as_json))
    finally:
        # Also of a training that ran away or was interrupted: its last good weights are worth keeping.
        if save is not None:
            program.save(save)
    if as_json:
        click.echo(dumps({**fit_object(result, program.compile_seconds), **_chosen(program)}))
    else:
        click.echo(fit_text(result, program.compile_seconds))
        click.echo(_chosen_text(program))
    return INTERRUPTED if result.ending == "interrupt" else 0


def _compute(program: Program, inputs: Iterable[str], as_json: bool) -> None:
    trace = program.trace(read_inputs(inputs, program.spec.inputs))
    if as_json:
        from graphc.view.results import dumps, trace_object

        click.echo(dumps({**trace_object(trace), **_chosen(program)}))
    else:
        from graphc.view.table import render

        text = render(trace, colour=_terminal() and not os.environ.get("NO_COLOR"), boxed=_terminal())
        click.echo(f"{text}\n\n{_chosen_text(program)}")


def _chosen(program: Program) -> dict[str, str]:
    return {"backend": program.settings.backend, "dtype": program.settings.dtype}


def _chosen_text(program: Program) -> str:
    return f"backend {program.settings.backend}, {program.settings.dtype}"


def _terminal() -> bool:
    return sys.stdout.isatty()


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


# ------------------------------------------------------------------------------- show and draw


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


@click.command()
@click.argument("file")
@click.option("-o", "--output", metavar="OUT.dot", help="Where to write; default: stdout.")
@compilation("float32")
def draw(file: str, output: str | None, compilation: Compilation) -> None:
    """Draw FILE's graph in the DOT language of Graphviz."""
    text = compilation.compile(file).dot().rstrip("\n") + "\n"
    if output is None or output == "-":
        click.echo(text, nl=False)
    else:
        write_text(output, text)


def print_warnings(warnings: Iterable[Diagnostic]) -> None:
    for warning in warnings:
        print_diagnostic(warning)
