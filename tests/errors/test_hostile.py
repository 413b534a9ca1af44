"""A stranger's file: whatever it holds, it is refused in words, soon, and before memory is asked for."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import graphc
from graphc.cli import main
from graphc.diagnostics import GraphcError

SECONDS = 60
"""Of the processor: far more than any of these takes, and nothing like what it would take to compute them."""


def codes(text: str | Path) -> list[str]:
    """The codes of a source that must be refused."""
    started = time.process_time()
    with pytest.raises(GraphcError) as caught:
        graphc.compile(text)
    assert time.process_time() - started < SECONDS
    return [diagnostic.code for diagnostic in caught.value.diagnostics]


def doubled_blocks(levels: int) -> str:
    text = "block B0(D) {\n  input x : [D]\n  param w : [D]\n  output w * x\n}\n"
    for i in range(1, levels):
        text += f"block B{i}(D) {{\n  input x : [D]\n  layer a = B{i - 1}(D), b = B{i - 1}(D)\n"
        text += "  output a(x) + b(x)\n}\n"
    return f"{text}layer f = B{levels - 1}(2)\ninput x : [2] = [1, 2]\noutput f(x)\n"


def equation(value: str) -> str:
    return f"input x : real = 1\ny = {value}\noutput y\n"


REFUSED = {
    "parentheses": (equation("(" * 10_000 + "x" + ")" * 10_000), "E108"),
    "calls": (equation("tanh(" * 5_000 + "x" + ")" * 5_000), "E108"),
    "signs": (equation("-" * 5_000 + "x"), "E108"),
    "powers": (equation("x^" * 5_000 + "x"), "E108"),
    "sums": (equation("x + " * 5_000 + "x"), "E108"),
    "dim": ("dim D = 1000000000000\ninput x : [D]\noutput sum(x)\n", "E231"),
    "dim of many digits": (f"dim D = {'9' * 5_000}\ninput x : [D]\noutput sum(x)\n", "E112"),
    "product of dims": ("dim A = 2000000000, B = A * A * A\ninput x : [B]\noutput sum(x)\n", "E231"),
    "polynomial of dims": (
        f"dim {', '.join(f'A{i} = 2' for i in range(30))}\n"
        f"param w : [{'*'.join(f'(A{i}+1)' for i in range(30))}]\noutput sum(w)\n",
        "E231",
    ),
    "parameter": ("dim A = 100000\nparam W : [A, A, A]\noutput sum(W)\n", "E253"),
    "input": ("dim A = 100000\ninput x : [A, A, A]\noutput sum(x)\n", "E253"),
    "input of zeros": ("dim A = 100000\ninput x : [A, A, A] = 0\noutput sum(x)\n", "E253"),
    "outer product": ("dim A = 1000000\ninput x : [A]\noutput sum(outer(x, x))\n", "E253"),
    "classes": ("input s : index(5)\ny = one_hot(s, 2000000000)\noutput sum(outer(y, y))\n", "E253"),
    "alignment": (
        "dim A = 2000000000, B = 2, C = 2\ninput x : [A], F : [1, 1]\nparam g : [A, B]\n"
        "output sum(x * outer(g, F))\n",
        "E253",
    ),
    "spaced numbers": ("output sum(linspace(0, 1, [100000, 100000]))\n", "E253"),
    "sums along a vector": ("dim A = 1000000\ninput x : [A]\noutput cumsum(x)\n", "E253"),
    "axis": ("axis k = 1..1000000000000\ninput x[k] : real\noutput sum[k](x[k])\n", "E231"),
    "axis of vectors": (
        "axis k = 1..2000000000\ninput x : [100] = 0\nz[0] = x\nz[k] = tanh(z[k-1])\noutput z[7]\n",
        "E253",
    ),
    "two axes": (
        "axis k = 1..2000000, j = 1..2000000\ninput x : real = 1\n"
        "z[k,j] = k * j * x\noutput sum[k,j](z[k,j])\n",
        "E253",
    ),
    "family": (
        "axis k = 1..2000000000\ninput x : [2]\nlayer f[k] = Dense(2, 2)\nz[0] = x\nz[k] = f[k](z[k-1])\n"
        "output z[1]\n",
        "E253",
    ),
    "lag": ("axis t = 1..T\ninput x[t] : real\nh[0] = 0\nh[t] = h[t-1000000000] + x[t]\noutput h\n", "E304"),
    "number": (equation("1e999 * x"), "E112"),
    "digits": (equation("9" * 400 + " * x"), "E112"),
    "element": (f"input x : [3]\noutput x[{'9' * 400}]\n", "E112"),
    "power of powers": ("param w = 10^10^10\noutput w\n", "E252"),
    # Functions that double at each level are a golden: `expanded_without_measure`.
    "blocks": (doubled_blocks(21), "E249"),
    "function in itself": ("f(x) = g(x)\ng(x) = f(x) + f(x)\ninput x : real = 1\noutput f(x)\n", "E248"),
    "null": (equation("x\0"), "E110"),
    "nothing": ("\n", "E247"),
    "comments": ("# nothing\n\n   # more of it\n", "E247"),
    "name": (f"input {'x' * 5_000} : real\noutput 1\n", "E133"),
    "brackets": ("[" * 500 + "\n", "E108"),
    "braces": ("block B(D) {\n" * 300, "E106"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    text, code = REFUSED[case]
    assert code in codes(text)


def test_files_that_are_no_specs(tmp_path: Path) -> None:
    def written(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    assert codes(written("null.nn", b"input x : real\nx\0")) == ["E005"]
    assert codes(written("latin.nn", b"# \xe4\ninput x : real\n")) == ["E004"]
    assert codes(written("random.nn", bytes(range(1, 256)) * 40)) == ["E004"]
    assert codes(written("empty.nn", b"")) == ["E007"]
    assert codes(written("blank.nn", b" \n\t\n")) == ["E007"]
    assert codes(written("large.nn", b"# " + b"x" * 1_000_001)) == ["E006"]
    assert codes(tmp_path) == ["E002"]
    assert codes(tmp_path / "none.nn") == ["E001"]
    os.mkfifo(tmp_path / "pipe.nn")
    assert codes(tmp_path / "pipe.nn") == ["E008"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder to be read, beside a file that must not be."""
    (tmp_path / "secret.nn").write_text("secret(x) = x\n")
    (tmp_path / "secret.npz").write_bytes(b"secret")
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "link.nn").symlink_to(tmp_path / "secret.nn")
    (folder / "link.npz").symlink_to(tmp_path / "secret.npz")
    (folder / "circle.nn").symlink_to(folder / "circle.nn")
    (folder / "folder").symlink_to(tmp_path)
    return folder


