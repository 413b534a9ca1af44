"""Equations as of one step: `h[t-1]` is `h[1]` at step 2."""

from __future__ import annotations

import re
from collections.abc import Mapping

_WORD = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[A-Za-z_]\w*(?:\.\w+)*")
_WHOLE = re.compile(r"[-+*\d\s]+")
_TERM = re.compile(r"([+-]?)\s*(\d+)(?:\s*\*\s*(\d+))?")


def at_step(text: str, steps: Mapping[str, int], lengths: Mapping[str, int] | None = None) -> str:
    """The text of an expression with axes at `steps`, by name.

    In a `sum[t](x[t])` t is the sum's own and stays. Where an end counts with a step, as in `x[T-t+1]`, it
    has one of `lengths`.
    """
    written, place = "", 0
    while place < len(text):
        word = _WORD.match(text, place)
        if word is None:
            written += text[place]
            place += 1
            continue
        place = word.end()
        if text[place : place + 1] != "[":
            written += str(steps.get(word[0], word[0]))
            continue
        end = _closing(text, place)
        items = _items(text[place + 1 : end - 1])
        if text[end : end + 1] == "(":
            close = _closing(text, end)
            own = {item.split("=")[0].strip() for item in items}
            inside = {name: step for name, step in steps.items() if name not in own}
            argument = at_step(text[end:close], inside, lengths)
            written += f"{word[0]}[{_subscripts(items, inside, lengths)}]{argument}"
            place = close
        else:
            written += f"{word[0]}[{_subscripts(items, steps, lengths)}]"
            place = end
    return written


def _subscripts(items: list[str], steps: Mapping[str, int], lengths: Mapping[str, int] | None) -> str:
    return ", ".join(_subscript(item, steps, lengths) for item in items)


def _subscript(item: str, steps: Mapping[str, int], lengths: Mapping[str, int] | None) -> str:
    """A position, or the range of a bound index: `u = 1..t`."""
    name, equals, ends = item.rpartition("=")
    found = []
    for end in ends.split(".."):
        if any(word in steps for word in _WORD.findall(end)):
            end = at_step(end, {**(lengths or {}), **steps}).strip()
            end = str(_total(end)) if _WHOLE.fullmatch(end) else end
        found.append(end.strip())
    return (f"{name.strip()} {equals} " if equals else "") + "..".join(found)


def _total(text: str) -> int:
    """What `3-2*1` is."""
    return sum(int(f"{sign}{a}") * int(b or 1) for sign, a, b in _TERM.findall(text))


def _closing(text: str, start: int) -> int:
    """The place behind the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] in "([") - (text[place] in ")]")
        if not depth:
            return place + 1
    return len(text)


def _items(text: str) -> list[str]:
    """What commas separate, but those in brackets."""
    found, depth = [""], 0
    for sign in text:
        depth += (sign in "([") - (sign in ")]")
        if sign == "," and not depth:
            found.append("")
        else:
            found[-1] += sign
    return [item.strip() for item in found]
