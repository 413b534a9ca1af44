"""Runs a spec against a NumPy function that computes one example alone, in float64.

A case is held to everything that the language promises of every spec: values and gradients are those of the
function (gradients by finite differences of it, so that nothing of the compiler judges itself), padding and
what stands in it changes no bit, an example's values do not depend on the others of its batch, and a loop
computes what its steps written out compute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import graphc
from graphc.autodiff import differentiate
from graphc.backend.reference import prepare
from graphc.backend.state import Run
from graphc.driver.arrays import to_canonical
from graphc.driver.pipeline import LOSS, present
from graphc.driver.program import Program
from graphc.ir.op import Array
from graphc.passes.unroll import unroll

Numbers = Mapping[str, Any]
Reference = Callable[[Any, Any], Mapping[str, Any]]
"""Parameters and one example's inputs (both by attribute) to values by name, `loss` among them. What an
array has no value for is NaN."""

STEP = 1e-5


class Names(dict[str, Any]):
    """Arrays by name, read as attributes; `enc.W` is `enc_W`."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


@dataclass
class Case:
    """A spec, its function, and each example's lengths by name (none: one length does for all)."""

    spec: str
    reference: Reference
    lengths: Mapping[str, Sequence[int]] = field(default_factory=dict)
    batch: int = 3
    unrolled: bool = True
    seed: int = 0
    scale: float = 0.7


def compiled(case: Case, **options: Any) -> Program:
    """The program in float64, every parameter drawn anew so that none is zero."""
    program = graphc.compile(case.spec + "\n", dtype="float64", **options)
    generator = np.random.default_rng(case.seed + 100)
    for name in program.params:
        program.params[name] = case.scale * generator.standard_normal(np.shape(program.params[name]))
    return program


def drawn(case: Case, program: Program, extra: int = 0, garbage: float | None = None) -> dict[str, Array]:
    """Inputs for the case's lengths; `extra` positions of padding, `garbage` in all padding."""
    generator = np.random.default_rng(case.seed)
    found: dict[str, Array] = {}
    for name, info in program.spec.inputs.items():
        ends = [
            max(case.lengths[a.length.name]) if a.length.size is None else a.length.size.value
            for a in info.axes
        ]
        shape = (case.batch, *ends, *info.type.sizes)
        if info.classes is not None:
            array: Array = generator.integers(0, info.classes, shape)
        elif info.type.dtype == "bool":
            array = generator.random(shape) < 0.5
        else:
            array = generator.standard_normal(shape)
        wide = [(0, 0), *((0, extra if a.length.size is None else 0) for a in info.axes)]
        array = np.pad(array, [*wide, *[(0, 0)] * len(info.type.sizes)])
        if garbage is not None and info.type.dtype == "real":
            valid = _valid(case, info.axes, array.shape)
            array = np.where(valid.reshape(valid.shape + (1,) * info.type.rank), array, garbage)
        found[name] = array
    return found


def _valid(case: Case, axes: Sequence[Any], shape: Sequence[int]) -> Array:
    valid: Array = np.ones(shape[: 1 + len(axes)], bool)
    for place, axis in enumerate(axes, 1):
        if axis.length.size is None:
            own = np.asarray(case.lengths[axis.length.name])[:, None] > np.arange(shape[place])
            valid &= own.reshape(len(own), *(-1 if p == place else 1 for p in range(1, valid.ndim)))
    return valid


def given_lengths(case: Case, numbers: Sequence[int] | None = None) -> dict[str, Array]:
    rows = list(range(case.batch)) if numbers is None else list(numbers)
    return {name: np.asarray(own)[rows] for name, own in case.lengths.items()}


def example(case: Case, program: Program, inputs: Mapping[str, Array], number: int) -> Names:
    """One example's inputs, as long as the example is."""
    found = Names()
    for name, info in program.spec.inputs.items():
        array = inputs[name][number]
        for place, axis in enumerate(info.axes):
            if axis.length.size is None:
                array = array.take(range(case.lengths[axis.length.name][number]), axis=place)
        found[name] = array
    for name, own in case.lengths.items():
        found[name] = int(own[number])
    return found


def parameters(program: Program) -> Names:
    return Names({name.replace(".", "_"): np.array(program.params[name]) for name in program.params})


def check_values(case: Case, program: Program, inputs: Mapping[str, Array]) -> None:
    """Every name that the function gives, example by example."""
    values = program.forward(inputs, lengths=given_lengths(case))
    for number in range(case.batch):
        wanted = case.reference(parameters(program), example(case, program, inputs, number))
        for name, expected in wanted.items():
            if name == "loss":
                continue
            array = np.asarray(expected)
            batched = graphc.types.BATCH in program.spec.system.type(name).axes
            found = values[name][number] if batched else values[name]
            found = found[tuple(slice(size) for size in array.shape)]
            assert found.shape == array.shape, (name, number, found.shape, array.shape)
            known = ~np.isnan(array.astype(float))
            np.testing.assert_allclose(
                found[known], array[known], rtol=1e-11, atol=1e-12, err_msg=f"{name}, example {number}"
            )


def loss_of(case: Case, program: Program, params: Names, inputs: Mapping[str, Array]) -> float:
    rows = range(case.batch)
    return float(np.mean([case.reference(params, example(case, program, inputs, n))["loss"] for n in rows]))


