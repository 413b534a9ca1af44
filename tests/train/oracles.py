"""Optimizers for one weight, step by step as the lectures' pseudo-code has them, in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable

Gradient = Callable[[float, int], float]


def sgd(w: float, steps: int, slope: Gradient, lr: float) -> float:
    for t in range(1, steps + 1):
        w = w - lr * slope(w, t)
    return w


def sgdw(w: float, steps: int, slope: Gradient, lr: float, decay: float) -> float:
    for t in range(1, steps + 1):
        w = w - lr * (slope(w, t) + decay * w)
    return w


def momentum(
    w: float, steps: int, slope: Gradient, lr: float, beta: float = 0.9, averaging: bool = False
) -> float:
    velocity = 0.0
    for t in range(1, steps + 1):
        g = slope(w, t)
        velocity = beta * velocity + ((1 - beta) * g if averaging else g)
        w = w - lr * velocity
    return w


def nesterov(
    w: float, steps: int, slope: Gradient, lr: float, beta: float = 0.9, common: bool = False
) -> float:
    """Looks ahead for its gradient; gives the point that it would look at next, but with `common`."""
    velocity = 0.0
    if common:
        for t in range(1, steps + 1):
            g = slope(w, t)
            velocity = beta * velocity + g
            w = w - lr * (g + beta * velocity)
        return w
    for t in range(1, steps + 1):
        velocity = beta * velocity + lr * slope(w - beta * velocity, t)
        w = w - velocity
    return w - beta * velocity


def adagrad(w: float, steps: int, slope: Gradient, lr: float, eps: float = 1e-10, start: float = 0) -> float:
    squares = start
    for t in range(1, steps + 1):
        g = slope(w, t)
        squares += g * g
        w = w - lr * g / (math.sqrt(squares) + eps)
    return w


def rmsprop(w: float, steps: int, slope: Gradient, lr: float, beta: float = 0.99, eps: float = 1e-8) -> float:
    square = 0.0
    for t in range(1, steps + 1):
        g = slope(w, t)
        square = beta * square + (1 - beta) * g * g
        w = w - lr * g / (math.sqrt(square) + eps)
    return w


def adam(
    w: float,
    steps: int,
    slope: Gradient,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    decay: float = 0,
    amsgrad: bool = False,
    before: bool = False,
    l1: float = 0,
) -> float:
    """Adam, AdamW by `decay`, AMSGrad (`before`: the maximum of what is not corrected), proximal by `l1`."""
    m = v = largest = 0.0
    for t in range(1, steps + 1):
        g = slope(w, t)
        w = w - lr * decay * w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        if amsgrad and before:
            largest = max(largest, v)
            v_hat = largest / (1 - beta2**t)
        elif amsgrad:
            largest = v_hat = max(largest, v_hat)
        w = w - lr * m_hat / (math.sqrt(v_hat) + eps)
        if l1:
            w = soft_threshold(w, lr * l1)
    return w


def proximal_sgd(w: float, steps: int, slope: Gradient, lr: float, l1: float) -> float:
    for t in range(1, steps + 1):
        w = soft_threshold(w - lr * slope(w, t), lr * l1)
    return w


def soft_threshold(w: float, bound: float) -> float:
    if abs(w) <= bound:
        return 0.0
    return w - bound if w > 0 else w + bound
