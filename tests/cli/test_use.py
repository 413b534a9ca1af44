"""eval, predict and runs: what they print, where they write, what is said of wrong runs, files and names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import graphc
from graphc.cli.use import separate
from graphc.train.runs.folder import Lock, RunFolder
from tests.cli.conftest import invoke
from tests.golden import FOLDER, check_golden

GOLDEN = FOLDER / "errors" / "use"

SPEC = """
input x : [2], y : index(3)
param W : [3, 2]
p = softmax(W @ x)
minimize cross_entropy(p, y)
report accuracy(p, y)
output p, argmax(p)
data { source = "flowers.csv", test = 10, validation = 5, standardize = x }
fit { optimizer = adam(lr = 0.1), epochs = 3 }
"""
WORDS = ["red", "green", "blue"]


def write_table(path: Path, count: int, *, target: bool = True) -> None:
    rng = np.random.default_rng(count)
    rows = [",".join(["x_1", "x_2", *(["y"] if target else [])])]
    for kind in range(count):
        one, two = rng.normal(size=2) + 3 * (kind % 3)
        rows.append(",".join([f"{one:.3f}", f"{two:.3f}", *([WORDS[kind % 3]] if target else [])]))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run in the folder `runs` of the working folder."""
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "flowers.csv", 60)
    (tmp_path / "flowers.nn").write_text(SPEC, encoding="utf-8")
    found = Path("runs/first")
    graphc.compile("flowers.nn").fit(run_dir=found)
    return found


def test_eval_is_what_the_training_measured(run: Path) -> None:
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    measured = json.loads(lines[-1])
    for part in ("test", "validation", "train"):
        result = invoke("eval", "--run", str(run), "--part", part, "--json")
        assert result.exit_code == 0, result.stderr
        found = json.loads(result.stdout)
        assert found["part"] == part
        assert found["metrics"] == pytest.approx(measured[part], rel=1e-6)


def test_other_data_than_that_of_the_training_has_no_parts(run: Path) -> None:
    write_table(Path("flowers.csv"), 90)
    with pytest.raises(graphc.GraphcError, match="E636"):
        graphc.load(run).evaluate()
    assert "accuracy" in graphc.load(run).evaluate("flowers.csv")
    assert "accuracy" in graphc.load(run, settings={"data.test": "20"}).evaluate()


def test_eval_for_people(run: Path) -> None:
    write_table(Path("more.csv"), 12)
    result = invoke("eval", "--run", "last", "--data", "more.csv")
    head, line = result.stdout.splitlines()
    assert head.split() == ["loss", "accuracy"]
    assert line.split()[0] == "more.csv"
    assert result.stderr == f"run {run}\n"


def test_predictions_go_to_stdout_alone(run: Path) -> None:
    write_table(Path("new.csv"), 4, target=False)
    result = invoke("predict", "--run", str(run), "--data", "new.csv")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "p[blue],p[green],p[red],argmax(p)"
    assert len(lines) == 5
    for line in lines[1:]:
        *scores, choice = line.split(",")
        assert choice == sorted(WORDS)[int(np.argmax([float(score) for score in scores]))]
    assert result.stderr == ""


def test_predictions_go_to_files(run: Path) -> None:
    with_stdout = invoke("predict", "--run", str(run)).stdout
    for name in ("out.csv", "out.json", "out.npz"):
        assert invoke("predict", "--run", str(run), "-o", name).stdout == ""
    assert Path("out.csv").read_text(encoding="utf-8") == with_stdout
    scores = json.loads(Path("out.json").read_text(encoding="utf-8"))["p"]
    with np.load("out.npz") as archive:
        assert archive["p"].shape == (10, 3)
        np.testing.assert_allclose(archive["p"], scores, rtol=1e-6)
        assert archive["argmax(p)"].dtype.kind == "U"


def test_names_that_are_asked_for(run: Path) -> None:
    result = invoke("predict", "--run", str(run), "--outputs", "argmax(p)", "--part", "validation")
    assert result.stdout.splitlines()[0] == "argmax(p)"
    assert len(result.stdout.splitlines()) == 6


