"""The rows' equations in JAX: functions from parameters and inputs (time first) to the loss.

Recurrences are `lax.scan`. As in the libraries, the gates' weights are joined, and the products with the
input are made before the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks import layouts
from benchmarks.rows import Array

Tree = dict[str, Any]


def same(params: Mapping[str, Array]) -> Tree:
    return dict(params)


def _cross_entropy(logits: Any, y: Any) -> Any:
    picked = jnp.take_along_axis(jax.nn.log_softmax(logits), y[..., None], axis=-1)
    return -picked.mean()


def sigmoid(p: Tree, x: Any) -> Any:
    w, x = p["w"], x[0]
    return 1 / (1 + jnp.exp(-(w[0] * x[0] + w[1] * x[1] + w[2])))


def chain(p: Tree, x: Any) -> Any:
    a = jnp.tanh(x)
    d = jnp.exp(-jax.nn.sigmoid(a) * jax.nn.softplus(a))
    return jnp.square(jnp.tanh(jax.nn.relu(d - a))).mean()


def mlp(p: Tree, x: Any, y: Any) -> Any:
    last = len(p) // 2
    for number in range(1, last):
        x = jax.nn.relu(x @ p[f"W{number}"].T + p[f"b{number}"])
    return _cross_entropy(x @ p[f"W{last}"].T + p[f"b{last}"], y)


def elman(p: Tree, x: Any, y: Any) -> Any:
    def step(h: Any, from_input: Any) -> Any:
        h = jax.nn.sigmoid(h @ p["U"].T + from_input)
        return h, h

    _, states = lax.scan(step, jnp.zeros((x.shape[1], len(p["U"]))), x @ p["V"].T)
    return jnp.square(states @ p["w"] - y).mean()


def _language_model(p: Tree, s: Any, y: Any, step: Any, start: Any) -> Any:
    from_input = p["emb"][s] @ p["w"].T + p["b"]
    _, states = lax.scan(step, start, from_input)
    return _cross_entropy(states @ p["head"].T + p["bias"], y)


def _state(p: Tree, s: Any) -> Any:
    return jnp.zeros((s.shape[1], p["u"].shape[1]))


def _ends(params: Mapping[str, Array], bias: str = "c") -> Tree:
    return {"emb": params["Emb"], "head": params["W"], "bias": params[bias]}


def lstm_tree(params: Mapping[str, Array]) -> Tree:
    return {**_ends(params), **layouts.lstm(params, "ifco", "rnn.")}


def _lstm_step(u: Any) -> Any:
    def step(state: Any, from_input: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(from_input + h @ u.T, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    return step


def lstm(p: Tree, s: Any, y: Any) -> Any:
    return _language_model(p, s, y, _lstm_step(p["u"]), (_state(p, s), _state(p, s)))


def gru_tree(params: Mapping[str, Array]) -> Tree:
    packed = layouts.gru(params)
    return {**_ends(params), **packed, "c": params["rnn.c"]}


def gru(p: Tree, s: Any, y: Any) -> Any:
    def step(h: Any, from_input: Any) -> Any:
        xr, xz, xk = jnp.split(from_input, 3, axis=-1)
        hr, hz, hk = jnp.split(h @ p["u"].T, 3, axis=-1)
        z = jax.nn.sigmoid(xz + hz)
        k = jnp.tanh(xk + jax.nn.sigmoid(xr + hr) * (hk + p["c"]))
        h = (1 - z) * k + z * h
        return h, h

    return _language_model(p, s, y, step, _state(p, s))


def peephole_tree(params: Mapping[str, Array]) -> Tree:
    own = {name: params[name] for name in ("Vf", "Vi", "Vo")}
    return {**_ends(params, "q"), **layouts.lstm(params, "fico"), **own}


def peephole(p: Tree, s: Any, y: Any) -> Any:
    def step(state: Any, from_input: Any) -> Any:
        h, c = state
        f, i, g, o = jnp.split(from_input + h @ p["u"].T, 4, axis=-1)
        f, i = jax.nn.sigmoid(f + p["Vf"] * c), jax.nn.sigmoid(i + p["Vi"] * c)
        c = f * c + i * jnp.tanh(g)
        h = jax.nn.sigmoid(o + p["Vo"] * c) * jnp.tanh(c)
        return (h, c), h

    return _language_model(p, s, y, step, (_state(p, s), _state(p, s)))


def bilstm_tree(params: Mapping[str, Array]) -> Tree:
    """The layers from the lowest on, each with its two directions."""
    layers = [
        [layouts.lstm(params, "ifco", f"{layer}.{way}.") for way in ("forward", "backward")]
        for layer in ("lower", "upper")
    ]
    return {"layers": layers, "head": params["W"], "bias": params["c"]}


def bilstm(p: Tree, x: Any, y: Any) -> Any:
    for layer in p["layers"]:
        both = []
        for weights, reverse in zip(layer, (False, True), strict=True):
            start = _state(weights, x)
            from_input = x @ weights["w"].T + weights["b"]
            both.append(lax.scan(_lstm_step(weights["u"]), (start, start), from_input, reverse=reverse)[1])
        x = jnp.concatenate(both, axis=-1)
    return _cross_entropy(x @ p["head"].T + p["bias"], y)


def attention_tree(params: Mapping[str, Array]) -> Tree:
    cells = {name: layouts.lstm(params, "ifco", f"{name}.") for name in ("enc", "dec")}
    return {**cells, **{name: params[name] for name in ("Es", "Et", "M", "W", "c")}}


def attention(p: Tree, src: Any, tgt: Any) -> Any:
    def read(weights: Tree, x: Any, start: Any) -> Any:
        return lax.scan(_lstm_step(weights["u"]), start, x @ weights["w"].T + weights["b"])

    none = _state(p["enc"], src)
    last, e = read(p["enc"], p["Es"][src], (none, none))
    _, g = read(p["dec"], p["Et"][tgt], last)
    weights = jax.nn.softmax(jnp.einsum("ubh,tbh->but", g, e @ p["M"].T))
    means = jnp.einsum("but,tbh->ubh", weights, e)
    logits = (g + means) @ p["W"].T + p["c"]
    return _cross_entropy(logits[:-1], tgt[1:])


def causal(p: Tree, s: Any, y: Any) -> Any:
    x = p["Emb"][s.T]
    joined = jnp.concatenate([p["attend.Wq"], p["attend.Wk"], p["attend.Wv"]])
    q, k, v = jnp.split(x @ joined.T, 3, axis=-1)
    scores = jnp.einsum("bth,buh->btu", q, k) / jnp.sqrt(q.shape[-1])
    seen = jnp.tril(jnp.ones(scores.shape[1:], bool))
    h = x + jax.nn.softmax(jnp.where(seen, scores, -jnp.inf)) @ v
    return _cross_entropy(h @ p["W"].T + p["c"], y.T)


MODELS: Mapping[str, tuple[Callable[[Mapping[str, Array]], Tree], Callable[..., Any]]] = {
    "sigmoid": (same, sigmoid),
    "mlp": (same, mlp),
    "elman": (same, elman),
    "lstm": (lstm_tree, lstm),
    "gru": (gru_tree, gru),
    "peephole": (peephole_tree, peephole),
    "bilstm": (bilstm_tree, bilstm),
    "attention": (attention_tree, attention),
    "causal": (same, causal),
    "chain": (same, chain),
}
"""By the rows' `model`: parameters from graphc's, and the loss."""
