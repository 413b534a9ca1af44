"""Large arrays are mapped: the same batches, from sets that memory would not hold."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from graphc.diagnostics import GraphcError
from graphc.train.data import archives, examples, origins
from graphc.train.data.examples import Batch, Dataset, Part
from graphc.train.data.loading import load
from graphc.train.data.settings import DataSettings
from tests.train.models import spec, specs

INPUTS = specs(spec("x", 3), spec("y", classes=4), spec("z", 2, axes=(("t", "T"),)))
RNG = np.random.default_rng(0)
ARRAYS = {
    "x": RNG.normal(size=(50, 3)).astype(np.float32),
    "y": RNG.integers(1, 5, size=50),
    "z": np.asfortranarray(RNG.normal(size=(50, 6, 2))),
    "lengths_T": RNG.integers(1, 7, size=50),
}
SETTINGS = {"validation": 10, "standardize": ("x", "z"), "scale": 0.5, "first": 1}


@pytest.fixture
def mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every array that can be mapped is mapped, and blocks hold a few rows."""
    monkeypatch.setattr(archives, "MAPPED_FROM", 1)
    monkeypatch.setattr(examples, "_AT_ONCE", 300)


def saved(root: Path) -> dict[str, str]:
    """The same arrays in each form that they can be stored in."""
    np.savez(root / "a.npz", **ARRAYS)
    np.savez_compressed(root / "packed.npz", **ARRAYS)
    (root / "folder").mkdir()
    for name, array in ARRAYS.items():
        np.save(root / "folder" / f"{name}.npy", array)
    return {"a.npz": "npz", "packed.npz": "npz", "folder/": "folder"}


def taken(dataset: Dataset) -> Batch:
    assert isinstance(dataset.train, Part)
    return dataset.train.table.batch(dataset.train.rows[::-3])


def test_mapped_arrays_give_the_same_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = saved(tmp_path)
    plain = load(DataSettings("a.npz", **SETTINGS), INPUTS, tmp_path)  # type: ignore[arg-type]
    assert isinstance(plain.train, Part)
    assert not plain.train.table.files
    monkeypatch.setattr(archives, "MAPPED_FROM", 1)
    monkeypatch.setattr(examples, "_AT_ONCE", 300)
    for source, kind in kinds.items():
        dataset = load(DataSettings(source, **SETTINGS), INPUTS, tmp_path)  # type: ignore[arg-type]
        assert dataset.description["kind"] == kind
        assert isinstance(dataset.train, Part)
        assert bool(dataset.train.table.files) == (source != "packed.npz")
        assert (dataset.train.rows == plain.train.rows).all()
        for name, array in taken(plain).arrays.items():
            np.testing.assert_allclose(taken(dataset).arrays[name], array, rtol=1e-12, atol=1e-14)
        for name, found in dataset.preparation.standardization.items():
            known = plain.preparation.standardization[name]
            np.testing.assert_allclose(found.mean, known.mean, rtol=1e-12, atol=1e-14)
            np.testing.assert_allclose(found.deviation, known.deviation, rtol=1e-12)


def test_a_mapped_member_is_checked(tmp_path: Path, mapped: None) -> None:
    np.savez(tmp_path / "a.npz", x=np.full((4, 3), 3.0))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.index(np.float64(3).tobytes()) + 6] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(GraphcError, match=r"error\[E414\].*Bad CRC-32"):
        load(DataSettings("a.npz"), specs(spec("x", 3)), tmp_path)


