"""The lines of a page about the forward pass: what is given, equations, values that gradients speak of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from graphc.ir.system import Leaf
from graphc.types import BATCH, Affine
from graphc.view.latex.adjoint import Derived
from graphc.view.latex.naming import Naming
from graphc.view.latex.reading import DRAWS
from graphc.view.latex.rows import PAGE, Line, width
from graphc.view.latex.terms import REF, Term

_KINDS = {"real": r"\mathbb{R}", "int": r"\mathbb{N}_0", "bool": r"\{0, 1\}"}


@dataclass(frozen=True)
class Forward:
    """`classes` has the number of classes of inputs that are class numbers."""

    naming: Naming
    classes: Mapping[str, str]

    def given(self) -> list[Line]:
        """`x_t \\in \\mathbb{R}^{D}` for inputs and parameters of the spec itself, and the sizes of dims."""
        return [*self.leaves(""), *self._sizes()]

    def _used(self) -> list[Leaf]:
        terms = [value for each in self.naming.found.derived for value in (each.value, *_values(each))]
        used = {part.attr("name") for term in terms for part in term.walk() if part.op == REF}
        return [leaf for leaf in self.naming.system.leaves.values() if leaf.name in used]

    def leaves(self, layer: str) -> list[Line]:
        """The inputs and parameters of the spec itself or of one layer; those of a domain side by side."""
        groups: dict[tuple[bool, str], list[str]] = {}
        for leaf in self._used():
            if leaf.name.rpartition(".")[0] == layer:
                groups.setdefault((leaf.kind == "input", self._domain(leaf)), []).append(self._leaf(leaf))
        return [
            Line(", ".join(some), domain, sign=r"\in")
            for (_, domain), names in groups.items()
            for some in _in_lines(names)
        ]

    def _leaf(self, leaf: Leaf) -> str:
        return self.naming.name(leaf.name, map(Affine.of, leaf.indices), example=BATCH in leaf.type.axes)

    def _domain(self, leaf: Leaf) -> str:
        style = self.naming.writer.style
        dims = [style.size(dim.expression) for dim in leaf.type.shape]
        is_product = len(dims) > 1
        sizes = r" \times ".join(f"({dim})" if is_product and " + " in dim else dim for dim in dims)
        kind = _KINDS[leaf.type.dtype]
        if leaf.name in self.classes:
            count = self.classes[leaf.name]
            last = str(int(count) - 1) if count.isdigit() else f"{style.size(count)}-1"
            kind = rf"\{{0, \dots, {last}\}}"
        return kind + (f"^{{{sizes}}}" if sizes else "")

    def _sizes(self) -> list[Line]:
        """`D = 64, H = 128`."""
        dims = [dim for leaf in self._used() for dim in leaf.type.shape]
        known = {dim.expression: dim.value for dim in dims if re.fullmatch(r"[A-Za-z_]\w*", dim.expression)}
        style = self.naming.writer.style
        (first, value), *rest = known.items() or [("", 0)]
        if not first:
            return []
        more = "".join(rf",\quad {style.size(name)} = {size}" for name, size in rest)
        return [Line(style.size(first), f"{value}{more}")]

    def layers(self) -> list[str]:
        """The full names of the layers, in the order in which their equations are computed."""
        names = [each.unit.name for each in self.naming.found.derived] + [leaf.name for leaf in self._used()]
        layers = dict.fromkeys(name.rpartition(".")[0] for name in names)
        return [layer for layer in layers if layer]

    def equations(self, layer: str = "") -> list[Line]:
        """Those of the spec itself or of one layer, in the order in which they are written there.

        Boundaries have their positions.
        """
        found = [each for each in self.naming.found.derived if each.unit.name.rpartition(".")[0] == layer]
        if len({each.unit.span.source.name for each in found}) == 1:
            found.sort(key=lambda each: each.unit.span.start)
        return [self._equation(each) for each in found]

    def _equation(self, each: Derived) -> Line:
        unit, system = each.unit, self.naming.system
        fixed = dict(unit.place.positions) if unit.place else {}
        owner = unit.place.of if unit.place else unit.name
        subscripts = tuple(fixed.get(i, Affine.of(i)) for i in system.indices(owner))
        left = self.naming.name(owner, subscripts, example=BATCH in unit.value.type.axes)
        note = ",\\ ".join(self.naming.steps(index, index.lo, index.hi) for index in unit.indices)
        return Line(left, self.naming.writer.formula(each.value), note, _sign(each.value))

    def on_the_way(self) -> list[Line]:
        """What the gradients speak of and no equation of the spec names, and what is drawn at random."""
        return [
            Line(
                self.naming.name(each.name, map(Affine.of, each.indices), example=each.value.has_batch),
                self.naming.writer.formula(each.value),
                sign=_sign(each.value),
            )
            for each in self.naming.found.named
        ]


def _sign(value: Term) -> str:
    return r"\sim" if value.op in DRAWS else "="


def _values(each: Derived) -> Iterator[Term]:
    return (named.value for named in each.named)


def _in_lines(names: Sequence[str]) -> Iterator[list[str]]:
    """As many names side by side as take about half a page."""
    line: list[str] = []
    for name in names:
        if line and width(", ".join([*line, name])) > PAGE / 2:
            yield line
            line = []
        line.append(name)
    yield line