def real_inputs(program: Program) -> list[str]:
    return [name for name, info in program.spec.inputs.items() if info.type.dtype == "real"]


def check_gradients(
    case: Case, program: Program, inputs: Mapping[str, Array], tolerance: float = 2e-8
) -> None:
    """Gradients of all parameters and real inputs, along random directions and at single elements."""
    wrt = [*program.params, *real_inputs(program)]
    loss, gradients = program.value_and_grad(inputs, wrt=wrt, mode="eval", lengths=given_lengths(case))
    params = parameters(program)
    np.testing.assert_allclose(loss, loss_of(case, program, params, inputs), rtol=1e-11, atol=1e-12)
    generator = np.random.default_rng(5)
    for name in wrt:
        base = np.asarray(program.params[name] if name in program.params else inputs[name], float)
        assert gradients[name].shape == base.shape, (name, gradients[name].shape, base.shape)
        for direction in _directions(base.shape, generator):

            def moved(by: float, name: str = name, direction: Array = direction) -> float:
                if name in program.params:
                    key = name.replace(".", "_")
                    return loss_of(
                        case, program, Names({**params, key: params[key] + by * direction}), inputs
                    )
                return loss_of(case, program, params, {**inputs, name: inputs[name] + by * direction})

            expected = (8 * (moved(STEP) - moved(-STEP)) - (moved(2 * STEP) - moved(-2 * STEP))) / (12 * STEP)
            found = float(np.sum(gradients[name] * direction))
            assert abs(found - expected) <= tolerance * (1 + abs(expected)), (name, found, expected)


def _directions(shape: tuple[int, ...], generator: np.random.Generator) -> list[Array]:
    found: list[Array] = [generator.standard_normal(shape) for _ in range(2)]
    size = int(np.prod(shape))
    for place in generator.permutation(size)[:4]:
        single = np.zeros(size)
        single[place] = 1.0
        found.append(single.reshape(shape))
    return found


def everything(
    case: Case, program: Program, inputs: Mapping[str, Array], lengths: Numbers
) -> dict[str, Array]:
    """All values, the loss and all gradients."""
    wrt = [*program.params, *real_inputs(program)]
    loss, gradients = program.value_and_grad(inputs, wrt=wrt, mode="eval", lengths=lengths)
    values = program.forward(inputs, lengths=lengths)
    return {**values, "loss@": np.asarray(loss), **{f"grad:{n}": g for n, g in gradients.items()}}


def check_padding(case: Case, program: Program) -> None:
    """Garbage in the padding, and more padding, change nothing to the last bit."""
    lengths = given_lengths(case)
    plain = everything(case, program, drawn(case, program), lengths)
    other = everything(case, program, drawn(case, program, extra=3, garbage=np.nan), lengths)
    for name, array in plain.items():
        found = other[name]
        assert np.isfinite(found.astype(float)).all(), name
        within = tuple(slice(size) for size in array.shape)
        assert np.array_equal(found[within], array), name
        rest = found.copy()
        rest[within] = 0
        assert not rest.any(), name


def check_alone(case: Case, program: Program, inputs: Mapping[str, Array]) -> None:
    """An example's values are those of a batch that holds nothing else."""
    values = program.forward(inputs, lengths=given_lengths(case))
    for number in range(case.batch):
        own = {name: array[number : number + 1] for name, array in inputs.items()}
        alone = program.forward(own, lengths=given_lengths(case, [number]))
        for name, array in alone.items():
            if graphc.types.BATCH in program.spec.system.type(name).axes:
                found = values[name][number][tuple(slice(size) for size in array.shape[1:])]
                np.testing.assert_allclose(found, array[0], rtol=1e-13, atol=1e-14, err_msg=name)


def check_unrolled(case: Case, program: Program, length: int = 4) -> None:
    """The loop and its steps written out: values and gradients, all examples of one length."""
    same = Case(case.spec, case.reference, {n: [length] * case.batch for n in case.lengths}, case.batch)
    fed = program.feed(drawn(same, program), given_lengths(same))
    run = Run(np.dtype(float), case.batch, dict(fed.lengths))
    wrt = [*program.params, *real_inputs(program)]
    names = [n for n in program.spec.names if n in program.spec.system.units]
    rolled = program.pipeline.with_loss("eval", names, 0, False)
    flat = unroll(rolled, dict.fromkeys(case.lengths, length))
    given = {**fed.arrays}
    for name, info in program.spec.params.items():
        given[name] = to_canonical(np.asarray(program.params[name]), info.type, info.axes)
    found = []
    for graph in (rolled, flat):
        made = differentiate(graph, LOSS, present(rolled, wrt)).graph
        found.append(prepare(made).run({v.name: given[v.name] for v in made.inputs}, run))
    for name, array in found[0].items():
        np.testing.assert_allclose(found[1][name], array, rtol=1e-11, atol=1e-12, err_msg=name)


def check(case: Case) -> None:
    """Everything that is said at the top of this file."""
    program = compiled(case)
    inputs = drawn(case, program)
    check_values(case, program, inputs)
    check_gradients(case, program, inputs)
    check_padding(case, program)
    check_alone(case, program, inputs)
    if case.unrolled:
        check_unrolled(case, program)
