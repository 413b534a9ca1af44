"""The rows' equations in PyTorch, each with the best kernel that the library has for them.

A model takes the row's inputs, time first, and gives the loss. Its parameters start as graphc's do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (its common name)
from torch import Tensor, nn

from benchmarks import layouts
from benchmarks.rows import Array

Params = Mapping[str, Array]


def tensor(array: Array) -> Tensor:
    return torch.tensor(array)


def parameter(array: Array) -> nn.Parameter:
    return nn.Parameter(tensor(array))


def _set(target: Any, array: Array) -> None:
    with torch.no_grad():
        target.copy_(tensor(array))


class Mlp(nn.Module):
    """Dense layers with relu between them, and the cross entropy of their softmax."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        layers: list[Any] = []
        for number in range(1, len(params) // 2 + 1):
            weight = params[f"W{number}"]
            layer = nn.Linear(weight.shape[1], weight.shape[0])
            _set(layer.weight, weight)
            _set(layer.bias, params[f"b{number}"])
            layers += [layer, nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(self.layers(x), y)


class Elman(nn.Module):
    """No kernel of the library has the logistic function for its state, so that steps are a Python loop."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.u, self.v, self.w = (parameter(params[name]) for name in ("U", "V", "w"))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        from_input = F.linear(x, self.v)
        h = torch.zeros(x.shape[1], len(self.u))
        states = []
        for t in range(len(x)):
            h = torch.sigmoid(torch.addmm(from_input[t], h, self.u.T))
            states.append(h)
        return F.mse_loss(torch.stack(states) @ self.w, y)


class LanguageModel(nn.Module):
    """A table, a recurrent network, and the cross entropy of a softmax over the symbols."""

    def __init__(self, params: Params, bias: str = "c") -> None:
        super().__init__()
        self.table = nn.Embedding(*params["Emb"].shape)
        _set(self.table.weight, params["Emb"])
        self.head = nn.Linear(params["W"].shape[1], params["W"].shape[0])
        _set(self.head.weight, params["W"])
        _set(self.head.bias, params[bias])

    def states(self, x: Tensor) -> Tensor:
        """From embeddings [T, batch, E] to states [T, batch, H]."""
        raise NotImplementedError

    def forward(self, s: Tensor, y: Tensor) -> Tensor:
        logits = self.head(self.states(self.table(s)))
        return F.cross_entropy(logits.flatten(0, 1), y.flatten())


def lstm(params: Params, prefix: str) -> Any:
    """`nn.LSTM` with the weights of one layer in one direction."""
    packed = layouts.lstm(params, "ifco", prefix)
    rnn = nn.LSTM(packed["w"].shape[1], packed["u"].shape[1])
    _fill(rnn, "l0", packed)
    return rnn


def _fill(rnn: Any, part: str, packed: Params) -> None:
    """Put weights into a layer, such as `l0_reverse`.

    The library has two biases, which are one; the second stays zero and is not trained.
    """
    _set(getattr(rnn, f"weight_ih_{part}"), packed["w"])
    _set(getattr(rnn, f"weight_hh_{part}"), packed["u"])
    _set(getattr(rnn, f"bias_ih_{part}"), packed["b"])
    second = getattr(rnn, f"bias_hh_{part}")
    _set(second, 0 * packed["b"])
    second.requires_grad_(False)


class Lstm(LanguageModel):
    """`nn.LSTM`."""

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self.rnn = lstm(params, "rnn.")

    def states(self, x: Tensor) -> Tensor:
        found: Tensor = self.rnn(x)[0]
        return found


class Gru(LanguageModel):
    """`nn.GRU`. Of its inner bias only the candidate's part is trained: the spec's gates have one bias."""

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        packed = layouts.gru(params)
        self.rnn: Any = nn.GRU(packed["w"].shape[1], packed["u"].shape[1])
        _set(self.rnn.weight_ih_l0, packed["w"])
        _set(self.rnn.weight_hh_l0, packed["u"])
        _set(self.rnn.bias_ih_l0, packed["b"])
        _set(self.rnn.bias_hh_l0, packed["c"])
        trained = torch.zeros(len(packed["c"]))
        trained[2 * len(trained) // 3 :] = 1
        bias: Any = self.rnn.bias_hh_l0
        bias.register_hook(lambda gradient: gradient * trained)

    def states(self, x: Tensor) -> Tensor:
        found: Tensor = self.rnn(x)[0]
        return found


class Peephole(LanguageModel):
    """The gates' products are joined by hand and those with the input leave the loop; the rest is a loop."""

    def __init__(self, params: Params) -> None:
        super().__init__(params, bias="q")
        packed = layouts.lstm(params, "fico")
        self.w, self.u, self.b = (parameter(packed[name]) for name in "wub")
        self.vf, self.vi, self.vo = (parameter(params[name]) for name in ("Vf", "Vi", "Vo"))

    def states(self, x: Tensor) -> Tensor:
        from_input = F.linear(x, self.w, self.b)
        h = torch.zeros(x.shape[1], len(self.vo))
        c = torch.zeros_like(h)
        states = []
        for t in range(len(x)):
            f, i, g, o = torch.addmm(from_input[t], h, self.u.T).chunk(4, 1)
            f, i = torch.sigmoid(f + self.vf * c), torch.sigmoid(i + self.vi * c)
            c = f * c + i * torch.tanh(g)
            h = torch.sigmoid(o + self.vo * c) * torch.tanh(c)
            states.append(h)
        return torch.stack(states)


class BiLstm(nn.Module):
    """`nn.LSTM` with two layers and both directions."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        parts = {"l0": "lower.forward", "l0_reverse": "lower.backward"}
        parts |= {"l1": "upper.forward", "l1_reverse": "upper.backward"}
        packed = {part: layouts.lstm(params, "ifco", f"{layer}.") for part, layer in parts.items()}
        (_, inputs), (_, size) = packed["l0"]["w"].shape, packed["l0"]["u"].shape
        self.rnn = nn.LSTM(inputs, size, num_layers=2, bidirectional=True)
        for part, weights in packed.items():
            _fill(self.rnn, part, weights)
        self.head, self.bias = parameter(params["W"]), parameter(params["c"])

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        logits = F.linear(self.rnn(x)[0], self.head, self.bias)
        return F.cross_entropy(logits.flatten(0, 1), y.flatten())


class Attention(nn.Module):
    """Two `nn.LSTM`; scores and means are products for each example."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.tables = nn.ParameterList([parameter(params["Es"]), parameter(params["Et"])])
        self.enc, self.dec = lstm(params, "enc."), lstm(params, "dec.")
        self.m, self.head, self.bias = (parameter(params[name]) for name in ("M", "W", "c"))

    def forward(self, src: Tensor, tgt: Tensor) -> Tensor:
        states, last = self.enc(F.embedding(src, self.tables[0]))
        found, _ = self.dec(F.embedding(tgt, self.tables[1]), last)
        e, g = states.transpose(0, 1), found.transpose(0, 1)
        weights = torch.softmax(torch.bmm(g, F.linear(e, self.m).transpose(1, 2)), -1)
        logits = F.linear(g + torch.bmm(weights, e), self.head, self.bias)
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), tgt.T[:, 1:].flatten())


