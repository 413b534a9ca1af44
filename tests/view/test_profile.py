"""How a profile is written: the tables, and JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from graphc.view.profile import Equation, Machine, Profile, Row, Unit, profile_object
from graphc.view.profile_text import duration, profile_text
from graphc.view.results import dumps
from tests.golden import FOLDER, check_golden

STEP = "loss and gradients"
ROWS = (
    Row(STEP, "pack", "U -> panels", ("12",), 0, 1, 2e-6, 3e-6, 131_072, 0, "memory", 0.31, "forward"),
    Row(STEP, "loop", "t0", (), 0, 1, 4.5e-4, 5e-4, direction="forward"),
    Row(
        STEP,
        "product",
        "v = h @ U",
        ("12",),
        1,
        33,
        3e-4,
        3.3e-4,
        86_016,
        524_288,
        "arithmetic",
        0.82,
        "forward",
    ),
    Row(
        STEP,
        "kernel",
        "h, stack",
        ("9", "12", "13", "lstm.nn:14", "lstm.nn:16"),
        1,
        33,
        1.5e-4,
        1.7e-4,
        65_536,
        168_960,
        "latency",
        0.04,
        "backward",
    ),
    Row(STEP, "waiting", "", calls=4, seconds=2.5e-5, busiest=5e-5),
    Row("update of the weights", "kernel", "out_w", ("optimizers.nn:57",), 0, 1, 0.0, 0.0, 64, 12),
    Row("the rest", "outside", "", seconds=2.3e-5, busiest=2.3e-5),
)
EQUATIONS = (
    Equation(
        "12", "h[t] = sigmoid(U @ h[t-1] + V @ x[t] + a bias that makes the line too long to show)", 3.8e-4
    ),
    Equation("13", "loss = mean[t]((yhat[t] - y[t])^2)", 7.2e-5),
    Equation("", "waiting for other workers", 2.5e-5),
    Equation("", "between the calls", 2.3e-5),
)
PROFILE = Profile(
    "elman.nn: a training step on 32 random examples, T = 100",
    "cpu",
    "float32",
    2,
    ROWS,
    EQUATIONS,
    plain=5.1e-4,
    clocked=5.2e-4,
    median=6e-4,
    samples=200,
    marks=70,
    mark_seconds=3.4e-8,
    machine=Machine(2.1e10, 1.8e11, 6.6e10, 1.82e11),
    units=(Unit("kernel h, stack", 0.045, 0.312), Unit("step", 0.0012, 0.0141)),
)


def test_golden(update_goldens: bool) -> None:
    check_golden(FOLDER / "profile" / "compiled.txt", profile_text(PROFILE) + "\n", update_goldens)


def test_what_the_reference_backend_does_not_know_has_no_column(update_goldens: bool) -> None:
    rows = [replace(row, kind="node", bytes=8, operations=None, bound="", reached=None) for row in ROWS[2:4]]
    found = replace(PROFILE, backend="reference", workers=1, rows=rows, machine=None, units=(), marks=0)
    text = profile_text(found)
    check_golden(FOLDER / "profile" / "reference.txt", text + "\n", update_goldens)
    assert "bound by" not in text


def test_json_has_all_of_it_and_shares_that_add_up() -> None:
    found = json.loads(dumps(profile_object("elman.nn", PROFILE)))
    assert found["file"] == "elman.nn"
    assert found["seconds"] == pytest.approx(5e-4)
    for table in ("rows", "equations"):
        assert sum(row["share"] for row in found[table] if row["share"] is not None) == pytest.approx(1)
    loop, product = found["rows"][1:3]
    assert loop["share"] is None
    assert product == {
        "part": STEP,
        "kind": "product",
        "name": "v = h @ U",
        "places": ["12"],
        "depth": 1,
        "calls": 33,
        "seconds": 3e-4,
        "busiest": 3.3e-4,
        "bytes": 86_016,
        "operations": 524_288,
        "bound": "arithmetic",
        "reached": 0.82,
        "direction": "forward",
        "share": pytest.approx(0.6),
    }
    assert found["machine"] == {"memory": 2.1e10, "cache": 1.8e11, "elementwise": 6.6e10, "products": 1.82e11}
    assert [unit["llvm"] for unit in found["units"]] == [0.312, 0.0141]


def test_rates_are_those_of_the_worker_that_took_longest() -> None:
    product = ROWS[2]
    assert product.rate(product.bytes) == pytest.approx(33 * 86_016 / 3.3e-4)
    assert replace(product, busiest=0.0).rate(product.bytes) is None
    assert product.rate(None) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0"), (3.45e-8, "34.5 ns"), (9.999e-6, "10.0 us"), (1.234e-3, "1.23 ms"), (99.97, "100 s")],
)
def test_three_digits_of_a_time(seconds: float, text: str) -> None:
    assert duration(seconds) == text
