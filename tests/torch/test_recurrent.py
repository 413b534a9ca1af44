"""The library's recurrent blocks with PyTorch's weights: the same values and gradients, ragged too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from graphc.driver.program import Program

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

D, H, B, T = 3, 4, 5, 6
LENGTHS = np.array([6, 1, 4, 2, 5])
HEAD = f"dim D = {D}, H = {H}\naxis t = 1..T\ninput x[t] : [D]\n"

LSTM = HEAD + (
    "input h0 : [H], c0 : [H]\nlayer f = LSTM(D, H)\ne = f(x, h0 = h0, c0 = c0)\nh[t] = e.h[t]\n"
    "minimize sum[t](sum(sin(e.h[t]))) + sum(e.c[T]^2)\n"
)
GRU = HEAD + (
    "input h0 : [H]\nlayer f = GRU_library(D, H)\nh = f(x, h0 = h0)\n"
    "minimize sum[t](sum(sin(h[t]))) + sum(h[T]^2)\n"
)
ELMAN = HEAD + "layer f = Elman(D, H)\nh = f(x)\nminimize sum[t](sum(sin(h[t])))\n"
PACKED = HEAD + "layer f = PackedLSTM(D, H)\nh = f(x).h\nminimize sum[t](sum(sin(h[t])))\n"
BOTH_WAYS = HEAD + "layer f = BidirectionalGRU(D, H)\nh = f(x)\nminimize sum[t](sum(sin(h[t])))\n"
BIDIRECTIONAL = HEAD + (
    "layer one = Bidirectional(D, H), two = Bidirectional(2*H, H)\nh = two(one(x))\n"
    "minimize sum[t](sum(sin(h[t])))\n"
)


def rows(array: Any, names: str) -> dict[str, Any]:
    """PyTorch keeps its gates' matrices on top of each other."""
    return dict(zip(names, np.split(array, len(names)), strict=True))


def lstm_weights(
    layer: Any, prefix: str, suffix: str = "", take: Any = lambda p: p.detach()
) -> dict[str, Any]:
    """PyTorch's weights under the names of ours; of the two biases ours is the sum."""
    found = {}
    for kind, ours in (("weight_ih", "W"), ("weight_hh", "U")):
        for gate, value in rows(take(getattr(layer, kind + suffix)).numpy(), "ifco").items():
            found[f"{prefix}{ours}{gate}"] = value
    bias = take(getattr(layer, "bias_ih" + suffix)) + take(getattr(layer, "bias_hh" + suffix))
    for gate, value in rows(bias.numpy(), "ifco").items():
        found[f"{prefix}b{gate}"] = value
    return found


def lstm_gradients(layer: Any, prefix: str, suffix: str = "") -> dict[str, Any]:
    found = lstm_weights(layer, prefix, suffix, lambda p: p.grad)
    # Both of PyTorch's biases have our one's gradient.
    return {name: g / 2 if f"{prefix}b" in name else g for name, g in found.items()}


def gru_arrays(layer: Any, prefix: str, take: Any, suffix: str = "_l0") -> dict[str, Any]:
    found = {}
    for kind, ours in (("weight_ih", "W"), ("weight_hh", "U")):
        parts = rows(take(getattr(layer, kind + suffix)).numpy(), "rz-")
        found |= {f"{prefix}{ours}{gate.strip('-')}": value for gate, value in parts.items()}
    one = rows(take(getattr(layer, "bias_ih" + suffix)).numpy(), "rz-")
    two = rows(take(getattr(layer, "bias_hh" + suffix)).numpy(), "rz-")
    found |= {
        f"{prefix}br": one["r"],
        f"{prefix}bz": one["z"],
        f"{prefix}b": one["-"],
        f"{prefix}c": two["-"],
    }
    return found


def compiled(spec: str, weights: dict[str, Any]) -> Program:
    program = graphc.compile(spec, dtype="float64")
    assert set(weights) == set(program.params)
    for name, value in weights.items():
        program.params[name] = value
    return program


def assert_close(found: Any, expected: Any, name: str) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11, err_msg=name)


def compare(
    program: Program,
    inputs: dict[str, Any],
    loss: Any,
    h: Any,
    gradients: dict[str, Any],
    ragged: bool,
    tensors: dict[str, Any],
) -> None:
    lengths = {"T": LENGTHS} if ragged else None
    assert_close(program.forward(inputs, names=["h"], lengths=lengths)["h"], h.detach().numpy(), "h")
    wrt = [*program.params, *inputs]
    found, own = program.value_and_grad(inputs, wrt=wrt, lengths=lengths)
    assert_close(found, loss.item(), "loss")
    for name, expected in gradients.items():
        assert_close(own[name], expected, name)
    for name, tensor in tensors.items():
        assert_close(own[name], tensor.grad.numpy().reshape(own[name].shape), name)


def run(layer: Any, x: Any, states: Any, ragged: bool) -> tuple[Any, Any]:
    """The layer's outputs, and its last states, each example at its own length."""
    if not ragged:
        return layer(x, states)  # type: ignore[no-any-return]
    pack = torch.nn.utils.rnn.pack_padded_sequence(
        x, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False
    )
    packed, last = layer(pack, states)
    h, _ = torch.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    return h, last


