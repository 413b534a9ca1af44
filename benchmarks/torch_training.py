"""A network with one hidden layer that PyTorch trains on mini-batches, as a spec's `fit` block says."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812 (its common name)
from torch import Tensor, nn

from benchmarks.rows import Array
from graphc.train.fit_settings import FitSettings

Examples = Mapping[str, Array]


def trained(dims: Mapping[str, int], fit: FitSettings, examples: Examples, seed: int) -> nn.Sequential:
    """The network after `fit.epochs` epochs of Adam on `examples`.

    `dims` are D, H and, for a classifier, K; x is [n, D], y holds n classes or n standardized numbers.
    Draws are PyTorch's own, from the distributions that the specs name.
    """
    torch.manual_seed(seed)
    net = _network(dims)
    x, y = torch.tensor(examples["x"]), torch.tensor(examples["y"])
    optimizer = _adam(net, fit)
    assert fit.batch is not None
    assert fit.epochs is not None
    for _ in range(fit.epochs):
        for rows in torch.split(torch.randperm(len(x)), fit.batch):
            optimizer.zero_grad()
            _loss(net(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return net


def outputs(net: nn.Sequential, x: Array) -> Array:
    """What the network says of x: [n, K] logits, or [n, 1] numbers."""
    with torch.no_grad():
        found: Array = net(torch.tensor(x)).numpy()
    return found


def _network(dims: Mapping[str, int]) -> nn.Sequential:
    """As `classifier.nn` and `regressor.nn`: relu behind He's weights, or tanh behind Xavier's."""
    first, second = nn.Linear(dims["D"], dims["H"]), nn.Linear(dims["H"], dims.get("K", 1))
    if "K" in dims:
        nn.init.kaiming_normal_(first.weight, nonlinearity="relu")
    else:
        nn.init.xavier_uniform_(first.weight)
    nn.init.xavier_uniform_(second.weight)
    for layer in (first, second):
        nn.init.zeros_(layer.bias)
    return nn.Sequential(first, nn.ReLU() if "K" in dims else nn.Tanh(), second)


def _loss(found: Tensor, y: Tensor) -> Tensor:
    return F.mse_loss(found[:, 0], y) if y.is_floating_point() else F.cross_entropy(found, y)


def _adam(net: nn.Sequential, fit: FitSettings) -> torch.optim.Optimizer:
    number = fit.optimizer.numbers
    assert fit.optimizer.name == "adam", fit.optimizer
    return torch.optim.Adam(net.parameters(), number["lr"], (number["beta1"], number["beta2"]), number["eps"])
