"""Runs in folders: what is in them, what may go wrong with them, and what a run is told apart by."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import GraphcError, Program
from graphc.diagnostics import Diagnostic
from graphc.errors import catalogue
from graphc.train.reporting import EpochRecord, History, Plan, Silent, StepRecord
from graphc.train.runs import checkpoint, durable
from graphc.train.runs import keeper as run_keeper
from graphc.train.runs.folder import Lock, RunFolder, new_folder

SPEC = """
dim D = 3
input x : [D], y : real
param w : [D] ~ normal(1), b = 0
running m = mean[batch](x)
minimize (w @ (x - m) + b - y)^2
report rmse(w @ (x - m) + b, y)
data { validation = 8, standardize = x }
fit { optimizer = adam(lr = 0.05), batch = 8, epochs = 4 }
"""
RNG = np.random.default_rng(3)
DATA = {"x": RNG.normal(size=(40, 3)), "y": RNG.normal(size=40)}


def compiled(text: str = SPEC, **options: Any) -> Program:
    return graphc.compile(text, **options)


def refused(code: str, call: Callable[[], object]) -> str:
    with pytest.raises(GraphcError) as caught:
        call()
    assert {found.code for found in caught.value.diagnostics} == {code}, caught.value
    return str(caught.value)


class Told(Silent):
    """Keeps what it is told, and does something in between."""

    def __init__(
        self, at_epoch: Callable[[int], object] | None = None, at_step: Callable[[int], object] | None = None
    ) -> None:
        self.at_epoch, self.at_step = at_epoch, at_step
        self.saves: list[int] = []
        self.warnings: list[str] = []
        self.plan: Plan | None = None
        self.history: History | None = None

    def started(self, plan: Plan) -> None:
        self.plan = plan

    def stepped(self, record: StepRecord) -> None:
        if self.at_step is not None:
            self.at_step(record.step)

    def judged(self, record: EpochRecord) -> None:
        if self.at_epoch is not None:
            self.at_epoch(record.epoch)

    def saved(self, path: Path, step: int) -> None:
        self.saves.append(step)

    def warned(self, warning: Diagnostic) -> None:
        self.warnings.append(f"{warning.severity} {warning.code}: {warning.message}")

    def ended(self, history: History) -> None:
        self.history = history


def at(number: int, act: Callable[[], object]) -> Callable[[int], object]:
    return lambda found: act() if found == number else None


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


# ---------------------------------------------------------------------------------- what is in a run


def test_what_a_run_consists_of(tmp_path: Path) -> None:
    (tmp_path / "cells.nn").write_text("twice(x) = 2 * x\n", encoding="utf-8")
    spec = 'import "cells.nn"\n' + SPEC.replace("+ b - y", "+ twice(b) - y")
    (tmp_path / "a.nn").write_text(spec, encoding="utf-8")
    folder = tmp_path / "runs" / "first"
    program = compiled(tmp_path / "a.nn", seed=5, settings={"fit.batch": "16"})  # type: ignore[arg-type]
    result = program.fit(DATA, run_dir=folder)
    assert result.run_dir == str(folder)
    assert (folder / "spec.nn").read_text(encoding="utf-8") == spec
    assert (folder / "imports" / "cells.nn").read_text(encoding="utf-8") == "twice(x) = 2 * x\n"
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert (config["seed"], config["dtype"], config["backend"]) == (5, "float32", "reference")
    assert config["options"] == {"fit.batch": "16"}
    assert (config["fit"]["batch"], config["fit"]["epochs"], config["fit"]["patience"]) == (16, 4, None)
    assert config["fit"]["optimizer"] == {
        "name": "adam",
        "lr": 0.05,
        "beta1": 0.9,
        "beta2": 0.999,
        "eps": 1e-8,
    }
    assert config["data"]["parts"] == {"train": 32, "validation": 8}
    assert config["versions"]["graphc"] == graphc.__version__
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line.get("epoch") for line in lines] == [1, 2, 3, 4, None]
    assert list(lines[0]) == [
        "epoch",
        "step",
        "train",
        "validation",
        "seconds",
        "lr",
        "gradient_norm",
        "examples_per_second",
        "compile_seconds",
        "gradient_norms",
        "update_ratios",
    ]
    assert {name for line in lines[:4] for name in line["gradient_norms"]} == {"w", "b"}
    assert all(0 < line["update_ratios"]["w"] < 1 for line in lines[:4])
    assert lines[3]["validation"] == result.metrics["validation"]
    assert [record.metrics["train"] for record in result.records] == [line["train"] for line in lines[:4]]
    assert (lines[4]["end"], lines[4]["step"]) == ("epochs", 8)
    found = checkpoint.read(folder / "checkpoints" / "last.safetensors")
    assert {name.split("/")[0] for name in found.tensors} == {
        "param",
        "running",
        "slot",
        "best",
        "standardization",
    }
    np.testing.assert_array_equal(found.tensors["running/m"], program.params["m"])


def test_a_run_is_loaded_without_its_spec(tmp_path: Path) -> None:
    program = compiled(SPEC.replace("epochs = 4", "epochs = 30, stop = patience(2), seed = 4"))
    result = program.fit(DATA, run_dir=tmp_path / "a")
    assert result.best_epoch < result.epochs
    found = graphc.load(tmp_path / "a")
    assert found.preparation.standardization.keys() == {"x"}
    for name in program.params:
        np.testing.assert_array_equal(found.params[name], program.params[name])
    last = checkpoint.read(tmp_path / "a" / "checkpoints" / "last.safetensors")
    assert (last.tensors["param/w"] != program.params["w"]).any()
    np.testing.assert_array_equal(last.tensors["best/param/w"], program.params["w"])


def test_how_often_the_state_is_kept(tmp_path: Path) -> None:
    expected = {
        "epochs(1)": [4, 8, 12, 16],
        "1": [*range(1, 17), 16],
        "epochs(3)": [12, 16],
        "5": [5, 10, 15, 16],
        "seconds(1000)": [16],
    }
    for number, (text, saves) in enumerate(expected.items()):
        told = Told()
        compiled().fit(DATA, run_dir=tmp_path / str(number), reporter=told, save=text)
        assert told.saves == saves
    assert told.plan == Plan(4, None, 4)
    assert told.history is not None
    assert told.history.epochs == 4


def test_short_epochs_are_not_kept_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To keep a state takes as long as ten epochs here, so it is done every 90 of them."""
    clock = [0.0]
    monkeypatch.setattr(run_keeper.time, "monotonic", lambda: clock[0])
    write = run_keeper.write

    def slowly(path: Path, found: checkpoint.Checkpoint) -> None:
        write(path, found)
        clock[0] += 10

    monkeypatch.setattr(run_keeper, "write", slowly)
    told = Told(lambda epoch: clock.__setitem__(0, clock[0] + 1))
    text = SPEC.replace("validation = 8, ", "").replace("batch = 8", "batch = all")
    compiled(text).fit(DATA, run_dir=tmp_path / "a", reporter=told, epochs=200)
    assert told.saves == [1, 91, 181, 200]


