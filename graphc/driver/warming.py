"""Compiling ahead: every graph that running and training a program will ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.driver import training
from graphc.driver.execution import by_objective
from graphc.driver.pooling import pooled
from graphc.driver.reports import asked, figures, pools
from graphc.driver.tracing import differentiated, ordered_names
from graphc.train.descent import Descent

if TYPE_CHECKING:
    from graphc.driver.program import Program


def warm(program: Program) -> None:
    """Prepare the graphs for batches whose examples all have one length. Raises faults of `fit`'s options."""
    _values(program)
    if program.pipeline.has_loss("train"):
        _gradients(program)
        _training(program)
    for executable in program.pipeline.executables:
        program.pipeline.compile(executable, program.real)


def _values(program: Program) -> None:
    """What `forward` computes if no names are given, and what a trace shows of a spec without a loss."""
    pipeline, spec = program.pipeline, program.spec
    pipeline.forward("eval", list(dict.fromkeys([*spec.names, *spec.outputs])), dense=True)
    if not pipeline.has_loss("train"):
        pipeline.forward("train", ordered_names(program), dense=True)


def _gradients(program: Program) -> None:
    """What `value_and_grad` computes with respect to all parameters, and what a trace shows."""
    pipeline, spec = program.pipeline, program.spec
    for number, names in by_objective(spec, list(spec.params)).items():
        pipeline.gradients("train", names, dense=True, objective=number)
    order = ordered_names(program)
    for number, names in by_objective(spec, differentiated(program)).items():
        shown = order if number == 0 else ()
        pipeline.gradients("train", names, dense=True, names=shown, objective=number, summands=True)


def _training(program: Program) -> None:
    """What `fit` and `step` compute: losses, the optimizer's update, the figures after an epoch."""
    settings = training.fit_settings(program, {})
    Descent(program.losses, settings)
    chunked = settings.bptt is not None
    with program.losses.fitting(settings):
        for continued in (False, True) if chunked else (False,):
            for number in range(program.losses.objectives):
                program.losses.ready(number, dense=True, chunked=chunked, continued=continued)
    pipeline = program.pipeline
    if units := list(dict.fromkeys(figures(pipeline.spec("eval")).values())):
        pool = pools(pipeline.graph("eval", units))
        if pool and (sums := pooled(pipeline, units, chunked)) is not None:
            sums.warm()
            return
        cut = chunked and not pool
        for continued in (False, True) if cut else (False,):
            names = asked(pipeline.system("eval"), units, cut)
            pipeline.forward("eval", names, dense=True, continued=continued)
