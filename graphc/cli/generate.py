"""`graphc generate`: let a trained model go on with a prompt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from graphc.cli.entry import usage
from graphc.cli.use import Trained, model
from graphc.diagnostics import fault

if TYPE_CHECKING:
    from graphc.driver.program import Program


@click.command()
@model
@click.option(
    "--prompt",
    required=True,
    metavar="TEXT|NUMBERS",
    help="How it begins: a text if the model was trained on one, else steps in brackets, as in [1,2,3].",
)
@click.option(
    "--length",
    type=click.IntRange(min=1),
    metavar="N",
    help="The length of the whole, the prompt included; default: the one in the `generate` block.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**64 - 1),
    metavar="N",
    help="Decides what is drawn; default: the seed that the model was compiled with.",
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=TEXT|NUMBERS",
    help="An input that is not drawn, such as the source of a translation; may come several times.",
)
@click.option("--temperature", type=float, metavar="X", help="Instead of that of the `generate` block.")
@click.option("--top-k", type=int, metavar="K", help="Draw among the K likeliest only.")
@click.option("--greedy", is_flag=True, help="Take the likeliest each time.")
@click.option("--beam", type=int, metavar="N", help="Look for the likeliest sequence, N of them at a time.")
def generate(trained: Trained, prompt: str, greedy: bool, inputs: tuple[str, ...], **options: Any) -> None:
    """Draw from a trained model by its `generate` block, and print each step as it is drawn.

    A text is printed as one, numbers with a line for each step.
    """
    program = trained.load()
    given = {name: value for name, value in options.items() if value is not None}
    if greedy:
        given["greedy"] = True
    if inputs:
        given["inputs"] = dict(_input(program, text) for text in inputs)
    _print(program, prompt, given)


def _input(program: Program, given: str) -> tuple[str, Any]:
    """The name and the value of `--input`: a text where there is a vocabulary, else numbers, one example."""
    name, sign, value = given.partition("=")
    if not sign:
        raise usage("E703", f"`--input {given}`: expected NAME=TEXT or NAME=NUMBERS")
    if name in program.preparation.vocabularies:
        return name, value
    try:
        return name, [json.loads(value)]
    except (ValueError, RecursionError):
        raise fault(
            "E443",
            f"`--input {given}`: `{value}` is no number and no list",
            help="write numbers as in `[1,2,3]`",
        ) from None


def _print(program: Program, prompt: str, given: dict[str, Any]) -> None:
    from graphc.driver.generation.generating import draws_text

    if draws_text(program):
        pieces = program.stream(prompt, **given)
        click.echo(prompt, nl=False)
        for piece in pieces:
            click.echo(piece, nl=False)
        click.echo()
        return
    numbers = _numbers(prompt)
    drawn = program.stream(numbers, **given)
    for step in numbers:
        _print_step(step)
    for step in drawn:
        _print_step(step)


def _numbers(prompt: str) -> list[Any]:
    """The steps of a prompt in JSON's brackets. Raises E443."""
    try:
        found = json.loads(prompt)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise fault(
            "E443",
            f"the prompt `{prompt}` is no list of steps",
            help="write numbers in brackets, as in `[1,2,3]`: the model has no vocabulary",
        )
    return found


def _print_step(step: Any) -> None:
    import numpy as np

    click.echo(" ".join(str(number) for number in np.ravel(step)))
