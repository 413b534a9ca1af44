"""Reports of small runs: which sections there are, and what becomes of one that fails."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import graphc
from graphc.driver.reporting import report as assembling
from graphc.driver.reporting import texts, timing
from graphc.driver.reporting.history import history, told
from graphc.driver.reporting.report import report
from graphc.train.runs.folder import RunFolder
from graphc.view.profile import Equation, Profile
from graphc.view.report.page import Note, Report, Section
from tests.cli.conftest import invoke
from tests.view.report.html import check

FIT = "fit { optimizer = adam(lr = 0.05), epochs = 2, batch = 8 }\n"

PLANE = """
input x : [2], y : index(3)
param A : [5, 2], B : [3, 5]
h = relu(A @ x)
p = softmax(B @ h)
minimize cross_entropy(p, y)
report accuracy(p, y)
output p
data { source = "table.csv", validation = 8, test = 8, standardize = x }
"""
IMAGES = """
input x : [16], y : real
param A : [4, 16]
param w : [4]
yhat = w @ tanh(A @ x)
minimize mse(yhat, y)
data { source = "table.npz", validation = 0 }
"""
TEXT = """
axis t = 1..T
input s[t] : index(9)
param E : [9, 3], W : [9, 4]
layer rnn = Elman(3, 4)
h    = rnn(E[s])
p[t] = softmax(W @ h[t])
minimize mean[t = 1..T-1](cross_entropy(p[t], s[t+1]))
data { source = "text.txt", validation = 0.3 }
generate T = 20 {
  s[1] = prompt
  s[t] = sample(p[t-1])
}
"""
PAIRS = """
axis t = 1..T
axis u = 1..N
input s[t] : index(4), g[u] : index(4), y : index(2)
param E : [4, 3], M : [3, 3], W : [2, 3]
k[u,t] = softmax[t](E[g[u]] @ (M @ E[s[t]]))
q      = mean[u](sum[t](k[u,t] * E[s[t]]))
p      = softmax(W @ q)
minimize cross_entropy(p, y)
data { source = "pairs.csv", validation = 4 }
"""


def write_data(folder: Path) -> None:
    rng = np.random.default_rng(0)
    lines = ["x_1,x_2,y"]
    lines += [f"{a:.2f},{b:.2f},{'<b>&'[: 2 + k % 3]}" for k, (a, b) in enumerate(rng.normal(size=(40, 2)))]
    (folder / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    np.savez(folder / "table.npz", x=rng.normal(size=(30, 16)), y=rng.normal(size=30))
    (folder / "text.txt").write_text("a cab, a bed; " * 12, encoding="utf-8")
    rows = [f"{'abc'[: 1 + k % 3]},{'ddcb'[: 1 + k % 4]},{'no' if k % 2 else 'yes'}" for k in range(20)]
    (folder / "pairs.csv").write_text("\n".join(["s,g,y", *rows]) + "\n", encoding="utf-8")


Run = Callable[[str], Path]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The folder of a short training of a spec, the same one each time; tests leave it as it is."""
    kept: dict[str, Path] = {}

    def trained(spec: str) -> Path:
        if spec not in kept:
            folder = tmp_path_factory.mktemp("report")
            write_data(folder)
            fit = FIT.replace("epochs", "bptt = 8, epochs") if spec is TEXT else FIT
            (folder / "model.nn").write_text(spec + fit, encoding="utf-8")
            kept[spec] = folder / "run"
            graphc.compile(folder / "model.nn", backend="reference").fit(run_dir=kept[spec])
        return kept[spec]

    return trained


