"""`graphc tex`: the equations of a spec and of its gradients, as LaTeX."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from graphc.cli.options import Compilation, compilation

if TYPE_CHECKING:
    from graphc.driver.compiled import Compiled


@click.command()
@click.argument("file")
@click.option("-o", "--output", default="-", metavar="OUT.tex", help="Where to write; default: stdout.")
@click.option("--standalone", is_flag=True, help="A whole document, not a fragment to put into one.")
@click.option("--inputs", is_flag=True, help="Gradients of the inputs too, not of the parameters alone.")
@compilation("float32")
def tex(file: str, output: str, standalone: bool, inputs: bool, compilation: Compilation) -> None:
    """Write the equations of FILE and those of its gradients as LaTeX."""
    from graphc.driver.pictures.equations import equations
    from graphc.view.files import check_writable, write_text

    if output != "-":
        check_writable(output)
    text = equations(cast("Compiled", compilation.compile(file)), inputs=inputs, standalone=standalone)
    if output == "-":
        click.echo(text, nl=False)
    else:
        write_text(output, text)
