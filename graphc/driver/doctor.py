"""What is worth a look before a long training: the usual recipe for debugging a network, as a program."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graphc.driver.arrays import feed
from graphc.driver.specimen import Specimen, contradictions, inputs, take
from graphc.driver.targets import Target, targets
from graphc.ir.graph import Node
from graphc.ir.op import Array, Op
from graphc.ops import random
from graphc.ops.elementwise import RELU, SIGMOID, TANH
from graphc.ops.leaf import PIN
from graphc.train.data import Batch
from graphc.train.optimizers import Adam
from graphc.train.protocol import StepResult
from graphc.view.doctor import Diagnosis, Finding, ParameterHealth

if TYPE_CHECKING:
    from graphc.driver.program import Program

BATCH = 64
FEW = 16
STEPS = 200
RATES = (1e-2, 1e-1, 1.0, 1e-3)
LEARNED = 0.02
"""The share of the first loss at which there is nothing left to show."""
SECONDS = 20.0
"""How long overfitting may take altogether."""


def diagnose(program: Program) -> Diagnosis:
    """Look at a spec with its initial parameters. Raises only faults of the spec itself."""
    specimen = take(program, batch=BATCH, few=FEW)
    findings = [Finding("data", "look", specimen.fault)] if specimen.fault else []
    findings += inputs(program, specimen)
    health: list[ParameterHealth] = []
    if program.pipeline.has_loss("train"):
        starts = _starts(program, specimen.batch)
        health = _health(program, starts)
        findings += _losses(program, starts, targets(program.spec))
        findings += [_alive(health), *_units(program, specimen.batch), _overfit(program, specimen)]
    else:
        findings.append(Finding("loss", "-", "there is none: no `minimize`, no single scalar `output`"))
    findings += _warnings(program)
    return Diagnosis(specimen.origin, findings, health)


def _starts(program: Program, batch: Batch) -> list[StepResult]:
    """The first step of each loss, from the initial parameters."""
    fresh = program.fresh()
    return [fresh.gradients(batch, step=number + 1) for number in range(max(1, len(program.spec.objectives)))]


# ------------------------------------------------------------------------------- loss and gradients


def _losses(
    program: Program, starts: Sequence[StepResult], found: Sequence[Target | None]
) -> Iterator[Finding]:
    for number, start in enumerate(starts):
        name = "loss at the start" if len(starts) == 1 else f"loss {number + 1} at the start"
        target = found[number] if number < len(found) else None
        if not math.isfinite(start.loss):
            advice = "look for a logarithm or a root of 0, or a division by 0"
            yield Finding(name, "look", str(start.loss), advice)
        elif target is None:
            yield Finding(name, "ok", f"{start.loss:.4g}")
        else:
            yield _guessing(name, start.loss, target)


def _guessing(name: str, loss: float, target: Target) -> Finding:
    """A network that knows nothing should give each of K classes the chance 1/K."""
    wanted = math.log(target.classes)
    text = f"{loss:.4g}; guessing one of {target.classes} classes costs ln {target.classes} = {wanted:.4g}"
    if 0.5 * wanted <= loss <= 1.5 * wanted:
        return Finding(name, "ok", text)
    advice = "large initial weights or inputs make it too sure of itself"
    if loss < wanted:
        advice = f"too good to be true: does `{target.name}` leak into the inputs?"
    return Finding(name, "look", text, advice)


def _health(program: Program, starts: Sequence[StepResult]) -> list[ParameterHealth]:
    found: dict[str, Array] = {}
    for start in starts:
        for name, gradient in start.gradients.items():
            found[name] = gradient if name not in found else found[name] + gradient
    fresh = program.fresh().params
    return [
        ParameterHealth(
            name, g.shape, _norm(fresh[name]), _norm(g), float(np.mean(g == 0)) if g.size else 1.0
        )
        for name, g in found.items()
    ]


def _norm(array: Array) -> float:
    return float(np.sqrt(np.sum(np.square(array, dtype=np.float64))))


def _alive(health: Sequence[ParameterHealth]) -> Finding:
    """Whether every parameter gets a gradient, and none a far smaller one than the others."""
    if not health:
        return Finding("gradients", "-", "no parameters to train")
    broken = [h.name for h in health if not math.isfinite(h.gradient)]
    if broken:
        return Finding("gradients", "look", f"not finite in {_listed(broken)}")
    dead = [h.name for h in health if h.gradient == 0]
    if dead:
        return Finding("gradients", "look", f"zero in {_listed(dead)} over this batch")
    sizes = {h.name: h.gradient / math.sqrt(max(1, math.prod(h.shape))) for h in health}
    least, most = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    text = f"alive in {len(health)} parameter{'' if len(health) == 1 else 's'}"
    if sizes[least] * 1e5 < sizes[most]:
        text += f", but {sizes[most] / sizes[least]:.1g} times smaller in `{least}` than in `{most}`"
        return Finding(
            "gradients", "look", text, "vanishing or exploding: other initial weights, a gate, `clip`"
        )
    return Finding("gradients", "ok", text)


def _listed(names: Sequence[str], most: int = 6) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


# -------------------------------------------------------------------------------------------- units


def _units(program: Program, batch: Batch) -> Iterator[Finding]:
    """Rectified units that are zero for every example; squashed ones that are at their limits."""
    activated = _activated(program)
    if not activated:
        return
    fed = feed(program.spec.inputs, batch.arrays, batch.lengths, program.real)
    fresh = program.fresh()
    values = fresh.execution.values("train", list(activated), fed, fresh.execution.run(fed))
    for name, op in activated.items():
        shown = fresh.execution.shown(name, values[name], program.spec.system, fed)
        rank = program.spec.system.type(name).rank
        yield _dead(name, shown, rank) if op is RELU else _saturated(name, shown, op)


def _activated(program: Program) -> dict[str, Op]:
    """The names that an equation gives the direct result of a relu, a tanh or a sigmoid."""
    found: dict[str, Op] = {}
    for name in program.spec.names:
        unit = program.spec.system.units.get(name)
        made = {n.result: n for n in unit.nodes if isinstance(n, Node)} if unit is not None else {}
        pin = made.get(unit.value) if unit is not None else None
        source = made.get(pin.operands[0]) if pin is not None and pin.op is PIN else None
        if source is not None and source.op in (RELU, TANH, SIGMOID):
            found[name] = source.op
    return found


def _dead(name: str, values: Array, rank: int) -> Finding:
    lead = tuple(range(values.ndim - rank))
    dead = np.asarray((values == 0).all(axis=lead))
    text = f"{int(dead.sum())} of {dead.size} rectified units are zero in all of the batch"
    if dead.mean() <= 0.4:
        return Finding(f"units {name}", "ok", text)
    return Finding(
        f"units {name}", "look", text, "they get no gradient: weights by `he`, a smaller bias or rate"
    )


def _saturated(name: str, values: Array, op: Op) -> Finding:
    limit = np.abs(values) > 0.98 if op is TANH else (values > 0.99) | ((values < 0.01) & (values != 0))
    share = float(limit.mean()) if limit.size else 0.0
    text = f"{share:.0%} of the values of {op.name} are at its limits"
    if share <= 0.5:
        return Finding(f"units {name}", "ok", text)
    return Finding(
        f"units {name}", "look", text, "gradients vanish there: smaller weights, standardized inputs"
    )


# -------------------------------------------------------------------------------------- overfitting


@dataclass(frozen=True)
class _Fall:
    """How far the loss fell on one batch."""

    rate: float
    first: float
    last: float
    steps: int

    @property
    def enough(self) -> bool:
        return self.last <= 0.1 * self.first


def _overfit(program: Program, specimen: Specimen) -> Finding:
    """Can a few examples be learned by heart? If not, something is wrong with the equations."""
    name = "overfits a batch"
    if not program.trainable:
        return Finding(name, "-", "no parameters to train")
    if len(program.spec.objectives) > 1:
        return Finding(name, "-", "several losses alternate, and none of them alone has to fall")
    deadline = time.monotonic() + SECONDS
    falls: list[_Fall] = []
    for rate in RATES:
        if time.monotonic() < deadline:
            falls.append(_fall(program, specimen.few, rate, deadline))
            if falls[-1].enough or falls[-1].first <= 0:
                break
    best = min(falls, key=lambda fall: fall.last if math.isfinite(fall.last) else math.inf)
    text = f"{best.first:.4g} to {best.last:.4g} in {best.steps} steps of adam(lr = {best.rate:g})"
    if best.first <= 0:
        return Finding(name, "-", f"{text}; a loss below zero has no end to fall to")
    if best.enough:
        return Finding(name, "ok", text)
    return Finding(name, "look", text, _why(program, specimen.few, best))


def _fall(program: Program, batch: Batch, rate: float, deadline: float) -> _Fall:
    copy, rule = program.fresh(), Adam(lr=rate)
    state = rule.start({name: copy.params[name] for name in copy.trainable})
    losses: list[float] = []
    for step in range(1, STEPS + 2):
        result = copy.gradients(batch, step=step)
        losses.append(result.loss)
        over = not math.isfinite(result.loss) or result.loss <= LEARNED * losses[0]
        if over or time.monotonic() > deadline:
            break
        current = {name: copy.params[name] for name in result.gradients}
        state, moved = rule.update(state, current, result.gradients, step)
        for name, value in {**moved, **result.updates}.items():
            if name in copy.params:
                copy.params[name] = value
    return _Fall(rate, losses[0], losses[-1], len(losses) - 1)


def _why(program: Program, batch: Batch, fall: _Fall) -> str:
    """The most telling reason that the loss stays up."""
    if not math.isfinite(fall.last):
        return "it stops being a number: look for a logarithm or a root of 0, or a division by 0"
    still = [w.message for w in program.warnings if w.code == "W202"]
    if still:
        return "some parameters never move, see below"
    known = [target for target in targets(program.spec) if target is not None]
    if known and contradictions(batch, known[0].name):
        return f"examples with the same inputs have different `{known[0].name}`"
    graph = program.pipeline.graph("train", (program.pipeline.loss_unit("train"),))
    if any(isinstance(node, Node) and node.op in random.OPS for node in graph.walk()):
        return "training draws at random (dropout, noise), which keeps the loss up: try without"
    if fall.steps < STEPS:
        return f"there was no time for more steps than these ({SECONDS:g} s)"
    return "the equations may be too weak for these examples, or a penalty or the noise in them keeps it up"


# ----------------------------------------------------------------------------------------- warnings


def _warnings(program: Program) -> Iterator[Finding]:
    for name, code, good in (
        ("never moving", "W202", "no parameter is bound to stay as it is"),
        ("unused names", "W201", "everything leads to something"),
    ):
        found = [w.message.split("`")[1] for w in program.warnings if w.code == code]
        yield Finding(name, "look" if found else "ok", _listed(found) if found else good)
