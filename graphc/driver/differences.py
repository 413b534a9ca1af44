"""What was chosen differently for several runs: sizes, and options of the data and of the training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from graphc.view.numbers import brief

_PLAIN = ("dtype", "seed", "backend", "disabled")
"""Entries of a configuration that are options themselves."""
_NOT_CHOSEN = ("save",)
"""What does not change a training."""
_WIDEST = 28
"""Characters of a value, such as the text of a schedule."""


def differences(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The options on which those of the configurations that have them disagree: a value of each, by name.

    A run without the option, as an optimizer may be, has `-`. Sizes are compared only where all runs are of
    one spec: others mean something else by the same name.
    """
    same_spec = len({config.get("name") for config in configs}) == 1
    options = [dict(_options(config, sizes=same_spec)) for config in configs]
    names = dict.fromkeys(name for own in options for name in own)
    return {
        name: [own.get(name, "-") for own in options]
        for name in names
        if len({own[name] for own in options if name in own}) > 1
    }


def _options(config: Mapping[str, Any], *, sizes: bool) -> Iterator[tuple[str, str]]:
    yield "spec", Path(str(config.get("name", "-"))).name
    if sizes:
        yield from _entries(config.get("sizes"))
    yield from ((name, _text(config[name])) for name in _PLAIN if name in config)
    data = config.get("data")
    if isinstance(data, Mapping) and "source" in data:
        yield "data", _text(data["source"])
    for name, value in _entries_of(config.get("fit")):
        if name == "optimizer" and isinstance(value, Mapping):
            yield name, _text(value.get("name"))
            yield from _entries({own: each for own, each in value.items() if own != "name"})
        elif name not in _NOT_CHOSEN:
            yield name, _text(value)


def _entries_of(table: Any) -> Iterator[tuple[str, Any]]:
    """None of what is no table: the file may be anybody's."""
    yield from table.items() if isinstance(table, Mapping) else ()


def _entries(table: Any) -> Iterator[tuple[str, str]]:
    return ((name, _text(value)) for name, value in _entries_of(table))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return brief(value)
    if value is None or value == []:
        return "-"
    if isinstance(value, Mapping):
        text = ", ".join(f"{name} {each}" for name, each in _entries(value))
    else:
        text = ", ".join(map(_text, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."
