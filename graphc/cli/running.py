"""`graphc run`: train a spec, go on with a run, or compute a spec that trains nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from graphc.cli.commands import print_warnings
from graphc.cli.entry import INTERRUPTED, usage
from graphc.cli.models import chosen
from graphc.cli.options import Compilation, compilation, json_option, read_inputs
from graphc.cli.screen import look
from graphc.diagnostics import fault
from graphc.view.files import check_writable

if TYPE_CHECKING:
    from graphc.cli.program import Array, Program
    from graphc.view.results import Fitted

_AS_IT_BEGAN = ("dtype", "seed", "without")
"""Options of a spec that have no use where a run goes on: it has its own."""


@dataclass(frozen=True)
class _Keeping:
    """What a training leaves behind: a run in `folder`, or in a new one, and a file `save`."""

    folder: Path | None
    resume: bool
    save: str | None
    new: str | None = None
    """The spec that a new folder is named after; without it and `folder` there is no run."""
    report: bool = False
    """Whether a report is written into the folder at the end."""

    def opened(self) -> AbstractContextManager[Path | None]:
        """The run's folder; a new one is made here. Raises E601."""
        from graphc.train.runs.folder import new_folder

        return nullcontext(self.folder) if self.new is None else new_folder(self.new)


@dataclass(frozen=True)
class _Talk:
    """What is said of a training: its result as JSON, and what stands on stderr in the meantime."""

    as_json: bool
    quiet: bool
    verbose: bool


@click.command()
@click.argument("file")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=FILE.npy|NUMBERS",
    help="The value of an input, for a spec that does not give it: x=x.npy, x=[1,2].",
)
@click.option("--run-dir", metavar="DIR", help="Where to keep the training; default: runs/FILE-DATE-TIME.")
@click.option("--resume", is_flag=True, help="Go on with the run in DIR (or `last`), or in --run-dir.")
@click.option("--no-run", is_flag=True, help="Keep nothing of the training.")
@click.option("--save", metavar="OUT.safetensors", help="Keep the trained program; `graphc.load` reads it.")
@click.option("--report", is_flag=True, help="Write report.html into the run's folder at the end.")
@click.option("-q", "--quiet", is_flag=True, help="Print faults and the result, nothing else.")
@click.option(
    "-v", "--verbose", is_flag=True, help="Print a line for each step, and what is compiled and saved."
)
@json_option
@compilation("float32")
def run(
    file: str,
    inputs: tuple[str, ...],
    run_dir: str | None,
    resume: bool,
    no_run: bool,
    save: str | None,
    report: bool,
    quiet: bool,
    verbose: bool,
    as_json: bool,
    compilation: Compilation,
) -> int:
    """Train FILE, or compute it step by step on the values given. To go on, FILE may be a run's folder."""
    if resume:
        file = chosen(file, quiet=quiet)
    if no_run and report:
        raise usage("E707", "`--report` has no use here: `--no-run` keeps nothing to report on")
    keeping = replace(_keeping(file, run_dir, resume, no_run, save), report=report)
    if quiet and verbose:
        raise usage("E707", "`--verbose` has no use here: `--quiet` is asked for")
    if keeping.folder == Path(file):
        program = _begun(keeping.folder, compilation)
    else:
        program = compilation.compile(file)
    if not quiet:
        print_warnings(program.warnings)
    if program.spec.has_fit:
        if inputs:
            raise usage(
                "E707", f"`--input` has no use here: `{file}` has a `fit` block and takes its data from there"
            )
        return _train(program, keeping, _Talk(as_json, quiet, verbose))
    given = {"--save": save is not None, "--run-dir": run_dir is not None, "--resume": resume}
    given |= {"--verbose": verbose, "--report": report}
    for option in (name for name, is_given in given.items() if is_given):
        raise usage("E707", f"`{option}` has no use here: `{file}` has no `fit` block and trains nothing")
    _compute(program, inputs, as_json)
    return 0


def _keeping(file: str, run_dir: str | None, resume: bool, no_run: bool, save: str | None) -> _Keeping:
    """Where the training is kept. Raises E608 for no run, E707 for options that contradict others, E712."""
    is_folder = os.path.isdir(file)
    if no_run and (resume or run_dir is not None):
        other = "--resume" if resume else "--run-dir"
        raise usage("E707", f"`{other}` has no use here: `--no-run` keeps nothing")
    if is_folder and not resume:
        raise usage(
            "E712", f"`{file}` is a folder, no spec", f"`graphc run --resume {file}` goes on with a run"
        )
    if is_folder and run_dir is not None:
        raise usage("E707", f"`--run-dir` has no use here: the run goes on in `{file}`")
    if resume and not is_folder and run_dir is None:
        if not file.endswith(".nn"):
            raise fault("E608", f"there is no run `{file}`", help="`graphc runs` lists those below `runs`")
        raise usage("E712", "`--resume` goes on with a run, and none is named", "`graphc run --resume DIR`")
    if no_run:
        return _Keeping(None, False, save)
    if is_folder or run_dir is not None:
        return _Keeping(Path(run_dir or file), resume, save)
    return _Keeping(None, False, save, new=file)


