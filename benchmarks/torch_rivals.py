"""PyTorch, eager and compiled."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.competitor import THREADS
from benchmarks.rows import Workload
from benchmarks.torch_models import MODELS, tensor
from graphc.train.optimize.optimizers import Optimizer


class TorchRival:
    """A model with its optimizer, or a call for value and gradients.

    `compiled` puts `torch.compile` around the model; its backward is compiled with it. The optimizer is
    the library's fused one in both cases.
    """

    def __init__(self, workload: Workload, compiled: bool) -> None:
        torch.set_num_threads(THREADS)
        torch._dynamo.reset()
        self.clip = workload.fit.clip
        self.model = MODELS[workload.row.model](workload.params)
        self.loss = torch.compile(self.model) if compiled else self.model
        self.inputs = _inputs(workload)
        self.wrt = _differentiated(self, workload)
        self.optimizer = None if self.wrt else _optimizer(self._trained(), workload.fit.optimizer)
        self.first = {name: value.clone() for name, value in self.model.state_dict().items()}

    def _trained(self) -> list[Tensor]:
        return [p for p in self.model.parameters() if p.requires_grad]

    def call(self) -> Tensor:
        if self.optimizer is None:
            loss: Tensor = self.loss(**self.inputs)
            torch.autograd.grad(loss, self.wrt)
            return loss.detach()
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(**self.inputs)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_(self._trained(), self.clip)
        self.optimizer.step()
        return loss.detach()

    def restart(self) -> None:
        self.model.load_state_dict(self.first)


def _inputs(workload: Workload) -> dict[str, Tensor]:
    """Inputs in the layout of the library's recurrent kernels, which is time first."""
    timed = workload.row.timed
    return {
        name: tensor(array.swapaxes(0, 1).copy() if timed else array)
        for name, array in workload.inputs.items()
    }


def _differentiated(rival: TorchRival, workload: Workload) -> list[Tensor]:
    params = dict(rival.model.named_parameters())
    for name in workload.row.wrt:
        if name in rival.inputs:
            rival.inputs[name].requires_grad_()
    return [rival.inputs[name] if name in rival.inputs else params[name] for name in workload.row.wrt]


def _optimizer(params: list[Tensor], rule: Optimizer) -> torch.optim.Optimizer:
    number = rule.numbers
    if rule.name == "adam":
        betas = number["beta1"], number["beta2"]
        return torch.optim.Adam(params, number["lr"], betas, number["eps"], fused=True)
    assert rule.name == "sgd", rule
    return torch.optim.SGD(params, number["lr"], number.get("momentum", 0.0), fused=True)
