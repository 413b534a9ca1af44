"""`%%nn` in a notebook: a stand-in for the shell, and IPython's own where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

import graphc

CELL = "input x = 2\nparam w = 3\ny = w * x\noutput y\n"


@dataclass
class StandIn:
    """A shell that knows cell magics and names, and nothing else."""

    user_ns: dict[str, Any] = field(default_factory=dict)
    magics: dict[str, Callable[[str, str], Any]] = field(default_factory=dict)

    def register_magic_function(self, func: Callable[..., Any], magic_kind: str, magic_name: str) -> None:
        assert magic_kind == "cell"
        self.magics[magic_name] = func

    def run(self, line: str, cell: str) -> Any:
        return self.magics["nn"](line, cell)


@pytest.fixture
def shell() -> StandIn:
    found = StandIn()
    graphc.load_ipython_extension(found)
    return found


def test_a_cell_is_compiled_bound_and_drawn(shell: StandIn) -> None:
    drawing = shell.run(" neuron ", CELL)
    assert shell.user_ns["neuron"].forward()["y"] == 6
    assert [box.name for box in drawing.picture.boxes] == ["x", "w", "y"]


def test_a_cell_without_a_name(shell: StandIn) -> None:
    shell.run("", CELL)
    assert list(shell.user_ns) == ["program"]


def test_faults_and_warnings_are_shown_as_in_a_terminal(
    shell: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.user_ns["net"] = "what was here"
    assert shell.run("net", "y = w * x\noutput y\n") is None
    said = capsys.readouterr().err
    assert said.startswith("error[E2")
    assert "1 | y = w * x" in said
    assert shell.user_ns["net"] == "what was here"
    shell.run("net", "input x = 2\nparam idle = 1\ny = 2 * x\noutput y\n")
    assert "warning[W" in capsys.readouterr().err


def test_a_name_that_python_has_not(shell: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert shell.run("2 nets", CELL) is None
    assert "error[E702]: `%%nn 2 nets`" in capsys.readouterr().err


def test_in_a_real_shell() -> None:
    testing = pytest.importorskip("IPython.testing.globalipapp")
    shell = testing.start_ipython()
    shell.run_line_magic("load_ext", "graphc")
    result = shell.run_cell(f"%%nn neuron\n{CELL}")
    assert shell.user_ns["neuron"].forward()["y"] == 6
    assert "<svg" in result.result._repr_svg_()
