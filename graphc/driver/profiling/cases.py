"""What `graphc profile` measures: a training step, the gradients or the values, on a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from graphc.diagnostics import fault, nearest
from graphc.driver.examples import drawn
from graphc.driver.execution import by_objective
from graphc.driver.tracing import differentiated, ordered_names
from graphc.driver.training import fit_settings
from graphc.train.data.batches import batches_in_epoch, training_batches
from graphc.train.data.examples import Batch, Dataset
from graphc.train.descent import Descent

if TYPE_CHECKING:
    from graphc.driver.program import Program

STEPS = 100
"""Of an axis whose length nothing says, in random examples."""
EXAMPLES = 32
"""Random ones, where nothing says how many."""

Step = Callable[[], None]


@dataclass(frozen=True)
class Case:
    """What is done, in words, on which examples; `steps` is how many steps a training would have."""

    what: str
    origin: str
    batch: Batch
    steps: int = 1000
    lengths: Mapping[str, int] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        lengths = "".join(f", {name} = {length}" for name, length in sorted(self.lengths.items()))
        return f"{self.what} on {self.origin}{lengths}"


def case(program: Program, *, forward: bool, batch: int | None, lengths: Mapping[str, int]) -> Case:
    """The examples: random ones if their number or a length is given, else those that the spec names.

    Raises E726 if it names none and none are asked for, E727 for a length that the spec does not have or
    that is fixed, and what loading the data raises.
    """
    what = _what(program, forward)
    known = {name for name, end in program.spec.scope.lengths.items() if not end.is_fixed}
    for name in lengths:
        if name not in known:
            help = nearest(name, known) or ", ".join(f"`{other}`" for other in sorted(known))
            raise fault("E727", f"no axis of the spec is as long as a run says `{name}` is", help=help)
    if batch is not None or lengths:
        count, ends = batch or EXAMPLES, {**dict.fromkeys(known, STEPS), **lengths}
        arrays = drawn(program.spec.inputs, program.seed, count, ends)
        ids = np.arange(count, dtype=np.uint64)
        return Case(what, _examples(count, "random example"), Batch(arrays, {}, ids), lengths=ends)
    if program.spec.data is None and program.examples is None:
        raise fault(
            "E726",
            "there is nothing to measure on: the spec gives its inputs no values, and has no `data` block",
            help="`--batch 32 --length T=100` measures on random numbers",
        )
    return _own(program, what)


def _own(program: Program, what: str) -> Case:
    """The first batch of the training, or the spec's own values."""
    settings = fit_settings(program, {})
    found: Dataset = program.dataset(bptt=settings.bptt)
    first = next(iter(training_batches(found.train, settings, epoch=1)))
    of = "example of its data" if program.spec.data is not None else "example of the spec"
    fed = program.feed(first.arrays, first.lengths)
    lengths = {name: int(own.max(initial=0)) for name, own in fed.lengths.items()}
    count = batches_in_epoch(found.train, settings) or 1
    steps = settings.steps or count * (settings.epochs or 1)
    origin = _examples(fed.batch, of) if program.spec.inputs else "no inputs"
    return Case(what, origin, first, steps, lengths)


def _examples(count: int, of: str) -> str:
    first, *rest = of.split(" ", 1) if of.startswith("example ") else (of,)
    many = " ".join([first + ("" if count == 1 else "s"), *rest])
    return f"{count} {many}"


def _what(program: Program, forward: bool) -> str:
    if forward or not program.pipeline.has_loss("train"):
        return "the values"
    return "a training step" if program.spec.has_fit and program.trainable else "the loss and its gradients"


def step(program: Program, case: Case) -> Step:
    """What is measured, as a function; each call does the same, from the same weights."""
    if case.what == "the values":
        return _values(program, case)
    if case.what == "a training step":
        return _training(program, case)
    return _gradients(program, case)


def _values(program: Program, case: Case) -> Step:
    spec, execution = program.spec, program.execution
    names = list(spec.outputs) or ordered_names(program)
    fed = program.feed(case.batch.arrays, case.batch.lengths)
    run = execution.run(fed)
    return lambda: _dropped(execution.values("eval", names, fed, run))


def _gradients(program: Program, case: Case) -> Step:
    """By the parameters; by all names where there are none."""
    execution = program.execution
    fed = program.feed(case.batch.arrays, case.batch.lengths)
    run = execution.run(fed)
    groups = by_objective(program.spec, program.trainable or differentiated(program))

    def gradients() -> None:
        for number, names in groups.items():
            execution.gradients("train", names, fed, run, objective=number)

    return gradients


def _training(program: Program, case: Case) -> Step:
    """A step of the optimizer, undone before the next one: so no rate makes the numbers run away."""
    settings = replace(fit_settings(program, {}), steps=case.steps)
    losses = program.losses
    descent = Descent(losses, settings)
    taken = False

    def train() -> None:
        nonlocal taken
        if taken:
            descent.undo()
        with losses.fitting(settings):
            descent.step(case.batch)
        taken = True

    return train


def _dropped(_: object) -> None:
    """What is measured gives nothing."""