class Causal(nn.Module):
    """The library's scaled dot product with its causal mask."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        names = ("Emb", "attend.Wq", "attend.Wk", "attend.Wv", "W", "c")
        self.table, self.q, self.k, self.v, self.head, self.bias = (parameter(params[n]) for n in names)

    def forward(self, s: Tensor, y: Tensor) -> Tensor:
        x = F.embedding(s.T, self.table)
        q, k, v = F.linear(x, torch.cat([self.q, self.k, self.v])).chunk(3, -1)
        h = x + F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return F.cross_entropy(F.linear(h, self.head, self.bias).flatten(0, 1), y.T.flatten())


class Neuron(nn.Module):
    """Parameters and inputs are both differentiated."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.w = parameter(params["w"])

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(torch.dot(self.w[:2], x[0]) + self.w[2])


class Chain(nn.Module):
    def __init__(self, params: Params) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        a = torch.tanh(x)
        d = torch.exp(-torch.sigmoid(a) * F.softplus(a))
        return torch.tanh(torch.relu(d - a)).square().mean()


MODELS: Mapping[str, Callable[[Params], Any]] = {
    "sigmoid": Neuron,
    "mlp": Mlp,
    "elman": Elman,
    "lstm": Lstm,
    "gru": Gru,
    "peephole": Peephole,
    "bilstm": BiLstm,
    "attention": Attention,
    "causal": Causal,
    "chain": Chain,
}