def test_a_run_gets_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # Many that begin in the same second, before any of them has put something there.
    with ExitStack() as begun:
        found = [begun.enter_context(new_folder("specs/digits.nn")) for _ in range(4)]
        assert len(set(found)) == 4
        assert {path.parent for path in found} == {Path("runs")}
        assert all(path.name.startswith("digits-") for path in found)
        (found[1] / "spec.nn").write_text("", encoding="utf-8")
    assert [path for path in found if path.exists()] == [found[1]]


def test_a_place_where_no_folder_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").write_text("", encoding="utf-8")
    assert "--run-dir" in refused("E601", lambda: new_folder("a.nn").__enter__())


# ------------------------------------------------------------------------------ what may go wrong


def test_two_runs_at_once_in_one_folder(tmp_path: Path) -> None:
    program, folder = compiled(), tmp_path / "a"
    message: list[str] = []

    def second() -> None:
        for resume in (False, True):
            message.append(
                refused("E607", lambda: compiled().fit(DATA, run_dir=folder, resume=resume))  # noqa: B023
            )

    program.fit(DATA, run_dir=folder, reporter=Told(at(2, second)))
    assert f"{os.getpid()} on " in message[0]
    assert len(message) == 2
    # A lock does not outlive its process, nor the training.
    with Lock(RunFolder(folder)):
        pass


