"""The named sets: data that an installed package carries, read from its files without a download."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphc.diagnostics import fault
from graphc.ir.op import Array
from graphc.train.data import tables
from graphc.train.data.origins import Origin
from graphc.train.data.series import Series, read_series
from graphc.train.protocol import InputSpec

Specs = Mapping[str, InputSpec]


@dataclass(frozen=True)
class NamedSet:
    """Arrays by name, as the inputs want them; the last `own_test` examples are the published test part."""

    arrays: Mapping[str, Array]
    own_test: int = 0


def named_set(origin: Origin, specs: Specs, rename: Mapping[str, str]) -> NamedSet:
    """The set of this name, with the targets `y`. `rename` says what an input is called in it.

    Raises E411 where its package is missing, E422 for sequences without an axis to hold them.
    """
    asked = {rename.get(name, name): spec for name, spec in specs.items()}
    if origin.name == "japanese_vowels":
        return _japanese_vowels(origin, asked)
    return _tables(origin, asked)


def _tables(origin: Origin, asked: Specs) -> NamedSet:
    """One of scikit-learn's bundled sets: rows `x`, in the layout of the input."""
    try:
        datasets = importlib.import_module("sklearn.datasets")
    except ImportError:
        raise _missing(origin, "scikit-learn", "data") from None
    found = getattr(datasets, f"load_{origin.name}")()
    arrays = {"x": np.asarray(found.data), "y": np.asarray(found.target)}
    return NamedSet(
        {
            name: tables.reshaped(asked[name], array) if name in asked else array
            for name, array in arrays.items()
        }
    )


def _japanese_vowels(origin: Origin, asked: Specs) -> NamedSet:
    """Utterances `x` of a vowel pair, 12 cepstrum coefficients a step, and the speaker `y`, 0 to 8.

    Source: Kudo, Toyama and Shimbo 1999, in the UCI and UEA archives, as sktime carries them.
    """
    # The package itself is not imported: that takes seconds, and only two of its files are of interest.
    package = importlib.util.find_spec("sktime")
    if package is None or not package.submodule_search_locations:
        raise _missing(origin, "sktime", "series")
    folder = Path(package.submodule_search_locations[0]) / "datasets" / "data" / "JapaneseVowels"
    train, test = (read_series(folder / f"JapaneseVowels_{part}.ts", origin) for part in ("TRAIN", "TEST"))
    together = Series([*train.values, *test.values], [*train.classes, *test.classes], train.names)
    x, lengths = together.padded()
    arrays = {"x": x, "y": np.array(together.classes)}
    return NamedSet(_with_lengths(origin, asked, arrays, lengths), own_test=len(test.values))


def _with_lengths(origin: Origin, asked: Specs, arrays: dict[str, Array], lengths: Array) -> dict[str, Array]:
    """The lengths of the sequences `x`, under the name that the input has for the end of its axis."""
    if "x" not in asked:
        return arrays
    spec = asked["x"]
    if not spec.running_lengths or not spec.running_lengths[0]:
        raise fault(
            "E422",
            f"`{spec.name}` in {origin} holds sequences of {lengths.min()} to {lengths.max()} steps",
            origin.span,
            help=f"declare an axis that ends with each: `axis t = 1..T`, `input {spec.name}[t] : "
            f"[{arrays['x'].shape[-1]}]`",
        )
    return arrays | {f"lengths_{spec.running_lengths[0]}": lengths}


def _missing(origin: Origin, package: str, extra: str) -> Exception:
    return fault(
        "E411",
        f'`source = "{origin.name}"` needs {package}, which is not installed',
        origin.span,
        help=f'pip install "graphc[{extra}]"',
    )
