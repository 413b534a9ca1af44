"""Terms written down. Each family of operations has a file of its own: which sign, which parentheses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from graphc.types import BATCH_NAME, Affine, Index, Length
from graphc.view.latex import arithmetic, choices, images, products, tensors, totals
from graphc.view.latex.algebra import for_one
from graphc.view.latex.pieces import PRODUCT, SUM, Piece
from graphc.view.latex.style import Style
from graphc.view.latex.terms import Term

LETTERS = "ijklmnpqr"
"""For elements of tensors, as far as the spec calls nothing so."""

_RULES: Mapping[str, Callable[[Writer, Term], Piece]] = {
    **arithmetic.RULES,
    **choices.RULES,
    **images.RULES,
    **products.RULES,
    **tensors.RULES,
    **totals.RULES,
}
_SPELLED = {"maximum": "max", "minimum": "min"}


@dataclass
class Writer:
    """Writes terms in a style. With `examples`, what differs between examples says of which one it is."""

    style: Style
    examples: bool = False
    shown: dict[Index, str] = field(default_factory=dict)
    """What bound indices are called here."""
    called: Mapping[str, str] = field(default_factory=dict)
    """Other names for some."""
    taken: Collection[str] = ()
    """Names of the spec, which elements are not counted by."""
    batch: str = "B"
    """What the number of examples is called."""
    outside: set[str] = field(default_factory=set)

    def formula(self, term: Term, rank: int = SUM) -> str:
        """A whole right side, or a summand of one; what it sums over has names of its own."""
        term = term if self.examples else for_one(term)
        self.shown = {}
        self.outside = {self.index(index) for index in term.free}
        inner = term.operands[0] if term.op == "expand" else term
        if term.rank and (number := inner.number()):
            size = self.style.number(abs(number)) if abs(number) != 1 else ""
            return ("-" if number < 0 else "") + self.juxtaposed([size, self.style.one])
        if term.dtype == "bool" and term.size:
            return self.style.indicator(self.text(term))
        return self.tight(term, rank)

    def piece(self, term: Term) -> Piece:
        """The term as it is written."""
        if term.bound and term.op not in totals.GOING_THROUGH:
            return totals.summed(self, term)
        if rule := _RULES.get(term.op):
            return rule(self, term)
        name = _SPELLED.get(term.op, term.op.replace("_", " "))
        return self.call(name, term.operands)

    def call(self, name: str, operands: Sequence[Term], below: str = "") -> Piece:
        """A function of terms; a function as well known as log needs no parentheses around a name."""
        texts = [self.text(operand) for operand in operands]
        closed = self.style.function(name, texts, below)
        if len(operands) == 1 and (operands[0].op == "ref" or _is_place(operands[0], texts[0])):
            return Piece(self.style.applied(name, texts[0], below), PRODUCT, closed)
        return Piece(closed)

    def text(self, term: Term) -> str:
        """The term where nothing stands around it."""
        return self.piece(term).text

    def tight(self, term: Term, rank: int) -> str:
        """The term, in parentheses unless it holds together as tightly as `rank`."""
        return self.held(self.piece(term), rank)

    def held(self, piece: Piece, rank: int) -> str:
        """A piece, in parentheses unless it holds together as tightly as `rank`."""
        if piece.rank >= rank:
            return piece.text
        return piece.closed or self.style.parentheses(piece.text)

    def juxtaposed(self, factors: Sequence[str]) -> str:
        """Factors side by side, with a sign where two numbers would become one."""
        text = ""
        for factor in filter(None, factors):
            sign = self.style.dot if factor[0].isdigit() else self.style.space
            sign = " " if factor.startswith("\\sum") else sign  # it has a space of its own
            text += sign + factor if text else factor
        return text

    # -------------------------------------------------------------------------- names and positions

    def name(self, name: str, subscripts: Sequence[str], *, bar: bool = False, example: bool = False) -> str:
        """A name at positions that are written already, or its cotangent."""
        owner, mark, letter = name.partition("~")
        called = self.called.get(name, self.called.get(owner, owner) + mark + letter)
        return self.style.name(called, subscripts, bar=bar, example=example)

    def position(self, place: Affine) -> str:
        """`t-1`, `T`, with the names that indices have here."""
        text = ""
        terms = sorted(place.terms, key=lambda pair: (pair[1] < 0, isinstance(pair[0], Index)))
        for symbol, factor in terms:
            sign = "-" if factor < 0 else "+" if text else ""
            name = self.index(symbol) if isinstance(symbol, Index) else self.length(symbol)
            text += sign + ("" if abs(factor) == 1 else str(abs(factor))) + name
        if text and not place.constant:
            return text
        return f"{text}{place.constant:+d}" if text else str(place.constant)

    def index(self, index: Index) -> str:
        """What an index variable is called here."""
        return self.shown.get(index) or self.variable(index.name)

    def length(self, length: Length) -> str:
        """`T`."""
        return self.variable(length.name) if length.name != BATCH_NAME else self.batch

    def variable(self, name: str) -> str:
        """An index or a length, with its primes."""
        bare = name.rstrip("'")
        text = bare if bare.isdigit() else self.style.name(bare, (), bar=False, example=False)
        return text + "'" * (len(name) - len(bare))

    def letters(self, count: int) -> list[str]:
        """Letters for the dims of an element; those that mean something else here come last."""
        used = {*self.taken, *self.outside, *self.shown.values()}
        known = [letter + "'" * primes for primes in range(count + 1) for letter in LETTERS]
        return sorted(known, key=lambda letter: letter in used)[:count]


def _is_place(term: Term, text: str) -> bool:
    """An element of a name, `p_y`."""
    return term.op in ("gather", "element", "reshape") and "(" not in text
