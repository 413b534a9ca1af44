"""What names are called on a page, and how positions and ranges of steps are written there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from graphc.ir.system import System
from graphc.types import Affine, Index
from graphc.view.latex.gradients import Gradients
from graphc.view.latex.typeset import Latex
from graphc.view.latex.writer import Writer


@dataclass(frozen=True)
class Naming:
    """A system with its formulas, and the writer of a page about them."""

    system: System
    found: Gradients
    writer: Writer

    @staticmethod
    def of(system: System, found: Gradients, number: str = "") -> Naming:
        """A loss without a name is called L, with a `number` if there are several; the number of examples is
        called B. If the spec has these names they are others."""
        names = [*system.leaves, *system.units]
        tables = {name for name in names if system.indices(name)}
        # h1 would look like an h at 1.
        whole = {name for name in names if name.rstrip("0123456789") in tables - {name}}
        seed = found.seed or ""
        taken = {name.rpartition(".")[2] for name in names}
        called = {seed: _free([f"{letter}{number}" for letter in "LJE"], taken)} if "@" in seed else {}
        dims = {word for leaf in system.leaves.values() for dim in leaf.type.shape
                for word in re.findall(r"\w+", dim.expression)}  # fmt: skip
        batch = _free("BNM", taken | dims)
        writer = Writer(Latex(whole), examples=found.couples, called=called, taken=taken, batch=batch)
        return Naming(system, found, writer)

    def name(
        self, name: str, subscripts: Iterable[Affine], *, bar: bool = False, example: bool = False
    ) -> str:
        """A name at positions, with the number of its example if that has to be said; its cotangent."""
        positions = [self.writer.position(place) for place in subscripts]
        return self.writer.name(name, positions, bar=bar, example=example and self.found.couples)

    def steps(self, index: Index, first: Affine, last: Affine) -> str:
        """`t = 1, \\dots, T`."""
        name, start, end = self.writer.index(index), self.writer.position(first), self.writer.position(last)
        return rf"{name} = {start}, \dots, {end}"


def _free(letters: Sequence[str], taken: Collection[str]) -> str:
    """The first that means nothing else, the first of all if there is none."""
    return next((letter for letter in letters if letter not in taken), letters[0])