def _begun(folder: Path, compilation: Compilation) -> Program:
    """The program of a run, as the run began. Raises E707 for options that would make it another one."""
    import graphc
    from graphc.train.runs.folder import RunFolder

    source = click.get_current_context().get_parameter_source
    for name in _AS_IT_BEGAN:
        if source(name) is ParameterSource.COMMANDLINE:
            raise usage("E707", f"`--{name}` has no use here: a run goes on as it began")
    if compilation.dims:
        name = next(iter(compilation.dims))
        raise usage("E707", f"`--set {name}=...` has no use here: a run goes on as it began")
    config = RunFolder(folder).config
    chosen = source("backend") is ParameterSource.COMMANDLINE
    return graphc.load(
        folder,
        backend=compilation.backend if chosen else str(config.get("backend", "auto")),
        root=compilation.root,
        settings=dict(compilation.settings),
    )


def _train(program: Program, keeping: _Keeping, talk: _Talk) -> int:
    from graphc.view.results import dumps, fit_object, fit_text

    if keeping.save is not None:
        check_writable(keeping.save)
    if keeping.report:
        from graphc.view.report.plotting import check_installed

        check_installed()
    with keeping.opened() as folder:
        result = _fitted(program, keeping, folder, talk)
    if talk.as_json:
        click.echo(dumps({**fit_object(result, program.compile_seconds), **_chosen(program)}))
    else:
        click.echo(fit_text(result, program.compile_seconds))
        click.echo(_chosen_text(program))
    if keeping.report and folder is not None:
        from graphc.cli.report import write_report

        write_report(folder)
    if result.ending != "interrupt":
        return 0
    if folder is not None:
        click.echo(f"{_resuming(folder)} goes on", err=True)
    return INTERRUPTED


def _fitted(program: Program, keeping: _Keeping, folder: Path | None, talk: _Talk) -> Fitted:
    """The training itself. Where it breaks off, what there is of it is saved, and its folder named."""
    from graphc.cli.progress import reporting

    before = program.weights()
    try:
        with reporting(quiet=talk.quiet, verbose=talk.verbose) as reporter:
            result = program.fit(reporter=reporter, run_dir=folder, resume=keeping.resume)
    except BaseException as error:
        # A training that never began must not take the place of one that was saved before.
        if keeping.save is not None and _differ(before, program.weights()):
            program.save(keeping.save)
        _name_folder(folder, error, is_new=keeping.new is not None)
        raise
    if keeping.save is not None:
        program.save(keeping.save)
    return result


def _differ(before: Mapping[str, Array], now: Mapping[str, Array]) -> bool:
    return any((array != before[name]).any() for name, array in now.items() if name in before)


def _name_folder(folder: Path | None, error: BaseException, *, is_new: bool) -> None:
    """Where a training that broke off is kept, if it came so far."""
    from graphc.train.runs.folder import RunFolder

    if folder is None or not RunFolder(folder).is_begun:
        return
    if isinstance(error, KeyboardInterrupt):
        click.echo(f"stopped at once; {_resuming(folder)} goes on from the last checkpoint", err=True)
    elif is_new:
        click.echo(f"the run is kept in `{folder}`", err=True)


def _resuming(folder: Path) -> str:
    return f"`graphc run --resume {quote(str(folder))}`"


def _compute(program: Program, inputs: Iterable[str], as_json: bool) -> None:
    trace = program.trace(read_inputs(inputs, program.spec.inputs))
    if as_json:
        from graphc.view.results import dumps, trace_object

        click.echo(dumps({**trace_object(trace), **_chosen(program)}))
    else:
        from graphc.view.table import render

        text = render(trace, look(sys.stdout))
        click.echo(f"{text}\n\n{_chosen_text(program)}")


def _chosen(program: Program) -> dict[str, str]:
    return {"backend": program.settings.backend, "dtype": program.settings.dtype}


def _chosen_text(program: Program) -> str:
    return f"backend {program.settings.backend}, {program.settings.dtype}"
