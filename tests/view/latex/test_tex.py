"""`graphc tex`: equations as a lecturer writes them, fit for LaTeX and for KaTeX."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from graphc.cli import main
from graphc.view.latex.rows import PAGE, broken, width
from tests.golden import FOLDER, check_golden

GOLDENS = [
    *(
        "attention",
        "batchnorm",
        "bidirectional",
        "causal_attention",
        "charlm",
        "conv",
        "digits_mlp",
        "dropout",
    ),
    *(
        "elman",
        "gru",
        "l2_step",
        "losses",
        "lstm",
        "orthogonal",
        "residual_stack",
        "two_linear_layers",
        "vowels",
    ),
]
WIDE = ["vanishing", "seq2seq"]
KATEX = set(
    re.findall(
        r"\\\w+",
        r"""\alpha \bar \begin \beta \cdot \cos \dots \delta \end \epsilon \eta \exp \frac \gamma \geq \hat
        \in \infty \lVert \lambda \left \leq \log \lvert \mathbb \mathbf \mathopen \mathrm \max
        \min \mu \neq \nu \odot \operatorname \overline \phi \prod \quad \rVert \rho \right
        \rvert \sigma \sim \sin \sqrt \star \sum \tanh \tau \text \theta \tilde \times \top \vee
        \wedge \widehat \widetilde""",
    )
)
"""Commands in https://katex.org/docs/supported: others have to be looked up there."""


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """The fragments of some specs."""
    return {name: invoke("tex", f"specs/{name}.nn").stdout for name in [*GOLDENS, *WIDE]}


def test_backpropagation_through_time(texts: dict[str, str]) -> None:
    for line in (
        r"h_{t} &= \sigma(U h_{t-1} + V x_{t})",
        r"\bar{\hat{y}}_{t} &= \frac{2 \, (\hat{y}_{t} - y_{t})}{T}",
        r"\bar{h}_{t} &= \bar{\hat{y}}_{t} \, w + U^{\top} \bar{a}_{t+1}^{h} && t = T, \dots, 1",
        r"\bar{a}_{t}^{h} &= \bar{h}_{t} \odot h_{t} \odot (1 - h_{t})",
        r"\bar{U} &= \sum_{t=1}^{T} \bar{a}_{t}^{h} h_{t-1}^{\top}",
    ):
        assert line in texts["elman"]


def test_a_layer_has_a_section_with_its_parameters(texts: dict[str, str]) -> None:
    section = texts["charlm"].split("% Layer rnn\n")[1].split("%")[0]
    assert r"U_{f}^{(\mathrm{rnn})}, U_{i}^{(\mathrm{rnn})}" in section
    assert r"h_{0}^{(\mathrm{rnn})} &= 0" in section
    assert r"\bar{a}_{t}^{p} &= p_{t} \odot" in texts["charlm"]
    assert r"= \frac{p_{t} - \mathbf{e}_{s_{t+1}}}{T-1} && t = 1, \dots, T-1" in texts["charlm"]


@pytest.mark.parametrize("name", GOLDENS)
def test_formulas(name: str, texts: dict[str, str], update_goldens: bool) -> None:
    check_golden(FOLDER / "latex" / f"{name}.tex", texts[name], update_goldens)


def test_commands_are_those_that_katex_has(texts: dict[str, str]) -> None:
    commands = {found for text in texts.values() for found in re.findall(r"\\[a-zA-Z]+", text)}
    assert commands <= KATEX


def test_inputs_have_gradients_too(texts: dict[str, str]) -> None:
    plain, more = texts["elman"], invoke("tex", "specs/elman.nn", "--inputs").stdout
    assert r"\bar{x}_{t} &= V^{\top} \bar{a}_{t}^{h}" in more
    assert r"\bar{x}" not in plain


# ------------------------------------------------------------------------------------------ documents


def test_documents_compile(texts: dict[str, str], tmp_path: Path) -> None:
    """One run of LaTeX over many specs: no error, nothing wider than the page."""
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex on this machine")
    document = invoke("tex", "specs/elman.nn", "--standalone").stdout
    before, after = document.split("\\maketitle\n")
    (tmp_path / "all.tex").write_text("\n".join([before, *texts.values(), after]))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    said = result.stdout.decode("latin-1")
    assert result.returncode == 0, said[-2000:]
    assert "Overfull" not in said
    assert (tmp_path / "all.pdf").read_bytes().startswith(b"%PDF")


def test_a_document_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "out.tex"
    assert invoke("tex", "specs/sigmoid.nn", "--standalone", "-o", str(path)).exit_code == 0
    text = path.read_text()
    assert text.startswith("\\documentclass")
    assert text.endswith("\\end{document}\n")
    assert r"\title{specs/sigmoid.nn}" in text


