"""`graphc plot`: curves of trainings, side by side, and schedules of learning rates."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from graphc.cli.entry import usage
from graphc.cli.models import LAST, chosen
from graphc.cli.options import read_settings
from graphc.cli.screen import has_symbols, is_drawable, look
from graphc.cli.use import separate
from graphc.diagnostics import fault

if TYPE_CHECKING:
    from graphc.driver.comparing import By
    from graphc.view.panels import Comparison

_PAUSE = 0.5
"""Seconds between two looks at a record."""
_WIDEST = 100
"""Columns of curves on a wide terminal."""


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--what", metavar="NAMES", help="Figures, with commas: loss,accuracy,lr; default: all that are measured."
)
@click.option(
    "-o", "--output", metavar="OUT.svg|png|html", help="Write a picture; default: text on the terminal."
)
@click.option(
    "--by",
    type=click.Choice(["epoch", "step", "time"]),
    default="epoch",
    show_default=True,
    help="Draw over epochs, over steps, or over seconds of training.",
)
@click.option("--follow", is_flag=True, help="Draw again as epochs come, until the trainings end.")
@click.option(
    "--schedule", is_flag=True, help="Draw the learning rates of spec FILES by step, without training."
)
@click.option(
    "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Another option of a spec, with --schedule."
)
def plot(
    runs: tuple[str, ...],
    what: str | None,
    output: str | None,
    by: By,
    follow: bool,
    schedule: bool,
    sets: tuple[str, ...],
) -> None:
    """Draw the curves of RUNs, the folders of trainings or `last`: train, validation, and best epochs.

    A table says what was chosen differently for them, and how good each one is.
    """
    _check(what, output, follow=follow, schedule=schedule, sets=sets)
    write = _writer(output)
    if schedule:
        write(_schedules(runs, sets), "Schedules")
        return
    folders = [_folder(run) for run in dict.fromkeys(runs)]
    names = [] if what is None else separate(what)
    if follow:
        _follow(folders, names, by)
        return
    from graphc.driver.comparing import check_recorded, comparison, recorded

    found = recorded(folders)
    check_recorded(found)
    title = "Run " + found[0].name if len(found) == 1 else f"{len(found)} runs"
    write(comparison(found, names, by), title)


def _check(
    what: str | None, output: str | None, *, follow: bool, schedule: bool, sets: Sequence[str]
) -> None:
    """Raises E707 for options that do not go together."""
    if schedule and what is not None:
        raise usage("E707", "`--what` has no use here: `--schedule` draws the options of an optimizer")
    if schedule and _is_given("by"):
        raise usage("E707", "`--by` has no use here: `--schedule` draws by step")
    if schedule and follow:
        raise usage("E707", "`--follow` has no use here: `--schedule` trains nothing")
    if follow and output is not None:
        raise usage("E707", "`--output` has no use here: `--follow` draws on the terminal")
    if sets and not schedule:
        raise usage("E707", f"`--set {sets[0]}` has no use here: a run stays as it is")


def _is_given(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def _folder(run: str) -> Path:
    """Raises E711 for `last` if there is no run, E608 for a file."""
    run = chosen(run)
    if os.path.isfile(run):
        advice = f"`graphc plot --schedule {run}` draws its learning rate" if run.endswith(".nn") else ""
        raise fault("E608", f"`{run}` is not the folder of a run: it is a file", help=advice)
    folder = Path(run)
    if not (folder / "config.json").exists() and any(folder.glob("*/config.json")):
        raise fault("E608", f"`{run}` is a folder of runs", help=f"`graphc plot {run}/*` draws all of them")
    return folder


def _schedules(files: Sequence[str], sets: Sequence[str]) -> Comparison:
    """Raises E707 for a spec that trains nothing."""
    import graphc
    from graphc.driver.scheduling import schedule, together

    dims, settings = read_settings(sets)
    found = []
    for file in dict.fromkeys(files):
        if os.path.isdir(file) or file == LAST:
            raise usage(
                "E707",
                f"`--schedule` has no use here: `{file}` is no spec",
                "`--what lr` draws that of a run",
            )
        program = graphc.compile(file, dims=dims, settings=settings)
        if not program.spec.has_fit:
            raise usage(
                "E707", f"`--schedule` has no use here: `{file}` has no `fit` block and trains nothing"
            )
        found.append(schedule(Path(file).stem, program))
    return together(found)


# ------------------------------------------------------------------------------------ to where


def _writer(output: str | None) -> Callable[[Comparison, str], None]:
    """What puts curves where they are asked for; what stands in the way is found out before.

    Raises E740 without the library for pictures, E743 for an unknown format, E709.
    """
    if output is None:
        return lambda found, title: click.echo(_text(found))
    from graphc.view.files import check_writable, write_bytes
    from graphc.view.plot import encoded, format_of
    from graphc.view.report.plotting import check_installed

    suffix = format_of(output)
    check_installed()
    check_writable(output)
    return lambda found, title: write_bytes(output, encoded(found, title, suffix))


def _text(found: Comparison, rows: int | None = None) -> str:
    """The curves as stdout can show them, in so many rows."""
    from graphc.view.terminal.curves import Style, render

    own = look(sys.stdout)
    dots = own.colour and has_symbols(sys.stdout)
    return render(found, Style(min(_WIDEST, own.width or 80), rows, dots, boxed=own.boxed))


# ---------------------------------------------------------------------------- while it goes on


def _follow(folders: Sequence[Path], what: Sequence[str], by: By) -> None:
    """Draw until no run is running any more, or until Ctrl-C; in a file only what is there at the end.

    A run that has not begun yet is waited for: who follows it has just started it, or is about to.
    Raises E741 if a run ended before its first epoch.
    """
    from graphc.driver.comparing import check_recorded, comparison, recorded

    try:
        _await(folders)
        if is_drawable(sys.stdout):
            _redraw(folders, what, by)
        while any(run.is_running for run in recorded(folders)):
            time.sleep(_PAUSE)
    except KeyboardInterrupt:
        return
    found = recorded(folders)
    check_recorded(found)
    click.echo(_text(comparison(found, what, by)))


def _await(folders: Sequence[Path]) -> None:
    """Until there is a run in each folder. What is waited for is said, as a name may have been misspelled."""
    from graphc.train.runs.folder import RunFolder

    missing = [RunFolder(folder) for folder in folders if not RunFolder(folder).is_begun]
    if missing:
        listed = ", ".join(f"`{run.path}`" for run in missing)
        click.echo(f"waiting for {listed} to begin", err=True)
    while not all(run.is_begun for run in missing):
        time.sleep(_PAUSE)


def _redraw(folders: Sequence[Path], what: Sequence[str], by: By) -> None:
    """Draws as long as a run is running; then what was drawn is gone. After Ctrl-C it stays."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from graphc.driver.comparing import comparison, recorded

    # A stdout that the library took over would say that it is no terminal.
    with Live(console=Console(), auto_refresh=False, redirect_stdout=False) as live:
        while True:
            found = recorded(folders)
            if not any(run.is_running for run in found):
                live.transient = True
                return
            text = _text(comparison(found, what, by), shutil.get_terminal_size().lines - 1)
            live.update(Text.from_ansi(text, no_wrap=True, overflow="crop"), refresh=True)
            time.sleep(_PAUSE)
