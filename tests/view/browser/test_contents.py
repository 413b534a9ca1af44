"""The text of the page, without a browser: what it holds, and that nothing in it can get out of its place."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from typing import Any

import numpy as np
import pytest

from graphc.view.drawing import contents
from graphc.view.drawing.contents import Contents, statistics
from graphc.view.drawing.html import html
from graphc.view.drawing.layout import lay_out
from graphc.view.drawing.picture import Array, Box, Frame, Line, Picture, Wire


def page(
    *boxes: Box, wires: tuple[Wire, ...] = (), frames: tuple[Frame, ...] = (), title: str = "spec"
) -> str:
    return html(lay_out(Picture(title, boxes, wires, frames)))


def data(text: str) -> Any:
    (found,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    return json.loads(found)


def valued(key: str, value: Array) -> Box:
    return Box(key, key, "", "input", str(list(value.shape)), value=value)


def test_the_policy_names_the_only_script_and_nothing_is_loaded() -> None:
    text = page(valued("x", np.zeros(2)))
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="(.*?)"', text)
    assert f"default-src 'none'; script-src 'sha256-{digest}'" in policy
    links = set(re.findall(r"""(?:https?:)?//[\w.]+[^\s"'<]*""", text.replace("//# ", "")))
    assert links == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\s(src|href|on\w+)=", text)


@pytest.mark.parametrize("text", ["</script><b>", "<!--<script>", "\u2028&amp;", '"\\'])
def test_any_text_comes_through_as_it_is(text: str) -> None:
    box = Box("x", text, text, "operation", text, line=Line(text, 1, text), notes=(text,))
    whole = page(box, title=text)
    (found,) = data(whole)[0]["boxes"]
    assert (found["name"], found["line"]["file"], found["notes"]) == (text, text, [text])
    assert whole.count("<script") == whole.count("</script>") == 2


def test_arrays_are_whole_up_to_a_limit_and_have_statistics_beyond() -> None:
    small, large = data(page(valued("a", np.arange(6.0).reshape(2, 3)), valued("b", np.ones(2000))))[0][
        "boxes"
    ]
    assert small["value"]["numbers"] == [0, 1, 2, 3, 4, 5]
    assert small["value"]["shape"] == [2, 3]
    assert large["value"]["numbers"] is None
    assert large["value"]["statistics"]["norm"] == pytest.approx(np.sqrt(2000))


def test_a_page_holds_so_many_elements_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    placed = lay_out(Picture("p", [valued(key, np.ones(6)) for key in "abc"], []))
    boxes = Contents(left=13).view("", placed)["boxes"]  # type: ignore[call-overload,index]
    assert [box["value"]["numbers"] is not None for box in boxes] == [True, True, False]
    monkeypatch.setattr(contents, "WHOLE", 5)
    boxes = Contents().view("", placed)["boxes"]  # type: ignore[call-overload,index]
    assert all(box["value"]["numbers"] is None for box in boxes)


def test_statistics_of_what_is_finite() -> None:
    found = statistics(np.array([1.0, -3.0, 0.0, np.nan, np.inf]))
    assert found == {
        "elements": 5,
        "minimum": -3.0,
        "maximum": 1.0,
        "mean": pytest.approx(-2 / 3),
        "deviation": pytest.approx(np.std([1, -3, 0])),
        "norm": pytest.approx(np.sqrt(10)),
        "zeros": 1,
        "NaN": 1,
        "infinite": 1,
    }
    assert statistics(np.zeros(0)) == {"elements": 0}
    assert statistics(np.array([np.nan])) == {"elements": 1, "zeros": 0, "NaN": 1, "infinite": 0}


def test_an_operation_knows_the_equation_around_it() -> None:
    frame = Frame("=y", "y", "equation", line=Line("s.nn", 3, "y = exp(x) + 1"))
    inner = Box("y~0", "", "exp", "operation", "real", frame="=y", line=Line("s.nn", 3, "exp(x)"))
    alone = Box("z", "z", "exp", "operation", "real", line=Line("s.nn", 4, "exp(y)"))
    leaf = Box("x", "x", "", "input", "real", line=Line("s.nn", 1, "x : real = 2"))
    boxes = data(page(inner, alone, leaf, frames=(frame,)))[0]["boxes"]
    assert [box["equation"] for box in boxes] == ["y = exp(x) + 1", "z = exp(y)", "x : real = 2"]


def test_summands_by_step_add_up_with_what_comes_in_other_ways() -> None:
    steps = np.arange(3.0)
    shared = Box("w", "w", "", "param", "real", cotangent=np.array(3.0), shares={"T": steps})
    penalised = Box("v", "v", "", "param", "real", cotangent=np.array(3.5), shares={"T": steps})
    first, second = (box["shares"]["T"] for box in data(page(shared, penalised))[0]["boxes"])
    assert first == [["step 1", "0"], ["step 2", "1"], ["step 3", "2"]]
    assert second == [*first, ["in other ways", "0.5"]]
