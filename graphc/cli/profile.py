"""`graphc profile`: where the time of a training step goes, by kernel and by equation."""

from __future__ import annotations

from collections.abc import Iterable

import click

from graphc.cli.commands import print_warnings
from graphc.cli.entry import usage
from graphc.cli.models import opened
from graphc.cli.options import Compilation, compilation, json_option


@click.command()
@click.argument("file")
@click.option("--forward", is_flag=True, help="Measure the values in evaluation mode, not a training step.")
@click.option("--batch", type=click.IntRange(1), metavar="N", help="Measure on N random examples.")
@click.option(
    "--length",
    "lengths",
    multiple=True,
    metavar="NAME=STEPS",
    help="How long random examples are, as in `T=100`, which is what they are by default.",
)
@click.option(
    "--compile", "compiling", is_flag=True, help="What compiling takes too, by kernel and function."
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, 3600),
    default=1.0,
    show_default=True,
    help="For about how long to measure.",
)
@json_option
@compilation("float32")
def profile(
    file: str,
    forward: bool,
    batch: int | None,
    lengths: tuple[str, ...],
    compiling: bool,
    seconds: float,
    as_json: bool,
    compilation: Compilation,
) -> None:
    """Measure a training step of FILE: time, bytes and operations by kernel and by equation.

    FILE may also be the folder of a run, `last`, or a saved program. The examples are the first batch of the
    data, the spec's own, or random ones.
    """
    from graphc.driver.profiling.profile import profile as measured
    from graphc.view.profile import profile_object
    from graphc.view.profile_text import profile_text

    ends = _lengths(lengths)
    program = opened(file, compilation)
    if compiling and program.settings.backend == "reference":
        raise usage("E707", "`--compile` has no use here: the backend `reference` compiles nothing")
    print_warnings(program.warnings)
    found = measured(
        program, forward=forward, batch=batch, lengths=ends, compiling=compiling, seconds=seconds
    )
    if as_json:
        from graphc.view.results import dumps

        click.echo(dumps(profile_object(file, found)))
    else:
        click.echo(profile_text(found))


def _lengths(texts: Iterable[str]) -> dict[str, int]:
    """`T=100` as a length by name. Raises E702 for anything else."""
    found: dict[str, int] = {}
    for text in texts:
        name, _, steps = (part.strip() for part in text.partition("="))
        if not (name and steps.isascii() and steps.isdigit() and 0 < int(steps) < 2**31):
            raise usage("E702", f"`--length {text}`: expected NAME=STEPS, as in `--length T=100`")
        if name in found:
            raise usage("E702", f"`--length {text}`: `{name}` was already given")
        found[name] = int(steps)
    return found