OUTSIDE = [
    "../secret",
    "folder/secret",
    "link",
    "./../secret",
    "a/../../secret",
    "/etc/passwd",
    "C:\\secret",
    "..\\secret",
    "circle",
    "",
    "x" * 5_000,
]


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: path[:12])
def test_imports_stay_below_the_root(root: Path, path: str) -> None:
    spec = root / "spec.nn"
    spec.write_text(f'import "{path}.nn"\ninput x : real = 1\noutput secret(x)\n', encoding="utf-8")
    with pytest.raises(GraphcError) as caught:
        graphc.compile(spec)
    assert caught.value.diagnostics[0].code == "E243"
    assert str(root.parent) not in str(caught.value).replace(f"{spec}:", "")


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: path[:12])
def test_data_stays_below_the_root(root: Path, path: str) -> None:
    spec = root / "spec.nn"
    text = f'input x\nparam w = 1\nminimize w * x\ndata {{ source = "{path}.npz" }}\nfit {{ epochs = 1 }}\n'
    spec.write_text(text, encoding="utf-8")
    with pytest.raises(GraphcError) as caught:
        graphc.compile(spec).fit()
    assert caught.value.diagnostics[0].code in ("E410", "E412", "E413")


def test_imports_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a.nn").write_text('import "b.nn"\nf(x) = g(x)\n')
    (tmp_path / "b.nn").write_text('import "a.nn"\ng(x) = f(x)\n')
    spec = tmp_path / "spec.nn"
    spec.write_text('import "a.nn"\ninput x : real = 1\noutput f(x)\n')
    assert codes(spec) == ["E244"]


def test_imports_of_a_file_twice(tmp_path: Path) -> None:
    """Files that import the next one twice each are read once each."""
    for i in range(30):
        (tmp_path / f"f{i}.nn").write_text(f'import "f{i + 1}.nn"\nimport "f{i + 1}.nn"\ng{i}(x) = x\n')
    (tmp_path / "f30.nn").write_text("g30(x) = x\n")
    spec = tmp_path / "spec.nn"
    spec.write_text('import "f0.nn"\ninput x : real = 1\noutput g30(x)\n')
    started = time.process_time()
    graphc.compile(spec)
    assert time.process_time() - started < SECONDS


# ------------------------------------------------------------------------------------------ large but fine


def compiled(text: str) -> None:
    started = time.process_time()
    graphc.compile(text)
    assert time.process_time() - started < SECONDS


def test_many_equations() -> None:
    compiled("input x : [3] = [1, 2, 3]\n" + "".join(f"a{i} = tanh(x * {i})\n" for i in range(3_000)))


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "against it"])
def test_a_long_chain(order: int) -> None:
    lines = [f"a{i} = tanh(a{i - 1})" for i in range(1, 2_000)]
    compiled("\n".join(["input x : real = 1", "a0 = x", *lines[::order], "output a1999", ""]))


def test_a_long_cycle() -> None:
    lines = "".join(f"a{i}[t] = tanh(a{i - 1}[t])\n" for i in range(1, 300))
    compiled(f"axis t = 1..T\ninput x[t] : real\na299[0] = 0\na0[t] = a299[t-1] + x[t]\n{lines}output a299\n")


def test_many_faults_come_together() -> None:
    assert codes("".join(f"a{i} = tanh(b{i})\n" for i in range(1_000))) == ["E220"] * 1_000


# ------------------------------------------------------------------------------------- the command line


@pytest.mark.parametrize("command", ["run", "check", "show", "draw", "doctor"])
@pytest.mark.parametrize("case", ["parentheses", "dim", "outer product", "null", "function in itself"])
def test_commands_end_with_one(tmp_path: Path, command: str, case: str) -> None:
    spec = tmp_path / "spec.nn"
    spec.write_text(REFUSED[case][0], encoding="utf-8")
    result = CliRunner().invoke(main, [command, str(spec)])
    assert result.exit_code == 1
    assert "error[E" in result.output
    assert "Traceback" not in result.output
    assert "E901" not in result.output


def test_wrong_usage_ends_with_two(tmp_path: Path) -> None:
    spec = tmp_path / "spec.nn"
    spec.write_text("input x : real\noutput x\n")
    for arguments in (["run"], ["run", str(spec), "--set", "H"], ["rnu", str(spec)], ["run", str(spec)]):
        assert CliRunner().invoke(main, arguments).exit_code == 2
