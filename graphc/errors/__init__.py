"""The catalogue of faults: what `graphc explain E203` says.

Each `*.toml` beside this file holds tables `[E203]` with a `title` and a `text`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from graphc.diagnostics import fault, nearest


@dataclass(frozen=True)
class Entry:
    """One code. `file` is the name of the file that holds it, without its ending."""

    code: str
    title: str
    text: str
    file: str


class CatalogueFault(Exception):
    """The catalogue itself is wrong: a mistake in graphc, not in a spec."""


@cache
def catalogue() -> Mapping[str, Entry]:
    """All entries by code, in the order of their codes."""
    folder = resources.files("graphc.errors")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return read_catalogue({f.name.removesuffix(".toml"): f.read_text(encoding="utf-8") for f in files})


def read_catalogue(texts: Mapping[str, str]) -> Mapping[str, Entry]:
    """The entries of several files, given as name and text."""
    found: dict[str, Entry] = {}
    for name, text in texts.items():
        for code, table in tomllib.loads(text).items():
            entry = _entry(code, table, name)
            if code in found:
                raise CatalogueFault(f"{code} stands in {found[code].file}.toml and in {name}.toml")
            found[code] = entry
    return dict(sorted(found.items(), key=lambda item: (item[0][1:], item[0])))


def _entry(code: str, table: object, file: str) -> Entry:
    if not isinstance(table, dict) or set(table) != {"title", "text"}:
        raise CatalogueFault(f"{file}.toml: {code} needs a `title` and a `text`, and nothing else")
    title, text = table["title"], table["text"]
    if not (isinstance(title, str) and isinstance(text, str) and title.strip() and text.strip()):
        raise CatalogueFault(f"{file}.toml: the title or the text of {code} is empty")
    return Entry(code, title.strip(), text.strip(), file)


def _alike(code: str, known: Mapping[str, Entry]) -> str:
    same = [other for other in known if other[:2] == code[:2]]
    if len(same) > 1:
        return f"those that begin with `{code[:2]}` run from `{same[0]}` to `{same[-1]}`"
    if same:
        return f"the only one that begins with `{code[:2]}` is `{same[0]}`"
    return "codes look like `E203`, as the first line of a fault says"


def explain(code: str) -> str:
    """The title and the text of a code, which may be written in small letters."""
    entries = catalogue()
    entry = entries.get(code.upper())
    if entry is None:
        raise fault(
            "E706",
            f"there is no code `{code}`",
            help=nearest(code.upper(), entries) or _alike(code.upper(), entries),
        )
    return f"{entry.code}: {entry.title}\n\n{entry.text}"
