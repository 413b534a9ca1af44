"""The weights of graphc's specs in the layouts of the libraries: gates stacked on top of each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmarks.rows import Array

Params = Mapping[str, Array]


def stacked(params: Params, prefix: str, gates: str) -> Array:
    """`[W_i; W_f; ...]`: the weights `prefix + gate` of all gates along the first dim."""
    return np.concatenate([params[prefix + gate] for gate in gates])


def lstm(params: Params, gates: str, prefix: str = "") -> dict[str, Array]:
    """Input weights [4H, E], recurrent weights [4H, H] and bias [4H], in the order of `gates`."""
    return {
        "w": stacked(params, f"{prefix}W", gates),
        "u": stacked(params, f"{prefix}U", gates),
        "b": stacked(params, f"{prefix}b", gates),
    }


def gru(params: Params) -> dict[str, Array]:
    """The gates r, z and the candidate. `c` [3H] stands inside, next to the recurrent product.

    Only the candidate has a bias inside; those of the gates would be the outer ones again, and are zero.
    """
    p = {name.removeprefix("rnn."): value for name, value in params.items() if name.startswith("rnn.")}
    none = np.zeros_like(p["c"])
    return {
        "w": np.concatenate([p["Wr"], p["Wz"], p["W"]]),
        "u": np.concatenate([p["Ur"], p["Uz"], p["U"]]),
        "b": np.concatenate([p["br"], p["bz"], p["b"]]),
        "c": np.concatenate([none, none, p["c"]]),
    }
