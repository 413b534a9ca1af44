"""Random specs: optimised and as written, loops and steps written out, gradients and finite differences.

60 specs are drawn; the environment variable `GRAPHC_RANDOM_SPECS` says another number, and
`GRAPHC_RANDOM_SPECS_FROM` the first seed.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

import graphc
from graphc.diagnostics import Source
from graphc.driver.program import Program
from graphc.frontend.formatter import format_source
from graphc.ir.op import Array
from graphc.passes import NAMES
from tests.language.harness import (
    Case,
    check_alone,
    check_padding,
    check_unrolled,
    compiled,
    drawn,
    everything,
    given_lengths,
    real_inputs,
)
from tests.random_specs import random_spec

FIRST = int(os.environ.get("GRAPHC_RANDOM_SPECS_FROM", "0"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("GRAPHC_RANDOM_SPECS", "60")))


def case_of(seed: int) -> Case:
    generator = np.random.default_rng(seed)
    lengths = {"T": generator.integers(1, 5, 2).tolist(), "N": generator.integers(1, 4, 2).tolist()}
    return Case(random_spec(seed), lambda p, e: {}, lengths, batch=2, seed=seed, scale=0.6)


def assert_close(one: dict[str, Array], other: dict[str, Array], tolerance: float) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_allclose(other[name], array, rtol=tolerance, atol=tolerance, err_msg=name)


def check_slopes(case: Case, program: Program, inputs: dict[str, Array]) -> None:
    """Gradients along random directions, by central differences of fourth order."""
    wrt, lengths = [*program.params, *real_inputs(program)], given_lengths(case)
    _, gradients = program.value_and_grad(inputs, wrt=wrt, mode="eval", lengths=lengths)
    generator = np.random.default_rng(case.seed)
    plain = {name: np.array(program.params[name]) for name in program.params}

    def loss(moved: dict[str, Array]) -> float:
        for name in program.params:
            program.params[name] = moved.get(name, plain[name])
        given = {name: moved.get(name, array) for name, array in inputs.items()}
        found: float = program.value_and_grad(given, wrt=[], mode="eval", lengths=lengths)[0]
        return found

    for name in wrt:
        base = plain[name] if name in plain else inputs[name]
        direction = generator.standard_normal(base.shape)
        step = 1e-4
        near, far = (
            loss({name: base + n * step * direction}) - loss({name: base - n * step * direction})
            for n in (1, 2)
        )
        expected = (8 * near - far) / (12 * step)
        found = float(np.sum(gradients[name] * direction))
        assert abs(found - expected) <= 1e-7 * (1 + abs(expected)), (name, found, expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_spec(seed: int) -> None:
    case = case_of(seed)
    program = compiled(case, verify=True)
    inputs = drawn(case, program)
    lengths = given_lengths(case)
    optimised = everything(case, program, inputs, lengths)
    plain = compiled(case, disabled=NAMES)
    assert_close(optimised, everything(case, plain, inputs, lengths), 1e-10)
    check_padding(case, program)
    check_alone(case, program, inputs)
    check_unrolled(case, program, 3)
    check_slopes(case, program, inputs)


@pytest.mark.parametrize("seed", SEEDS)
def test_formatting_a_random_spec_keeps_it(seed: int) -> None:
    text = random_spec(seed)
    formatted = format_source(Source("<text>", text))
    assert graphc.parse(formatted) == graphc.parse(text)
    assert format_source(Source("<text>", formatted)) == formatted
