"""Arrays that do not fit, and archives and files that are damaged or not there."""

from __future__ import annotations

import importlib.util
import os
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from graphc.train.data import archives, origins
from graphc.train.data.examples import Part
from graphc.train.data.loading import from_arrays, load
from graphc.train.data.paths import resolve
from graphc.train.data.settings import DataSettings
from tests.train.faults.cases import CASES, SEQUENCES, SOUND, case, loaded, npz
from tests.train.models import spec, specs
from tests.train.speech import SPEECH, vowels

for name, arrays in {
    "input_missing": {"x": None, "X": np.ones((4, 2)), "z": np.ones(3)},
    "array_surplus": {"z": np.ones(4)},
    "array_surplus_lengths": {"lengths_T": np.ones(4, int)},
    "shape_of_element": {"x": np.ones((4, 3))},
    "shape_without_examples": {"x": np.ones(2)},
    "dtype_of_class": {"y": np.array([0.0, 1.0, 2.0, 0.0])},
    "dtype_of_text": {"x": np.full((4, 2), "a")},
    "dtype_complex": {"x": np.ones((4, 2), complex)},
    "value_nan": {"x": np.array([[1, 2], [3, 4], [5, np.nan], [7, 8]])},
    "value_infinite": {"x": np.array([[1, 2], [3, 4], [-np.inf, 6], [7, 8]], np.float32)},
    "class_too_large": {"y": np.array([0, 2, 7, 1])},
    "class_negative": {"y": np.array([0, 2, -1, 1])},
    "class_from_one": {"y": np.array([1, 2, 3, 1])},
    "examples_differ": {"x": np.ones((5, 2))},
    "examples_none": {"x": np.ones((0, 2)), "y": np.zeros(0, int)},
    "several_arrays": {"x": np.ones((5, 3)), "y": np.ones(4), "z": np.ones(3)},
}.items():
    CASES[name] = lambda root, arrays=arrays: npz(root, **arrays)  # type: ignore[misc]

for name, (arrays, lengths) in {
    "lengths_too_long": ({}, [3, 4]),
    "lengths_negative": ({}, [3, -1]),
    "lengths_shape": ({}, [3]),
    "lengths_dtype": ({}, [3.0, 2.0]),
    "length_differs": ({"y": np.ones((2, 4))}, [3, 3]),
    "value_nan_in_sequence": ({"y": np.array([[1, np.nan, 3], [1, 2, np.nan]])}, [1, 3]),
}.items():
    given = {"x": np.ones((2, 3, 2)), "y": np.ones((2, 3))} | arrays
    CASES[name] = lambda root, given=given, lengths=lengths: from_arrays(SEQUENCES, given, {"T": lengths})  # type: ignore[misc]


@case
def path_by_link(root: Path) -> object:
    inside = root / "inside"
    inside.mkdir()
    (root / "set.npz").write_bytes(b"PK")
    (inside / "set.npz").symlink_to(root / "set.npz")
    return loaded('source = "set.npz"', inside)


@case
def path_of_folder(root: Path) -> object:
    (root / "set.npz").mkdir()
    return loaded('source = "set.npz"', root)


@case
def path_nearly_right(root: Path) -> object:
    (root / "measured.npz").write_bytes(b"")
    return loaded('source = "mesured.npz"', root)


@case
def path_in_a_circle(root: Path) -> object:
    (root / "set.npz").symlink_to(root / "set.npz")
    return loaded('source = "set.npz"', root)


@case
def path_with_nul(root: Path) -> object:
    return resolve("a\0b.npz", root)