@pytest.fixture
def without_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves are the same for every spec: they are drawn for one."""
    parts = [part for part in assembling._PARTS if part[0] != "Training"]
    monkeypatch.setattr(assembling, "_PARTS", parts)


def keep_only(monkeypatch: pytest.MonkeyPatch, *titles: str) -> None:
    parts = [part for part in assembling._PARTS if part[0] in titles]
    assert len(parts) == len(titles)
    monkeypatch.setattr(assembling, "_PARTS", parts)


def notes(found: Report) -> list[str]:
    return [item.text for section in found.sections for item in section.items if isinstance(item, Note)]


ALWAYS = ["The spec", "Configuration and versions"]


@pytest.mark.usefixtures("without_curves")
def test_a_classifier_of_two_numbers(run: Run) -> None:
    found = report(run(PLANE))
    page = check(found.html())
    assert page.headings == ["Classes by p", "Decision boundaries", "Activations", "Dead units", *ALWAYS]
    assert [section.title for section in found.sections] == page.headings
    assert "<b" in page.texts["th"]  # a class of the data, as it is called there
    assert not notes(found)


@pytest.mark.usefixtures("without_curves")
def test_a_regression_over_images(run: Run) -> None:
    page = check(report(run(IMAGES)).html())
    assert page.headings == ["Predicted and true: yhat", "Learned filters", "Activations", *ALWAYS]


def test_a_model_of_texts(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "LENGTH", 30)
    found = report(run(TEXT))
    page = check(found.html())
    assert page.headings == [
        "Training",
        "Classes by p",
        "Generated text",
        "Embeddings",
        "Activations",
        "States over a sequence",
        "Gradient flow along t",
        *ALWAYS,
    ]
    assert not notes(found)


@pytest.mark.usefixtures("without_curves")
def test_attention_over_two_texts(run: Run) -> None:
    page = check(report(run(PAIRS)).html())
    assert page.headings == ["Classes by p", "Attention", "Embeddings", *ALWAYS]


VALUES = """
input x : [2] = batch([0, 0], [0, 1], [1, 0], [1, 1]), y : real = batch(0, 1, 1, 0)
param w : [2], b = 0
p = sigmoid(w @ x + b)
minimize (p - y)^2
"""


def test_values_of_a_spec_are_its_examples(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_only(monkeypatch, "Predictions", "Decision boundaries")
    found = report(run(VALUES))
    assert [section.title for section in found.sections] == ["Classes by p", "Decision boundaries", *ALWAYS]
    assert not notes(found)


def test_a_run_on_the_cpu_has_its_times(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which backend is asked, without compiling anything: the profile has tests of its own."""
    asked: list[str] = []

    def measured(program: graphc.Program, **options: object) -> Profile:
        asked.append(program.settings.backend)
        return Profile("a", "cpu", "float32", 1, [], [Equation("1", "h = x", 1e-6)])

    monkeypatch.setattr(timing, "profile", measured)
    keep_only(monkeypatch, "Time by kernel")
    folder = shutil.copytree(run(IMAGES), tmp_path / "run")
    config = folder / "config.json"
    config.write_text(config.read_text(encoding="utf-8").replace('"reference"', '"cpu"'), encoding="utf-8")
    page = check(report(folder).html())
    assert "Time by kernel" in page.headings
    assert asked == ["cpu"]


