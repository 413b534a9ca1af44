"""Ten steps of each optimizer that PyTorch has too, in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.train.optimize.optimizers import optimizer
from graphc.train.optimize.update import Update
from tests.train.models import Model, spec, specs

torch = pytest.importorskip("torch")

CASES: list[tuple[str, dict[str, float | bool], str, dict[str, Any]]] = [
    ("sgd", {"lr": 0.1}, "SGD", {"lr": 0.1}),
    ("sgd", {"lr": 0.1, "momentum": 0.9}, "SGD", {"lr": 0.1, "momentum": 0.9}),
    ("momentum", {"lr": 0.1, "beta": 0.8}, "SGD", {"lr": 0.1, "momentum": 0.8}),
    ("sgdw", {"lr": 0.1, "decay": 0.3}, "SGD", {"lr": 0.1, "weight_decay": 0.3}),
    ("nesterov", {"lr": 0.1}, "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("nesterov", {"lr": 0.1, "common": True}, "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("adagrad", {"lr": 0.3, "start": 0.5}, "Adagrad", {"lr": 0.3, "initial_accumulator_value": 0.5}),
    ("rmsprop", {"lr": 0.05, "beta": 0.9}, "RMSprop", {"lr": 0.05, "alpha": 0.9}),
    ("adam", {"lr": 0.1, "beta2": 0.9}, "Adam", {"lr": 0.1, "betas": (0.9, 0.9)}),
    ("amsgrad", {"lr": 0.1, "beta2": 0.9, "before": True}, "Adam",
     {"lr": 0.1, "betas": (0.9, 0.9), "amsgrad": True}),
    ("adamw", {"lr": 0.1, "decay": 0.2}, "AdamW", {"lr": 0.1, "weight_decay": 0.2}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "theirs", "given"), CASES)
@pytest.mark.parametrize("climbs", [False, True])
def test_ten_steps(
    name: str, options: dict[str, float | bool], theirs: str, given: dict[str, Any], climbs: bool
) -> None:
    random = np.random.default_rng(7)
    start, gradients = random.normal(size=5), random.normal(size=(10, 5)) * [3, 1, 0.1, 1, 1]
    params = Model(specs(spec("x")), {"w": start}, {})
    update = Update(optimizer(name, **options), params, maximize=climbs)
    weight = torch.tensor(start, requires_grad=True)
    rival = getattr(torch.optim, theirs)([weight], maximize=climbs, **given)
    for step, gradient in enumerate(gradients, 1):
        params.gradient.flat[:] = gradient
        update(params.gradient, step)
        weight.grad = torch.tensor(gradient)
        rival.step()
    np.testing.assert_allclose(params.weights.now.flat, weight.detach().numpy(), rtol=1e-12)
