"""Pairs of functions that overflow apart are computed together, however they are written."""

from __future__ import annotations

import numpy as np
import pytest

import graphc

FORMS = {
    "in one equation": "a[t] = exp(z[t]) / sum[t](exp(z[t]))",
    "with a name": "e[t] = exp(z[t])\na[t] = e[t] / sum[t](e[t])",
    "softmax": "a[t] = softmax[t](z[t])",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_softmax_over_an_axis(form: str) -> None:
    spec = f"axis t = 1..T\ninput z[t] : real\n{form}\nminimize -sum[t](log(a[t]))\n"
    program = graphc.compile(spec, dtype="float64", verify=True)
    loss, found = program.value_and_grad({"z": [[1000, -1000, 0]]}, wrt="z")
    assert loss == 3000
    assert found["z"].tolist() == [[2, -1, -1]]
    ragged = {"z": [[1000, -1000, 0], [1, 2, np.nan]]}
    loss, found = program.value_and_grad(ragged, wrt="z", lengths={"T": [3, 2]})
    assert loss == pytest.approx((3000 + 2 * np.log1p(np.e) - 1) / 2)
    p = 1 / (1 + np.e)
    np.testing.assert_allclose(found["z"][1], [p - 0.5, 0.5 - p, 0], atol=1e-12)


def test_parts_of_an_axis_are_left_alone() -> None:
    spec = (
        "axis t = 1..T\ninput z[t] : real\nr[t] = exp(z[t]) / sum[t = 1..T-1](exp(z[t]))\n"
        "minimize sum[t](log(r[t]))\n"
    )
    z = np.array([0.3, -0.2, 0.9])
    loss, _ = graphc.compile(spec, dtype="float64", verify=True).value_and_grad({"z": z[None]}, wrt="z")
    assert loss == pytest.approx(np.log(np.exp(z) / np.exp(z[:2]).sum()).sum())


def test_log_of_a_sum_of_exponentials() -> None:
    spec = (
        "axis t = 1..T\ninput z[t] : real\ne[t] = exp(z[t])\n"
        "minimize log(sum[t](exp(z[t]))) + log(sum[t](e[t]))\n"
    )
    program = graphc.compile(spec, dtype="float64", verify=True)
    loss, found = program.value_and_grad({"z": [[1000, -1000, 0]]}, wrt="z")
    assert loss == 2000
    assert found["z"].tolist() == [[2, 0, 0]]