def test_commas_in_brackets_separate_no_names() -> None:
    assert separate("p, stack(a, f(b, W[0,1])),q") == ["p", "stack(a, f(b, W[0,1]))", "q"]


def test_best_and_last_weights(run: Path) -> None:
    found = {
        which: json.loads(invoke("eval", "--run", str(run), "--checkpoint", which, "--json").stdout)
        for which in ("best", "last")
    }
    assert found["best"]["metrics"].keys() == found["last"]["metrics"].keys()


def test_a_saved_program_is_used_like_a_run(run: Path) -> None:
    graphc.load(run).save("kept.safetensors")
    one = invoke("predict", "--run", str(run)).stdout
    assert invoke("predict", "--run", "kept.safetensors").stdout == one


def test_python_and_the_command_line_agree(run: Path) -> None:
    program = graphc.load(run)
    write_table(Path("new.csv"), 4, target=False)
    table = invoke("predict", "--run", str(run), "--data", "new.csv").stdout.splitlines()[1:]
    rows = np.loadtxt("new.csv", delimiter=",", skiprows=1)
    for given in ("new.csv", {"x": rows}):
        p = program.predict(given, outputs="p")["p"]
        np.testing.assert_allclose(p, [[float(c) for c in line.split(",")[:3]] for line in table], rtol=1e-5)


def test_weights_of_a_run_go_into_another_program(run: Path) -> None:
    other = graphc.compile("flowers.nn", seed=5)
    other.load_weights(run)
    np.testing.assert_array_equal(other.params["W"], graphc.load(run).params["W"])


def test_runs_are_listed(run: Path) -> None:
    lines = invoke("runs").stdout.splitlines()
    assert len(lines) == 2
    assert lines[1].split()[:4] == [run.name, "flowers.nn", "finished", "3"]
    (found,) = json.loads(invoke("runs", "runs", "--json").stdout)
    assert found["state"] == "finished"
    assert found["test"].keys() == {"loss", "accuracy"}
    with Lock(RunFolder(run)):
        assert json.loads(invoke("runs", "--json").stdout)[0]["state"] == "running"


@pytest.mark.parametrize(
    ("last", "state"),
    [
        ('{"end": "interrupt", "step": 3}', "interrupted"),
        ('{"end": "fault", "step": 3, "code": "E501", "message": "a"}', "diverged"),
        ('{"end": "fault", "step": 3, "code": "E419", "message": "a"}', "failed"),
        ('{"end": "patience", "step": 3}', "finished"),
        ('{"epoch": 4, "step": 9, "train": {"loss": "nan"}, "seconds": 1}', "interrupted"),
        ('{"epoch": 4, "ste', "interrupted"),
        ('{"end": "epochs", "test": 3, "seconds": "long"}', "finished"),
    ],
)
def test_how_a_run_ended(run: Path, last: str, state: str) -> None:
    record = run / "metrics.jsonl"
    lines = record.read_text(encoding="utf-8").splitlines()
    record.write_text("\n".join([*lines[:-1], last]), encoding="utf-8")
    (found,) = json.loads(invoke("runs", "--json").stdout)
    assert found["state"] == state


