"""What is worth a look before a long training: the usual recipe for debugging a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from graphc.driver.arrays import feed_spec
from graphc.driver.overfitting import late_gradients, overfit
from graphc.driver.specimen import inputs, take
from graphc.driver.targets import Target, targets
from graphc.ir.graph import Node
from graphc.ir.op import Array, Op
from graphc.ops.elementwise import RELU, SIGMOID, TANH
from graphc.ops.leaf import PIN
from graphc.train.data.examples import Batch
from graphc.train.protocol import StepResult
from graphc.view.doctor import Diagnosis, Finding, ParameterHealth

if TYPE_CHECKING:
    from graphc.driver.program import Program

BATCH = 64
FEW = 16


def diagnose(program: Program) -> Diagnosis:
    """Look at a spec with its initial parameters. Raises only faults of the spec itself."""
    # More examples than there are numbers to adapt cannot be learned by heart, and few of them can.
    few = max(1, min(FEW, program.params.weights.layout.size // 2))
    specimen = take(program, batch=BATCH, few=few)
    findings = [Finding("data", "look", specimen.fault)] if specimen.fault else []
    findings += inputs(program, specimen)
    health: list[ParameterHealth] = []
    if program.pipeline.has_loss("train"):
        starts = _starts(program, specimen.batch)
        health = _health(program, starts)
        origins = [_origin(program, specimen.batch, number, start) for number, start in enumerate(starts)]
        findings += _losses(starts, targets(program.spec), origins)
        findings.append(_alive(health, origins, lambda: late_gradients(program, specimen.batch)))
        if program.trainable:
            findings += _units(program, specimen.batch)
        findings.append(overfit(program, specimen.few))
    else:
        findings.append(Finding("loss", "-", "there is none: no `minimize`, no single scalar `output`"))
    findings += _warnings(program)
    return Diagnosis(specimen.origin, findings, health)


def _starts(program: Program, batch: Batch) -> list[StepResult]:
    """The first step of each loss, from the initial parameters."""
    losses = program.fresh().losses
    return [losses.gradients(batch, step=1, objective=number) for number in range(losses.objectives)]


def _origin(program: Program, batch: Batch, number: int, start: StepResult) -> str:
    """Where a loss or a gradient that is not finite begins, in words; empty if all are finite."""
    if math.isfinite(start.loss) and np.isfinite(start.gradients.flat).all():
        return ""
    blame = program.fresh().losses.blame(batch, step=1, objective=number)
    return "" if blame is None else f"{blame.what}: {blame.detail}"


# ------------------------------------------------------------------------------- loss and gradients


def _losses(
    starts: Sequence[StepResult], found: Sequence[Target | None], origins: Sequence[str]
) -> Iterator[Finding]:
    for number, start in enumerate(starts):
        name = "loss at the start" if len(starts) == 1 else f"loss {number + 1} at the start"
        target = found[number] if number < len(found) else None
        if not math.isfinite(start.loss):
            advice = origins[number] or "look for a logarithm or a root of 0, or a division by 0"
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
    for number, start in enumerate(starts):
        for name in program.losses.moves(number):
            gradient = start.gradients.parts[name]
            found[name] = gradient if name not in found else found[name] + gradient
    fresh = program.fresh().params
    return [
        ParameterHealth(
            name, fresh[name].shape, _norm(fresh[name]), _norm(g), float(np.mean(g == 0)) if g.size else 1.0
        )
        for name, g in found.items()
    ]


def _norm(array: Array) -> float:
    return float(np.sqrt(np.sum(np.square(array, dtype=np.float64))))


def _alive(
    health: Sequence[ParameterHealth], origins: Sequence[str], late: Callable[[], set[str]]
) -> Finding:
    """Whether every parameter gets a gradient, and none a far smaller one than the others.

    `late` finds those that get one after some steps: a layer behind which all weights are zero at first.
    """
    if not health:
        return Finding("gradients", "-", "no parameters to train")
    broken = [h.name for h in health if not math.isfinite(h.gradient)]
    if broken:
        return Finding(
            "gradients", "look", f"not finite in {_listed(broken)}", next(filter(None, origins), "")
        )
    zero = [h.name for h in health if h.gradient == 0]
    coming = late() if zero else set()
    if dead := [name for name in zero if name not in coming]:
        return Finding("gradients", "look", f"zero in {_listed(dead)} over this batch")
    if zero:
        return Finding("gradients", "ok", f"zero at the first step in {_listed(zero)}, alive after some more")
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
    fed = feed_spec(program.spec, batch.arrays, batch.lengths, program.real)
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


# ----------------------------------------------------------------------------------------- warnings


def _warnings(program: Program) -> Iterator[Finding]:
    for name, code, good in (
        ("never moving", "W202", "no parameter is bound to stay as it is"),
        ("unused names", "W201", "everything leads to something"),
    ):
        found = [w.message.split("`")[1] for w in program.warnings if w.code == code]
        yield Finding(name, "look" if found else "ok", _listed(found) if found else good)
