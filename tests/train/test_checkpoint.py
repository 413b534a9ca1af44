"""Checkpoints on the disk: whole or as before, whatever happens; nothing altered is ever used."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.diagnostics import GraphcError
from graphc.train.runs import checkpoint, durable
from graphc.train.runs.checkpoint import Checkpoint

KILLS = int(os.environ.get("GRAPHC_KILLS", "200"))


def sample(number: float = 0) -> Checkpoint:
    tensors = {
        "param/W": np.arange(6.0).reshape(2, 3) + number,
        "param/b": np.float32(2.5).reshape(()),
        "slot/none": np.zeros((0, 4), np.float32),
        "best/k": np.arange(3),
    }
    return Checkpoint(tensors, {"program": {"name": "ä.nn"}, "training": {"step": number}})


def same(found: Checkpoint, expected: Checkpoint) -> None:
    assert found.tensors.keys() == expected.tensors.keys()
    for name, array in expected.tensors.items():
        assert found.tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(found.tensors[name], array, strict=True)
    assert {key: found.about[key] for key in expected.about} == expected.about


def refused(path: Path, *codes: str) -> None:
    with pytest.raises(GraphcError) as caught:
        checkpoint.read(path)
    assert caught.value.diagnostics[0].code in codes, caught.value


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    checkpoint.write(path, sample())
    same(checkpoint.read(path), sample())
    assert list(checkpoint.read(path).kind("param")) == ["W", "b"]
    checkpoint.write(path, sample(1))
    same(checkpoint.read(path), sample(1))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.safetensors"]


def test_any_part_of_a_file_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    checkpoint.write(path, sample())
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        refused(path, "E602")
    path.write_bytes(whole + b"\0")
    refused(path, "E602")


def test_an_altered_byte_is_found(tmp_path: Path) -> None:
    """Everywhere, but for blanks that fill up the header and mean nothing."""
    path = tmp_path / "a.safetensors"
    checkpoint.write(path, sample())
    whole = path.read_bytes()
    for place in range(len(whole)):
        altered = bytearray(whole)
        altered[place] ^= 1 << place % 8
        path.write_bytes(altered)
        try:
            found = checkpoint.read(path)
        except GraphcError:
            continue
        same(found, sample())


def test_formats_that_are_not_ours(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "a.safetensors"
    save_file({"W": np.zeros(2)}, path)
    refused(path, "E603")
    for table in ('{"format": 1}', '{"format": 3}', "[]", "1", "{", "[" * 100_000):
        save_file({"W": np.zeros(2)}, path, {"graphc": table, "digest": "0"})
        refused(path, "E603")
    save_file({"W": np.zeros(2)}, path, {"graphc": '{"format": 2}'})
    refused(path, "E605")


def failing(error: int) -> Callable[..., Any]:
    def call(*arguments: object, **options: object) -> None:
        raise OSError(error, os.strerror(error))

    return call


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_leaves_the_file_before(
    call: str, error: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.safetensors"
    checkpoint.write(path, sample())
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(error))
        with pytest.raises(GraphcError, match=r"E601.*cannot write .*: (no space left|input/output error)"):
            checkpoint.write(path, sample(1))
    same(checkpoint.read(path), sample())
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.safetensors"]


LIMITED = """
import resource, signal, sys
from pathlib import Path
from graphc.diagnostics import GraphcError
from graphc.train.runs.durable import replace_file
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
path = Path(sys.argv[1])
replace_file(path, b"a" * 1000)
try:
    replace_file(path, b"b" * 1001)
except GraphcError as error:
    print(error.diagnostics[0].code)
"""


def test_a_file_that_the_system_cuts_off(tmp_path: Path) -> None:
    path = tmp_path / "a"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("E601\n", "")
    assert path.read_bytes() == b"a" * 1000
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
from graphc.train.runs import checkpoint
from graphc.train.runs.checkpoint import Checkpoint

path, kills = Path(sys.argv[1]), int(sys.argv[2])
draw = random.Random(7)
number = 0

def save(number):
    tensors = {"param/W": np.full(30_000, float(number)), "slot/v/W": np.full(30_000, -float(number))}
    checkpoint.write(path, Checkpoint(tensors, {"training": {"step": number}}))

save(0)
for _ in range(kills):
    child = os.fork()
    if child == 0:
        while True:
            number += 1
            save(number)
    time.sleep(draw.uniform(0, 0.02))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    found = checkpoint.read(path)
    step = found.about["training"]["step"]
    assert step >= number, (step, number)
    assert (found.tensors["param/W"] == step).all() and (found.tensors["slot/v/W"] == -step).all()
    number = step
print(number)
"""


def test_a_process_that_is_killed_while_it_saves_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(KILLS)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    # Some processes came far enough to save, else the test shows nothing.
    assert int(done.stdout) > 10
    assert len(list(tmp_path.iterdir())) > 1
    durable.remove_unfinished(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.safetensors"]
