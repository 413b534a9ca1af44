"""`graphc report`: what a training and the trained model have to show, as one HTML file."""

from __future__ import annotations

from pathlib import Path

import click

from graphc.cli.models import chosen


@click.command()
@click.argument("run")
@click.option(
    "-o", "--output", metavar="OUT.html", help="Where to write; default: report.html in the run's folder."
)
@click.option(
    "--checkpoint",
    type=click.Choice(("best", "last")),
    help="Which weights to look at; default: those that the training ended with.",
)
def report(run: str, output: str | None, checkpoint: str | None) -> None:
    """Write the report of RUN, the folder of a training or `last`: one HTML file of figures."""
    write_report(Path(chosen(run)), output, checkpoint)


def write_report(folder: Path, output: str | None = None, checkpoint: str | None = None) -> None:
    """Raises E608, E709 or E740 before anything is computed: no run, no place to write, no library."""
    from graphc.driver.reporting.report import FILE, report
    from graphc.train.runs.folder import RunFolder
    from graphc.view.files import check_writable, write_text
    from graphc.view.report.plotting import check_installed

    path = output if output is not None else str(folder / FILE)
    check_installed()
    _ = RunFolder(folder).config  # there is a run
    if path != "-":
        check_writable(path)
    text = report(folder, checkpoint=checkpoint).html()
    if path == "-":
        click.echo(text, nl=False)
        return
    write_text(path, text)
    click.echo(f"wrote {path}", err=True)
