"""What is measured: the rows of the table, each a spec with sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import graphc
from graphc.driver.program import Program
from graphc.driver.training import fit_settings
from graphc.train.fit_settings import FitSettings
from graphc.train.protocol import InputSpec

Array = npt.NDArray[Any]
Sizes = Mapping[str, int]

FOLDER = Path(__file__).parent / "specs"
NEURON = Path(__file__).parents[1] / "specs" / "sigmoid.nn"
BATCH, STEPS = "batch", "T"


@dataclass(frozen=True)
class Row:
    """A spec with sizes: of its dims, of the batch (`batch`), and of sequences (`T`).

    `wrt` names what is differentiated where a row is one call for value and gradients; without it a row
    is one training step: forward, backward, clipping where the spec asks for it, update. `model` is the
    name under which the rivals know the same equations. `flops` counts the arithmetic of the products
    alone, which no implementation can leave out.
    """

    name: str
    spec: Path
    model: str
    sizes: Sizes
    small: Sizes = field(default_factory=dict)
    wrt: tuple[str, ...] = ()
    flops: Callable[[Sizes], float] | None = None

    @property
    def timed(self) -> bool:
        """Whether inputs are sequences."""
        return STEPS in self.sizes

    def at(self, **sizes: int) -> Row:
        """The row at other sizes."""
        return replace(self, sizes={**self.sizes, **sizes})

    def shrunk(self) -> Row:
        """The row at sizes for a test."""
        return self.at(**self.small)


@dataclass(frozen=True)
class Workload:
    """What every competitor gets: first weights and inputs as arrays by the spec's names, and how to step.

    Arrays are float32, or int64 for class numbers; inputs are laid out batch first, then time, then dims.
    """

    row: Row
    params: Mapping[str, Array]
    inputs: Mapping[str, Array]
    fit: FitSettings


def prepare(row: Row, backend: str) -> tuple[Program, Workload]:
    """The compiled spec, and the work that follows from it for the others. Raises `GraphcError`."""
    dims = {name: size for name, size in row.sizes.items() if name not in (BATCH, STEPS)}
    program = graphc.compile(row.spec, backend=backend, dtype="float32", dims=dims)
    inputs = program.examples or drawn(program.inputs.values(), row.sizes)
    inputs = {name: _float32(array) for name, array in inputs.items()}
    return program, Workload(row, dict(program.params), inputs, fit_settings(program, {}))


def drawn(inputs: Any, sizes: Sizes) -> dict[str, Array]:
    """Random values for inputs: whole numbers for classes, else normal ones."""
    generator = np.random.default_rng(0)
    found: dict[str, Array] = {}
    for info in inputs:
        shape = _shape(info, sizes)
        if info.classes is None:
            found[info.name] = generator.normal(size=shape)
        else:
            found[info.name] = generator.integers(0, info.classes, shape)
    return found


def _shape(info: InputSpec, sizes: Sizes) -> tuple[int, ...]:
    return (sizes[BATCH], *(sizes[end] if isinstance(end, str) else end for end in info.layout))


def _float32(array: Array) -> Array:
    return array.astype(np.float32) if array.dtype.kind == "f" else array


# A product of n multiplications is 2 n operations; backward there is one more for each operand that has a
# gradient, so that 6 n is a product inside the network and 4 n one whose other operand is data.


def _mlp(s: Sizes) -> float:
    first, rest = s["H1"] * s["D"], s["H2"] * s["H1"] + s["K"] * s["H2"]
    return s[BATCH] * (4.0 * first + 6.0 * rest)


def _mlp_small(s: Sizes) -> float:
    return s[BATCH] * (4.0 * s["H"] * s["D"] + 6.0 * s["K"] * s["H"])


def _elman(s: Sizes) -> float:
    return s[BATCH] * s[STEPS] * (4.0 * s["H"] * s["D"] + 6.0 * s["H"] * s["H"] + 6.0 * s["H"])


def _language_model(gates: int) -> Callable[[Sizes], float]:
    def flops(s: Sizes) -> float:
        cell, head = gates * s["H"] * (s["E"] + s["H"]), s["V"] * s["H"]
        return s[BATCH] * s[STEPS] * 6.0 * (cell + head)

    return flops


def _bilstm(s: Sizes) -> float:
    """Of the lower layer's products with the data, one operand has no gradient."""
    lower, upper, head = 8 * s["H"] * s["D"], 16 * s["H"] ** 2, 2 * s["H"] * s["K"]
    return s[BATCH] * s[STEPS] * (4.0 * lower + 6.0 * (upper + 16 * s["H"] ** 2 + head))


