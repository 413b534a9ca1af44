"""PyTorch's weights in the library's blocks give PyTorch's outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.diagnostics import GraphcError

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

D, H, B, T = 3, 4, 5, 6
HEAD = f"dim D = {D}, H = {H}\naxis t = 1..T, k = 1..2\ninput x[t] : [D]\n"
X = np.random.default_rng(1).normal(size=(B, T, D)).astype(np.float32)


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=0, atol=1e-6)


CELLS = {"LSTM": "LSTM", "GRU": "GRU_library", "RNN": "Elman"}
BLOCKS = {
    **{block: module for module, block in CELLS.items()},
    "PackedLSTM": "LSTM",
    "VariationalLSTM": "LSTM",
    "DropoutLSTM": "LSTM",
}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("block", BLOCKS)
def test_cells(block: str, bias: bool) -> None:
    torch.manual_seed(1)
    module = BLOCKS[block]
    theirs = getattr(torch.nn, module)(D, H, batch_first=True, bias=bias)
    body = f"layer enc = {block}(D, H)\ne = enc(x)\ny = {taken(module)}\noutput y\n"
    ours = graphc.compile(HEAD + body)
    named = {f"rnn.{name}": value for name, value in theirs.state_dict().items()}
    assert sorted(ours.load_pytorch(named, "enc", prefix="rnn")) == sorted(ours.params)
    close(ours.forward({"x": X}, names=["y"])["y"], theirs(torch.from_numpy(X))[0])


def taken(module: str) -> str:
    return "e.h" if module == "LSTM" else "e"


@pytest.mark.parametrize("module", CELLS)
def test_two_layers_from_a_file(module: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    torch.manual_seed(2)
    theirs = getattr(torch.nn, module)(D, H, num_layers=2, batch_first=True)
    save_file(theirs.state_dict(), tmp_path / "a.safetensors")
    block, field = CELLS[module], ".h" if module == "LSTM" else ""
    ours = graphc.compile(
        f"{HEAD}layer one = {block}(D, H), two = {block}(H, H)\noutput y\ny = two(one(x){field}){field}\n"
    )
    ours.load_pytorch(tmp_path / "a.safetensors", "one")
    ours.load_pytorch(tmp_path / "a.safetensors", "two", layer_number=1)
    close(ours.forward({"x": X}, names=["y"])["y"], theirs(torch.from_numpy(X))[0])


def test_both_directions_of_two_layers() -> None:
    torch.manual_seed(3)
    theirs = torch.nn.LSTM(D, H, num_layers=2, bidirectional=True, batch_first=True)
    ours = graphc.compile(
        HEAD + "layer one = Bidirectional(D, H), two = Bidirectional(2*H, H)\noutput y\ny = two(one(x))\n"
    )
    for number, layer in enumerate(("one", "two")):
        ours.load_pytorch(theirs.state_dict(), layer, layer_number=number)
    close(ours.forward({"x": X}, names=["y"])["y"], theirs(torch.from_numpy(X))[0])


def test_both_directions_of_two_layers_of_gru() -> None:
    torch.manual_seed(4)
    theirs = torch.nn.GRU(D, H, num_layers=2, bidirectional=True, batch_first=True)
    ours = graphc.compile(
        HEAD + "layer one = BidirectionalGRU(D, H), two = BidirectionalGRU(2*H, H)\n"
        "output y\ny = two(one(x))\n"
    )
    for number, layer in enumerate(("one", "two")):
        ours.load_pytorch(theirs.state_dict(), layer, layer_number=number)
    close(ours.forward({"x": X}, names=["y"])["y"], theirs(torch.from_numpy(X))[0])


def test_one_direction_against_time() -> None:
    torch.manual_seed(4)
    theirs = torch.nn.GRU(D, H, bidirectional=True, batch_first=True)
    ours = graphc.compile(
        HEAD + "layer back = GRU_library(D, H)\nr[t] = x[T+1-t]\nb = back(r)\ny[t] = b[T+1-t]\noutput y\n"
    )
    ours.load_pytorch(theirs.state_dict(), "back", reverse=True)
    close(ours.forward({"x": X}, names=["y"])["y"], theirs(torch.from_numpy(X))[0][..., H:])


@pytest.mark.parametrize("cell", ["LSTM", "PackedLSTM"])
def test_a_family_takes_the_layers_of_a_module(cell: str) -> None:
    torch.manual_seed(5)
    theirs = torch.nn.LSTM(H, H, num_layers=2, batch_first=True)
    ours = graphc.compile(
        f"dim H = {H}\naxis t = 1..T, k = 1..2\ninput x[t] : [H]\nlayer rnn[k] = {cell}(H, H)\n"
        "z[0,t] = x[t]\nz[k,t] = rnn[k](z[k-1]).h[t]\noutput y\ny[t] = z[2,t]\n"
    )
    ours.load_pytorch(theirs.state_dict(), "rnn")
    x = np.random.default_rng(2).normal(size=(B, T, H)).astype(np.float32)
    close(ours.forward({"x": x}, names=["y"])["y"], theirs(torch.from_numpy(x))[0])


MODULES: dict[str, tuple[str, Any]] = {
    "Dense(D, H)": ("", lambda: torch.nn.Linear(D, H)),
    "LayerNorm(D)": ("", lambda: torch.nn.LayerNorm(D)),
    "BatchNorm(D)": ("", lambda: torch.nn.BatchNorm1d(D)),
}


@pytest.mark.parametrize("block", MODULES)
def test_modules(block: str) -> None:
    torch.manual_seed(6)
    theirs = MODULES[block][1]()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.from_numpy(X[:, 0])
    theirs(x)  # a batch in training mode, so that running statistics are not what they begin with
    ours = graphc.compile(f"dim D = {D}, H = {H}\ninput x : [D]\nlayer f = {block}\ny = f(x)\noutput y\n")
    ours.load_pytorch(theirs.state_dict(), "f")
    close(ours.forward({"x": X[:, 0]}, names=["y"])["y"], theirs.eval()(x))


def test_parameters_without_a_layer_take_a_linear_module_by_name() -> None:
    theirs = torch.nn.Linear(D, H)
    ours = graphc.compile(
        f"dim D = {D}\ninput x : [D]\nparam W : [{H}, D], b : [{H}]\ny = W @ x + b\noutput y\n"
    )
    ours.load_weights(theirs.state_dict(), names={"W": "weight", "b": "bias"})
    close(ours.forward({"x": X[:, 0]}, names=["y"])["y"], theirs(torch.from_numpy(X[:, 0])))
    wants = theirs.weight  # a parameter wants gradients, and NumPy does not take it as it is
    ours.load_weights({"W": wants * 2}, strict=False)
    np.testing.assert_array_equal(ours.params["W"], 2 * wants.detach().numpy())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_precisions_are_converted(dtype: Any, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    ours = graphc.compile("input x : [2]\nlayer f = Dense(2, 2)\ny = f(x)\noutput y\n")
    weight = torch.tensor([[1.0, -2.5], [3e-3, 4.0]]).to(dtype)
    save_file({"weight": weight}, tmp_path / "a.safetensors")
    for source in ({"weight": weight}, tmp_path / "a.safetensors"):
        ours.params["f.W"] = np.zeros((2, 2))
        ours.load_pytorch(source, "f")
        assert ours.params["f.W"].tolist() == weight.float().tolist()
        assert not ours.params["f.b"].any()


SPEC = HEAD + "layer enc = LSTM(D, H), old = GRU(D, H)\ne = enc(x)\noutput e.h\noutput old(x)\n"


@pytest.mark.parametrize(
    ("module", "options", "code", "words"),
    [
        (torch.nn.LSTM(D, H), {"layer": "encoder"}, "E622", "no layer `encoder`"),
        (torch.nn.LSTM(D, H), {"layer": "old"}, "E622", "the block `GRU`, which has no counterpart"),
        (torch.nn.LSTM(D + 1, H), {}, "E620", r"is \[4, 4\], where `enc.Wi` is \[4, 3\]"),
        (torch.nn.GRU(D, H + 1), {}, "E620", "in 4 blocks of rows"),
        (torch.nn.LSTM(D, H, proj_size=2), {}, "E620", "has `weight_hr_l0`"),
        (torch.nn.LSTM(D, H), {"layer_number": 1}, "E620", "lacks `weight_ih_l1`"),
        (torch.nn.LSTM(D, H), {"prefix": "rnn"}, "E620", "lacks `rnn.weight_ih_l0`"),
    ],
)
def test_faults(module: Any, options: dict[str, Any], code: str, words: str) -> None:
    ours = graphc.compile(SPEC)
    with pytest.raises(GraphcError, match=words) as caught:
        ours.load_pytorch(module.state_dict(), **{"layer": "enc", **options})
    assert caught.value.diagnostics[0].code == code
