"""The equations of a spec on a page: forward, what has a name on the way, and the gradients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from graphc.ir.system import System
from graphc.types import BATCH, Affine, Index
from graphc.view.latex.adjoint import Named, bars
from graphc.view.latex.gradients import Gradients, Sum, Summand
from graphc.view.latex.style import Latex
from graphc.view.latex.terms import Term, symbols
from graphc.view.latex.writer import PRODUCT, Writer

WIDTH = 120
"""A sum longer than this many characters of LaTeX, or of several summands, has a line for each."""


@dataclass(frozen=True)
class Line:
    """One equation: both sides, and what stands behind it (for which steps it holds)."""

    left: str
    right: str
    note: str = ""
    sign: str = "="

    def __str__(self) -> str:
        note = rf" && {self.note}" if self.note else ""
        return f"{self.left} &{self.sign} {self.right}{note}"


def tex(system: System, found: Gradients, *, standalone: bool = False, title: str = "") -> str:
    """LaTeX for everything that leads to the loss, and for its gradients.

    A fragment of `align*` environments, or with `standalone` a document with that title.
    """
    page = _Page(system, found)
    sections = [
        ("What is given", page.domains()),
        ("Forward", page.forward()),
        ("Values on the way", page.on_the_way()),
        ("Gradients", page.backward()),
    ]
    sections = [(name, lines) for name, lines in sections if lines]
    notes = {"Gradients": page.note()}
    body = "\n".join(_section(name, lines, notes.get(name, "")) for name, lines in sections)
    return _document(title, body) if standalone else body


def _section(name: str, lines: list[Line], note: str) -> str:
    rows = " \\\\\n".join(f"  {line}" for line in lines)
    text = f"% {note}\n" if note else ""
    return f"% {name}\n{text}\\begin{{align*}}\n{rows}\n\\end{{align*}}\n"


def _document(title: str, body: str) -> str:
    """Comments become headings and text."""
    lines = []
    for line in body.splitlines():
        is_heading = line.startswith("% ") and not line.endswith(".")
        text = line.removeprefix("% ")
        lines.append(rf"\section*{{{text}}}" if is_heading else text)
    return "\n".join(
        [
            r"\documentclass{article}",
            r"\usepackage{amsmath, amssymb}",
            r"\usepackage[margin=2cm]{geometry}",
            r"\allowdisplaybreaks",
            rf"\title{{{Latex().escaped(title)}}}",
            r"\date{}",
            r"\begin{document}",
            r"\maketitle",
            *lines,
            r"\end{document}",
            "",
        ]
    )


@dataclass
class _Page:
    system: System
    found: Gradients

    def __post_init__(self) -> None:
        values = [each.value for each in self.found.derived]
        self.is_batched = any(BATCH in part.bound for value in values for part in value.walk())
        """Whether an equation goes through the examples, so that each of them needs a number."""
        seed = self.found.seed or ""
        called = {seed: "L"} if "@" in seed else {}
        self.writer = Writer(Latex(self._whole()), examples=self.is_batched, called=called)

    def _whole(self) -> frozenset[str]:
        """Names such as h1 that would look like a position of h."""
        names = [*self.system.leaves, *self.system.units]
        tables = {name for name in names if self.system.indices(name)}
        return frozenset(name for name in names if name.rstrip("0123456789") in tables - {name})

    # -------------------------------------------------------------------------------- the forward pass

    def domains(self) -> list[Line]:
        """`x_t \\in \\mathbb{R}^{D}` for inputs and parameters that are used."""
        used = {node.attrs["unit"] for each in self.found.derived for node in each.unit.reads()}
        return [self._domain(name) for name in self.system.leaves if name in used]

    def _domain(self, name: str) -> Line:
        leaf = self.system.leaves[name]
        style = self.writer.style
        sizes = r" \times ".join(style.size(dim.expression) for dim in leaf.type.shape)
        kind = {"real": r"\mathbb{R}", "int": r"\mathbb{N}_0", "bool": r"\{0, 1\}"}[leaf.type.dtype]
        left = self._name(name, tuple(map(Affine.of, leaf.indices)), example=BATCH in leaf.type.axes)
        return Line(left, kind + (f"^{{{sizes}}}" if sizes else ""), sign=r"\in")

    def forward(self) -> list[Line]:
        """The equations, those of boundaries with their positions."""
        found = list(self.found.derived)
        if len({each.unit.span.source.name for each in found}) == 1:
            found.sort(key=lambda each: each.unit.span.start)
        return [self._equation(each.unit.name, each.value) for each in found]

    def _equation(self, name: str, value: Term) -> Line:
        unit = self.system.units[name]
        fixed = dict(unit.place.positions) if unit.place else {}
        owner = unit.place.of if unit.place else name
        subscripts = tuple(fixed.get(i, Affine.of(i)) for i in self.system.indices(owner))
        left = self._name(owner, subscripts, example=BATCH in unit.value.type.axes)
        return Line(left, self.writer.formula(value), self._for(unit.indices))

    def on_the_way(self) -> list[Line]:
        """What the gradients speak of and no equation of the spec names."""
        return [
            Line(self._name(each.name, tuple(map(Affine.of, each.indices)), example=each.value.has_batch),
                 self.writer.formula(each.value))
            for each in self.found.named
        ]  # fmt: skip

    # ------------------------------------------------------------------------------- the backward pass

    def backward(self) -> list[Line]:
        """From the loss to the parameters."""
        if self.found.seed is None:
            return []
        seed = self.system.units[self.found.seed]
        example = BATCH in seed.value.type.axes
        first = Line(
            self._name(seed.name, (), bar=True, example=example),
            r"\frac{1}{B}" if self.is_batched and example else "1",
        )
        lines = [line for step in self.found.steps for line in self._step(step)]
        return [first, *lines]

    def note(self) -> str:
        """How equations for one example make the gradient of a batch."""
        if self.is_batched:
            return "B is the number of examples, and (b) says which one is meant."
        return "These are for one example; the gradient of a batch is the mean over its examples."

    def _step(self, step: Sum | Named) -> Iterator[Line]:
        if isinstance(step, Named):
            assert step.cotangent is not None
            left = self._name(
                step.name, tuple(map(Affine.of, step.indices)), bar=True, example=step.cotangent.has_batch
            )
            yield Line(left, self.writer.formula(step.cotangent))
            return
        is_leaf = step.name in self.system.leaves
        type_ = self.system.type(step.name)
        example = BATCH in type_.axes
        left = self._name(step.name, step.subscripts, bar=True, example=example)
        summands = [self._summand(summand, is_leaf) for summand in step.summands]
        yield Line(left, _added(summands), self._order(step))
        yield from self._zeros(step)

    def _summand(self, summand: Summand, is_leaf: bool) -> str:
        text = (
            self.writer.formula(summand.term, PRODUCT)
            if summand.term.op != "neg"
            else self.writer.formula(summand.term)
        )
        for one, other in summand.matches:
            text = rf"\left[{self.writer.position(one)} = {self.writer.position(other)}\right] {text}"
        return text

    def _order(self, step: Sum) -> str:
        """The steps in the order in which they can be computed."""
        shifts = [found for summand in step.summands for found in summand.ranges]
        parts = []
        for place in step.subscripts:
            index = next(iter(symbols([place])), None)
            moved = [f.place.constant for f in shifts if index in symbols([f.place]) and f.place.constant]
            if index is None or not moved:
                continue
            first, last = index.lo, index.hi
            skipped = [p for i, p in step.except_at if i == index]
            last = last + -1 if last in skipped else last
            ends = (last, first) if moved[0] > 0 else (first, last)
            ends_text = [self.writer.position(end) for end in ends]
            parts.append(rf"{self.writer.index(index)} = {ends_text[0]}, \dots, {ends_text[1]}")
        return ",\\ ".join(parts)

    def _zeros(self, step: Sum) -> Iterator[Line]:
        """`\\bar{a}_{T+1} = 0`: cotangents of steps that do not exist."""
        for summand in step.summands:
            for found in summand.ranges:
                for index in symbols([found.place]):
                    if (
                        found.place - Affine.of(index) == Affine(found.place.constant)
                        and found.place.constant
                    ):
                        yield from self._beyond(summand, index, found.place.constant, step)

    def _beyond(self, summand: Summand, index: Index, shift: int, step: Sum) -> Iterator[Line]:
        end = index.hi if shift > 0 else index.lo
        if any(place == end for i, place in step.except_at if i == index):
            return
        seen: set[str] = set()
        for bar in bars(summand.term):
            if bar.attr("name") not in seen:
                seen.add(bar.attr("name"))
                places = tuple(p.substitute(index, end) for p in bar.attr("subscripts"))
                yield Line(self._name(bar.attr("name"), places, bar=True), "0")

    # ---------------------------------------------------------------------------------------- pieces

    def _name(
        self, name: str, subscripts: Iterable[Affine], *, bar: bool = False, example: bool = False
    ) -> str:
        positions = [self.writer.position(place) for place in subscripts]
        return self.writer.name(name, positions, bar=bar, example=example and self.is_batched)

    def _for(self, indices: Iterable[Index]) -> str:
        ranges = [
            rf"{self.writer.index(i)} = {self.writer.position(i.lo)}, \dots, {self.writer.position(i.hi)}"
            for i in indices
        ]
        return ",\\ ".join(ranges)


def _added(summands: list[str]) -> str:
    text = summands[0]
    for summand in summands[1:]:
        text += f" - {summand[1:]}" if summand.startswith("-") else f" + {summand}"
    return text