@pytest.mark.parametrize("is_mapped", [True, False])
def test_every_cut_of_an_array_is_refused(
    is_mapped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAPPED_FROM", 1 if is_mapped else 2**30)
    np.save(tmp_path / "a.npy", ARRAYS["x"][:2])
    content = (tmp_path / "a.npy").read_bytes()
    for size in range(len(content)):
        (tmp_path / "a.npy").write_bytes(content[:size])
        with pytest.raises(GraphcError, match="E414"):
            load(DataSettings("a.npy"), specs(spec("x", 3)), tmp_path)


def test_members_behind_other_bytes_are_found(tmp_path: Path, mapped: None) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a long name for a text that is no array.txt", "text" * 100)
        archive.comment = b"comment"
        info = zipfile.ZipInfo("x.npy")
        info.extra = b"\x99\x99\x04\x00abcd"
        with archive.open(info, "w") as member:
            np.save(member, ARRAYS["x"])
    dataset = load(DataSettings("a.npz"), specs(spec("x", 3)), tmp_path, dtype="float32")
    assert isinstance(dataset.train, Part)
    assert dataset.train.table.files
    assert (dataset.train.table.batch(np.arange(50)).arrays["x"] == ARRAYS["x"]).all()


def test_faults_of_later_blocks_name_their_example(tmp_path: Path, mapped: None) -> None:
    x, y = np.ones((100, 3)), np.zeros(100, int)
    x[71, 2], y[93] = np.nan, 9
    np.savez(tmp_path / "a.npz", x=x, y=y)
    with pytest.raises(GraphcError) as caught:
        load(DataSettings("a.npz"), specs(spec("x", 3), spec("y", classes=4)), tmp_path)
    assert "found nan in example 71 at [2]" in str(caught.value)
    assert "found 9 in example 93" in str(caught.value)


def test_only_what_is_held_in_memory_counts(
    tmp_path: Path, mapped: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path)
    monkeypatch.setattr(origins, "memory_limit", lambda: 100)
    assert load(DataSettings("a.npz", first=1), INPUTS, tmp_path).train.count == 50
    with pytest.raises(GraphcError, match="E416"):
        load(DataSettings("packed.npz", first=1), INPUTS, tmp_path)


def test_a_file_that_is_replaced_or_deleted_is_still_read(tmp_path: Path, mapped: None) -> None:
    saved(tmp_path)
    dataset = load(DataSettings("folder/", first=1), INPUTS, tmp_path)
    before = taken(dataset).arrays["x"]
    np.save(tmp_path / "new.npy", np.zeros((3, 3)))
    os.replace(tmp_path / "new.npy", tmp_path / "folder" / "x.npy")
    (tmp_path / "folder" / "y.npy").unlink()
    assert (taken(dataset).arrays["x"] == before).all()


@pytest.mark.parametrize("change", ["cut", "written"])
def test_a_file_that_changes_stops_the_training(change: str, tmp_path: Path, mapped: None) -> None:
    saved(tmp_path)
    dataset = load(DataSettings("a.npz", first=1), INPUTS, tmp_path)
    taken(dataset)
    if change == "cut":
        os.truncate(tmp_path / "a.npz", 100)
    else:
        os.utime(tmp_path / "a.npz", ns=(0, 0))
    with pytest.raises(GraphcError, match="E419"):
        taken(dataset)


LARGE = """
import resource, sys
from pathlib import Path
import numpy as np
import graphc

SPEC = '''
input x : [1024]
param w : [1024] = 0, b : real = 0
loss = (w @ x + b - 1)^2
minimize loss
data { source = "%s", validation = 0.1, standardize = x }
fit { optimizer = sgd(lr = 0.5), batch = 512, steps = 3 }
'''
program = graphc.compile(SPEC % sys.argv[2], root=sys.argv[1], backend="reference")
used = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_DATA, (used + 2**26, used + 2**26))
try:
    np.ones(2**25)
except MemoryError:
    print("limited")
found = program.fit()
print(program.dataset().train.count, {part: round(m["loss"], 6) for part, m in found.metrics.items()})
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit counts what is no file's on Linux only")
@pytest.mark.parametrize("source", ["large.npy", "large.npz"])
def test_a_set_larger_than_memory(source: str, tmp_path: Path) -> None:
    rows = 2**16  # of 1024 float32: 256 MiB, where 64 MiB are allowed
    path = tmp_path / "large.npy"
    header = np.lib.format.header_data_from_array_1_0(np.zeros((1, 1024), np.float32)) | {
        "shape": (rows, 1024)
    }
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + rows * 4096)
    if source == "large.npz":
        with zipfile.ZipFile(tmp_path / source, "w") as archive:
            archive.write(path, "x.npy")
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(tmp_path), source], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == [
        "limited",
        "58982 {'train': 0.0, 'validation': 0.0}",
    ], done.stderr
