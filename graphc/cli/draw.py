"""`graphc draw`: the picture of a spec, or of a trained model, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphc.cli.entry import usage
from graphc.cli.models import opened
from graphc.cli.options import Compilation, compilation, read_inputs

if TYPE_CHECKING:
    from graphc.cli.program import Drawing, Program

FORMATS = ("svg", "html", "png", "dot", "tex")
STAGES = ("spec", "optimised", "schedule")
LAYOUTS = ("auto", "graphlay", "graphviz", "plain")


@click.command()
@click.argument("file")
@click.option(
    "-o",
    "--output",
    metavar="OUT.svg|html|png|dot|tex",
    help="Where to write, `-` is stdout; default: a file named after FILE in this folder.",
)
@click.option("--format", type=click.Choice(FORMATS), help="Default: what OUT ends with, or svg.")
@click.option(
    "--unroll",
    is_flag=False,
    flag_value="",
    metavar="[STEPS|AXIS|AXIS=STEPS]",
    help="Take the axis of the recurrence apart, or another one: each step has boxes of its own.",
)
@click.option(
    "--stage",
    type=click.Choice(STAGES),
    default="spec",
    show_default=True,
    help="The equations as written, the graph after all passes, or what is one kernel of the CPU.",
)
@click.option("--gradients", is_flag=True, help="Wires are as wide as the norms of their cotangents say.")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=FILE.npy|NUMBERS",
    help="The value of an input; default: the spec's own, or the first example of its data.",
)
@click.option("--open", "opened", multiple=True, metavar="NAME|all", help="Show what is inside.")
@click.option(
    "--close", "closed", multiple=True, metavar="NAME|all", help="Show a layer or equation as a box."
)
@click.option(
    "--layout", type=click.Choice(LAYOUTS), default="auto", show_default=True, help="What finds the places."
)
@click.option("--no-values", is_flag=True, help="Compute nothing: no numbers at the wires.")
@compilation("float32")
def draw(file: str, output: str | None, format: str | None, compilation: Compilation, **options: Any) -> None:
    """Draw FILE: its operations with the values of a forward pass and the cotangents of a backward pass.

    FILE may also be the folder of a run, `last`, or a saved program: then with the trained weights.
    """
    from graphc.view.drawing.drawing import format_of
    from graphc.view.files import check_writable, write_bytes

    chosen = format or "svg"
    if output is not None and output != "-":
        chosen = format or format_of(output)
        check_writable(output)
    content = _drawn(opened(file, compilation), **options).encoded(chosen)
    if output == "-":
        click.echo(content, nl=False)
        return
    path = output or f"{Path(file).resolve().stem}.{chosen}"
    write_bytes(path, content)
    if output is None:
        click.echo(f"wrote {path}", err=True)


def _drawn(
    program: Program,
    *,
    unroll: str | None,
    stage: str,
    gradients: bool,
    inputs: tuple[str, ...],
    opened: tuple[str, ...],
    closed: tuple[str, ...],
    layout: str,
    no_values: bool,
) -> Drawing:
    if inputs and no_values:
        raise usage("E707", "`--input` has no use here: `--no-values` computes nothing")
    given = read_inputs(inputs, program.spec.inputs) if inputs else None
    return program.draw(
        given,
        unroll=_unroll(unroll),
        stage=stage,
        gradients=gradients,
        open=opened,
        close=closed,
        layout=layout,
        numbers=not no_values,
    )


def _unroll(text: str | None) -> bool | int | str | dict[str, int]:
    """`--unroll`, `--unroll 3`, `--unroll t`, `--unroll t=3`. Raises E702 for other numbers of steps."""
    if not text:
        return text is not None
    if text.isdecimal():
        return int(text)
    axis, equals, steps = (part.strip() for part in text.partition("="))
    if not equals:
        return axis
    if not (axis and steps.isdecimal()):
        raise usage("E702", f"`--unroll {text}`: expected steps, an axis, or both as in `--unroll t=3`")
    return {axis: int(steps)}
