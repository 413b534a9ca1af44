"""The parameters of a spec as a table: how many numbers each layer has, and how they begin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from graphc.types import Dim
from graphc.view.columns import columns

_HEAD = ("parameter", "shape", "numbers", "formula", "begins as")


@dataclass(frozen=True)
class ParameterRow:
    """A parameter: `layer` is the qualified name of the layer that it belongs to, empty for none."""

    name: str
    layer: str
    shape: tuple[Dim, ...]
    start: str
    frozen: bool = False

    @property
    def count(self) -> Dim:
        """The number of its elements, as a formula of dims."""
        return reduce(Dim.__mul__, self.shape, Dim.literal(1))


def parameters_text(rows: Sequence[ParameterRow]) -> str:
    """Parameters in their order, those of a layer below a line with the layer's own sum."""
    if not rows:
        return "no parameters"
    lines: list[tuple[str, ...]] = [_HEAD]
    for layer in dict.fromkeys(row.layer for row in rows):
        own = [row for row in rows if row.layer == layer]
        if layer:
            lines.append((f"{layer}:", "", *_sum(own), ""))
        indent = "  " if layer else ""
        lines += [(indent + row.name, _shape(row), *_sum([row]), _start(row)) for row in own]
    lines.append(("all", "", *_sum(rows), ""))
    frozen = [row for row in rows if row.frozen]
    if frozen:
        lines.append(("trained", "", *_sum([row for row in rows if not row.frozen]), ""))
    return "\n".join(columns(lines, right=(2,)))


def _sum(rows: Iterable[ParameterRow]) -> tuple[str, str]:
    total = reduce(Dim.__add__, (row.count for row in rows), Dim.literal(0))
    return f"{total.value:,}", "" if total.is_literal else _powers(total)


def _powers(dim: Dim) -> str:
    """`4*D*H + 4*H^2 + 4*H`: monomials of high degree first, equal factors as powers."""
    parts = []
    for monomial, factor in sorted(dim.terms, key=lambda term: (-len(term[0]), term[0])):
        names = [
            name if monomial.count(name) == 1 else f"{name}^{monomial.count(name)}"
            for name in dict.fromkeys(monomial)
        ]
        number = [] if factor in (1, -1) and names else [str(abs(factor))]
        parts.append(("- " if factor < 0 else "+ ") + "*".join([*number, *names]))
    return " ".join(parts).removeprefix("+ ")


def _shape(row: ParameterRow) -> str:
    return f"[{', '.join(map(str, row.shape))}]" if row.shape else "real"


def _start(row: ParameterRow) -> str:
    return f"{row.start}, frozen" if row.frozen else row.start
