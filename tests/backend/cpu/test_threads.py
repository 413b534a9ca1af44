"""The same bits for any number of workers: values, gradients and a step of training."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.backend.cpu import executable
from graphc.driver.examples import drawn
from tests.backend.cpu.test_specs import COMPILED, SPECS, lengths_of, outcomes, program


@pytest.mark.parametrize("name", [*COMPILED, "digits_mlp"])
def test_bits_do_not_depend_on_the_number_of_workers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = next(path for path in SPECS if path.stem == name)
    monkeypatch.setattr(executable, "_ALONE", -1)
    found = []
    for workers in (1, 2, 3):
        monkeypatch.setenv("GRAPHC_THREADS", str(workers))
        given = program(path, "cpu")
        batch = drawn(given.spec.inputs, 4, batch=11)
        results = outcomes(given, batch, lengths_of(given, [3] * 7 + [1, 2, 3, 2]))
        if name == "digits_mlp":
            given.step(batch)
            results |= {f"trained {name}": np.array(given.params[name]) for name in given.trainable}
        found.append({name: array.tobytes() for name, array in results.items()})
    for other in found[1:]:
        assert [name for name in other if other[name] != found[0][name]] == []


def test_runs_follow_one_another_with_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other sizes in between leave nothing behind."""
    monkeypatch.setattr(executable, "_ALONE", -1)
    monkeypatch.setenv("GRAPHC_THREADS", "2")
    given = program(next(path for path in SPECS if path.stem == "lstm"), "cpu")
    batches = [
        (drawn(given.spec.inputs, rows, batch=rows), lengths_of(given, [2] * rows)) for rows in (5, 1, 8)
    ]
    first = [outcomes(given, *batch) for batch in batches]
    again = [outcomes(given, *batch) for batch in reversed(batches)]
    for one, other in zip(first, reversed(again), strict=True):
        for name, array in one.items():
            np.testing.assert_array_equal(other[name], array, err_msg=name)