def test_the_best_of_what_is_maximized_is_the_largest(run: Path) -> None:
    text = Path("flowers.nn").read_text(encoding="utf-8").replace("minimize cross", "minimize -cross")
    graphc.compile(text, root=".", settings={"fit.maximize": "true"}).fit(run_dir="runs/up")
    lines = (Path("runs/up") / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[:-1]
    losses = [json.loads(line)["validation"]["loss"] for line in lines]
    assert losses[0] < losses[-1]
    found = {entry["name"]: entry["best"] for entry in json.loads(invoke("runs", "--json").stdout)}
    assert found["up"] == max(losses)


def test_the_last_run_is_the_one_that_was_begun_last(run: Path) -> None:
    shutil.copytree(run, "elsewhere/a")
    shutil.copytree(run, "elsewhere/b")
    for name, started in (("a", "2031-01-01T00:00:00+00:00"), ("b", "2031-01-01T00:30:00+01:00")):
        config = Path("elsewhere", name, "config.json")
        config.write_text(json.dumps({**json.loads(config.read_text()), "started": started}))
    for arguments, expected in (([], "runs/first"), (["--runs", "elsewhere"], "elsewhere/a")):
        result = invoke("eval", "--run", "last", "--json", *arguments)
        assert json.loads(result.stdout)["run"] == expected


# ---------------------------------------------------------------------------------------- what is said


def nothing(run: Path) -> None:
    pass


def without_checkpoints(run: Path) -> None:
    for file in (run / "checkpoints").iterdir():
        file.unlink()


def without_best(run: Path) -> None:
    (run / "checkpoints" / "best.safetensors").unlink()


def without_input(run: Path) -> None:
    Path("new.csv").write_text("x_1,z\n1,2\n", encoding="utf-8")


def unknown_class(run: Path) -> None:
    Path("new.csv").write_text("x_1,x_2,y\n1,2,pink\n", encoding="utf-8")


def other_language(run: Path) -> None:
    """What a later version no longer knows."""
    from graphc.train.runs import checkpoint

    file = run / "checkpoints" / "last.safetensors"
    found = checkpoint.read(file)
    program = {
        **found.about["program"],
        "spec": found.about["program"]["spec"].replace("softmax", "softermax"),
    }
    checkpoint.write(file, checkpoint.Checkpoint(found.tensors, {**found.about, "program": program}))


def more_rows(run: Path) -> None:
    write_table(Path("flowers.csv"), 90)


def without_test_part(run: Path) -> None:
    graphc.compile("flowers.nn", settings={"data.test": "0"}).fit(run_dir="runs/other")


CASES: dict[str, tuple[Callable[[Path], None], tuple[str, ...], int]] = {
    "no_such_run": (nothing, ("eval", "--run", "runs/fist"), 1),
    "no_run": (nothing, ("eval", "--run", "."), 1),
    "no_runs": (nothing, ("eval", "--run", "last", "--runs", "none"), 1),
    "empty_runs": (nothing, ("predict", "--run", "last", "--runs", "."), 1),
    "no_checkpoint": (without_checkpoints, ("eval", "--run", "RUN"), 1),
    "no_best": (without_best, ("eval", "--run", "RUN", "--checkpoint", "best"), 1),
    "outdated_spec": (other_language, ("eval", "--run", "RUN"), 1),
    "data_missing": (nothing, ("predict", "--run", "RUN", "--data", "none.csv"), 1),
    "data_format": (nothing, ("predict", "--run", "RUN", "--data", "flowers.nn"), 1),
    "data_without_input": (without_input, ("predict", "--run", "RUN", "--data", "new.csv"), 1),
    "data_class": (unknown_class, ("eval", "--run", "RUN", "--data", "new.csv"), 1),
    "output_unknown": (nothing, ("predict", "--run", "RUN", "--outputs", "q"), 1),
    "format_unknown": (nothing, ("predict", "--run", "RUN", "-o", "out.txt"), 2),
    "output_nowhere": (nothing, ("predict", "--run", "runs/none", "-o", "none/out.csv"), 1),
    "output_folder": (nothing, ("predict", "--run", "runs/none", "-o", "runs.csv"), 1),
    "data_changed": (more_rows, ("eval", "--run", "RUN"), 1),
    "no_test_part": (without_test_part, ("predict", "--run", "runs/other"), 1),
    "part_and_data": (nothing, ("eval", "--run", "RUN", "--part", "test", "--data", "flowers.csv"), 2),
    "runs_in_vain": (nothing, ("eval", "--run", "RUN", "--runs", "runs"), 2),
    "run_missing": (nothing, ("predict",), 2),
    "listing_nowhere": (nothing, ("runs", "none"), 1),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said(name: str, run: Path, update_goldens: bool) -> None:
    prepare, arguments, status = CASES[name]
    Path("runs.csv").mkdir()
    prepare(run)
    result = invoke(*(str(run) if argument == "RUN" else argument for argument in arguments))
    assert result.stdout == ""
    check_golden(GOLDEN / f"{name}.txt", result.stderr.replace(str(run), "RUN"), update_goldens)
    assert result.exit_code == status
