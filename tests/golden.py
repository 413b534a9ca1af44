"""Golden files: what a text must be, kept beside the tests. `pytest --update-goldens` writes them anew."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def check_golden(path: Path, actual: str, update: bool) -> None:
    """Compare a text with the file at `path`, or write it there."""
    if update:
        path.write_text(actual, encoding="utf-8")
        return
    assert path.is_file(), f"{path.name} is missing: run pytest --update-goldens and read what it wrote"
    assert actual == path.read_text(encoding="utf-8")
