"""The text of the page, without a browser: what it holds, and that nothing in it can get out of its place."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode, b64encode
from typing import Any

import numpy as np
import pytest

from graphc.view.drawing import contents
from graphc.view.drawing.arrangements import arranged
from graphc.view.drawing.contents import Contents, statistics
from graphc.view.drawing.folding import folded
from graphc.view.drawing.html import html
from graphc.view.drawing.picture import Array, Box, Frame, Line, Picture, Wire

from .test_page import placed


def page(
    *boxes: Box, wires: tuple[Wire, ...] = (), frames: tuple[Frame, ...] = (), title: str = "spec"
) -> str:
    return html({"": arranged(Picture(title, boxes, wires, frames), placed)})


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
    (found,) = data(whole)["views"][0]["boxes"]
    assert (found["name"], found["line"]["file"], found["notes"]) == (text, text, [text])
    assert whole.count("<script") == whole.count("</script>") == 2


def test_arrays_are_whole_up_to_a_limit_and_have_statistics_beyond() -> None:
    small, large = data(page(valued("a", np.arange(6.0).reshape(2, 3)), valued("b", np.ones(20_000))))[
        "arrays"
    ]
    assert small["numbers"] == [0, 1, 2, 3, 4, 5]
    assert small["shape"] == [2, 3]
    assert not {"numbers", "bytes"} & set(large)
    assert large["statistics"]["norm"] == pytest.approx(np.sqrt(20_000))


def test_a_page_holds_so_many_elements_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = arranged(Picture("p", [valued(key, np.full(6, ord(key))) for key in "abc"], []), placed)

    def whole(made: Contents) -> list[bool]:
        made.view("", shown)
        return ["numbers" in array for array in made.arrays]  # type: ignore[operator]

    assert whole(Contents(left=13)) == [True, True, False]
    monkeypatch.setattr(contents, "WHOLE", 5)
    assert whole(Contents()) == [False, False, False]


def test_equal_arrays_are_in_a_page_once() -> None:
    shared = np.arange(4.0)
    found = data(page(valued("a", shared), valued("b", shared.copy()), valued("c", shared.reshape(2, 2))))
    assert [box["value"] for box in found["views"][0]["boxes"]] == [0, 0, 1]
    assert len(found["arrays"]) == 2


@pytest.mark.parametrize(
    ("array", "type"),
    [
        (np.linspace(-1, 1, 150), "float32"),
        (np.linspace(-1, 1, 150, dtype=np.float32), "float32"),
        (np.array([np.nan, np.inf, -np.inf] * 50), "float32"),
        (np.linspace(1, 2, 150) * 1e300, "float64"),
        (np.linspace(1, 2, 150) * 1e-300, "float64"),
        (np.arange(150), "float32"),
        (np.arange(150) + 2**40, "float64"),
    ],
)
def test_many_numbers_are_bytes_that_say_what_they_are(array: Array, type: str) -> None:
    (found,) = data(page(valued("a", array)))["arrays"]
    assert found["type"] == type
    numbers = np.frombuffer(b64decode(found["bytes"]), np.dtype(type).newbyteorder("<"))
    np.testing.assert_allclose(numbers, array, rtol=1e-6)


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
    boxes = data(page(inner, alone, leaf, frames=(frame,)))["views"][0]["boxes"]
    assert [box["equation"] for box in boxes] == ["y = exp(x) + 1", "z = exp(y)", "x : real = 2"]


def test_summands_by_step_add_up_with_what_comes_in_other_ways() -> None:
    steps = np.arange(3.0)
    shared = Box("w", "w", "", "param", "real", cotangent=np.array(3.0), shares={"T": steps})
    penalised = Box("v", "v", "", "param", "real", cotangent=np.array(3.5), shares={"T": steps})
    first, second = (box["shares"]["T"] for box in data(page(shared, penalised))["views"][0]["boxes"])
    assert first == [["step 1", "0"], ["step 2", "1"], ["step 3", "2"]]
    assert second == [*first, ["in other ways", "0.5"]]


# ------------------------------------------------------------------------------------ arrangements


def nested() -> Picture:
    """Two groups side by side, the first with a group in it; one more holds nothing."""
    frames = [Frame("a", "a", "layer"), Frame("b", "b", "layer"), Frame("c", "c", "equation", parent="a")]
    boxes = [
        Box(key, key, "", "operation", "real", frame=frame) for key, frame in zip("xyz", "cab", strict=True)
    ]
    return Picture("p", boxes, [Wire("x", "y"), Wire("y", "z")], [*frames, Frame("empty", "empty", "layer")])


def test_what_one_click_leads_to_is_laid_out() -> None:
    shown = arranged(nested(), placed)
    closed = [frozenset(shown.closed(placed)) for placed in shown.shown]
    assert closed[:2] == [frozenset(), frozenset("ab")]
    assert set(closed) == {frozenset(), *map(frozenset, ("ab", "bc", "a", "b", "c"))}
    assert len(closed) == len(set(closed))


def test_a_page_has_so_many_arrangements_as_there_is_room_for() -> None:
    assert len(arranged(nested(), placed, room=0).shown) == 2
    assert len(arranged(nested(), placed, room=4).shown) == 3


def test_what_was_folded_before_is_a_picture_of_its_own() -> None:
    whole = folded(nested(), {"a"})
    found = data(html({"": arranged(whole, placed)}))["views"][0]
    assert [wire["parts"] for wire in found["arrangements"][0]["wires"]] == [[0]]
    assert [(wire["source"], wire["target"]) for wire in found["wires"]] == [("a", "z")]
