"""A run that needs more memory than there is, is refused with what it needs and before it takes any."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

import graphc
from graphc.backend import memory
from graphc.diagnostics import GraphcError
from tests.golden import FOLDER, check_golden

SPEC = """
axis t = 1..T
input x[t] : real, y[t] : real
param u : real, v : real
h[0] = 0
h[t] = tanh(u * h[t-1] + v * x[t])
minimize mean[t]((h[t] - y[t])^2)
fit { optimizer = sgd(lr = 0.1) }
"""
MEBIBYTE = 2**20


def batch(examples: int, steps: int) -> dict[str, np.ndarray]:
    return {name: np.ones((examples, steps)) for name in ("x", "y")}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with one mebibyte, of which everyone has to ask for each byte."""
    monkeypatch.setattr(memory, "available", lambda: MEBIBYTE)
    monkeypatch.setattr(memory, "_UNASKED", 0)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_a_step_that_is_too_long(backend: str, update_goldens: bool) -> None:
    program = graphc.compile(SPEC, backend=backend)
    loss = program.step(batch(2, 100))
    before = dict(program.params)
    with pytest.raises(GraphcError) as caught:
        program.step(batch(2, 500_000))
    check_golden(FOLDER / "errors" / "api" / f"memory_{backend}.txt", f"{caught.value}\n", update_goldens)
    assert dict(program.params) == before
    assert program.step(batch(2, 100)) < loss, "what fits is run as ever"


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_a_forward_run_that_is_too_long(backend: str) -> None:
    program = graphc.compile(SPEC, backend=backend)
    with pytest.raises(GraphcError, match=r"batch = 3 and T = 400,000 does not fit into memory"):
        program.forward(batch(3, 400_000))


def test_where_the_system_does_not_tell_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: None)
    memory.require(2**60, 1, {})


def test_memory_that_is_refused_after_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise MemoryError

    monkeypatch.setattr("graphc.backend.cpu.arena.Arena.reserve", refused)
    with pytest.raises(GraphcError, match=r"E526.* T = 4 does not fit into memory: it needs at least"):
        graphc.compile(SPEC, backend="cpu").step(batch(1, 4))


class TestAvailable:
    @pytest.fixture(autouse=True)
    def small(self) -> None:
        """This machine as it is."""

    def test_no_more_than_the_process_may_have(self, monkeypatch: pytest.MonkeyPatch) -> None:
        free = memory.available()
        if free is None:
            pytest.skip("this system does not tell")
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        limit = taken + 64 * MEBIBYTE
        monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
        left = memory.available()
        assert left is not None
        assert left <= 64 * MEBIBYTE
        assert left < free

    @pytest.mark.parametrize(
        ("line", "folder", "files", "left"),
        [
            ("0::/a/b", "a", ("memory.max", "memory.current", "inactive_file"), 40),
            ("0::/a/b", "unified", ("memory.max", "memory.current", "inactive_file"), 40),
            (
                "4:memory,cpu:/a",
                "memory/a",
                ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
                40,
            ),
            (
                "4:cpu:/a",
                "memory/a",
                ("memory.limit_in_bytes", "memory.usage_in_bytes", "inactive_file"),
                None,
            ),
        ],
    )
    def test_control_groups(
        self, line: str, folder: str, files: tuple[str, str, str], left: int | None, tmp_path: Path
    ) -> None:
        limit, usage, copies = files
        (tmp_path / "proc").write_text(f"9:pids:/\n{line}\n")
        group = tmp_path / "mounted" / folder
        group.mkdir(parents=True)
        (group / limit).write_text("100\n")
        (group / usage).write_text("80\n")
        (group / "memory.stat").write_text(f"anon 60\n{copies} 20\n")
        found = list(memory._groups(tmp_path / "proc", tmp_path / "mounted"))
        assert found == ([] if left is None else [left])

    def test_a_group_without_a_limit(self, tmp_path: Path) -> None:
        (tmp_path / "proc").write_text("0::/\n")
        (tmp_path / "memory.max").write_text("max\n")
        (tmp_path / "memory.current").write_text("80\n")
        (tmp_path / "memory.stat").write_text("inactive_file 20\n")
        assert list(memory._groups(tmp_path / "proc", tmp_path)) == []
