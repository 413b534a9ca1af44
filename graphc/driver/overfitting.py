"""Can a few examples be learned by heart? If not, something is wrong with the equations."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphc.driver.specimen import contradictions
from graphc.driver.targets import targets
from graphc.driver.training import fit_settings
from graphc.ir.graph import Node
from graphc.ops import random
from graphc.train.data.examples import Batch
from graphc.train.optimize.optimizers import optimizer
from graphc.train.optimize.update import Update
from graphc.train.protocol import StepResult
from graphc.view.doctor import Finding

if TYPE_CHECKING:
    from graphc.driver.program import Program

STEPS = 200
RATES = (1e-2, 1e-1, 1.0, 1e-3)
ENOUGH = 0.1
"""The share of the first loss that must be reached."""
LEARNED = 0.02
"""The share at which there is nothing left to show."""
SECONDS = 20.0
"""How long all of it may take."""
LATE = 4
"""Steps within which a gradient that is zero at first should come alive."""


class Trial:
    """A copy of a program, with its initial parameters, which Adam trains on one batch."""

    def __init__(self, program: Program, batch: Batch, rate: float) -> None:
        self.losses, self.batch = program.fresh().losses, batch
        self.update = Update(optimizer("adam", lr=rate), self.losses)
        self.steps = 0

    def step(self, objective: int = 0) -> StepResult:
        """Move the parameters of an objective; loss and gradients before."""
        self.steps += 1
        result = self.losses.gradients(self.batch, step=self.steps, objective=objective)
        if math.isfinite(result.loss):
            self.update(result.gradients, self.steps, objective)
        return result


def late_gradients(program: Program, batch: Batch) -> set[str]:
    """The parameters that get a gradient within the first few steps."""
    trial = Trial(program, batch, RATES[0])
    alive: set[str] = set()
    for _ in range(LATE):
        for number in range(trial.losses.objectives):
            parts = trial.step(number).gradients.parts
            alive |= {name for name, gradient in parts.items() if gradient.any()}
    return alive


@dataclass(frozen=True)
class _Fall:
    """How far the loss fell on one batch."""

    rate: float
    first: float
    last: float
    steps: int

    @property
    def enough(self) -> bool:
        return self.last <= ENOUGH * self.first


def overfit(program: Program, few: Batch) -> Finding:
    """Train a copy on a few examples with several rates, until one of them does."""
    name = "overfits a batch"
    if not program.trainable:
        return Finding(name, "-", "no parameters to train")
    if len(program.spec.objectives) > 1:
        return Finding(name, "-", "several losses alternate, and none of them alone has to fall")
    if fit_settings(program, {}).maximize:
        return Finding(name, "-", "the loss is maximized: it is not known how high it can rise")
    deadline = time.monotonic() + SECONDS
    falls: list[_Fall] = []
    for rate in RATES:
        if not falls or time.monotonic() < deadline:
            falls.append(_fall(program, few, rate, deadline))
            if falls[-1].enough or falls[-1].first <= 0:
                break
    best = min(falls, key=lambda fall: fall.last if math.isfinite(fall.last) else math.inf)
    if best.first <= 0:
        return Finding(name, "-", f"the loss begins at {best.first:.4g}: it is not known how low it can fall")
    text = f"{best.first:.4g} to {best.last:.4g} in {best.steps} steps of adam(lr = {best.rate:g})"
    if best.enough:
        return Finding(name, "ok", text)
    if math.isfinite(best.last) and best.steps < STEPS:
        return Finding(name, "-", text, f"there was no time for more steps than these ({SECONDS:g} s)")
    return Finding(name, "look", text, _why(program, few, best))


def _fall(program: Program, batch: Batch, rate: float, deadline: float) -> _Fall:
    trial = Trial(program, batch, rate)
    first = last = trial.step().loss
    while trial.steps <= STEPS and math.isfinite(last) and last > LEARNED * first:
        if time.monotonic() > deadline:
            break
        last = trial.step().loss
    return _Fall(rate, first, last, trial.steps - 1)


def _why(program: Program, batch: Batch, fall: _Fall) -> str:
    """The most telling reason that the loss stays up."""
    if not math.isfinite(fall.last):
        return "it stops being a number: look for a logarithm or a root of 0, or a division by 0"
    if any(warning.code == "W202" for warning in program.warnings):
        return "some parameters never move, see below"
    known = [target for target in targets(program.spec) if target is not None]
    if known and contradictions(batch, known[0].name):
        return f"examples with the same inputs have different `{known[0].name}`"
    graph = program.pipeline.graph("train", (program.pipeline.loss_unit("train"),))
    if any(isinstance(node, Node) and node.op in random.OPS for node in graph.walk()):
        return "training draws at random (dropout, noise), which keeps the loss up: try without"
    return "the equations may be too weak for these examples, or a penalty or noise in the data keeps it up"