@case
def file_cut_short(root: Path) -> object:
    np.savez(root / "set.npz", **SOUND)
    content = (root / "set.npz").read_bytes()
    (root / "set.npz").write_bytes(content[: len(content) // 2])
    return loaded('source = "set.npz"', root)


@case
def file_altered(root: Path) -> object:
    np.savez(root / "set.npz", x=np.full((4, 2), 3.0), y=SOUND["y"])
    content = bytearray((root / "set.npz").read_bytes())
    content[content.index(np.float64(3).tobytes()) + 6] ^= 1
    (root / "set.npz").write_bytes(content)
    return loaded('source = "set.npz"', root)


def with_header(root: Path, shape: str) -> object:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64)
    with zipfile.ZipFile(root / "set.npz", "w") as archive:
        archive.writestr("x.npy", content)
    return loaded('source = "set.npz"', root, specs(spec("x", 2)))


@case
def header_promises_too_much(root: Path) -> object:
    return with_header(root, "(1000000000000, 2)")


@case
def file_of_one_array(root: Path) -> object:
    np.save(root / "set.npy", SOUND["x"])
    (root / "set.npy").rename(root / "set.npz")
    return loaded('source = "set.npz"', root)


@case
def file_of_something_else(root: Path) -> object:
    (root / "set.npz").write_text("x,y\n1,2\n")
    return loaded('source = "set.npz"', root)


@case
def file_empty(root: Path) -> object:
    (root / "set.npz").touch()
    return loaded('source = "set.npz"', root)


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("/nowhere/run-by-a-pickle",)


@case
def file_pickled(root: Path) -> object:
    (root / "set.npz").write_bytes(pickle.dumps(Bomb()))
    return loaded('source = "set.npz"', root)


@case
def array_pickled(root: Path) -> object:
    return npz(root, x=np.array([Bomb(), Bomb()], dtype=object))


@case
def file_forbidden(root: Path) -> object:
    np.savez(root / "set.npz", **SOUND)
    refuse = PermissionError(13, "Permission denied")

    def refused(*_: object) -> None:
        raise refuse

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", refused)
        return loaded('source = "set.npz"', root)


@case
def file_too_large(root: Path) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(origins, "memory_limit", lambda: 50)
        return npz(root)


@case
def package_missing(root: Path) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "sklearn.datasets", None)  # type: ignore[arg-type]
        return loaded('source = "digits"', root)


@case
def named_set_without_input(root: Path) -> object:
    pytest.importorskip("sklearn")
    return loaded('source = "iris"', root, specs(spec("image", 4), spec("y", classes=3)))


@case
def named_set_of_other_shape(root: Path) -> object:
    pytest.importorskip("sklearn")
    return loaded('source = "iris"', root, specs(spec("x", 5), spec("y", classes=2)))


@case
def package_of_series_missing(root: Path) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        return loaded('source = "japanese_vowels"', root)


@case
def series_without_axis(root: Path) -> object:
    return vowels(root, SPEECH, SPEECH)


@case
def series_of_other_shape(root: Path) -> object:
    return vowels(root, SPEECH, SPEECH, specs(spec("x", 3, axes=(("t", "T"),)), spec("y", classes=2)))


@case
def series_cut_short(root: Path) -> object:
    return vowels(root, SPEECH, SPEECH[:-5])


@case
def series_without_channel(root: Path) -> object:
    return vowels(root, SPEECH + "1,2:a\n", SPEECH)


@case
def series_of_channels_that_differ(root: Path) -> object:
    return vowels(root, SPEECH + "1,2:3,4,5:a\n", SPEECH)


@case
def series_none(root: Path) -> object:
    return vowels(root, SPEECH, "@classLabel true a b\n@data\n")


@case
def series_gone(root: Path) -> object:
    return vowels(root, SPEECH, None)


@case
def parts_of_a_parted_set(root: Path) -> object:
    return loaded('source = "japanese_vowels", test = 0.2', root)


@case
def array_for_several_inputs(root: Path) -> object:
    np.save(root / "a.npy", SOUND["x"])
    return loaded('source = "a.npy"', root)


@case
def array_cut_short(root: Path) -> object:
    np.save(root / "a.npy", SOUND["x"])
    (root / "a.npy").write_bytes((root / "a.npy").read_bytes()[:-8])
    return loaded('source = "a.npy"', root, specs(spec("x", 2)))


@case
def array_of_something_else(root: Path) -> object:
    (root / "a.npy").write_text("1 2\n3 4\n")
    return loaded('source = "a.npy"', root, specs(spec("x", 2)))


@case
def folder_without_input(root: Path) -> object:
    (root / "measured").mkdir()
    np.save(root / "measured" / "x.npy", SOUND["x"])
    return loaded('source = "measured/"', root)


@case
def file_changed(root: Path) -> object:
    np.save(root / "a.npy", SOUND["x"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archives, "MAPPED_FROM", 1)
        dataset = load(DataSettings("a.npy"), specs(spec("x", 2)), root)
    (root / "a.npy").write_bytes(b"")
    assert isinstance(dataset.train, Part)
    return dataset.train.table.batch(np.arange(2))