def test_a_section_that_fails_leaves_the_others(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(material: object, folder: object) -> list[Section]:
        raise ZeroDivisionError("in the <middle>")

    monkeypatch.setattr(assembling, "_PARTS", (("Weights", broken), ("Activations", lambda m, f: [])))
    page = check(report(run(IMAGES)).html())
    assert page.headings == ["Weights", *ALWAYS]
    assert "Not there: ZeroDivisionError: in the <middle>" in "".join(page.texts["p"])


@pytest.mark.usefixtures("without_curves")
def test_without_its_data_a_run_has_a_report(run: Run) -> None:
    folder = run(PLANE)
    data, away = folder.parent / "table.csv", folder.parent / "away.csv"
    data.rename(away)
    try:
        found = report(folder)
    finally:
        away.rename(data)
    check(found.html())
    titles = ["Predictions", "Decision boundaries", "Activations"]
    assert [section.title for section in found.sections] == [*titles, *ALWAYS]
    said = notes(found)
    assert len(said) == len(titles)
    assert all("table.csv" in text for text in said)


def test_the_best_epoch_is_the_one_with_the_best_validation(run: Run) -> None:
    metrics = run(PLANE) / "metrics.jsonl"
    found = history(metrics)
    assert found is not None
    losses = found.figures["loss"]["validation"]
    assert losses[found.best - 1] == min(losses)
    largest = history(metrics, maximize=True)
    assert largest is not None
    assert losses[largest.best - 1] == max(losses)


# ------------------------------------------------------------------------------ how a training ended


EPOCH = {"epoch": 1, "step": 4, "train": {"loss": 2.0}, "validation": {"loss": 3.0}}
LATER = EPOCH | {"epoch": 2, "step": 8, "train": {"loss": "nan"}}
FAULT = {"end": "fault", "step": 9, "code": "E501", "message": "the loss is inf"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([EPOCH, {"end": "epochs", "step": 4}], []),
        ([EPOCH, LATER, {"end": "epochs"}], ["`loss` (train) is no finite number at epoch 2"]),
        ([EPOCH, FAULT], ["ended with a fault: the loss is inf (E501)", "the last ones without it"]),
        ([EPOCH, {"end": "interrupt", "step": 6}], ["interrupted after step 6"]),
        ([EPOCH, {"end": "interrupt", "step": 6}, LATER], ["interrupted.", "`loss` (train)"]),
        ([{"end": "interrupt", "step": 1}], ["after step 1", "No epoch was finished"]),
        ([{"epoch": 1, "step": 1, "train": {"loss": 1.0}}, {"end": "epochs"}], ["no validation part"]),
    ],
)
def test_what_became_of_a_training_is_said(
    lines: list[dict[str, object]], said: list[str], tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    record = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "metrics.jsonl").write_text(record, encoding="utf-8")
    folder = RunFolder(tmp_path)
    found = list(told(folder, history(folder.metrics)))
    assert len(found) == len(said)
    assert all(part in text for part, text in zip(said, found, strict=True))


def test_a_training_that_was_gone_on_with_says_so(tmp_path: Path) -> None:
    config = {"resumed": [{"at": "2026-01-02T03:04:05", "step": 8}]}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "metrics.jsonl").write_text(json.dumps(EPOCH) + '\n{"end": "epochs"}\n', encoding="utf-8")
    folder = RunFolder(tmp_path)
    (said,) = told(folder, history(folder.metrics))
    assert "gone on with at step 8" in said


# --------------------------------------------------------------------------------------- the command


def test_the_command_writes_into_the_folder_of_the_run(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(run(IMAGES), tmp_path / "run")
    monkeypatch.setattr(assembling, "_PARTS", ())
    monkeypatch.chdir(tmp_path)
    result = invoke("report", "run")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.strip() == "wrote run/report.html"
    written = (folder / "report.html").read_text(encoding="utf-8")
    check(written)
    assert invoke("report", "run", "-o", "-", "--checkpoint", "last").stdout == written


def test_a_training_can_write_its_report(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembling, "_PARTS", ())
    model, other = run(IMAGES).parent / "model.nn", tmp_path / "other"
    arguments = ("--run-dir", str(other), "--set", "fit.epochs=1", "--backend", "reference", "-q")
    result = invoke("run", str(model), "--report", *arguments)
    assert result.exit_code == 0, result.stderr
    check((other / "report.html").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("report", "nowhere"), "E608"),
        (("report", "run", "-o", "no/such/folder/out.html"), "E709"),
        (("run", "model.nn", "--report", "--no-run"), "E707"),
    ],
)
def test_what_cannot_be_reported(
    run: Run, arguments: tuple[str, ...], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run(IMAGES).parent)
    result = invoke(*arguments)
    assert result.exit_code != 0
    assert f"[{code}]" in result.stderr
