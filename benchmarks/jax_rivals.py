"""JAX: one jitted function a row, which is the whole step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.jax_models import MODELS, Tree
from benchmarks.rows import Workload
from graphc.train.optimize.optimizers import Optimizer

Loss = Callable[..., Any]


class JaxRival:
    """A training step that hands on the old state's memory, or a call for value and gradients."""

    def __init__(self, workload: Workload) -> None:
        tree, loss = MODELS[workload.row.model]
        self.first = jax.tree.map(jnp.asarray, tree(workload.params))
        self.inputs = _inputs(workload)
        self.trains = not workload.row.wrt
        if self.trains:
            step = _step(loss, workload.fit.optimizer, workload.fit.clip)
            self.function = jax.jit(step, donate_argnums=0)
        else:
            self.function = jax.jit(_gradients(loss, workload.row.wrt))
        self.state: Any = None
        self.restart()

    def call(self) -> Any:
        found, loss = self.function(self.state, self.inputs)
        jax.block_until_ready((found, loss))  # type: ignore[no-untyped-call]
        if self.trains:
            self.state = found
        return loss

    def restart(self) -> None:
        params = jax.tree.map(jnp.copy, self.first)
        self.state = _started(params) if self.trains else params


def _inputs(workload: Workload) -> Tree:
    """Inputs with time first where there is time, which is what `lax.scan` runs over."""
    timed = workload.row.timed
    return {n: jnp.asarray(a.swapaxes(0, 1) if timed else a) for n, a in workload.inputs.items()}


def _gradients(loss: Loss, wrt: tuple[str, ...]) -> Callable[[Tree, Tree], tuple[Tree, Any]]:
    """Value and gradients by some names of the parameters and inputs."""

    def call(params: Tree, inputs: Tree) -> tuple[Tree, Any]:
        both = {**params, **inputs}

        def of(picked: Tree) -> Any:
            given = {**both, **picked}
            return loss({n: given[n] for n in params}, **{n: given[n] for n in inputs})

        value, gradients = jax.value_and_grad(of)({name: both[name] for name in wrt})
        return gradients, value

    return call


def _started(params: Tree) -> tuple[Tree, Tree, Tree, Any]:
    """Parameters with Adam's two averages and the number of steps made."""
    return (
        params,
        jax.tree.map(jnp.zeros_like, params),
        jax.tree.map(jnp.zeros_like, params),
        jnp.zeros((), jnp.int32),
    )


def _step(loss: Loss, rule: Optimizer, clip: float | None) -> Callable[[Any, Tree], tuple[Any, Any]]:
    def step(state: Any, inputs: Tree) -> tuple[Any, Any]:
        params, m, v, count = state
        value, g = jax.value_and_grad(lambda p: loss(p, **inputs))(params)
        if clip is not None:
            norm = jnp.sqrt(sum(jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(g)))
            g = jax.tree.map(lambda leaf: leaf * jnp.minimum(1.0, clip / norm), g)
        if rule.name == "adam":
            return _adam(rule.numbers, params, m, v, count + 1, g), value
        assert rule.name == "sgd", rule
        assert "momentum" not in rule.numbers, rule
        rate = rule.numbers["lr"]
        return (jax.tree.map(lambda p, d: p - rate * d, params, g), m, v, count), value

    return step


def _adam(
    option: Mapping[str, float], params: Tree, m: Tree, v: Tree, count: Any, g: Tree
) -> tuple[Tree, Tree, Tree, Any]:
    """The same update as `adam` of `graphc/stdlib/optimizers.nn`."""
    beta1, beta2 = option["beta1"], option["beta2"]
    m = jax.tree.map(lambda a, d: beta1 * a + (1 - beta1) * d, m, g)
    v = jax.tree.map(lambda a, d: beta2 * a + (1 - beta2) * d * d, v, g)
    m_bias, v_bias = 1 - beta1**count, 1 - beta2**count

    def moved(p: Any, a: Any, b: Any) -> Any:
        return p - option["lr"] * (a / m_bias) / (jnp.sqrt(b / v_bias) + option["eps"])

    return jax.tree.map(moved, params, m, v), m, v, count
