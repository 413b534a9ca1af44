"""Convolution and pooling, with their gradients."""

from __future__ import annotations

import numpy as np
import pytest

import graphc

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

SPEC = """
dim C = 2, N = 7, M = 9, K = 3, K2 = 4
input img : [C, N, M]
param F : [K, C, 3, 3], b : [K], G : [K2, K, 2, 3], a : [K2]
h = maxpool(relu(conv(img, F, bias = b, pad = 1)), {window}, stride = {stride}, pad = {pad})
y = avgpool(conv(h, G, bias = a, stride = {stride}), 2)
minimize sum(sin(y))
"""


@pytest.mark.parametrize(("window", "stride", "pad"), [(2, 1, 0), (3, 2, 1), (2, 2, 1)])
def test_convolution_and_pooling(window: int, stride: int, pad: int) -> None:
    torch.manual_seed(window)
    spec = SPEC.format(window=window, stride=stride, pad=pad)
    if stride == 2:
        spec = spec.replace("N = 7, M = 9", "N = 12, M = 14")
    program = graphc.compile(spec, dtype="float64")
    generator = np.random.default_rng(window)
    shape = (3, 2, *((7, 9) if stride == 1 else (12, 14)))
    img = torch.tensor(generator.standard_normal(shape), requires_grad=True)
    weights = {}
    for name in program.params:
        value = generator.standard_normal(np.shape(program.params[name]))
        program.params[name] = value
        weights[name] = torch.tensor(value, requires_grad=True)
    f = torch.nn.functional
    h = f.max_pool2d(f.relu(f.conv2d(img, weights["F"], weights["b"], padding=1)), window, stride, pad)
    y = f.avg_pool2d(f.conv2d(h, weights["G"], weights["a"], stride=stride), 2)
    loss = torch.sin(y).sum() / 3
    loss.backward()
    inputs = {"img": img.detach().numpy()}
    np.testing.assert_allclose(program.forward(inputs)["y"], y.detach().numpy(), rtol=1e-10, atol=1e-12)
    found, gradients = program.value_and_grad(inputs, wrt=[*program.params, "img"])
    np.testing.assert_allclose(found, loss.item(), rtol=1e-11)
    for name, tensor in {**weights, "img": img}.items():
        np.testing.assert_allclose(gradients[name], tensor.grad.numpy(), rtol=1e-10, atol=1e-11, err_msg=name)
