"""The command that looks after compiled code: cache, cache clear, cache warm."""

from __future__ import annotations

from dataclasses import asdict

import click

from graphc.cli.commands import print_warnings, spec_files
from graphc.cli.entry import FAULT, print_error
from graphc.cli.options import json_option
from graphc.diagnostics import GraphcError


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def cache(context: click.Context, as_json: bool) -> None:
    """Show what compiled code is kept, so that later runs start at once."""
    if context.invoked_subcommand is not None:
        return
    from graphc.backend.cpu.cache import contents
    from graphc.view.results import dumps

    found = contents()
    if as_json:
        click.echo(dumps({**asdict(found), "folder": str(found.folder)}))
    else:
        click.echo(f"folder   {found.folder}")
        click.echo(f"entries  {found.entries}, {_kilobytes(found.bytes)}")
        click.echo(f"stale    {found.stale_entries}, {_kilobytes(found.stale_bytes)}")


def _kilobytes(count: int) -> str:
    return f"{count / 1000:,.0f} kB"


@cache.command()
@click.option("--stale", is_flag=True, help="Only what other versions of graphc or of its compilers left.")
def clear(stale: bool) -> None:
    """Remove compiled code. Programs that need it compile it again."""
    from graphc.backend.cpu import cache as kept

    before = kept.contents()
    kept.clear(stale_only=stale)
    click.echo(f"entries removed: {before.stale_entries if stale else before.entries}")


@cache.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float64"]),
    default="float32",
    show_default=True,
    help="The precision of real numbers.",
)
def warm(paths: tuple[str, ...], dtype: str) -> int:
    """Compile the specs in files and folders, so that their next run need not."""
    import graphc
    from graphc.backend.cpu.cache import require

    require()
    failed = False
    for path in spec_files(paths):
        try:
            program = graphc.compile(path, backend="cpu", dtype=dtype)
            print_warnings(program.warnings)
            program.warm()
            click.echo(f"warm  {path}")
        except GraphcError as error:
            print_error(error)
            failed = True
    return FAULT if failed else 0
