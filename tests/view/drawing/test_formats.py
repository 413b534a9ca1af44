"""A picture in the formats that are text for other programs, and as pixels."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest

from graphc.diagnostics import GraphcError
from graphc.view.drawing.dot import dot, quote
from graphc.view.drawing.drawing import Drawing
from graphc.view.drawing.picture import Box, Frame, Line, Picture, Wire
from graphc.view.drawing.png import png
from graphc.view.drawing.tikz import escaped

HOSTILE = 'a "b" \\ </script> %{$_^~} ü'

NEURON = Picture(
    "neuron.nn",
    [
        Box("x", "x", "", "input", "real", value=np.array(2.0)),
        Box("w", "w", "", "param", "real", value=np.array(3.0)),
        Box("y~0", "", "*", "operation", "real", frame="=y", line=Line("neuron.nn", 3, "w * x")),
        Box("y", "y", "1 / ·", "loss", "real", frame="=y"),
    ],
    [
        Wire("x", "y~0", cotangent=np.array(0.5)),
        Wire("w", "y~0"),
        Wire("y~0", "y"),
        Wire("y", "y~0", said="t-1", is_back=True),
    ],
    [Frame("=y", "y", "equation", "layer"), Frame("layer", "net = Dense()", "layer")],
    ("a note",),
)


def test_a_picture_as_dot() -> None:
    text = dot(NEURON)
    assert text.startswith('digraph "neuron.nn" {\n')
    assert 'label="a note"' in text
    assert 'b0 -> b2 [label="2\\n0.5"];' in text
    assert 'b3 -> b2 [label="t-1", style=dashed, constraint=false];' in text
    assert 'tooltip="neuron.nn:3: w * x"' in text
    clusters = re.search(
        r'cluster_1 {\n +label="net = Dense\(\)".*?cluster_0 {\n +label="y"', text, re.DOTALL
    )
    assert clusters is not None
    assert text.count("{") == text.count("}")


def test_dot_without_numbers() -> None:
    assert "b0 -> b2;" in dot(NEURON, numbers=False)


def test_quotes_backslashes_and_line_ends() -> None:
    assert quote('a "b" \\n\nc\x07') == '"a \\"b\\" \\\\n\\nc\N{REPLACEMENT CHARACTER}"'


def test_a_picture_as_tex() -> None:
    text = Drawing(NEURON, layout="plain").tex()
    body = text[text.index(r"\begin{tikzpicture}") :]
    assert body.count(r"\draw[wire]") == 3
    assert body.count(r"\draw[back]") == 1
    for role in ("input", "param", "operation", "loss"):
        assert f"fill={role} inside" in body
    for said in ("{x}", "{w}", r"{y = 1 / $\cdot$}", "{2}", "{0.5}", "{net = Dense()}"):
        assert said in body
    assert all(line.endswith(";") for line in body.splitlines()[1:-2])


def test_tex_has_no_commands_but_ours() -> None:
    assert escaped(r"\input{x} %$") == r"\textbackslash{}input\{x\} \%\$"
    assert escaped("a_b^2 é\n") == r"a\_b\textasciicircum{}2 ??"
    hostile = replace(NEURON, title=HOSTILE, boxes=[replace(b, name=HOSTILE) for b in NEURON.boxes])
    text = Drawing(hostile, layout="plain").tex()
    assert r"</script>" not in text
    assert r"\%\{\$\_" in text


def test_a_picture_as_pixels() -> None:
    pytest.importorskip("resvg_py")
    drawing = Drawing(NEURON, layout="plain")
    content = drawing.png(scale=2)
    assert content.startswith(b"\x89PNG")
    width = int.from_bytes(content[16:20], "big")
    drawn = re.search(r' width="([0-9.]+)"', drawing.svg())
    assert drawn is not None
    assert width == pytest.approx(2 * float(drawn[1]), abs=2)


def test_too_many_pixels() -> None:
    pytest.importorskip("resvg_py")
    with pytest.raises(GraphcError, match="100000 by 200000 pixels") as caught:
        png('<svg width="50000" height="100000"></svg>', 2)
    assert caught.value.diagnostics[0].code == "E725"


def test_pixels_need_the_extra() -> None:
    with (
        mock.patch.dict(sys.modules, resvg_py=None),
        pytest.raises(GraphcError, match=r"pip install 'graphc\[draw\]'") as caught,
    ):
        png('<svg width="5" height="5"></svg>', 1)
    assert caught.value.diagnostics[0].code == "E721"
