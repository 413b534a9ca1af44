"""Which backend a program gets: what it names, else what is installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec

import pytest

import graphc
from graphc.backend import automatic, choose
from graphc.diagnostics import GraphcError

SPEC = "input x = 1\noutput x + 1\n"


def without(*packages: str) -> Callable[[str], object]:
    return lambda name: None if name in packages else find_spec(name)


@pytest.mark.parametrize("absent", ["numba", "llvmlite"])
def test_auto_is_what_is_installed(absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert automatic() == "cpu"
    monkeypatch.setattr("graphc.backend.find_spec", without(absent))
    assert automatic() == "reference"
    with pytest.raises(GraphcError, match=f"`cpu` needs `{absent}`"):
        choose("cpu")


def test_a_program_says_which_backend_it_has() -> None:
    assert graphc.compile(SPEC, backend="cpu").settings.backend == "cpu"
    assert graphc.compile(SPEC, backend="reference").settings.backend == "reference"


def test_compiled_code_is_the_default() -> None:
    """In a process of its own, because in this one `auto` is the reference."""
    code = f"import graphc; print(graphc.compile({SPEC!r}).settings.backend)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "cpu\n"
