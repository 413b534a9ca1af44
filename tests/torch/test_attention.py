"""The library's dot-product attention beside PyTorch's: values and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

E, M, B, T, N = 3, 2, 4, 5, 6


def double(*shape: int) -> Any:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def test_dot_product() -> None:
    torch.manual_seed(1)
    given = {"q": double(B, N, E), "k": double(B, T, E), "v": double(B, T, M)}
    y = torch.nn.functional.scaled_dot_product_attention(*given.values())
    torch.sin(y).sum().div(B).backward()
    program = graphc.compile(
        f"dim E = {E}, M = {M}\naxis t = 1..T, u = 1..N\ninput q[u] : [E], k[t] : [E], v[t] : [M]\n"
        "layer f = DotAttention(E)\ne = f(q, k, v)\ny[u] = e.y[u]\nminimize sum[u](sum(sin(y[u])))\n",
        dtype="float64",
    )
    inputs = {name: value.detach().numpy() for name, value in given.items()}
    np.testing.assert_allclose(program.forward(inputs)["y"], y.detach().numpy(), rtol=1e-12)
    _, gradients = program.value_and_grad(inputs, wrt=list(inputs))
    for name, value in given.items():
        np.testing.assert_allclose(gradients[name], value.grad.numpy(), rtol=1e-10, atol=1e-13)


def test_causal_self_attention() -> None:
    torch.manual_seed(2)
    x, (wq, wk), wv = double(B, T, M), (double(E, M), double(E, M)), double(M, M)
    y = torch.nn.functional.scaled_dot_product_attention(x @ wq.T, x @ wk.T, x @ wv.T, is_causal=True)
    torch.sin(y).sum().div(B).backward()
    program = graphc.compile(
        f"dim E = {E}, M = {M}\naxis u = 1..T\ninput x[u] : [M]\nlayer f = CausalSelfAttention(M, E)\n"
        "y = f(x).y\nminimize sum[u](sum(sin(y[u])))\n",
        dtype="float64",
    )
    weights = {"f.Wq": wq, "f.Wk": wk, "f.Wv": wv}
    for name, value in weights.items():
        program.params[name] = value.detach().numpy()
    inputs = {"x": x.detach().numpy()}
    np.testing.assert_allclose(program.forward(inputs)["y"], y.detach().numpy(), rtol=1e-12)
    _, gradients = program.value_and_grad(inputs, wrt=["x", *weights])
    for name, value in {"x": x, **weights}.items():
        np.testing.assert_allclose(gradients[name], value.grad.numpy(), rtol=1e-10, atol=1e-13)
