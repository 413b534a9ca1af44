"""The commands that use trained models: eval, predict, runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from graphc.cli.entry import usage
from graphc.cli.models import LAST, chosen
from graphc.cli.options import backend_option, json_option
from graphc.cli.screen import look
from graphc.diagnostics import nearest
from graphc.view.files import check_writable, write_bytes

if TYPE_CHECKING:
    from graphc.driver.program import Program
    from graphc.view.predictions import Predictions

Command = TypeVar("Command", bound=Callable[..., Any])

FORMATS = (".csv", ".json", ".npz")


@dataclass(frozen=True)
class Trained:
    """Which trained model the command line means."""

    run: str
    runs: str | None
    checkpoint: str | None
    backend: str

    @cached_property
    def path(self) -> Path:
        """Raises E711 if the last run is asked for and there is none."""
        if self.run != LAST and self.runs is not None:
            raise usage("E707", f"`--runs` has no use here: `--run {self.run}` names a run already")
        return Path(chosen(self.run, below=None if self.runs is None else Path(self.runs)))

    def load(self) -> Program:
        import graphc

        return graphc.load(self.path, backend=self.backend, checkpoint=self.checkpoint)


def model(command: Command) -> Command:
    """The options that say which model is used; the command gets it as a `Trained`."""
    return _chosen(command, _MODEL)


def trained(command: Command) -> Command:
    """The options that say which model is used and on what; the command gets the model as a `Trained`."""
    return _chosen(command, [*_MODEL, *_EXAMPLES])


def _chosen(command: Command, options: Sequence[Callable[[Any], Any]]) -> Command:
    @wraps(command)
    def wrapped(
        *args: Any, run: str, runs: str | None, checkpoint: str | None, backend: str, **rest: Any
    ) -> Any:
        return command(*args, trained=Trained(run, runs, checkpoint, backend), **rest)

    result: Any = wrapped
    for option in reversed(options):
        result = option(result)
    return cast(Command, result)


_MODEL = [
    click.option(
        "--run",
        required=True,
        metavar="DIR|last",
        help="The folder of a run, a program that was saved, or the run that was begun last.",
    ),
    click.option("--runs", metavar="FOLDER", help="Where `--run last` looks; default: runs."),
    click.option(
        "--checkpoint",
        type=click.Choice(["best", "last"]),
        help="The best weights by validation, or the last ones; default: what the training ended with.",
    ),
    backend_option("What computes, as for `run`."),
]
_EXAMPLES = [
    click.option(
        "--data",
        metavar="FILE",
        help="Examples to look at, in the form of the training data; default: a part of that data.",
    ),
    click.option(
        "--part",
        type=click.Choice(["test", "validation", "train"]),
        help="The part of the training data; default: test.",
    ),
]


def _chosen_part(data: str | None, part: str | None) -> str:
    if data is not None and part is not None:
        raise usage("E707", "`--part` has no use here: `--data` names the examples")
    return part or "test"


@click.command("eval")
@trained
@json_option
def evaluate(trained: Trained, data: str | None, part: str | None, as_json: bool) -> None:
    """Measure a trained model: its loss and its reports, over a part of its data or over FILE."""
    from graphc.view.results import dumps, metrics_text

    part = _chosen_part(data, part)
    metrics = trained.load().evaluate(data, part=part)
    if as_json:
        seen = {"part": part} if data is None else {"data": data}
        click.echo(dumps({"run": str(trained.path), **seen, "metrics": metrics}))
    else:
        click.echo(metrics_text({part if data is None else data: metrics}))


@click.command()
@trained
@click.option(
    "-o", "--output", metavar="OUT.csv|OUT.npz|OUT.json", help="Where to write; default: CSV on stdout."
)
@click.option("--outputs", metavar="NAMES", help="Names of the spec, with commas; default: its outputs.")
def predict(
    trained: Trained, data: str | None, part: str | None, output: str | None, outputs: str | None
) -> None:
    """Compute a trained model's outputs for a part of its data, or for the examples in FILE."""
    part = _chosen_part(data, part)
    write = _writer(output)
    names = None if outputs is None else separate(outputs)
    write(trained.load().predictions(data, outputs=names, part=part))


def separate(names: str) -> list[str]:
    """Names with commas between them; an output that is an expression may have commas in brackets."""
    found, depth = [""], 0
    for character in names:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return [name.strip() for name in found]


def _writer(output: str | None) -> Callable[[Predictions], None]:
    """What puts predictions where they are asked for; a place that cannot be written is found out first.

    Raises E710 for a format that is not known, E709 for a place that cannot be written.
    """
    if output is None or output == "-":
        return lambda found: click.echo(found.csv(), nl=False)
    suffix = Path(output).suffix.lower()
    if suffix not in FORMATS:
        known = ", ".join(f"`{suffix}`" for suffix in FORMATS)
        raise usage("E710", f"`{output}`: predictions are written as {known}", nearest(suffix, FORMATS))
    check_writable(output)
    return lambda found: write_bytes(output, found.encoded(suffix))


@click.command()
@click.argument("folder", required=False)
@json_option
def runs(folder: str | None, as_json: bool) -> None:
    """List the runs in FOLDER (default: runs), the oldest first."""
    from graphc.driver.listing import listing
    from graphc.view.results import dumps
    from graphc.view.runs import runs_object, runs_text

    found = listing(None if folder is None else Path(folder))
    if as_json:
        click.echo(dumps(runs_object(found)))
    else:
        click.echo(runs_text(found, look(sys.stdout)))
