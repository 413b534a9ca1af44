"""What `graphc run` says while it trains: the bar, its terminal, and the lines where there is none."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from graphc.cli.progress import ProgressBar
from graphc.diagnostics import Diagnostic
from graphc.train.reporting import EpochRecord, History, Log, Plan, StepRecord
from graphc.view.progress import Picture
from tests.cli.conftest import FakeProgram, invoke
from tests.cli.terminal import MAIN, on_terminal
from tests.golden import FOLDER, check_golden

GOLDEN = FOLDER / "progress"

SPEC = """
input x : [2] = [1, 2]
param w : [2] = 1
minimize (w @ x - 4)^2
fit { optimizer = sgd(lr = LR), epochs = EPOCHS }
"""


class Clock:
    """Time goes on when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Paper:
    """Keeps what is drawn."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self.notes: list[str] = []
        self.is_clear = False

    def draw(self, picture: Picture) -> None:
        self.pictures.append(picture)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def clear(self) -> None:
        self.is_clear = True


class Course:
    """A bar with a clock: ten epochs of 100 steps on 32 examples."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.clock, self.paper = Clock(), Paper()
        self.bar = ProgressBar(self.paper, self.clock)
        self.bar.started(plan or Plan(10, None, 100))
        self.step = 0

    def steps(self, count: int, seconds: float) -> None:
        for _ in range(count):
            self.step += 1
            self.clock.now += seconds
            self.bar.stepped(StepRecord(1 + (self.step - 1) // 100, self.step, 0.5, 2.0, 0.1, 32))

    def judge(self, seconds: float) -> None:
        self.bar.measuring("train")
        self.clock.now += seconds / 2
        self.bar.measuring("validation")
        self.clock.now += seconds / 2
        self.bar.judged(EpochRecord(self.step // 100, 10, self.step, {"train": {"loss": 0.5}}, 1.0))

    @property
    def picture(self) -> Picture:
        return self.paper.pictures[-1]


def test_where_a_training_stands() -> None:
    course = Course()
    assert course.picture == Picture(1, 10, 0, 1000)
    course.steps(50, 0.25)
    assert course.picture == Picture(
        1, 10, 50, 1000, 950 * 0.25, loss=0.5, gradient_norm=2.0, lr=0.1, examples_per_second=128
    )


def test_it_is_drawn_a_few_times_a_second() -> None:
    course = Course()
    course.steps(10_000, 0.001)
    assert 10 < len(course.paper.pictures) < 80


def test_a_slow_terminal_is_drawn_on_less_often() -> None:
    fast, slow = Course(), Course()

    def draw(picture: Picture) -> None:
        slow.paper.pictures.append(picture)
        slow.clock.now += 0.01

    slow.paper.draw = draw  # type: ignore[method-assign]
    for course in (fast, slow):
        course.steps(5000, 0.001)
    assert len(slow.paper.pictures) < len(fast.paper.pictures) / 2
    # What drawing takes is not counted as a step's time.
    assert slow.picture.examples_per_second == pytest.approx(32_000)


def test_compiling_is_counted_apart() -> None:
    course = Course()
    course.steps(4, 0.25)
    course.bar.compiling("the code of evaluation")
    assert course.picture.busy_with == "compiling the code of evaluation ..."
    course.clock.now += 7
    course.bar.compiled("the code of evaluation", 7)
    course.steps(4, 0.25)
    assert course.picture.busy_with == ""
    assert course.picture.compile_seconds == 7
    assert course.picture.examples_per_second == 128
    assert course.picture.seconds_left == 992 * 0.25


def test_the_time_left_follows_the_last_steps() -> None:
    course = Course()
    course.steps(100, 1.0)
    course.steps(400, 0.25)
    assert course.picture.seconds_left == 500 * 0.25
    course.judge(6.0)
    course.steps(1, 0.25)
    # 499 more steps, and five more times of measuring.
    assert course.picture.seconds_left == pytest.approx(499 * 0.25 + 5 * 6)


def test_saving_after_an_epoch_belongs_to_it() -> None:
    course = Course()
    course.steps(100, 0.25)
    course.judge(1.0)
    course.clock.now += 3
    course.bar.saved(Path("last"), 100)
    course.steps(1, 0.25)
    assert course.picture.examples_per_second == 128
    assert course.picture.seconds_left == pytest.approx(899 * 0.25 + 9 * 4)


def test_measuring_is_shown_where_it_takes_time() -> None:
    course = Course()
    course.steps(100, 0.25)
    course.judge(0.1)
    course.steps(100, 0.25)
    course.judge(2.0)
    assert {picture.busy_with for picture in course.paper.pictures} == {""}
    course.steps(100, 0.25)
    course.judge(2.0)
    assert [p.busy_with for p in course.paper.pictures[-2:]] == [
        "measuring the train part ...",
        "measuring the validation part ...",
    ]
    course.steps(1, 0.25)
    assert course.picture.busy_with == ""
    assert course.picture.judged == {"train": {"loss": 0.5}}
    assert course.picture.examples_per_second == 128


def test_an_end_that_is_not_known_is_not_foretold() -> None:
    course = Course(Plan(None, None, None))
    course.steps(10, 0.25)
    assert (course.picture.steps, course.picture.seconds_left) == (None, None)
    course = Course(Plan(10, None, None))
    course.steps(10, 0.25)
    assert (course.picture.steps, course.picture.seconds_left) == (None, None)


def test_a_resumed_training_begins_where_it_was() -> None:
    course = Course(Plan(10, None, 100, epoch=9, step=900, patience=3))
    assert (course.picture.epoch, course.picture.step, course.picture.ends_early) == (10, 900, True)
    course.step = 900
    course.steps(10, 0.25)
    assert course.picture.seconds_left == 90 * 0.25


def test_warnings_stand_above_and_the_end_clears() -> None:
    course = Course()
    course.bar.warned(Diagnostic("W601", "the disk is full", severity="warning"))
    assert course.paper.notes == ["warning[W601]: the disk is full"]
    assert not course.paper.is_clear
    course.bar.ended(History())
    assert course.paper.is_clear


# ------------------------------------------------------------------------------- on a terminal


pytest.importorskip("pty", reason="this system has no pseudo terminals")


def write_spec(folder: Path, rate: str = "0.05", epochs: int = 3) -> str:
    path = folder / "a.nn"
    path.write_text(SPEC.replace("LR", rate).replace("EPOCHS", str(epochs)), encoding="utf-8")
    return str(path)


def arguments(spec: str, *more: str) -> list[str]:
    return ["run", spec, "--backend", "reference", "--no-run", *more]


def test_a_bar_comes_and_goes(tmp_path: Path) -> None:
    done = on_terminal(MAIN, arguments(write_spec(tmp_path), "--json"))
    assert done.status == 0
    assert "compiling the graph of the training step ..." in done.written
    assert "step 0/3" in done.written
    assert "─" * 8 in done.written
    assert done.screen == []
    assert json.loads(done.stdout)["epochs"] == 3


def test_the_last_picture_stands_above_a_fault(tmp_path: Path) -> None:
    done = on_terminal(MAIN, arguments(write_spec(tmp_path, rate="1e30")))
    assert (done.status, done.stdout) == (1, "")
    assert done.screen[0].startswith("epoch 1/3  ")
    assert done.screen[1].startswith("loss 1  gradient 4.472")
    assert done.screen[2].startswith("error[E501]: ")
    assert done.written.rfind("\x1b[?25h") > done.written.rfind("\x1b[?25l")


def test_no_colour_where_none_is_wanted(tmp_path: Path) -> None:
    spec = write_spec(tmp_path)
    assert "\x1b[36m" in on_terminal(MAIN, arguments(spec, "--set", "fit.epochs=3000")).written
    plain = on_terminal(MAIN, arguments(spec, "--set", "fit.epochs=3000"), env={"NO_COLOR": "1"})
    assert "━" in plain.written
    assert "\x1b[3" not in plain.written


def test_a_dumb_terminal_gets_lines(tmp_path: Path) -> None:
    done = on_terminal(MAIN, arguments(write_spec(tmp_path)), env={"TERM": "dumb"})
    assert "\x1b" not in done.written
    assert [line.split(":")[0] for line in done.screen] == [f"epoch {n}/3, step {n}" for n in (1, 2, 3)]


@pytest.mark.parametrize(("option", "lines"), [("--quiet", 0), ("--verbose", 3)])
def test_no_bar_where_another_form_is_asked_for(tmp_path: Path, option: str, lines: int) -> None:
    done = on_terminal(MAIN, arguments(write_spec(tmp_path), option))
    assert "\x1b" not in done.written
    assert sum(line.startswith("epoch ") for line in done.screen) == lines
    assert (done.written == "") == (option == "--quiet")


def test_an_interrupt_closes_the_bar(tmp_path: Path) -> None:
    sent = []

    def interrupt(written: str, process: subprocess.Popen[bytes]) -> None:
        if "loss" in written and not sent:
            sent.append(True)
            process.send_signal(signal.SIGINT)

    spec, kept = write_spec(tmp_path, epochs=10_000_000), tmp_path / "kept"
    command = ["run", spec, "--backend", "reference", "--run-dir", str(kept)]
    done = on_terminal(MAIN, [*command, "--set", "fit.save=seconds(1000)"], columns=200, watch=interrupt)
    assert done.status == 130
    assert done.screen == [f"`graphc run --resume {kept}` goes on"]
    assert "interrupted" in done.stdout


DRAWING = """
import sys
from graphc.cli.progress import reporting
from graphc.diagnostics import Diagnostic
from graphc.train.reporting import EpochRecord, Plan, StepRecord
with reporting() as bar:
    bar.started(Plan(120, None, 100))
    bar.stepped(StepRecord(7, 612, 0.25, 1.5, 0.001, 32))
    measured = {"train": {"loss": 0.25, "accuracy": 0.93}, "validation": {"loss": 0.5, "accuracy": 0.9}}
    bar.judged(EpochRecord(7, 120, 700, measured, 3.0))
    bar.warned(Diagnostic("W601", "the disk is full", severity="warning"))
    print("from a library", file=sys.stderr)
"""


@pytest.mark.parametrize("columns", [100, 60, 20])
def test_pictures_of_any_width(columns: int, update_goldens: bool) -> None:
    done = on_terminal(DRAWING, columns=columns)
    above, picture = done.screen[:2], done.screen[2:]
    assert above == ["warning[W601]: the disk is full", "from a library"]
    assert max(map(len, picture)) < columns
    check_golden(GOLDEN / f"width_{columns}.txt", "\n".join(picture) + "\n", update_goldens)


def test_a_bar_in_ascii() -> None:
    done = on_terminal(DRAWING, env={"PYTHONIOENCODING": "ascii"})
    assert "#" in done.written
    assert "-" * 20 in done.written
    assert done.written.isascii()


# --------------------------------------------------------------------------------------- lines


def test_stdout_has_only_the_result_where_stderr_is_a_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MAIN, *arguments(write_spec(tmp_path), "--json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert json.loads(done.stdout)["epochs"] == 3
    assert "\x1b" not in done.stderr
    assert len(done.stderr.splitlines()) == 3


def test_everything_in_lines(capsys: pytest.CaptureFixture[str], update_goldens: bool) -> None:
    log = Log()
    log.compiled("the code of the training step", 1.234)
    log.started(Plan(4, None, 25, epoch=2, step=50, patience=3))
    log.stepped(StepRecord(3, 51, 0.123456, 2.0, 0.01, 32))
    log.stepped(StepRecord(3, 52, 1e-9, 12345.6, None, 32))
    log.judged(
        EpochRecord(
            3,
            4,
            75,
            {"train": {"loss": 0.25, "accuracy": 0.5}, "validation": {"loss": 0.5, "accuracy": 0.25}},
            61.04,
            0.01,
            2.5,
            12345.6,
            {"enc.W": 0.12345, "b": 2e-5},
            {"enc.W": 0.001},
        )
    )
    log.saved(Path("runs/a/checkpoints/last.safetensors"), 75)
    log.warned(Diagnostic("W601", "the disk is full", severity="warning"))
    log.started(Plan(None, None, None))
    printed = capsys.readouterr()
    assert printed.out == ""
    check_golden(GOLDEN / "verbose.txt", printed.err, update_goldens)


def test_magnitudes_of_all_parameters(tmp_path: Path) -> None:
    result = invoke(*arguments(write_spec(tmp_path), "--verbose"))
    # The gradient of (x w - 4)^2 is 2 (3 - 4) x at first: -2 and -4, and the rate is 0.05.
    assert "step 1: loss 1, gradient 4.472, lr 0.05\n" in result.stderr
    assert "  w: gradient 4.472, moved by 0.1581 of its norm\n" in result.stderr
    assert "compiled the graph of the training step in " in result.stderr


def test_quiet_leaves_warnings_out(program: FakeProgram, spec: str) -> None:
    program.has_fit = True
    program.warnings = [Diagnostic("W901", "nothing uses `y`", severity="warning")]
    assert invoke("run", spec, "--no-run", "--quiet").stderr == ""
    assert "W901" in invoke("run", spec, "--no-run").stderr


def test_verbose_has_no_use_everywhere(program: FakeProgram, spec: str) -> None:
    for options in (["--verbose"], ["--verbose", "--quiet"]):
        result = invoke("run", spec, *options)
        assert result.exit_code == 2
        assert "error[E707]: `--verbose` has no use here" in result.stderr
