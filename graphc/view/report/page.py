"""What a report consists of, and the one HTML file that it becomes.

The file needs nothing else: styles and figures stand in it, and it has no scripts. Whatever comes from a spec
or from data is text and is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""What a browser may do for the page: apply its styles and show its own pictures, and ask for nothing."""
MOST_ROWS = 60
"""Rows of a table of figures' data: evenly spaced ones of a longer table."""


@dataclass(frozen=True)
class Table:
    """Rows under a header, each as long as it; the first cell is the row's name.

    Columns of numbers are aligned to the right.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""

    def __post_init__(self) -> None:
        # Found here, where only one section fails, and not when the page is written.
        assert all(len(row) == len(self.header) for row in self.rows), self.header


@dataclass(frozen=True)
class Figure:
    """An SVG with what it shows in words. `description` is for who cannot see it; `data` are its numbers."""

    svg: str
    caption: str
    description: str
    data: Table | None = None
    is_wide: bool = False


@dataclass(frozen=True)
class Text:
    """A paragraph, or with `is_code` a text as it is, line by line."""

    text: str
    is_code: bool = False
    title: str = ""


@dataclass(frozen=True)
class Note:
    """What a reader has to know of something that is missing or wrong."""

    text: str


Item = Table | Figure | Text | Note


@dataclass(frozen=True)
class Section:
    """A part of the report; `about` says what can be seen in it, and how it is read."""

    title: str
    items: Sequence[Item]
    about: str = ""


@dataclass(frozen=True)
class Report:
    """`facts` are what stands at the top: a name and a value each."""

    title: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]

    def html(self) -> str:
        """The whole file."""
        style = resources.files("graphc.view.report").joinpath("report.css").read_text(encoding="utf-8")
        links = "".join(
            f'<li><a href="#{_anchor(number)}">{escape(section.title)}</a></li>'
            for number, section in enumerate(self.sections)
        )
        facts = "".join(
            f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in self.facts
        )
        body = _Body().sections(self.sections)
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
            '<meta name="color-scheme" content="light dark">\n'
            f"<title>{escape(self.title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
            f'<header>\n<h1>{escape(self.title)}</h1>\n<dl class="facts">{facts}</dl>\n'
            f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n</header>\n'
            f"<main>\n{body}</main>\n</body>\n</html>\n"
        )


def thinned(rows: Sequence[Sequence[str]], most: int = MOST_ROWS) -> Sequence[Sequence[str]]:
    """At most so many of the rows, evenly spaced, the first and the last among them."""
    if len(rows) <= most:
        return rows
    return [rows[round(place * (len(rows) - 1) / (most - 1))] for place in range(most)]


def _anchor(number: int) -> str:
    return f"section-{number + 1}"


class _Body:
    """The sections, with names within figures that are unlike those of any other figure of the page."""

    def __init__(self) -> None:
        self._figures = 0

    def sections(self, found: Iterable[Section]) -> str:
        parts = []
        for number, section in enumerate(found):
            about = f'<p class="about">{_prose(section.about)}</p>\n' if section.about else ""
            items = "\n".join(self._item(item) for item in section.items)
            parts.append(
                f'<section id="{_anchor(number)}">\n<h2>{escape(section.title)}</h2>\n{about}'
                f'<div class="items">\n{items}\n</div>\n</section>\n'
            )
        return "".join(parts)

    def _item(self, item: Item) -> str:
        if isinstance(item, Figure):
            return self._figure(item)
        if isinstance(item, Table):
            return f'<div class="wide table">{_table(item)}</div>'
        if isinstance(item, Note):
            return f'<p class="wide note" role="note">{_prose(item.text)}</p>'
        title = f"<h3>{escape(item.title)}</h3>" if item.title else ""
        if item.is_code:
            return f'<div class="wide">{title}<pre tabindex="0">{escape(item.text)}</pre></div>'
        return f'<div class="wide">{title}<p>{escape(item.text)}</p></div>'

    def _figure(self, figure: Figure) -> str:
        self._figures += 1
        drawn = _named_apart(figure.svg, f"figure{self._figures}-")
        # A picture for one who sees it, its description for one who does not.
        label = escape(figure.description, quote=True)
        drawn = drawn.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
        data = ""
        if figure.data is not None:
            # Each summary has a name of its own for who hears the page and jumps from one to the next.
            of = f'<span class="heard"> of figure {self._figures}: {escape(figure.caption)}</span>'
            data = f"<details><summary>Numbers{of}</summary>{_table(figure.data)}</details>"
        wide = ' class="wide"' if figure.is_wide else ""
        caption = f"<figcaption>{_prose(figure.caption)}</figcaption>"
        return f"<figure{wide}>{drawn}\n{caption}\n{data}</figure>"


def _prose(text: str) -> str:
    """A sentence, with names of the spec between backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _named_apart(svg: str, prefix: str) -> str:
    """The SVG with a prefix to all names, as several in one page must not share any."""
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}\1)", svg)
    return re.sub(r'href="#([^"]+)"', rf'href="#{prefix}\1"', svg)


def _table(table: Table) -> str:
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    kinds = [_kind([row[place] for row in table.rows]) for place in range(1, len(table.header))]
    header = "".join(
        f'<th scope="col"{kind}>{escape(name)}</th>'
        for name, kind in zip(table.header, ["", *kinds], strict=True)
    )
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td{kind}>{escape(cell)}</td>" for cell, kind in zip(cells, kinds, strict=True))
        + "</tr>\n"
        for name, *cells in table.rows
    )
    label = escape(table.caption or f"Table of {', '.join(table.header[:3])}", quote=True)
    return (
        f'<div class="scroll" role="region" aria-label="{label}" tabindex="0">'
        f"<table>{caption}<thead><tr>{header}</tr></thead>"
        f"<tbody>\n{rows}</tbody></table></div>"
    )


_NUMBER = re.compile(r"[-+]?(\d[\d,]*\.?\d*(e[-+]?\d+)?%?|inf|nan)", re.IGNORECASE)


def _kind(cells: Iterable[str]) -> str:
    """The attribute of a column's cells: whether they are numbers, of which some may be missing."""
    given = [cell for cell in cells if cell not in ("", "-")]
    return ' class="number"' if given and all(map(_NUMBER.fullmatch, given)) else ""