def _attention(s: Sizes) -> float:
    cell, head, scores = 4 * s["H"] * (s["E"] + s["H"]), s["V"] * s["H"], 2 * s["H"] * s["N"]
    encoder, decoder = s["H"] ** 2 + cell, cell + head
    return s[BATCH] * 6.0 * (s[STEPS] * (encoder + scores) + s["N"] * decoder)


def _causal(s: Sizes) -> float:
    """Scores and means take a product for each pair of steps; half of the pairs count."""
    return s[BATCH] * s[STEPS] * 6.0 * (3 * s["H"] ** 2 + s["V"] * s["H"] + s["H"] * s[STEPS])


_LM = {"V": 64, "E": 128, "H": 128, "T": 64, "batch": 32}
_LM_SMALL = {"V": 6, "E": 5, "H": 4, "T": 3, "batch": 2}
_ONE = {"V": 64, "E": 100, "H": 100, "T": 25, "batch": 1}
_ELMAN = {"D": 16, "H": 64, "T": 100, "batch": 32}

ELMAN = Row("elman", FOLDER / "elman.nn", "elman", _ELMAN, {"D": 3, "H": 4, "T": 5, "batch": 2}, flops=_elman)

ROWS = (
    Row("sigmoid", NEURON, "sigmoid", {"batch": 1}, wrt=("w", "x")),
    Row(
        "mlp_small",
        FOLDER / "mlp_small.nn",
        "mlp",
        {"D": 64, "H": 32, "K": 10, "batch": 32},
        {"D": 4, "H": 5, "K": 3, "batch": 2},
        flops=_mlp_small,
    ),
    Row(
        "mlp",
        FOLDER / "mlp.nn",
        "mlp",
        {"D": 784, "H1": 256, "H2": 128, "K": 10, "batch": 64},
        {"D": 4, "H1": 5, "H2": 6, "K": 3, "batch": 2},
        flops=_mlp,
    ),
    ELMAN,
    Row(
        "lstm_b1",
        FOLDER / "lstm_lm.nn",
        "lstm",
        _ONE,
        {**_LM_SMALL, "batch": 1},
        flops=_language_model(4),
    ),
    Row("lstm_lm", FOLDER / "lstm_lm.nn", "lstm", _LM, _LM_SMALL, flops=_language_model(4)),
    Row("gru_lm", FOLDER / "gru_lm.nn", "gru", _LM, _LM_SMALL, flops=_language_model(3)),
    Row("peephole", FOLDER / "peephole.nn", "peephole", _LM, _LM_SMALL, flops=_language_model(4)),
    Row(
        "bilstm",
        FOLDER / "bilstm.nn",
        "bilstm",
        {"D": 64, "H": 64, "K": 10, "T": 64, "batch": 32},
        {"D": 3, "H": 4, "K": 5, "T": 3, "batch": 2},
        flops=_bilstm,
    ),
    Row(
        "attention",
        FOLDER / "attention.nn",
        "attention",
        {"V": 64, "E": 64, "H": 128, "T": 32, "N": 32, "batch": 32},
        {"V": 6, "E": 5, "H": 4, "T": 3, "N": 4, "batch": 2},
        flops=_attention,
    ),
    Row(
        "causal",
        FOLDER / "causal.nn",
        "causal",
        {"V": 64, "H": 64, "T": 64, "batch": 32},
        {"V": 6, "H": 4, "T": 3, "batch": 2},
        flops=_causal,
    ),
    Row("chain", FOLDER / "chain.nn", "chain", {"N": 10**6, "batch": 1}, {"N": 50}, wrt=("x",)),
)
