"""`graphc plot`: runs side by side, in the terminal and as files, while they go on, and schedules."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from graphc.cli import plot as following
from graphc.train.runs.folder import Lock, RunFolder
from graphc.view.report import plotting
from tests.cli.conftest import invoke
from tests.cli.terminal import MAIN, on_terminal
from tests.golden import FOLDER, check_golden

GOLDEN = FOLDER / "errors" / "plot"
TO_STDOUT = "import os; os.dup2(2, 1); " + MAIN
"""The terminal is stdout as well."""

SPEC = """
input x : [2] = [1, 2], y : real = 3
param w : [2]
e = w @ x - y
minimize e^2
fit { optimizer = sgd(lr = 0.1 * step_decay(epoch, 2)), epochs = 6 }
"""


def line(epoch: int, loss: Any = 1.0, **more: Any) -> str:
    """An epoch of a record."""
    figures = {"loss": loss, **more}
    found = {"epoch": epoch, "step": epoch, "train": figures, "validation": figures}
    return json.dumps({**found, "lr": 0.1 / epoch, "gradient_norm": 2.0, "seconds": 1.0}) + "\n"


def write_run(name: str, text: str, **fit: Any) -> Path:
    folder = Path("runs", name)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"name": "model.nn", "fit": fit}))
    (folder / "metrics.jsonl").write_text(text)
    return folder


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs, `first` with its best epoch 3 and `second` with its best epoch 2."""
    monkeypatch.chdir(tmp_path)
    write_run("first", "".join(line(n, (n - 3) ** 2 + 1, accuracy=n / 10) for n in range(1, 6)))
    write_run("second", "".join(line(n, (n - 2) ** 2 + 2) for n in range(1, 4)))
    return tmp_path / "runs"


