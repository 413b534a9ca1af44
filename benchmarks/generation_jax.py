"""JAX's steps, with the gates joined by hand: a compiled step that is called in a loop, or one scan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.generation import STEPS
from benchmarks.rows import Array

State = tuple[Any, Any]


class Stepped:
    """A compiled step that draws the next symbol; the host calls it and reads what it drew."""

    def __init__(self, params: Mapping[str, Array]) -> None:
        gates = {kind: np.concatenate([params[f"rnn.{kind}{gate}"] for gate in "ifco"]) for kind in "WUb"}
        joined = jnp.asarray(np.concatenate([gates["W"], gates["U"]], axis=1).T)
        self._weights = (jnp.asarray(params["Emb"]), joined, jnp.asarray(gates["b"]))
        self._out = (jnp.asarray(params["W"].T), jnp.asarray(params["c"]))
        size = params["W"].shape[1]
        self._start = (jnp.zeros(size), jnp.zeros(size))
        self._key = jax.random.key(0)
        self._step = jax.jit(self._drawn)
        self._first = jax.jit(self._next)

    def _next(self, state: State, symbol: Any) -> tuple[State, Any]:
        table, weights, bias = self._weights
        h, c = state
        gates = jnp.concatenate([table[symbol], h]) @ weights + bias
        i, f, g, o = jnp.split(gates, 4)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h @ self._out[0] + self._out[1]

    def _drawn(self, state: State, symbol: Any, key: Any) -> tuple[State, Any, Any]:
        state, logits = self._next(state, symbol)
        key, used = jax.random.split(key)
        return state, jax.random.categorical(used, logits), key

    def call(self) -> Array:
        """The symbols that are drawn."""
        state, symbol, key, drawn = self._start, jnp.asarray(0), self._key, [0]
        for _ in range(STEPS - 1):
            state, symbol, key = self._step(state, symbol, key)
            drawn.append(int(symbol))
        return np.array(drawn)

    def restart(self) -> None:
        """Nothing is learned that would have to be put back."""

    def logits(self, symbols: Array) -> Array:
        """See `benchmarks.generation.Drawer`."""
        state, found = self._start, []
        for symbol in symbols:
            state, logits = self._first(state, jnp.asarray(int(symbol)))
            found.append(np.asarray(logits))
        return np.stack(found)


class Scanned(Stepped):
    """All steps in one compiled scan, whose number is part of the program."""

    def __init__(self, params: Mapping[str, Array]) -> None:
        super().__init__(params)
        self._whole = jax.jit(self._scan)

    def _scan(self, state: State, key: Any) -> Any:
        def body(carry: Any, _: Any) -> tuple[Any, Any]:
            state, symbol, key = self._drawn(*carry)
            return (state, symbol, key), symbol

        return jax.lax.scan(body, (state, jnp.asarray(0), key), None, length=STEPS - 1)[1]

    def call(self) -> Array:
        """The symbols that are drawn."""
        return np.concatenate([[0], np.asarray(self._whole(self._start, self._key))])
