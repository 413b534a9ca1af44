"""Wrong usage: status 2, one message in our form on stderr, nothing on stdout."""

import subprocess
import sys
from pathlib import Path

import pytest

import graphc
from tests.cli.conftest import FakeProgram, invoke


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu", "x.nn"], "error[E701]: no such command `rnu`\n  = help: did you mean `run`?"),
        (["zzz"], "error[E701]: no such command `zzz`\n  = help: see `graphc --help`"),
        (["run"], "error[E701]: missing argument `FILE`\n  = help: see `graphc run --help`"),
        (["run", "--jsn", "x.nn"], "error[E701]: no such option `--jsn`\n  = help: did you mean `--json`?"),
        (["run", "x.nn", "y.nn"], "error[E701]: got unexpected extra argument (y.nn)"),
        (["show", "--stage", "grd", "x.nn"], "= help: did you mean `grad`?"),
        (["run", "--dtype", "float16", "x.nn"], "`float16` is not one of `float32`, `float64`"),
        (["run", "--seed", "-1", "x.nn"], "error[E701]: invalid value for `--seed`"),
        (["run", "--root", "/no/such/folder", "x.nn"], "error[E701]: invalid value for `--root`"),
        (["run", "--set", "H", "x.nn"], "error[E702]: `--set H`: expected KEY=VALUE, as in `--set H=256`"),
        (["run", "--set", "=3", "x.nn"], "error[E702]: `--set =3`: expected KEY=VALUE"),
        (["run", "--set", "H=", "x.nn"], "error[E702]: `--set H=`: expected KEY=VALUE"),
        (["run", "--set", "H=many", "x.nn"], "the size of a dim is a whole number, not `many`"),
        (["run", "--set", "H=-1", "x.nn"], "the size of a dim is a whole number, not `-1`"),
        (
            ["run", "--set", "epochs=0.5", "x.nn"],
            "= help: options carry the name of their block: `fit.epochs",
        ),
        (["run", "--set", "H=1", "--set", "H=2", "x.nn"], "error[E702]: `--set H=2`: `H` was already set"),
        (["run", "--set", "fti.epochs=3", "x.nn"], "not in `fti`\n  = help: did you mean `fit`?"),
        (["run", "--set", "fit.a b=3", "x.nn"], "`a b` is no name of an option"),
        (["run", "--set", "1H=3", "x.nn"], "`1H` is no name of a dim"),
        (["explain", "E9O1"], "error[E706]: there is no code `E9O1`\n  = help: did you mean `E901`?"),
    ],
)
def test_wrong_usage(program: FakeProgram, arguments: list[str], message: str) -> None:
    result = invoke(*arguments)
    assert message in result.stderr
    assert result.exit_code == 2
    assert result.stdout == ""
    assert program.compiled == {}


def test_no_command_shows_the_help() -> None:
    result = invoke()
    assert result.exit_code == 2
    assert "Commands:" in result.stderr


def test_explain() -> None:
    result = invoke("explain", "e702")
    assert result.exit_code == 0
    assert result.stdout.startswith("E702: `--set` needs a key and a value\n\n")


def test_version() -> None:
    result = invoke("--version")
    assert (result.exit_code, result.stdout) == (0, f"graphc {graphc.__version__}\n")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom graphc.cli import main\n"
        "try:\n    main(['run', '--help'])\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'numpy', 'networkx', 'lark', 'rich', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        cwd=Path(graphc.__file__).parents[1],
    )
