"""What is said of a run that cannot be kept, found or gone on with."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import graphc
from graphc.diagnostics import GraphcError
from graphc.errors import catalogue
from graphc.train.reporting import EpochRecord, Lines
from graphc.train.runs.folder import Lock, RunFolder
from tests.golden import FOLDER, check_golden

RUNS = FOLDER / "errors" / "runs"
SPEC = """
dim D = 3
input x : [D], y : real
param w : [D] = 0
minimize (w @ x - y)^2
fit { optimizer = sgd(lr = 0.1), batch = 4, epochs = 2 }
"""


def data(size: int = 3, count: int = 12) -> dict[str, np.ndarray]:
    x = np.arange(float(size * count)).reshape(count, size) / 50
    return {"x": x, "y": x.sum(axis=1)}


def begun() -> None:
    graphc.compile(SPEC).fit(data(), run_dir="first")


def in_use() -> None:
    begun()
    with Lock(RunFolder(Path("first"))):
        graphc.compile(SPEC).fit(data(), run_dir="first", resume=True)


def taken() -> None:
    begun()
    graphc.compile(SPEC).fit(data(), run_dir="first")


def not_empty() -> None:
    Path("notes").mkdir()
    Path("notes/thesis.txt").touch()
    graphc.compile(SPEC).fit(data(), run_dir="notes")


def not_a_folder() -> None:
    Path("notes").touch()
    graphc.compile(SPEC).fit(data(), run_dir="notes/first")


def another_run() -> None:
    begun()
    other = graphc.compile(SPEC.replace("- y)^2", "- y)^4"), dims={"D": 2}, dtype="float64")
    other.fit(data(2, 20), run_dir="first", resume=True, batch=5, optimizer="adam")


def record_lost() -> None:
    begun()
    Path("first/metrics.jsonl").unlink()
    graphc.compile(SPEC).fit(data(), run_dir="first", resume=True)


def not_kept(told: list[str]) -> None:
    class Away(Lines):
        def judged(self, record: EpochRecord) -> None:
            if record.epoch == 1:
                os.rename("first", "elsewhere")

    graphc.compile(SPEC).fit(data(), run_dir="first", save="epochs(1)", reporter=Away(told.append))


CASES: dict[str, Callable[[], object]] = {
    "in_use": in_use,
    "taken": taken,
    "not_empty": not_empty,
    "not_a_folder": not_a_folder,
    "another_run": another_run,
    "record_lost": record_lost,
    "no_folder": lambda: graphc.compile(SPEC).fit(data(), run_dir="first", resume=True),
    "no_run": lambda: graphc.compile(SPEC).fit(data(), run_dir=".", resume=True),
    "no_run_named": lambda: graphc.compile(SPEC).fit(data(), resume=True),
}


def said(call: Callable[[], object]) -> str:
    """The message, without what differs from machine to machine."""
    with pytest.raises(GraphcError) as caught:
        call()
    text = str(caught.value).replace(str(os.getpid()), "PID").replace(socket.gethostname(), "HOST")
    return re.sub(r"\b[0-9a-f]{57}\.\.\.", "CHECKSUM", text) + "\n"


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, update_goldens: bool) -> None:
    monkeypatch.chdir(tmp_path)
    check_golden(RUNS / f"{case}.txt", said(CASES[case]), update_goldens)


def test_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, update_goldens: bool) -> None:
    monkeypatch.chdir(tmp_path)
    told: list[str] = []
    text = said(lambda: not_kept(told))
    check_golden(RUNS / "not_kept.txt", "\n".join([*told, text]), update_goldens)


def test_goldens_show_every_code() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in RUNS.iterdir())
    codes = {code for code, entry in catalogue().items() if entry.file == "runs"}
    assert codes <= set(re.findall(r"\[([EW]\d+)\]", text))
