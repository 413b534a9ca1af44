"""What a spec's `fit` block makes of the learning rate, step by step, without training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from graphc.diagnostics import fault
from graphc.driver.training import dataset, fit_settings
from graphc.train.data.batches import batches_in_epoch
from graphc.train.fit_settings import FitSettings
from graphc.train.optimize.course import Course
from graphc.train.optimize.rules import compile_rule
from graphc.train.optimize.schedules import JUDGED, Moment, Schedule
from graphc.train.reporting import Plan
from graphc.view.panels import Comparison, Curve, Panel

if TYPE_CHECKING:
    from graphc.driver.program import Program

_MOST = 1000
"""Of more steps than these, evenly spaced ones are computed."""
RATE = "lr"


def schedule(name: str, program: Program) -> list[Panel]:
    """The learning rate by step, and a panel for each other option that is a schedule.

    Validation is taken to get better with each epoch. The data is opened where it says how many steps an
    epoch has. Raises E744 if there is neither a rate nor a schedule, and what training would raise of these.
    """
    settings = fit_settings(program, {})
    places = _places(settings)
    if not places:
        raise fault(
            "E744",
            f"`{settings.optimizer.name}` has no option `{RATE}`, and none of its options is a schedule",
            settings.spans.get("optimizer"),
        )
    count, per_epoch = _steps(program, settings)
    steps = np.unique(np.linspace(1, count, min(count, _MOST)).round().astype(int)).tolist()
    found = list(_values(settings, steps, count, per_epoch))
    panels: dict[str, list[Curve]] = {}
    for place in places:
        option, *group = place.split("/")
        values = [options[place] for options in found]
        panels.setdefault(option, []).append(Curve(name, steps, values, part=".".join(group)))
    note = _note(settings)
    return [Panel(_title(option), curves, "step", note) for option, curves in panels.items()]


def together(found: Sequence[Sequence[Panel]]) -> Comparison:
    """The schedules of several specs: options of the same name in one panel."""
    panels = [panel for own in found for panel in own]
    labels = list(dict.fromkeys(curve.label for panel in panels for curve in panel.curves))
    merged = []
    for title in dict.fromkeys(panel.title for panel in panels):
        same = [panel for panel in panels if panel.title == title]
        curves = [
            replace(curve, name=curve.label, part="", series=labels.index(curve.label))
            for panel in same
            for curve in panel.curves
        ]
        note = next((panel.note for panel in same if panel.note), "")
        merged.append(Panel(title, curves, "step", note))
    return Comparison(merged)


def _title(option: str) -> str:
    return "learning rate" if option == RATE else option


def _places(settings: FitSettings) -> list[str]:
    amounts = settings.optimizer.amounts
    leaves = {place: leaf for name, amount in amounts.items() for place, leaf in amount.leaves(name).items()}
    return [
        place
        for place, leaf in leaves.items()
        if place.partition("/")[0] == RATE or isinstance(leaf, Schedule)
    ]


def _note(settings: FitSettings) -> str:
    leaves = (leaf for amount in settings.optimizer.amounts.values() for leaf in amount.leaves("").values())
    judged = any(isinstance(leaf, Schedule) and JUDGED & leaf.given for leaf in leaves)
    return "as long as validation gets better with each epoch" if judged else ""


def _steps(program: Program, settings: FitSettings) -> tuple[int, int | None]:
    """How many steps there are in all, and in an epoch. Raises what loading the data raises."""
    examples = dataset(program, None, None, settings.bptt)
    per_epoch = batches_in_epoch(examples.train, settings)
    count = Plan(settings.epochs, settings.steps, per_epoch).steps_in_all
    assert count is not None, "the data of a spec is known in full"
    return count, per_epoch


def _values(
    settings: FitSettings, steps: Sequence[int], count: int, per_epoch: int | None
) -> Iterator[dict[str, float]]:
    optimizer = settings.optimizer
    rule = compile_rule(optimizer.definition, optimizer.library, optimizer.choices, optimizer.grouped)
    course = Course(optimizer, rule, np.dtype(np.float64))
    for step in steps:
        epoch = 1 if per_epoch is None else 1 + (step - 1) // per_epoch
        course.move(Moment(epoch, count))
        yield course.options(step)
