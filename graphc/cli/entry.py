"""What happens around every command: which exit status it ends with, and how a failure is printed."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from graphc.diagnostics import Diagnostic, GraphcError, nearest

FAULT = 1
WRONG_USAGE = 2
INTERNAL = 70
INTERRUPTED = 130
PIPE_CLOSED = 141
"""128 and the number of the signal, as shells report it for the last two."""


class UsageFault(GraphcError):
    """The command line is wrong, not the spec or the data."""


def usage(code: str, message: str, help: str = "") -> UsageFault:
    return UsageFault(Diagnostic(code, message, help=help))


class Entry(click.Group):
    """The group of all commands. A command's return value is its exit status; None is 0."""

    def main(self, args: Sequence[str] | None = None, *_: Any, **extra: Any) -> NoReturn:
        try:
            status = super().main(args, **{**extra, "prog_name": "graphc", "standalone_mode": False}) or 0
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            status = WRONG_USAGE
        except click.ClickException as error:
            print_error(_from_click(error))
            status = WRONG_USAGE
        except click.Abort:
            status = INTERRUPTED
        except GraphcError as error:
            print_error(error)
            status = WRONG_USAGE if _is_usage(error) else FAULT
        except Exception as error:
            _print_internal(error)
            status = INTERNAL
        sys.exit(status)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            status = super().invoke(ctx)
            # Here and not at the interpreter's end, where a closed pipe would print a traceback.
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return PIPE_CLOSED
        return status


_OF_OPTIONS = frozenset({"E523", "E720", "E722", "E723", "E724", "E743"})
"""Codes of what only an option can be wrong about: a name to compute, the ending of an output file, the axis
to unroll and its steps, frames to open."""


def _is_usage(error: GraphcError) -> bool:
    """A fault of the command line itself, or one that lies in an option given there."""
    return isinstance(error, UsageFault) or all(_in_options(d) for d in error.diagnostics)


def _in_options(diagnostic: Diagnostic) -> bool:
    span = diagnostic.span
    return diagnostic.code in _OF_OPTIONS or (span is not None and span.source.name in ("--set", "dims"))


def print_error(error: GraphcError) -> None:
    for index, diagnostic in enumerate(error.diagnostics):
        print_diagnostic(diagnostic, blank_before=index > 0)


def print_diagnostic(diagnostic: Diagnostic, *, blank_before: bool = False) -> None:
    """On stderr; the head in colour on a terminal, unless `NO_COLOR` is set."""
    text = diagnostic.render()
    if not os.environ.get("NO_COLOR"):
        head, colon, rest = text.partition(":")
        colour = "red" if diagnostic.severity == "error" else "yellow"
        text = click.style(head, fg=colour, bold=True) + colon + rest
    click.echo("\n" + text if blank_before else text, err=True)


def _from_click(error: click.ClickException) -> GraphcError:
    """Click's words in our form: a small first letter, names in backticks, one suggestion."""
    context = getattr(error, "ctx", None)
    message = getattr(error, "message", "") or error.format_message()
    message = error.format_message() if isinstance(error, click.BadParameter) else message
    message = re.sub(r"'([^']*)'", r"`\1`", message).strip().rstrip(".")
    message = message.replace("\n", " ").replace("\t", "")
    message = message[:1].lower() + message[1:]
    return usage("E701", message, _suggestion(error, context) or _see_help(context))


def _suggestion(error: click.ClickException, context: click.Context | None) -> str:
    if context is None:
        return ""
    if isinstance(error, click.NoSuchOption):
        return nearest(error.option_name, (name for p in context.command.params for name in p.opts))
    if isinstance(error, click.BadParameter) and error.param is not None:
        if isinstance(error.param.type, click.Choice):
            wrong = re.match(r"'([^']*)'", error.message)
            return nearest(wrong.group(1), error.param.type.choices) if wrong else ""
        return ""
    wrong = re.search(r"[Nn]o such command '([^']*)'", error.message)
    if wrong and isinstance(context.command, click.Group):
        return nearest(wrong.group(1), context.command.commands)
    return ""


def _see_help(context: click.Context | None) -> str:
    return f"see `{context.command_path} --help`" if context is not None else ""


def _print_internal(error: Exception) -> None:
    if os.environ.get("GRAPHC_DEBUG") == "1":
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
        shown = "the traceback stands above"
    else:
        shown = "with GRAPHC_DEBUG=1 in the environment a traceback is printed"
    last = traceback.format_exception_only(error)[-1].strip()
    print_diagnostic(
        Diagnostic(
            "E901",
            f"internal error: {last}",
            note=f"this is a mistake in graphc, not in your spec; {shown}",
            help="please report it in the project's issue tracker, with the spec and the command",
        )
    )
