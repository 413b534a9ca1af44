"""`graphc cache`: what is kept is shown and removed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from graphc.backend.cpu import cache
from graphc.backend.cpu.cache import Code
from tests.cli.conftest import invoke


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with two entries of this version and one of another."""
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "cache"))
    cache.toolchain.cache_clear()
    for entry in ("a.o", "b.bc"):
        cache.write(entry, Code("a", (), bytes(1000)))
    kernels = tmp_path / "cache" / "kernels"
    (kernels / "another").mkdir()
    (kernels / "another" / "a.o").write_bytes(bytes(5000))
    return kernels


def entries(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*/*"))


def test_it_shows_the_folder_and_what_it_holds(folder: Path) -> None:
    result = invoke("cache")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [f"folder   {folder}", "entries  3, 7 kB", "stale    1, 5 kB"]


def test_for_programs(folder: Path) -> None:
    shown = json.loads(invoke("cache", "--json").stdout)
    size = sum(file.stat().st_size for file in folder.glob("*/*"))
    assert shown == {
        "folder": str(folder),
        "entries": 3,
        "bytes": size,
        "stale_entries": 1,
        "stale_bytes": 5000,
    }


def test_an_empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "none"))
    assert "entries  0, 0 kB" in invoke("cache").stdout
    assert invoke("cache", "clear").stdout == "entries removed: 0\n"
    assert not (tmp_path / "none").exists()


def test_clear(folder: Path) -> None:
    (folder.parent / "grammar.pickle").touch()
    result = invoke("cache", "clear")
    assert (result.exit_code, result.stdout) == (0, "entries removed: 3\n")
    assert entries(folder) == []
    assert (folder.parent / "grammar.pickle").exists()


def test_clear_what_is_stale(folder: Path) -> None:
    assert invoke("cache", "clear", "--stale").stdout == "entries removed: 1\n"
    assert entries(folder) == ["a.o", "b.bc"]


def test_what_may_not_be_removed_is_a_fault(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    result = invoke("cache", "clear", "--stale")
    assert result.exit_code == 1
    assert f"error[E610]: `{folder / 'another'}` cannot be removed: permission denied" in result.stderr


def test_nothing_is_warmed_where_nothing_can_be_kept(
    tmp_path: Path, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "file"))
    result = invoke("cache", "warm", spec)
    assert result.exit_code == 1
    assert "error[E610]" in result.stderr
    assert "cannot be written, or others may write it too" in result.stderr


def test_wrong_usage(folder: Path) -> None:
    result = invoke("cache", "claer")
    assert result.exit_code == 2
    assert "no such command `claer`\n  = help: did you mean `clear`?" in result.stderr


def test_warm_leaves_nothing_to_compile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "kept"))
    spec = tmp_path / "own.nn"
    spec.write_text(
        "input x : [2] = [1, 2]\nparam w : [2] = [1, 1]\nminimize sum(tanh(w * x))\nfit { epochs = 1 }\n"
    )
    # The code of an update is other specs' too: this process may have it from tests before.
    command = [sys.executable, "-c", "import graphc.cli; graphc.cli.main()", "cache", "warm", str(spec)]
    warmed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert warmed.stdout == f"warm  {spec}\n"
    # Another process finds all that it runs; Numba is what compiles, so it is not even imported.
    script = (
        "import sys, graphc\n"
        f"program = graphc.compile({str(spec)!r}, backend='cpu')\n"
        "program.forward(); program.value_and_grad(); program.step({'x': [[1.0, 2.0]]})\n"
        "print('numba' in sys.modules)\n"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
