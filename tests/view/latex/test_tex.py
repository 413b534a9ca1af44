"""`graphc tex`: equations as a lecturer writes them."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from graphc.cli import main


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_backpropagation_through_time() -> None:
    text = invoke("tex", "specs/elman.nn").stdout
    for line in (
        r"h_{t} &= \sigma\left(U h_{t-1} + V x_{t}\right)",
        r"\bar{h}_{t} &= \bar{\hat{y}}_{t} \, w + U^{\top} \bar{a}_{t+1}^{h} && t = T, \dots, 1",
        r"\bar{a}_{t}^{h} &= \bar{h}_{t} \odot h_{t} \odot \left(1 - h_{t}\right)",
        r"\bar{U} &= \sum_{t=1}^{T} \bar{a}_{t}^{h} h_{t-1}^{\top}",
    ):
        assert line in text


def test_a_document_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "out.tex"
    assert invoke("tex", "specs/sigmoid.nn", "--standalone", "-o", str(path)).exit_code == 0
    text = path.read_text()
    assert text.startswith("\\documentclass")
    assert text.endswith("\\end{document}\n")
    assert r"\title{" in text
