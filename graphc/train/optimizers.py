"""Update rules: pure functions from (state, parameters, gradients, step) to new state and parameters.

The state is a flat mapping of named arrays (`m/enc.Wf`), so that a checkpoint holds it as it is. A rule
is whatever satisfies `Rule`; the trainer knows no more about it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from graphc.train.data import Array

Arrays = Mapping[str, Array]


class Rule(Protocol):
    """An optimizer. `step` counts from 1; nothing that is passed in is changed."""

    def start(self, params: Arrays) -> dict[str, Array]:
        """The state before the first step."""
        ...

    def update(
        self, state: Arrays, params: Arrays, gradients: Arrays, step: int
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """The new state and the new parameters, of those parameters that have a gradient."""
        ...


def _zeros(slot: str, params: Arrays) -> dict[str, Array]:
    return {f"{slot}/{name}": np.zeros_like(value) for name, value in params.items()}


@dataclass(frozen=True)
class Momentum:
    """v = beta v + g; with `averaging` v = beta v + (1 - beta) g, the lecture's form. Then w = w - lr v."""

    lr: float
    beta: float = 0.9
    averaging: bool = False

    def start(self, params: Arrays) -> dict[str, Array]:
        return _zeros("v", params)

    def update(
        self, state: Arrays, params: Arrays, gradients: Arrays, step: int
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        share = 1 - self.beta if self.averaging else 1.0
        new_state, new_params = dict(state), {}
        for name, g in gradients.items():
            v = self.beta * state[f"v/{name}"] + share * g
            new_state[f"v/{name}"] = v
            new_params[name] = params[name] - self.lr * v
        return new_state, new_params


@dataclass(frozen=True)
class Sgd:
    """w = w - lr g; with `momentum` the same as `Momentum` in its common form."""

    lr: float
    momentum: float = 0.0

    def start(self, params: Arrays) -> dict[str, Array]:
        return Momentum(self.lr, self.momentum).start(params) if self.momentum else {}

    def update(
        self, state: Arrays, params: Arrays, gradients: Arrays, step: int
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        if self.momentum:
            return Momentum(self.lr, self.momentum).update(state, params, gradients, step)
        return {}, {name: params[name] - self.lr * g for name, g in gradients.items()}


@dataclass(frozen=True)
class Adam:
    """Moving averages m of g and v of g^2, bias-corrected; w = w - lr m' / (sqrt(v') + eps)."""

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def start(self, params: Arrays) -> dict[str, Array]:
        return _zeros("m", params) | _zeros("v", params)

    def update(
        self, state: Arrays, params: Arrays, gradients: Arrays, step: int
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        m_bias, v_bias = 1 - self.beta1**step, 1 - self.beta2**step
        new_state, new_params = dict(state), {}
        for name, g in gradients.items():
            m = self.beta1 * state[f"m/{name}"] + (1 - self.beta1) * g
            v = self.beta2 * state[f"v/{name}"] + (1 - self.beta2) * g * g
            new_state[f"m/{name}"], new_state[f"v/{name}"] = m, v
            new_params[name] = params[name] - self.lr * (m / m_bias) / (np.sqrt(v / v_bias) + self.eps)
        return new_state, new_params


def global_norm(gradients: Arrays) -> float:
    """The norm of all gradients taken as one vector, in float64 whatever they are stored in."""
    with np.errstate(over="ignore", invalid="ignore"):
        square = sum(float(np.sum(np.square(g, dtype=np.float64))) for g in gradients.values())
    if math.isfinite(square):
        return math.sqrt(square)
    # Squares overflow long before the gradients do.
    largest = max(float(np.abs(g).max(initial=0)) for g in gradients.values())
    if not math.isfinite(largest):
        return math.nan
    return largest * global_norm({name: g / largest for name, g in gradients.items()})


def clip_by_norm(gradients: Arrays, limit: float, norm: float) -> dict[str, Array]:
    """The gradients, shrunk together where their `norm` is above `limit`: then it is the limit."""
    if norm <= limit:
        return dict(gradients)
    return {name: g * (limit / norm) for name, g in gradients.items()}
