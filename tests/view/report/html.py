"""Reading a report as a browser does: its elements, what they hold, and what they point to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "input", "link"}
FETCHED = ("src", "href", "data", "action", "poster", "srcset")
"""Attributes by which a page can ask for something else."""


@dataclass
class Page(HTMLParser):
    """Tags with their attributes, headings and texts; an element that does not close is an error."""

    source: str
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.source)
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts.setdefault(tag, []).append(data)

    def named(self, tag: str) -> list[dict[str, str]]:
        """The attributes of all elements of a kind."""
        return [found for name, found in self.tags if name == tag]

    @property
    def headings(self) -> list[str]:
        return self.texts.get("h2", [])

    @property
    def addresses(self) -> list[str]:
        """Everything that the page refers to, in elements and in styles."""
        found = [value for _, own in self.tags for name, value in own.items() if name in FETCHED]
        return found + re.findall(r"url\(\s*['\"]?([^)'\"]+)|@import", self.source)


def check(source: str) -> Page:
    """What holds for any report: it closes what it opens, refers to itself alone, runs nothing, and says in
    words what its figures show."""
    page = Page(source)
    outside = [a for a in page.addresses if not a.startswith(("#", "data:image/png;base64,"))]
    assert not outside
    assert not re.search(r"https?:", re.sub(r"<pre.*?</pre>", "", source, flags=re.DOTALL))
    assert not page.named("script")
    assert not [name for _, own in page.tags for name in own if name.startswith("on")]
    (policy,) = (own["content"] for own in page.named("meta") if "http-equiv" in own)
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    names = [own["id"] for _, own in page.tags if "id" in own]
    assert len(names) == len(set(names))
    assert {a[1:] for a in page.addresses if a.startswith("#")} <= set(names)
    pictures = [own for own in page.named("svg") if own.get("role") == "img"]
    assert (
        len(pictures) == len(page.named("svg")) == len(page.named("figcaption")) == len(page.named("figure"))
    )
    assert all(own["aria-label"] for own in pictures)
    return page
