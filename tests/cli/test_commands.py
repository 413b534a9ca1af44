"""check, show, draw, fmt, doctor."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from graphc.cli.tools import difference
from graphc.diagnostics import Source, fault
from graphc.view.checks import CheckResult
from graphc.view.doctor import Diagnosis, Finding, ParameterHealth
from tests.cli.conftest import FakeProgram, invoke, warning

RIGHT = CheckResult("f ~= 0.5", "model.nn:3:3", True, "0.5", "0.5", "0.05")
WRONG = CheckResult("g ~= 2", "model.nn:4:3", False, "2", "1", "")


def test_checks_that_hold(program: FakeProgram, spec: str) -> None:
    program.results = [RIGHT]
    result = invoke("check", spec)
    assert (result.exit_code, result.stdout) == (0, f"ok    {spec}: 1 check\n")
    assert program.compiled["dtype"] == "float64"
    assert program.asked == [False]


def test_a_check_that_fails(program: FakeProgram, spec: str) -> None:
    program.results = [RIGHT, WRONG]
    result = invoke("check", "--grad", spec)
    assert result.exit_code == 1
    assert program.asked == [True]
    assert result.stdout.splitlines() == [
        f"WRONG {spec}: 1 of 2 checks failed",
        "  model.nn:4:3: g ~= 2",
        "    expected  2",
        "    found     1",
    ]


def test_a_folder_is_searched(program: FakeProgram, spec: str, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.nn").write_text("", encoding="utf-8")
    result = invoke("check", str(tmp_path), spec)
    assert result.stdout.splitlines() == [
        f"ok    {tmp_path / 'inner' / 'a.nn'}: nothing to check",
        f"ok    {spec}: nothing to check",
        "2 of 2 files are right",
    ]


def test_a_folder_without_specs(program: FakeProgram, tmp_path: Path) -> None:
    result = invoke("check", str(tmp_path))
    assert result.exit_code == 2
    assert result.stderr == f"error[E705]: `{tmp_path}` holds no `.nn` file\n"


def test_a_fault_does_not_keep_other_files_from_being_checked(
    program: FakeProgram, spec: str, tmp_path: Path
) -> None:
    program.failure = fault("E203", "sizes differ")
    result = invoke("check", spec, str(tmp_path / "other.nn"), "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["ok"] is False
    assert [file["error"] for file in found["files"]] == ["error[E203]: sizes differ"] * 2


def test_checks_as_json(program: FakeProgram, spec: str) -> None:
    program.results = [WRONG]
    (file,) = json.loads(invoke("check", spec, "--json").stdout)["files"]
    assert file["checks"] == [
        {
            "name": "g ~= 2",
            "place": "model.nn:4:3",
            "ok": False,
            "expected": "2",
            "found": "1",
            "tolerance": "",
        }
    ]


def test_show(program: FakeProgram, spec: str) -> None:
    assert invoke("show", spec, "--stage", "grad").stdout == "stage grad\n"


def test_doctor(program: FakeProgram, spec: str) -> None:
    assert invoke("doctor", spec).stdout == f"{spec}, on two examples\n\nnothing to complain about\n"
    finding = Finding("loss", "look", "nan", "look for a logarithm of 0")
    program.diagnosis = Diagnosis("data", (finding,), (ParameterHealth("W", (2, 3), 1.0, 0.25, 0.5),))
    program.warnings = [warning()]
    result = invoke("doctor", spec)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"{spec}, on data",
        "look  loss  nan",
        "            look for a logarithm of 0",
        "",
        "parameter  shape  norm  gradient's norm  of it zero",
        "W          2 x 3     1             0.25         50%",
        "",
        "1 thing to look at",
    ]
    assert "warning[W901]" in result.stderr


def test_doctor_as_json(program: FakeProgram, spec: str) -> None:
    program.diagnosis = Diagnosis("data", (Finding("loss", "ok", "1"),))
    program.warnings = [warning()]
    found = json.loads(invoke("doctor", spec, "--json").stdout)
    assert (found["file"], found["data"], found["ok"]) == (spec, "data", True)
    assert found["findings"] == [{"name": "loss", "status": "ok", "text": "1", "advice": ""}]
    assert (found["warnings"][0]["code"], found["warnings"][0]["place"]) == ("W901", "model.nn:1:10")


@pytest.fixture
def _spaces_go(monkeypatch: pytest.MonkeyPatch) -> None:
    formatter = ModuleType("graphc.frontend.formatter")

    def format_source(source: Source) -> str:
        if "?" in source.text:
            raise fault("E101", "what is `?`")
        return source.text.replace("  ", " ")

    formatter.format_source = format_source  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "graphc.frontend.formatter", formatter)


@pytest.mark.usefixtures("_spaces_go")
def test_fmt(tmp_path: Path) -> None:
    good, bad, broken = (tmp_path / name for name in ("good.nn", "bad.nn", "broken.nn"))
    good.write_text("a = 1\n", encoding="utf-8")
    bad.write_text("a  = 1\n", encoding="utf-8")
    broken.write_text("?\n", encoding="utf-8")

    result = invoke("fmt", "--check", str(good), str(bad))
    assert (result.exit_code, result.stdout) == (1, f"would change {bad}\n")
    result = invoke("fmt", "--diff", str(good), str(bad))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[2:] == ["@@ -1 +1 @@", "-a  = 1", "+a = 1"]
    assert bad.read_text(encoding="utf-8") == "a  = 1\n"

    result = invoke("fmt", str(broken), str(good), str(bad))
    assert (result.exit_code, result.stdout) == (1, f"changed {bad}\n")
    assert "error[E101]" in result.stderr
    assert bad.read_text(encoding="utf-8") == "a = 1\n"
    assert broken.read_text(encoding="utf-8") == "?\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bad.nn", "broken.nn", "good.nn"]


def test_a_difference_in_the_last_line_end_can_be_seen() -> None:
    assert difference("a.nn", "a", "a\n").splitlines()[-3:] == ["-a", "\\ No newline at end of file", "+a"]
