"""What is refused before its text is looked at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from graphc.diagnostics import GraphcError
from graphc.frontend.source import LARGEST, read_source


def refusal(path: Path) -> tuple[str, str]:
    with pytest.raises(GraphcError) as caught:
        read_source(path)
    (fault,) = caught.value.diagnostics
    return fault.code, f"{fault.message} {fault.help}".replace(f"{path.parent}{os.sep}", "")


def test_reads_text_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.nn"
    path.write_bytes("\ufeffx = 3 # \u00e9\r\n".encode())
    assert read_source(path).text == "x = 3 # \u00e9\r\n"
    assert read_source(str(path)).name == str(path)


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "a.nn") == ("E001", "there is no file `a.nn` ")
    (tmp_path / "b.nn").write_text("x = 3")
    assert refusal(tmp_path / "b") == ("E001", "there is no file `b` did you mean `b.nn`?")
    assert "there is no folder" in refusal(tmp_path / "none" / "a.nn")[1]
    assert refusal(tmp_path / "b.nn" / "c.nn")[0] == "E001"


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    assert refusal(tmp_path / "specs") == ("E002", "`specs` is a folder, not a spec ")
    (tmp_path / "specs" / "a.nn").write_text("x = 3")
    assert refusal(tmp_path / "specs")[1].endswith("it holds `a.nn`: name one file")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to the superuser")
def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "a.nn"
    path.touch(mode=0)
    assert refusal(path) == ("E003", "`a.nn` cannot be read: permission denied ")


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    assert refusal(tmp_path / "a\0b.nn")[0] == "E003"
    assert refusal(tmp_path / ("a" * 5000))[0] == "E003"


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.nn")
    assert refusal(tmp_path / "a.nn")[0] == "E008"


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"x = 3\n# caf\xe9\n", "E004", "line 2 holds the byte 0xE9"),
        (b"\xff\xfex", "E004", "line 1 holds the byte 0xFF"),
        (b"x = 3\0", "E005", "byte 6 is zero"),
        (b"", "E007", "is empty"),
        (b" \n\t\n", "E007", "is empty"),
        (b"#" * (LARGEST + 1), "E006", "more than 1,000,000 bytes"),
    ],
)
def test_what_is_no_text(tmp_path: Path, data: bytes, code: str, words: str) -> None:
    path = tmp_path / "a.nn"
    path.write_bytes(data)
    found, message = refusal(path)
    assert found == code
    assert words in message
