"""The commands that help to write specs: fmt, explain, doctor."""

from __future__ import annotations

import click

from graphc.cli.commands import print_warnings
from graphc.cli.entry import FAULT, print_error, usage
from graphc.cli.options import Compilation, compilation, json_option
from graphc.diagnostics import GraphcError
from graphc.view.files import write_text


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--check", "only_check", is_flag=True, help="Change nothing; status 1 if a file would change.")
@click.option("--diff", "as_diff", is_flag=True, help="Change nothing; print what would change.")
def fmt(files: tuple[str, ...], only_check: bool, as_diff: bool) -> int:
    """Write FILEs in the one style; comments stay."""
    from graphc.frontend.formatter import format_source
    from graphc.frontend.source import read_source

    changed, failed = 0, False
    for file in files:
        try:
            source = read_source(file)
            formatted = format_source(source)
        except GraphcError as error:
            print_error(error)
            failed = True
            continue
        if formatted == source.text:
            continue
        changed += 1
        if as_diff:
            click.echo(difference(file, source.text, formatted), nl=False)
        elif only_check:
            click.echo(f"would change {file}")
        else:
            write_text(file, formatted)
            click.echo(f"changed {file}")
    return FAULT if failed or (only_check and changed) else 0


def difference(file: str, before: str, after: str) -> str:
    import difflib

    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), file, f"{file} (formatted)"
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


@click.command()
@click.argument("code")
def explain(code: str) -> None:
    """Say more about the CODE of a message, such as E203."""
    from graphc import errors

    try:
        text = errors.explain(code)
    except GraphcError as error:
        found = error.diagnostics[0]
        raise usage("E706", found.message, found.help) from None
    click.echo(text)


@click.command()
@click.argument("file")
@json_option
@compilation("float32")
def doctor(file: str, as_json: bool, compilation: Compilation) -> None:
    """Look at FILE before a long training: data, loss at the start, gradients, a batch learned by heart."""
    from graphc.view.doctor import doctor_object, doctor_text

    program = compilation.compile(file)
    print_warnings(program.warnings)
    diagnosis = program.diagnose()
    if as_json:
        from graphc.view.results import diagnostic_object, dumps

        warnings = [diagnostic_object(warning) for warning in program.warnings]
        click.echo(dumps({**doctor_object(file, diagnosis), "warnings": warnings}))
    else:
        click.echo(doctor_text(file, diagnosis))
