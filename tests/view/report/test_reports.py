"""Reports of small runs: which sections there are, and what becomes of one that fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import graphc
from graphc.driver.reporting import report as assembling
from graphc.driver.reporting import timing
from graphc.driver.reporting.report import report
from graphc.view.profile import Equation, Profile
from graphc.view.report.page import Note, Section
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


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A short training of a spec; the folder of its run."""
    write_data(tmp_path)
    monkeypatch.chdir(tmp_path)

    def make(spec: str, fit: str = FIT) -> Path:
        (tmp_path / "model.nn").write_text(spec + fit, encoding="utf-8")
        graphc.compile("model.nn", backend="reference").fit(run_dir="run")
        return Path("run")

    return make


ALWAYS = ["The spec", "Configuration and versions"]


def test_a_classifier_of_two_numbers(trained: Callable[..., Path]) -> None:
    found = report(trained(PLANE))
    page = check(found.html())
    assert page.headings == [
        "Training",
        "Classes by p",
        "Decision boundaries",
        "Activations",
        "Dead units",
        *ALWAYS,
    ]
    assert [section.title for section in found.sections] == page.headings
    assert "<b" in page.texts["th"]  # a class of the data, as it is called there
    assert not [item for section in found.sections for item in section.items if isinstance(item, Note)]


def test_a_regression_over_images(trained: Callable[..., Path]) -> None:
    page = check(report(trained(IMAGES)).html())
    assert page.headings == [
        "Training",
        "Predicted and true: yhat",
        "Learned filters",
        "Activations",
        *ALWAYS,
    ]


def test_a_model_of_texts(trained: Callable[..., Path]) -> None:
    found = report(trained(TEXT, FIT.replace("epochs", "bptt = 8, epochs")))
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
    assert not page.texts.get("p", []) or "Not there" not in "".join(page.texts["p"])


def test_a_run_on_the_cpu_has_its_times(
    trained: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which backend is asked, without compiling anything: the profile has tests of its own."""
    asked: list[str] = []

    def measured(program: graphc.Program, **options: object) -> Profile:
        asked.append(program.settings.backend)
        return Profile("a", "cpu", "float32", 1, [], [Equation("1", "h = x", 1e-6)])

    monkeypatch.setattr(timing, "profile", measured)
    monkeypatch.setattr(assembling, "_PARTS", assembling._PARTS[-1:])
    folder = trained(IMAGES)
    config = folder / "config.json"
    config.write_text(config.read_text(encoding="utf-8").replace('"reference"', '"cpu"'), encoding="utf-8")
    page = check(report(folder).html())
    assert "Time by kernel" in page.headings
    assert asked == ["cpu"]


def test_attention_over_two_texts(trained: Callable[..., Path]) -> None:
    page = check(report(trained(PAIRS)).html())
    assert page.headings == ["Training", "Classes by p", "Attention", "Embeddings", *ALWAYS]


def test_a_section_that_fails_leaves_the_others(
    trained: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(material: object, folder: object) -> list[Section]:
        raise ZeroDivisionError("in the <middle>")

    monkeypatch.setattr(assembling, "_PARTS", (("Weights", broken), assembling._PARTS[6]))
    page = check(report(trained(IMAGES)).html())
    assert "Weights" in page.headings
    assert "Not there: ZeroDivisionError: in the <middle>" in "".join(page.texts["p"])
    assert "Activations" in page.headings


def test_without_its_data_a_run_has_a_report(
    trained: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = trained(PLANE)
    monkeypatch.setattr(assembling, "_PARTS", assembling._PARTS[1:])
    Path("table.csv").unlink()
    page = check(report(folder).html())
    assert ALWAYS[0] in page.headings
    assert "".join(page.texts["p"]).count("Not there") >= 1


def test_the_best_epoch_is_the_one_with_the_best_validation(trained: Callable[..., Path]) -> None:
    from graphc.driver.reporting.history import history

    folder = trained(PLANE, FIT.replace("epochs = 2", "epochs = 4"))
    found = history(folder / "metrics.jsonl")
    assert found is not None
    losses = found.figures["loss"]["validation"]
    assert losses[found.best - 1] == min(losses)
    largest = history(folder / "metrics.jsonl", maximize=True)
    assert largest is not None
    assert losses[largest.best - 1] == max(losses)


def test_the_command_writes_into_the_folder_of_the_run(
    trained: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = trained(IMAGES)
    monkeypatch.setattr(assembling, "_PARTS", ())
    result = invoke("report", str(folder))
    assert result.exit_code == 0, result.stderr
    assert result.stderr.strip() == "wrote run/report.html"
    written = (folder / "report.html").read_text(encoding="utf-8")
    check(written)
    assert invoke("report", str(folder), "-o", "-", "--checkpoint", "last").stdout == written


def test_a_training_can_write_its_report(
    trained: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(IMAGES)
    monkeypatch.setattr(assembling, "_PARTS", ())
    result = invoke("run", "model.nn", "--report", "--run-dir", "other", "--backend", "reference", "-q")
    assert result.exit_code == 0, result.stderr
    check(Path("other/report.html").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("report", "nowhere"), "E608"),
        (("report", "run", "-o", "no/such/folder/out.html"), "E709"),
        (("run", "model.nn", "--report", "--no-run"), "E707"),
    ],
)
def test_what_cannot_be_reported(trained: Callable[..., Path], arguments: tuple[str, ...], code: str) -> None:
    trained(IMAGES)
    result = invoke(*arguments)
    assert result.exit_code != 0
    assert f"[{code}]" in result.stderr
