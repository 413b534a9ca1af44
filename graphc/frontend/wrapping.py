"""Breaking a long line where the language lets it go on: after a comma, before an operator."""

from __future__ import annotations

from graphc.diagnostics import Source
from graphc.frontend.lines import OPERATORS
from graphc.frontend.printer import COMPARISON, LEVELS
from graphc.frontend.scanner import Token, scan

WIDTH = 110


def wrap(text: str, indent: int) -> list[str]:
    """The lines that one long line becomes; its continuation stands four columns further in."""
    lines: list[str] = []
    margin = " " * (indent + 4)
    while len(text) > WIDTH:
        place = _best_break(text, len(margin))
        if place is None:
            break
        lines.append(text[:place].rstrip())
        text = margin + text[place:].lstrip()
    return [*lines, text]


def _best_break(text: str, margin: int) -> int | None:
    """Of the places that leave a short enough line the last of the loosest ones, or else the first of all."""
    breaks = [(rank, place) for rank, place in _breaks(text) if place > margin]
    inside = [(rank, place) for rank, place in breaks if place <= WIDTH]
    if inside:
        loosest = min(rank for rank, _ in inside)
        return max(place for rank, place in inside if rank == loosest)
    return min((place for _, place in breaks), default=None)


def _breaks(text: str) -> list[tuple[tuple[int, int], int]]:
    """Where a line may be broken, each place with its depth in brackets and how tightly it binds there."""
    tokens = scan(Source("", text)).tokens
    places, depth = [], 0
    for index, token in enumerate(tokens):
        depth -= token.text in (")", "]", "}")
        previous = tokens[index - 1] if index else None
        if previous is not None and previous.text == ",":
            places.append(((depth, 0), token.start))
        elif previous is not None and _is_infix(previous, token):
            places.append(((depth, LEVELS.get(token.text, COMPARISON)), token.start))
        depth += token.text in ("(", "[", "{")
    return places


def _is_infix(previous: Token, token: Token) -> bool:
    if token.text not in OPERATORS or token.text == "^":
        return False
    return previous.kind in ("name", "number", "string") or previous.text in (")", "]")
