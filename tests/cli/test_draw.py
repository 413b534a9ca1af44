"""`graphc draw`: what is asked of the program, and where the drawing is written."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import graphc
from tests.cli.conftest import FakeProgram, invoke

PLAIN = {
    "inputs": None,
    "unroll": False,
    "stage": "spec",
    "gradients": False,
    "open": (),
    "close": (),
    "layout": "auto",
    "numbers": True,
}


def asked(program: FakeProgram, spec: str, *options: str) -> dict[str, Any]:
    """What the command asked for, where it is not what it asks for without options."""
    result = invoke("draw", spec, "-o", "-", *options)
    assert result.exit_code == 0, result.stderr
    return {name: value for name, value in program.asked[-1].items() if value != PLAIN[name]}


def test_a_file_named_after_the_spec(program: FakeProgram, spec: str) -> None:
    result = invoke("draw", spec)
    assert (result.stdout, result.stderr) == ("", "wrote model.svg\n")
    assert Path("model.svg").read_text() == "a drawing as svg\n"
    assert program.asked == [PLAIN]


@pytest.mark.parametrize("format", ["svg", "html", "png", "dot", "tex"])
def test_the_ending_says_the_format(program: FakeProgram, spec: str, tmp_path: Path, format: str) -> None:
    out = tmp_path / f"out.{format}"
    assert invoke("draw", spec, "-o", str(out)).stdout == ""
    assert out.read_text() == f"a drawing as {format}\n"


def test_the_format_is_said(program: FakeProgram, spec: str, tmp_path: Path) -> None:
    assert invoke("draw", spec, "-o", "-").stdout == "a drawing as svg\n"
    assert invoke("draw", spec, "-o", "-", "--format", "dot").stdout == "a drawing as dot\n"
    invoke("draw", spec, "-o", str(tmp_path / "out.gv"), "--format", "dot")
    assert (tmp_path / "out.gv").read_text() == "a drawing as dot\n"


@pytest.mark.parametrize(
    ("texts", "meant"),
    [
        (["--unroll"], True),
        (["--unroll", "3"], 3),
        (["--unroll", "t"], "t"),
        (["--unroll", "t=3"], {"t": 3}),
    ],
)
def test_what_is_unrolled(program: FakeProgram, spec: str, texts: list[str], meant: Any) -> None:
    assert asked(program, spec, *texts) == {"unroll": meant}


def test_options_go_to_the_program(program: FakeProgram, spec: str) -> None:
    options = ["--stage", "schedule", "--gradients", "--layout", "plain", "--no-values"]
    assert asked(program, spec, *options, "--open", "h", "--open", "y", "--close", "all") == {
        "stage": "schedule",
        "gradients": True,
        "layout": "plain",
        "numbers": False,
        "open": ("h", "y"),
        "close": ("all",),
    }


def test_inputs_are_read(program: FakeProgram, spec: str) -> None:
    program.inputs = {"x": SimpleNamespace(has_value=False)}
    found = asked(program, spec, "--input", "x=[1,2]")
    np.testing.assert_array_equal(found["inputs"]["x"], [1, 2])


@pytest.mark.parametrize(
    ("options", "code", "status"),
    [
        (["-o", "out.pdf"], "E720", 2),
        (["-o", "out"], "E720", 2),
        (["--format", "pdf"], "E701", 2),
        (["-o", "missing/out.svg"], "E709", 1),
        (["--unroll", "t=three"], "E702", 2),
        (["--unroll", "=3"], "E702", 2),
        (["--input", "x=1", "--no-values"], "E707", 2),
    ],
)
def test_faults(program: FakeProgram, spec: str, options: list[str], code: str, status: int) -> None:
    result = invoke("draw", spec, *options)
    assert result.exit_code == status
    assert f"error[{code}]" in result.stderr
    assert program.asked == []


def test_a_trained_model_is_drawn_with_its_weights(tmp_path: Path) -> None:
    model = str(tmp_path / "model.safetensors")
    program = graphc.compile("input x = 2\nparam w = 3\ny = w * x\noutput y\n", backend="reference")
    program.params["w"] = np.float32(7)
    program.save(model)
    assert 'label="7\\n2"' in invoke("draw", model, "-o", "-", "--format", "dot").stdout
    result = invoke("draw", model, "--seed", "1")
    assert result.exit_code == 2
    assert "`--seed` has no use here" in result.stderr


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--unroll"], "E722"),
        (["--unroll", "t=9"], "E723"),
        (["--open", "rnn"], "E724"),
    ],
)
def test_what_the_spec_does_not_have_is_wrong_usage(tmp_path: Path, options: list[str], code: str) -> None:
    spec = tmp_path / "spec.nn"
    other = "" if code == "E723" else "axis u = 1..3\ninput y[u] : real = [1, 2, 3]\noutput y\n"
    spec.write_text(f"axis t = 1..2\ninput x[t] : real = [1, 2]\n{other}output x\n", encoding="utf-8")
    result = invoke("draw", str(spec), "-o", "-", *options)
    assert result.exit_code == 2
    assert f"error[{code}]" in result.stderr
