"""Sums of products of two arrays by labels, as one matrix product where that is possible."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from graphc.ir.op import Array

Labels = Sequence[Hashable]


@dataclass(frozen=True)
class _Plan:
    """How two labelled arrays meet: what depends on the labels alone."""

    swapped: bool
    lone_x: tuple[int, ...]
    """Dimensions that x alone has and the result does not: they are summed first."""
    lone_y: tuple[int, ...]
    order_x: tuple[int, ...]
    """To [shared, free of x, summed]; of y to [shared, free of y, summed]."""
    order_y: tuple[int, ...]
    shared: int
    summed: int
    back: tuple[int, ...]
    """From [shared, free of x, free of y] to the order of the result."""


def einsum(x: Array, of_x: Labels, y: Array, of_y: Labels, result: Labels) -> Array:
    """One dimension a label, no label twice in one operand; those that `result` lacks are summed."""
    plan = _plan(tuple(of_x), tuple(of_y), tuple(result))
    if plan.swapped:
        x, y = y, x
    if plan.lone_x:
        x = np.sum(x, axis=plan.lone_x)
    if plan.lone_y:
        y = np.sum(y, axis=plan.lone_y)
    a, b = x.transpose(plan.order_x), y.transpose(plan.order_y)
    s, end_a, end_b = plan.shared, a.ndim - plan.summed, b.ndim - plan.summed
    shared, free_x, free_y = a.shape[:s], a.shape[s:end_a], b.shape[s:end_b]
    n, i, j, k = map(math.prod, (shared, free_x, free_y, a.shape[end_a:]))
    product = _product(a.reshape(n, i, k), b.reshape(n, j, k))
    return product.reshape((*shared, *free_x, *free_y)).transpose(plan.back)


# Labels recur with every step of a loop, so what follows from them is worth keeping.
@lru_cache(maxsize=4096)
def _plan(of_x: Labels, of_y: Labels, result: Labels) -> _Plan:
    # What comes first in the result comes first in the product: no transposed copy afterwards.
    swapped = bool(result) and result[0] not in of_x
    if swapped:
        of_x, of_y = of_y, of_x
    kept_x = [label for label in of_x if label in of_y or label in result]
    kept_y = [label for label in of_y if label in of_x or label in result]
    shared = [label for label in result if label in of_x and label in of_y]
    free_x = [label for label in result if label not in of_y]
    free_y = [label for label in result if label not in of_x]
    summed = [label for label in kept_x if label not in result]
    found = [*shared, *free_x, *free_y]
    return _Plan(
        swapped,
        tuple(i for i, label in enumerate(of_x) if label not in kept_x),
        tuple(i for i, label in enumerate(of_y) if label not in kept_y),
        tuple(kept_x.index(label) for label in (*shared, *free_x, *summed)),
        tuple(kept_y.index(label) for label in (*shared, *free_y, *summed)),
        len(shared),
        len(summed),
        tuple(found.index(label) for label in result),
    )


def _product(x: Array, y: Array) -> Array:
    """[n, i, k] and [n, j, k] to [n, i, j]."""
    n, i, k = x.shape
    j = y.shape[1]
    if n == 1:
        return np.asarray(x[0] @ y[0].T)
    if k == 1:
        return np.asarray(x * y.reshape(n, 1, j))
    if i == 1 and j == 1:
        return np.asarray(np.einsum("nik,njk->nij", x, y))
    return np.asarray(x @ y.transpose(0, 2, 1))