def double(*shape: int) -> Any:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("ragged", [False, True])
def test_lstm(ragged: bool) -> None:
    torch.manual_seed(1)
    layer = torch.nn.LSTM(D, H, batch_first=True, dtype=torch.float64)
    x, h0, c0 = double(B, T, D), double(1, B, H), double(1, B, H)
    h, (_, c) = run(layer, x, (h0, c0), ragged)
    loss = (torch.sin(h).sum() + (c**2).sum()) / B
    loss.backward()
    program = compiled(LSTM, lstm_weights(layer, "f.", "_l0"))
    inputs = {n: v.detach().numpy().reshape(B, *v.shape[2:]) for n, v in {"h0": h0, "c0": c0}.items()}
    inputs["x"] = x.detach().numpy()
    gradients = lstm_gradients(layer, "f.", "_l0")
    compare(program, inputs, loss, h, gradients, ragged, {"x": x, "h0": h0, "c0": c0})


@pytest.mark.parametrize("ragged", [False, True])
def test_gru(ragged: bool) -> None:
    torch.manual_seed(2)
    layer = torch.nn.GRU(D, H, batch_first=True, dtype=torch.float64)
    # Ours has one bias in each gate.
    with torch.no_grad():
        layer.bias_hh_l0[: 2 * H] = 0
    x, h0 = double(B, T, D), double(1, B, H)
    h, last = run(layer, x, h0, ragged)
    loss = (torch.sin(h).sum() + (last**2).sum()) / B
    loss.backward()
    program = compiled(GRU, gru_arrays(layer, "f.", lambda p: p.detach()))
    inputs = {"x": x.detach().numpy(), "h0": h0.detach().numpy()[0]}
    compare(program, inputs, loss, h, gru_arrays(layer, "f.", lambda p: p.grad), ragged, {"x": x, "h0": h0})


@pytest.mark.parametrize("ragged", [False, True])
def test_two_bidirectional_layers(ragged: bool) -> None:
    torch.manual_seed(3)
    layer = torch.nn.LSTM(D, H, num_layers=2, bidirectional=True, batch_first=True, dtype=torch.float64)
    x = double(B, T, D)
    h, _ = run(layer, x, None, ragged)
    loss = torch.sin(h).sum() / B
    loss.backward()
    weights, gradients = {}, {}
    for number, name in enumerate(("one", "two")):
        for direction, suffix in (("forward", ""), ("backward", "_reverse")):
            place = (f"{name}.{direction}.", f"_l{number}{suffix}")
            weights |= lstm_weights(layer, *place)
            gradients |= lstm_gradients(layer, *place)
    program = compiled(BIDIRECTIONAL, weights)
    compare(program, {"x": x.detach().numpy()}, loss, h, gradients, ragged, {"x": x})


def elman_arrays(layer: Any, take: Any) -> dict[str, Any]:
    found = {"f.W": take(layer.weight_ih_l0), "f.U": take(layer.weight_hh_l0), "f.b": take(layer.bias_ih_l0)}
    return {name: value.numpy() for name, value in found.items()}


def packed_arrays(layer: Any, take: Any) -> dict[str, Any]:
    """One matrix on x and h, its gates from i, f, g, o to i, f, o, g."""
    both = torch.cat([take(layer.weight_ih_l0), take(layer.weight_hh_l0)], 1)
    parts = [rows(array.numpy(), "ifgo") for array in (both, take(layer.bias_ih_l0))]
    w, b = (np.concatenate([part[gate] for gate in "ifog"]) for part in parts)
    return {"f.W": w, "f.b": b}


def both_ways_arrays(layer: Any, take: Any) -> dict[str, Any]:
    ahead = gru_arrays(layer, "f.forward.", take)
    return ahead | gru_arrays(layer, "f.backward.", take, "_l0_reverse")


CELLS: dict[str, tuple[str, Any, Any]] = {
    "Elman": (ELMAN, lambda: torch.nn.RNN(D, H, batch_first=True, dtype=torch.float64), elman_arrays),
    "PackedLSTM": (PACKED, lambda: torch.nn.LSTM(D, H, batch_first=True, dtype=torch.float64), packed_arrays),
    "BidirectionalGRU": (
        BOTH_WAYS,
        lambda: torch.nn.GRU(D, H, bidirectional=True, batch_first=True, dtype=torch.float64),
        both_ways_arrays,
    ),
}


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("block", CELLS)
def test_other_blocks(block: str, ragged: bool) -> None:
    torch.manual_seed(4)
    spec, module, arrays = CELLS[block]
    layer = module()
    with torch.no_grad():
        for name, bias in layer.named_parameters():
            # One bias is enough where ours has one.
            if name.startswith("bias_hh"):
                bias[: 2 * H if "GRU" in block else None] = 0
    x = double(B, T, D)
    h, _ = run(layer, x, None, ragged)
    loss = torch.sin(h).sum() / B
    loss.backward()
    program = compiled(spec, arrays(layer, lambda p: p.detach()))
    compare(program, {"x": x.detach().numpy()}, loss, h, arrays(layer, lambda p: p.grad), ragged, {"x": x})