def test_a_long_sum_goes_on_in_the_next_row() -> None:
    text = " + ".join(rf"W_{{{number}}} \bar{{a}}_{{t+{number}}}" for number in range(40))
    first, *more = broken(text, PAGE)
    assert len(more) > 1
    assert all(part.startswith("{} + ") for part in more)
    assert all(width(part) <= PAGE for part in (first, *more))
    assert " ".join([first, *(part.removeprefix("{} ") for part in more)]) == text


# -------------------------------------------------------------------------------------- the spec's names

NAMED = """
input x_t : [2] = [1, 2], sigma2 : real = 0.5
param Wout : [2, 2] = [[1, 2], [3, 4]], W_rec : [2, 2] = [[1, 0], [0, 1]], alpha = 0.1, beta_1 = 2, x = 1
z_hat  = tanh(Wout @ x_t + W_rec @ x_t)
tildes = alpha * sum(z_hat^2) / sigma2 + beta_1 * x
minimize tildes
"""


def test_names_are_variables(tmp_path: Path) -> None:
    path = tmp_path / "names.nn"
    path.write_text(NAMED)
    text = invoke("tex", str(path)).stdout
    for name in (
        r"x_{t}",
        r"\sigma_{2}",
        r"W_{\mathrm{out}}",
        r"W_{\mathrm{rec}}",
        r"\alpha",
        r"\beta_{1}",
        r"z_{\mathrm{hat}}",
        r"\mathrm{tildes}",
    ):
        assert name in text


SEVERAL = """
input x : [2] = batch([1, 2], [0, 1]), z : [2] = batch([0.5, 1], [1, -1])
param G : [2, 2] = [[1, 0.5], [0.2, 1]], d : [2] = [0.5, -0.5]
f = G @ z
minimize softplus(-(d @ x)) + softplus(d @ f) over d
minimize softplus(-(d @ f)) over G
"""


def test_each_loss_has_the_gradients_of_what_it_moves(tmp_path: Path) -> None:
    path = tmp_path / "pair~of_losses^2.nn"
    path.write_text(SEVERAL)
    text = invoke("tex", str(path), "--standalone").stdout
    first, second = text.split(r"\part*{Loss ")[1:]
    assert first.startswith("1 of 2: softplus(-(d @ x)) + softplus(d @ f)}")
    assert [r"\bar{d} &=" in part for part in (first, second)] == [True, False]
    assert [r"\bar{G} &=" in part for part in (first, second)] == [False, True]
    assert "L_{1} &=" in first
    assert "L_{2} &=" in second
    assert r"pair\textasciitilde{}of\_losses\textasciicircum{}2.nn}" in text


CALLED = """
dim B = 2
input x : [B] = batch([1, 2], [0, 1])
param L : [B] = [0.5, -0.5]
y = mean[batch](L * x)
minimize sum(y^2) + stop_gradient(sum(y))
"""


def test_names_of_the_spec_are_not_taken_for_the_loss_or_the_batch(tmp_path: Path) -> None:
    path = tmp_path / "called.nn"
    path.write_text(CALLED)
    text = invoke("tex", str(path)).stdout
    assert "% N is the number of examples, and (b) says which one is meant.\n" in text
    assert r"y &= \frac{1}{N} \sum_{b=1}^{N} L \odot x^{(b)}" in text
    assert r"J &= \lVert y \rVert^{2} + \operatorname{stopgradient}" in text


def test_windows_and_steps_of_images_are_said(tmp_path: Path) -> None:
    path = tmp_path / "images.nn"
    path.write_text(
        "input x : [1, 8, 9] = 1\nparam F : [1, 1, 2, 2] = 0.5\n"
        "y = conv(x, F, stride = [2, 1], dilation = 2)\nz = maxpool(y, 2, pad = 1)\nminimize sum(z)\n"
    )
    text = invoke("tex", str(path)).stdout
    assert r"y &= x \star_{s=(2,1), d=2} F" in text
    assert r"z &= \operatorname{maxpool}_{2, p=1}(y)" in text


# ------------------------------------------------------------------------------------------ bad input


def test_without_a_loss_there_are_equations_alone() -> None:
    result = invoke("tex", "specs/rnn_compare.nn")
    assert result.exit_code == 0
    assert "% Forward" in result.stdout
    assert "% Backward" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("specs/missing.nn",), "E001"),
        (("specs/elman.nn", "--pages"), "E701"),
        (("specs/rnn_compare.nn", "--inputs"), "E242"),
        (("specs/elman.nn", "-o", "nowhere/at/all/x.tex"), "nowhere/at/all"),
        (("specs/elman.nn", "-o", "specs"), "specs"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: tuple[str, ...], said: str) -> None:
    result = invoke("tex", *arguments)
    assert result.exit_code != 0
    assert said in result.output
    assert "Traceback" not in result.output


def test_a_faulty_spec_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.nn"
    path.write_text("param w = 1\ny = w * q\nminimize y\n")
    result = invoke("tex", str(path))
    assert result.exit_code != 0
    assert "q" in result.output
    assert "align" not in result.output