def plotted(*arguments: str) -> str:
    result = invoke("plot", *arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def rows(text: str) -> dict[str, list[str]]:
    """The table at the end, by the words of its first column."""
    table = text.rstrip().split("\n\n")[-1].splitlines()
    return {cells[0]: cells[1:] for cells in (re.split(r"\s{2,}", row.strip()) for row in table)}


def test_two_runs_in_plain_text(runs: Path) -> None:
    text = plotted("runs/first", "runs/second", "--what", "loss")
    assert text.isascii()
    assert "\x1b" not in text
    assert text.startswith("loss by epoch\n")
    assert "\na first  b second\na train  A validation  * best epoch\n" in text
    assert rows(text)["first"][1:] == ["5", "3", "1", "1"]
    assert rows(text)["second"][1:] == ["3", "2", "2", "2"]


def test_a_wide_table_is_turned_and_a_wider_one_cut(runs: Path) -> None:
    text = plotted("runs/first", "runs/second")
    assert rows(text)["best epoch"] == ["3", "2"]
    assert rows(text)["validation accuracy"] == ["0.3", "-"]
    names = [f"run{number}" for number in range(8)]
    for name in names:
        write_run(name, line(1, accuracy=0.5))
    text = plotted(*(f"runs/{name}" for name in names))
    assert rows(text) == {"run": ["train accuracy", "validation accuracy"]} | {
        name: ["0.5", "0.5"] for name in names
    }
    assert all(len(row) <= 80 for row in text.splitlines())


def test_what_was_chosen_differently(runs: Path) -> None:
    common: dict[str, Any] = {"clip": 1.0, "epochs": 3}
    write_run("sgd", line(1), **common, optimizer={"name": "sgd", "lr": 0.1}, average=None)
    adam = {"name": "adam", "lr": "cosine(step)", "beta1": 0.9}
    write_run("adam", line(1), **common, optimizer=adam, average={"decay": 0.9, "epoch": 1})
    assert rows(plotted("runs/sgd", "runs/adam", "--what", "loss")) == {
        "run": ["optimizer", "lr", "average"],
        "sgd": ["sgd", "0.1", "-"],
        "adam": ["adam", "cosine(step)", "decay 0.9, epoch 1"],
    }


def test_by_step_and_by_time(runs: Path) -> None:
    text = plotted("runs/first", "--what", "loss", "--by", "step")
    assert text.startswith("loss by step\n")
    record = runs / "first" / "metrics.jsonl"
    lines = [json.loads(each) for each in record.read_text().splitlines()]
    record.write_text("".join(json.dumps({**each, "seconds": each["epoch"] / 4}) + "\n" for each in lines))
    text = plotted("runs/first", "--what", "loss", "--by", "time")
    assert text.startswith("loss by seconds of training\n")
    assert re.search(r"\n +0\.4 +0\.6 +0\.8 +1 +1\.2\n", text)
    # The star is at the same epoch, wherever that lies.
    assert rows(text)["first"][2] == "3"


def test_all_figures_and_those_of_the_training(runs: Path) -> None:
    assert "\naccuracy by epoch\n" in plotted("runs/first")
    text = plotted("runs/first", "--what", "lr,gradient_norm")
    assert text.startswith("lr by epoch\n")
    assert rows(text)["first"][-2:] == ["0.03333", "2"]


def test_the_last_run(runs: Path) -> None:
    result = invoke("plot", "last")
    assert (result.exit_code, result.stderr) == (0, "run runs/second\n")


def test_what_is_maximized_is_best_at_its_largest(runs: Path) -> None:
    write_run("up", "".join(line(n, n) for n in range(1, 4)), maximize=True)
    assert rows(plotted("runs/up"))["up"][2] == "3"


def test_runs_of_one_name_are_told_apart(runs: Path) -> None:
    other = runs / "again" / "first"
    other.parent.mkdir()
    (runs / "first").rename(other)
    write_run("first", line(1))
    assert "a runs/first  b runs/again/first\n" in plotted("runs/first", "runs/again/first")


def test_a_half_line_at_the_end_is_left_out(runs: Path) -> None:
    whole = plotted("runs/first")
    with (runs / "first" / "metrics.jsonl").open("a") as record:
        record.write(line(6)[:25])
    assert plotted("runs/first") == whole


def test_damaged_lines_are_left_out_and_said(runs: Path) -> None:
    with (runs / "first" / "metrics.jsonl").open("ab") as record:
        record.write(b'\xff\xfe\n{"epoch": "x"}\n[1]\n' + line(6, 0.5).encode())
    text = plotted("runs/first", "--what", "loss")
    assert "first: 3 lines of its record cannot be read" in text
    assert rows(text)["first"][1:3] == ["6", "6"]


def test_what_is_not_finite_is_said(runs: Path) -> None:
    write_run("wild", line(1) + line(2, "inf") + line(3, "nan"))
    text = plotted("runs/wild")
    assert "wild, train: no finite number at 2 of 3 points, the first: epoch 2" in text
    write_run("lost", line(1, "nan"))
    assert "loss by epoch\nnothing to draw\n" in plotted("runs/lost")


class Svgs(HTMLParser):
    found = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found += tag == "svg"


def test_pictures(runs: Path, tmp_path: Path) -> None:
    both = ["runs/first", "runs/second", "--what", "loss"]
    for ending in ("svg", "png", "html"):
        assert plotted(*both, "-o", f"out.{ending}") == ""
    texts = "".join(ElementTree.parse("out.svg").getroot().itertext())
    assert "<" not in texts
    assert Path("out.png").read_bytes().startswith(b"\x89PNG")
    page = Path("out.html").read_text()
    parser = Svgs()
    parser.feed(page)
    assert parser.found == 1
    assert re.search("https?:", page) is None
    plotted(*both, "-o", "again.svg")
    assert Path("again.svg").read_bytes() == Path("out.svg").read_bytes()


def test_markup_in_names_is_shown(runs: Path) -> None:
    (runs / "first").rename(runs / "<b>$x$")
    plotted("runs/<b>$x$", "-o", "out.html")
    page = Path("out.html").read_text()
    assert "<b>" not in page
    assert "&lt;b&gt;$x$" in page


# ---------------------------------------------------------------------------------- terminals


def test_colours_on_a_terminal_only(runs: Path) -> None:
    command = ["plot", "runs/first", "runs/second", "--what", "loss"]
    done = on_terminal(TO_STDOUT, command, cwd=runs.parent, env={"LANG": "C.UTF-8"})
    assert "\x1b[38;5;6m" in done.written
    assert "\x1b[38;5;3m" in done.written
    assert any("─" in row for row in done.screen)
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b[3" not in on_terminal(TO_STDOUT, command, cwd=runs.parent, env=env).written


def test_follows_a_run_from_before_its_beginning_to_its_end(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_PAUSE", 0.02)
    folder = RunFolder(runs / "now")
    lock = Lock(folder)

    def go_on() -> None:
        lock.__enter__()
        folder.configure({"name": "model.nn"})
        for epoch in (1, 2):
            with folder.metrics.open("a") as record:
                record.write(line(epoch))
            time.sleep(0.1)
        lock.__exit__()

    thread = threading.Timer(0.2, go_on)
    thread.start()
    result = invoke("plot", "runs/now", "--follow")
    thread.join()
    assert (result.exit_code, result.stderr) == (0, "waiting for `runs/now` to begin\n")
    assert rows(result.stdout)["now"][:2] == ["interrupted", "2"]


def test_draws_while_a_run_goes_on_and_ends_quietly(runs: Path) -> None:
    folder = RunFolder(write_run("now", line(1)))
    added: list[bool] = []

    def watch(written: str, process: subprocess.Popen[bytes]) -> None:
        if "running" in written and not added:
            added.append(True)
            with folder.metrics.open("a") as record:
                record.write(line(2))
        elif "by epoch" in written.partition("running")[2] and len(added) == 1:
            added.append(True)
            process.send_signal(signal.SIGINT)

    with Lock(folder):
        command, env = ["plot", "--follow", "runs/now", "--what", "loss"], {"LANG": "C.UTF-8"}
        done = on_terminal(TO_STDOUT, command, cwd=runs.parent, watch=watch, env=env)
    assert done.status == 0
    assert "Traceback" not in done.written
    assert "\x1b[36m" in done.written
    assert any(row.split()[:3] == ["now", "running", "2"] for row in done.screen)


# ---------------------------------------------------------------------------------- schedules


def test_a_schedule_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.nn").write_text(SPEC)
    text = plotted("--schedule", "model.nn")
    assert text.startswith("learning rate by step, logarithmic\n")
    assert "0.1 +" in text
    assert "0.001 +" in text
    assert text.endswith("a model\n")
    flat = plotted("--schedule", "model.nn", "--set", "fit.optimizer.lr=0.5 * 0.9^stalled")
    assert "as long as validation gets better with each epoch" in flat
    assert not Path("runs").exists()


# ------------------------------------------------------------------------------------- faults


def model(runs: Path) -> None:
    Path("model.nn").write_text(SPEC)


def untrained(runs: Path) -> None:
    Path("model.nn").write_text(SPEC.partition("fit")[0])


def without_rate(runs: Path) -> None:
    own = "optimizer still(amount : positive) { w[k] = w[k-1] - amount * g[k] }\n"
    text = re.sub(r"sgd\(.*\)\), ", "still(amount = 0.1), ", SPEC)
    Path("model.nn").write_text(own + text)


def empty(runs: Path) -> None:
    write_run("empty", "")


CASES: dict[str, tuple[Callable[[Path], None], list[str], int]] = {
    "no_run": (empty, ["runs/none"], 1),
    "folder_of_runs": (empty, ["runs"], 1),
    "no_record": (empty, ["runs/first", "runs/empty"], 1),
    "unknown_figure": (empty, ["runs/first", "--what", "loss,acuracy"], 1),
    "unknown_format": (empty, ["runs/first", "-o", "out.pgn"], 2),
    "nowhere": (empty, ["runs/first", "-o", "none/out.svg"], 1),
    "spec_as_run": (model, ["model.nn"], 1),
    "run_as_spec": (model, ["runs/first", "--schedule"], 2),
    "trains_nothing": (untrained, ["model.nn", "--schedule"], 2),
    "no_rate": (without_rate, ["model.nn", "--schedule"], 1),
    "what_of_schedule": (model, ["model.nn", "--schedule", "--what", "lr"], 2),
    "by_of_schedule": (model, ["model.nn", "--schedule", "--by", "step"], 2),
    "follow_schedule": (model, ["model.nn", "--schedule", "--follow"], 2),
    "follow_into_file": (empty, ["runs/first", "--follow", "-o", "out.svg"], 2),
    "set_of_run": (empty, ["runs/first", "--set", "H=3"], 2),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said(name: str, runs: Path, update_goldens: bool) -> None:
    prepare, arguments, status = CASES[name]
    prepare(runs)
    result = invoke("plot", *arguments)
    assert result.stdout == ""
    check_golden(GOLDEN / f"{name}.txt", result.stderr, update_goldens)
    assert result.exit_code == status


def test_without_the_library_for_pictures(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plotting, "find_spec", lambda name: None)
    result = invoke("plot", "runs/first", "-o", "out.svg")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "pip install 'graphc[report]'" in result.stderr
    assert not Path("out.svg").exists()