def test_a_folder_that_is_taken(tmp_path: Path) -> None:
    compiled().fit(DATA, run_dir=tmp_path / "a")
    assert "--resume" in refused("E609", lambda: compiled().fit(DATA, run_dir=tmp_path / "a"))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.txt").write_text("do not touch", encoding="utf-8")
    refused("E609", lambda: compiled().fit(DATA, run_dir=tmp_path / "b"))
    assert [entry.name for entry in (tmp_path / "b").iterdir()] == ["thesis.txt"]


def test_no_run_to_go_on_with(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        refused("E608", lambda: compiled().fit(DATA, run_dir=path, resume=True))  # noqa: B023
    assert list(tmp_path.iterdir()) == []
    for text in ("{", "[]"):
        (tmp_path / "config.json").write_text(text, encoding="utf-8")
        refused("E608", lambda: compiled().fit(DATA, run_dir=tmp_path, resume=True))


@pytest.mark.parametrize("place", ["file/below", "/proc/below"])
def test_a_folder_that_cannot_be_written_is_found_before_training(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    told = Told(at_step=at(1, lambda: pytest.fail("it trained")))
    refused("E601", lambda: compiled().fit(DATA, run_dir=tmp_path / place, reporter=told))


def test_options_that_are_wrong_leave_no_folder(tmp_path: Path) -> None:
    program = compiled(SPEC.replace("validation = 8, ", ""))
    refused("E503", lambda: program.fit(DATA, run_dir=tmp_path / "a", stop="patience(2)"))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the disk is full, which is to be changed."""
    full, fsync = [False], os.fsync

    def full_fsync(number: int) -> None:
        if full[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(number)

    monkeypatch.setattr(durable.os, "fsync", full_fsync)
    return full


def test_a_disk_that_is_full_for_a_while(tmp_path: Path, disk: list[bool]) -> None:
    told = Told(lambda epoch: disk.__setitem__(0, epoch == 2))
    compiled().fit(DATA, run_dir=tmp_path / "a", reporter=told, save="epochs(1)")
    assert told.saves == [4, 12, 16]
    (warning,) = told.warnings
    assert warning.startswith("warning W601: cannot write")
    assert warning.endswith("no space left on device; the state after step 4 is still there")
    lines = [json.loads(line) for line in (tmp_path / "a" / "metrics.jsonl").read_text().splitlines()]
    assert [line.get("epoch") for line in lines] == [1, 2, 3, 4, None]


def test_a_disk_that_stays_full(tmp_path: Path, disk: list[bool]) -> None:
    program, whole = compiled(), compiled()
    told = Told(lambda epoch: disk.__setitem__(0, epoch >= 2))
    kept = {"run_dir": tmp_path / "a", "reporter": told, "save": "epochs(1)"}
    message = refused("E606", lambda: program.fit(DATA, **kept))  # type: ignore[arg-type]
    assert "no space left on device" in message
    assert "the last state that was kept is that after step 4 of 16" in message
    whole.fit(DATA, run_dir=None)
    np.testing.assert_array_equal(program.params["w"], whole.params["w"])
    disk[0] = False
    again = compiled()
    again.fit(DATA, run_dir=tmp_path / "a", resume=True)
    np.testing.assert_array_equal(again.params["w"], whole.params["w"])


def test_a_run_folder_that_vanishes(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    told = Told(at(2, lambda: shutil.rmtree(folder)))
    program = compiled()
    assert str(folder) in refused("E606", lambda: program.fit(DATA, run_dir=folder, reporter=told))
    assert told.warnings
    assert told.history is not None
    assert told.history.epochs == 4


def test_data_that_vanishes_loses_no_step(tmp_path: Path) -> None:
    batches = [{name: array[start : start + 8] for name, array in DATA.items()} for start in range(0, 40, 8)]
    gone = [True]

    def source() -> Iterator[dict[str, Any]]:
        for number, batch in enumerate(batches):
            if number == 3 and gone[0]:
                raise FileNotFoundError("data")
            yield batch

    text = SPEC.replace("validation = 8, standardize = x", "")
    with pytest.raises(FileNotFoundError):
        compiled(text).fit(source, run_dir=tmp_path / "a")
    last = checkpoint.read(tmp_path / "a" / "checkpoints" / "last.safetensors")
    assert last.about["training"]["step"] == 3
    gone[0] = False
    part, whole = compiled(text), compiled(text)
    part.fit(source, run_dir=tmp_path / "a", resume=True)
    whole.fit(source)
    np.testing.assert_array_equal(part.params["w"], whole.params["w"])


def test_a_training_that_runs_away_keeps_the_last_good_state(tmp_path: Path) -> None:
    program = compiled(SPEC.replace("adam(lr = 0.05)", "sgd(lr = 1e30)"))
    refused("E501", lambda: program.fit(DATA, run_dir=tmp_path / "a"))
    assert np.isfinite(graphc.load(tmp_path / "a").params["w"]).all()
    (line,) = (tmp_path / "a" / "metrics.jsonl").read_text().splitlines()
    found = json.loads(line)
    assert (found["end"], found["code"]) == ("fault", "E501")


def test_a_record_that_is_ahead_of_the_checkpoint_is_cut_back(tmp_path: Path) -> None:
    """A process was killed behind the line of an epoch, in the middle of another one."""
    folder = tmp_path / "a"
    compiled().fit(DATA, run_dir=folder, reporter=Told(at_step=at(6, interrupt)))
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 2, "step": 8}\n{"epoch": 3, "st')
    compiled().fit(DATA, run_dir=folder, resume=True)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [(line.get("epoch"), line["step"]) for line in lines] == [
        (1, 4),
        (2, 8),
        (3, 12),
        (4, 16),
        (None, 16),
    ]


def test_a_record_that_lacks_epochs(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    compiled().fit(DATA, run_dir=folder, epochs=2)
    (folder / "metrics.jsonl").write_text('{"epoch": 1}\n', encoding="utf-8")
    refused("E608", lambda: compiled().fit(DATA, run_dir=folder, resume=True))


# --------------------------------------------------------------------- what may change, and what not


def test_longer_is_the_same_as_long_at_once(tmp_path: Path) -> None:
    whole, part = compiled(), compiled(SPEC.replace("minimize", "# the loss\nminimize"))
    whole.fit(DATA, epochs=6)
    part.fit(DATA, run_dir=tmp_path / "a", epochs=2)
    assert part.fit(DATA, run_dir=tmp_path / "a", resume=True, epochs=6, save=3).epochs == 6
    np.testing.assert_array_equal(part.params["w"], whole.params["w"])


def test_fewer_steps_than_there_were_take_none(tmp_path: Path) -> None:
    first = compiled().fit(DATA, run_dir=tmp_path / "a", steps=6)
    again = compiled().fit(DATA, run_dir=tmp_path / "a", resume=True, steps=5)
    assert (again.steps, again.ending, again.metrics) == (6, "steps", first.metrics)


def test_a_run_goes_on_without_its_spec(tmp_path: Path) -> None:
    whole = compiled()
    whole.fit(DATA, epochs=6)
    compiled().fit(DATA, run_dir=tmp_path / "a")
    part = graphc.load(tmp_path / "a")
    part.fit(DATA, run_dir=tmp_path / "a", resume=True, epochs=6)
    np.testing.assert_array_equal(part.params["w"], whole.params["w"])


def test_to_go_on_needs_a_folder() -> None:
    refused("E525", lambda: compiled().fit(DATA, resume=True))


def test_an_ended_run_ends_again(tmp_path: Path) -> None:
    first = compiled().fit(DATA, run_dir=tmp_path / "a")
    again = compiled()
    second = again.fit(DATA, run_dir=tmp_path / "a", resume=True)
    assert (second.metrics, second.steps, second.ending) == (first.metrics, first.steps, first.ending)


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("E640", lambda tensors, about: tensors.pop("slot/m/w")),
        ("E640", lambda tensors, about: tensors.update({"slot/m/w": np.zeros(4, np.float32)})),
        ("E603", lambda tensors, about: about["training"].pop("step")),
        ("E640", lambda tensors, about: about["training"].pop("batch")),
        ("E640", lambda tensors, about: about["training"].update(epoch="three")),
        ("E640", lambda tensors, about: about["training"].update(descent=None)),
        ("E603", lambda tensors, about: about.pop("training")),
        ("E603", lambda tensors, about: about.update(identity=3)),
    ],
)
def test_a_state_that_is_none(code: str, change: Callable[[Any, Any], object], tmp_path: Path) -> None:
    """Somebody made the file, with a digest that is right."""
    compiled().fit(DATA, run_dir=tmp_path / "a", epochs=1)
    path = tmp_path / "a" / "checkpoints" / "last.safetensors"
    found = checkpoint.read(path)
    tensors, about = dict(found.tensors), dict(found.about)
    change(tensors, about)
    checkpoint.write(path, checkpoint.Checkpoint(tensors, about))
    refused(code, lambda: compiled().fit(DATA, run_dir=tmp_path / "a", resume=True))


OTHER = {"x": DATA["x"] + 1, "y": DATA["y"]}
CHANGED: list[tuple[str, str, dict[str, Any], dict[str, Any], Any]] = [
    ("its equations are others", SPEC.replace("+ b - y", "- b - y"), {}, {}, DATA),
    ("`dtype` was float32, and is float64", SPEC, {"dtype": "float64"}, {}, DATA),
    ("`seed` was 0, and is 1", SPEC, {"seed": 1}, {}, DATA),
    ("`fit.batch` was 8, and is 4", SPEC, {}, {"batch": 4}, DATA),
    ("`fit.optimizer.lr` was 0.05, and is 0.1", SPEC.replace("0.05", "0.1"), {}, {}, DATA),
    ("`fit.clip` was nothing, and is 1", SPEC, {}, {"clip": 1}, DATA),
    ("its arrays hold other data", SPEC, {}, {}, OTHER),
    ("its parts hold other examples", SPEC.replace("data {", "data { seed = 1,"), {}, {}, DATA),
    ("its values were scaled or standardized", SPEC.replace(", standardize = x", ""), {}, {}, DATA),
]


@pytest.mark.parametrize(("message", "text", "options", "fit", "data"), CHANGED, ids=[c[0] for c in CHANGED])
def test_another_run(
    message: str, text: str, options: dict[str, Any], fit: dict[str, Any], data: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "a"
    compiled().fit(DATA, run_dir=folder, epochs=1)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found = refused("E640", lambda: compiled(text, **options).fit(data, run_dir=folder, resume=True, **fit))
    assert f"holds another run: {message}" in found
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_another_size_is_named(tmp_path: Path) -> None:
    wide = {"x": RNG.normal(size=(40, 4)), "y": DATA["y"]}
    compiled().fit(DATA, run_dir=tmp_path / "a", epochs=1)
    found = refused("E640", lambda: compiled(dims={"D": 4}).fit(wide, run_dir=tmp_path / "a", resume=True))
    assert "`dims.D` was 3, and is 4" in found


def test_every_code_of_runs_is_explained() -> None:
    known = {code for code, entry in catalogue().items() if entry.file == "runs"}
    assert known == {"E606", "E607", "E608", "E609", "E640", "W601"}


def test_what_a_killed_run_came_to_is_its_average(tmp_path: Path) -> None:
    """The last state has the weights that training goes on from; what it was judged by is their average."""
    program = compiled()
    program.fit(DATA, run_dir=tmp_path / "a", average="mean")
    last = checkpoint.read(tmp_path / "a" / "checkpoints" / "last.safetensors")
    assert (last.tensors["param/w"] != program.params["w"]).any()
    found = graphc.load(tmp_path / "a")
    for name in program.params:
        np.testing.assert_array_equal(found.params[name], program.params[name])
