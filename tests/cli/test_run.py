"""`graphc run`: options, inputs, JSON, and how a failure ends."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import graphc
from graphc.diagnostics import fault
from tests.cli.conftest import FakeProgram, invoke, warning

NO_VALUE = SimpleNamespace(has_value=False)
EPOCH = "epoch 1/1, step 1: train loss 0.5 | gradient 2 | 300 examples/s | 1.5 s\n"


def test_options_reach_the_compiler(program: FakeProgram, spec: str, tmp_path: Path) -> None:
    sets = ["--set", "H=256", "--set", "fit.optimizer = adam(lr = 0.1)", "--set", "data.source=digits"]
    result = invoke(
        "run",
        spec,
        *sets,
        "--dtype",
        "float64",
        "--seed",
        "7",
        "--root",
        str(tmp_path),
        "--backend",
        "reference",
        "--without",
        "cse",
    )
    assert result.exit_code == 0, result.output
    assert program.compiled == {
        "source": spec,
        "backend": "reference",
        "dtype": "float64",
        "dims": {"H": 256},
        "seed": 7,
        "root": str(tmp_path),
        "settings": {"fit.optimizer": "adam(lr = 0.1)", "data.source": "digits"},
        "disabled": ("cse",),
    }


def test_values_and_gradients_as_json(program: FakeProgram, spec: str) -> None:
    program.warnings = [warning()]
    result = invoke("run", spec, "--json")
    assert json.loads(result.stdout) == {
        "values": {"x": -2.0, "z": -4.0, "q": -6.0, "f": 24.0, "kept": [1.0, "nan"]},
        "gradients": {"x": -4.0, "z": -10.0, "q": -4.0, "f": 1.0},
        "loss": 24.0,
        "backend": "cpu",
        "dtype": "float32",
    }
    assert result.stderr.startswith("warning[W901]: nothing uses the input `y`\n --> model.nn:1:10\n")


def test_training_as_json(program: FakeProgram, spec: str) -> None:
    program.has_fit = True
    result = invoke("run", spec, "--json", "--no-run")
    assert json.loads(result.stdout) == {
        "metrics": {"train": {"loss": 0.5, "accuracy": 0.75}, "test": {"loss": "nan"}},
        "epochs": 1,
        "run_dir": None,
        "compile_seconds": 0.25,
        "train_seconds": 1.5,
        "backend": "cpu",
        "dtype": "float32",
    }
    assert result.stderr == EPOCH
    assert program.asked == [(None, False)]


def test_training_as_text(program: FakeProgram, spec: str) -> None:
    program.has_fit = True
    result = invoke("run", spec)
    lines = result.stdout.splitlines()
    assert lines[:4] == [
        "       loss  accuracy",
        "train   0.5      0.75",
        "test    nan         -",
        "1 epoch in 1.5 s, compiled in 0.25 s",
    ]
    assert re.fullmatch(r"kept in runs/model-\d{8}-\d{6}", lines[4])
    assert lines[5:] == ["backend cpu, float32"]
    assert result.stderr == EPOCH


def test_the_epoch_of_the_weights_is_named(program: FakeProgram, spec: str) -> None:
    program.has_fit, program.ending, program.epochs = True, "patience", 4
    line = invoke("run", spec, "--no-run").stdout.splitlines()[3]
    assert line == (
        "4 epochs in 1.5 s (validation stopped getting better), compiled in 0.25 s; "
        "the weights are those of epoch 1"
    )


def test_where_a_training_is_kept(program: FakeProgram, spec: str, tmp_path: Path) -> None:
    program.has_fit = True
    kept = str(tmp_path / "kept")
    invoke("run", spec, "--run-dir", kept)
    invoke("run", spec, "--run-dir", kept, "--resume")
    assert program.asked == [(Path(kept), False), (Path(kept), True)]


def test_an_interrupt_says_how_to_go_on(program: FakeProgram, spec: str, tmp_path: Path) -> None:
    program.has_fit, program.ending = True, "interrupt"
    result = invoke("run", spec, "--run-dir", str(tmp_path / "kept"))
    assert result.exit_code == 130
    assert result.stderr.endswith(f"`graphc run --resume {tmp_path / 'kept'}` goes on\n")
    assert "goes on" not in invoke("run", spec, "--no-run").stderr


def test_a_second_interrupt_says_how_to_go_on_too(program: FakeProgram, spec: str, tmp_path: Path) -> None:
    program.has_fit, program.breaks_off = True, KeyboardInterrupt()
    begun, nothing = tmp_path / "begun", tmp_path / "nothing"
    begun.mkdir()
    (begun / "config.json").write_text("{}", encoding="utf-8")
    result = invoke("run", spec, "--run-dir", str(begun))
    assert result.exit_code == 130
    said = f"stopped at once; `graphc run --resume {begun}` goes on from the last checkpoint"
    assert said in result.stderr
    assert "goes on" not in invoke("run", spec, "--run-dir", str(nothing)).stderr


def test_a_run_that_is_not_there(program: FakeProgram, tmp_path: Path) -> None:
    result = invoke("run", "--resume", str(tmp_path / "none"))
    assert result.exit_code == 1
    assert f"error[E608]: there is no run `{tmp_path / 'none'}`" in result.stderr
    assert program.compiled == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["SPEC", "--resume"], "error[E712]: `--resume` goes on with a run, and none is named"),
        (["DIR"], "error[E712]: `DIR` is a folder, no spec\n  = help: `graphc run --resume DIR` goes on"),
        (["DIR", "--resume", "--run-dir", "a"], "error[E707]: `--run-dir` has no use here"),
        (["DIR", "--resume", "--no-run"], "error[E707]: `--resume` has no use here: `--no-run`"),
        (["SPEC", "--run-dir", "a", "--no-run"], "error[E707]: `--run-dir` has no use here: `--no-run`"),
        (["DIR", "--resume", "--dtype", "float64"], "error[E707]: `--dtype` has no use here: a run goes on"),
        (["DIR", "--resume", "--seed", "0"], "error[E707]: `--seed` has no use here"),
        (["DIR", "--resume", "--without", "cse"], "error[E707]: `--without` has no use here"),
        (["DIR", "--resume", "--set", "H=3"], "error[E707]: `--set H=...` has no use here"),
    ],
)
def test_options_that_have_no_use(
    program: FakeProgram, spec: str, tmp_path: Path, arguments: list[str], message: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    places = {"SPEC": spec, "DIR": str(folder)}
    result = invoke("run", *(places.get(argument, argument) for argument in arguments))
    assert message.replace("DIR", str(folder)) in result.stderr
    assert result.exit_code == 2
    assert program.compiled == {}


@pytest.mark.parametrize("option", [["--run-dir", "a"], ["--run-dir", "a", "--resume"], ["--save", "a"]])
def test_nothing_is_kept_where_nothing_is_trained(program: FakeProgram, spec: str, option: list[str]) -> None:
    result = invoke("run", spec, *option)
    assert f"error[E707]: `{option[0]}` has no use here" in result.stderr
    assert result.exit_code == 2


def test_inputs_are_read(program: FakeProgram, spec: str, tmp_path: Path) -> None:
    program.inputs = {"x": NO_VALUE, "y": NO_VALUE, "z": SimpleNamespace(has_value=True)}
    np.save(tmp_path / "x.npy", np.arange(3.0))
    result = invoke("run", spec, "--input", f"x={tmp_path / 'x.npy'}", "--input", "y=[[1,2],[3,4.5]]")
    assert result.exit_code == 0, result.output
    (given,) = program.asked
    assert set(given) == {"x", "y"}
    np.testing.assert_array_equal(given["x"], [0, 1, 2])
    np.testing.assert_array_equal(given["y"], [[1, 2], [3, 4.5]])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "error[E704]: `width` has no value\n  = help: give one: `--input width=width.npy`"),
        (["width"], "error[E703]: `--input width`: expected NAME=FILE.npy or NAME=NUMBERS"),
        (["widht=1"], "error[E704]: the spec has no input `widht`\n  = help: did you mean `width`?"),
        (["q=1"], "= help: its inputs are `width`"),
        (["width=1", "width=2"], "error[E703]: `--input width=2`: `width` was already given"),
        (["width=[[1,2],[3]]"], "rows differ in length, or an element is no number"),
        (['width=["a"]'], "rows differ in length, or an element is no number"),
        (["width=[1,"], "`[1,` is no path of a `.npy` file and no numbers"),
        (["width=" + "[" * 100_000], "[[...` is no path of a `.npy` file and no numbers"),
        (["width=" + "9" * 5000], "9...` is no path of a `.npy` file and no numbers"),
        (["width=" + "9" * 400], "an element is no number"),
    ],
)
def test_wrong_inputs(program: FakeProgram, spec: str, inputs: list[str], message: str) -> None:
    program.inputs = {"width": NO_VALUE}
    result = invoke("run", spec, *(part for text in inputs for part in ("--input", text)))
    assert message in result.stderr
    assert result.exit_code == 2
    assert program.asked == []


def test_inputs_have_no_use_in_training(program: FakeProgram, spec: str) -> None:
    program.has_fit = True
    result = invoke("run", spec, "--input", "x=1")
    assert "error[E707]: `--input` has no use here" in result.stderr
    assert result.exit_code == 2


@pytest.mark.parametrize("content", [None, b"", b"\x93NUMPY", b"no array", "truncated", "objects"])
def test_array_files_that_cannot_be_read(
    program: FakeProgram, spec: str, tmp_path: Path, content: bytes | str | None
) -> None:
    program.inputs = {"x": NO_VALUE}
    file = tmp_path / "x.npy"
    if content == "truncated":
        np.save(file, np.arange(100.0))
        file.write_bytes(file.read_bytes()[:-8])
    elif content == "objects":
        np.save(file, np.array([{}, None], dtype=object), allow_pickle=True)
    elif isinstance(content, bytes):
        file.write_bytes(content)
    result = invoke("run", spec, "--input", f"x={file}")
    assert "error[E708]" in result.stderr
    assert result.exit_code == 1
    assert program.asked == []


def test_a_fault_in_the_spec_ends_with_1(program: FakeProgram, spec: str) -> None:
    program.failure = fault("E203", "inner sizes differ")
    result = invoke("run", spec, "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error[E203]: inner sizes differ\n"


def test_an_internal_error_says_that_it_is_one(
    program: FakeProgram, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.failure = ZeroDivisionError("division by zero")
    result = invoke("run", spec)
    assert result.exit_code == 70
    assert result.stderr.startswith("error[E901]: internal error: ZeroDivisionError: division by zero\n")
    assert "issue tracker" in result.stderr
    assert "Traceback" not in result.stderr
    monkeypatch.setenv("GRAPHC_DEBUG", "1")
    assert invoke("run", spec).stderr.startswith("Traceback (most recent call last):\n")


def test_an_interrupt_ends_with_130(program: FakeProgram, spec: str) -> None:
    program.failure = KeyboardInterrupt()
    assert invoke("run", spec).exit_code == 130


def test_a_closed_pipe_is_no_failure(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", "from graphc.cli import main; main(['explain', 'E901'])"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(graphc.__file__).parents[1],
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")
