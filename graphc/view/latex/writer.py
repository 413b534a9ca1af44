"""Terms written down: which sign an operation has, where parentheses stand, what is transposed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from graphc.types import BATCH, Affine, Index, Length
from graphc.view.latex.products import product
from graphc.view.latex.style import Style
from graphc.view.latex.terms import Term

SUM, PRODUCT, POWER, ATOM = range(4)
"""How tightly a piece holds together: a sum, a product or a sign, a power, a single thing."""

_RELATIONS = {
    "equal": "==",
    "not_equal": "!=",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "logical_and": "and",
    "logical_or": "or",
}
_TOTALS = {"reduce_sum": "sum", "reduce_prod": "prod", "reduce_max": "max", "reduce_min": "min"}
_SPELLED = {"maximum": "max", "minimum": "min", "log_softmax": "log softmax", "bernoulli": "Bernoulli"}
_ADJOINTS = {
    "conv_input_gradient": ("conv", "x"),
    "conv_filter_gradient": ("conv", "F"),
    "max_pool_gradient": ("maxpool", "x"),
    "average_pool_gradient": ("avgpool", "x"),
}
"""Adjoints that have no sign of their own: of which operation, as a linear map of which operand."""
MANY = 6
"""A constant matrix of more rows is not written out."""
LETTERS = "ijklmnpqr"


@dataclass(frozen=True)
class Piece:
    """What is written, and how tightly it holds together."""

    text: str
    rank: int = ATOM


@dataclass
class Writer:
    """Writes terms in a style. With `examples`, what differs between examples says of which one it is."""

    style: Style
    examples: bool = False
    shown: dict[Index, str] = field(default_factory=dict)
    """What bound indices are called here."""
    called: Mapping[str, str] = field(default_factory=dict)
    """Other names for some."""
    outside: set[str] = field(default_factory=set)

    def formula(self, term: Term, rank: int = SUM) -> str:
        """A whole right side, or a summand of one; what it sums over has names of its own."""
        self.shown = {}
        self.outside = {self.index(index) for index in term.free}
        return self.tight(term, rank)

    def text(self, term: Term) -> str:
        return self.piece(term).text

    def tight(self, term: Term, rank: int) -> str:
        """The term, in parentheses unless it holds together as tightly as `rank`."""
        return self.held(self.piece(term), rank)

    def held(self, piece: Piece, rank: int) -> str:
        return piece.text if piece.rank >= rank else self.style.parentheses(piece.text)

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
        return self.shown.get(index) or self._variable(index.name)

    def length(self, length: Length) -> str:
        return self._variable(length.name) if length.name != "batch" else "B"

    def _variable(self, name: str) -> str:
        primes = len(name) - len(name.rstrip("'"))
        bare = name.rstrip("'")
        return (
            bare if bare.isdigit() else self.style.name(bare, (), bar=False, example=False)
        ) + "'" * primes

    def piece(self, term: Term) -> Piece:
        """The term as it is written."""
        if term.op not in _TOTALS and term.bound:
            return self._summed(term)
        rule = getattr(self, f"_{term.op}", None)
        if rule is not None:
            found: Piece = rule(term)
            return found
        if term.op in _RELATIONS:
            return self._relation(term)
        if term.op in _TOTALS:
            return self._total(term)
        if term.op in _ADJOINTS:
            return self._adjoint(term)
        name = _SPELLED.get(term.op, term.op.replace("_", " "))
        return Piece(self.style.function(name, [self.text(operand) for operand in term.operands]))

    # --------------------------------------------------------------------------------------- atoms

    def _ref(self, term: Term) -> Piece:
        subscripts = [self.position(place) for place in term.attr("subscripts")]
        example = self.examples and term.has_batch
        return Piece(self.name(term.attr("name"), subscripts, bar=term.attr("bar"), example=example))

    def name(self, name: str, subscripts: Sequence[str], *, bar: bool = False, example: bool = False) -> str:
        """A name at positions that are written already, or its cotangent."""
        owner, mark, letter = name.partition("~")
        called = self.called.get(name, self.called.get(owner, owner) + mark + letter)
        return self.style.name(called, subscripts, bar=bar, example=example)

    def _constant(self, term: Term) -> Piece:
        value = term.attr("value")
        if isinstance(value, tuple):
            rows = value if isinstance(value[0], tuple) else tuple((number,) for number in value)
            if term.rank <= 2 and len(rows) <= MANY:
                return Piece(self.style.matrix([[self.style.number(n) for n in row] for row in rows]))
            return Piece(self.style.function("constant", []))
        if isinstance(value, bool):
            return Piece(str(int(value)))
        return Piece(self.style.number(value), ATOM if value >= 0 else SUM)

    def _position(self, term: Term) -> Piece:
        place = term.attr("at")
        return Piece(self.position(place), ATOM if len(place.terms) == 1 and not place.constant else SUM)

    def _length(self, term: Term) -> Piece:
        return Piece(self.length(term.attr("length")))

    def _count(self, term: Term) -> Piece:
        index = term.attr("index")
        place = index.hi - index.lo + 1
        if index == BATCH:
            return Piece("B")
        return Piece(self.position(place), ATOM if len(place.terms) + bool(place.constant) == 1 else SUM)

    # ---------------------------------------------------------------------------------- arithmetic

    def _add(self, term: Term) -> Piece:
        x, y = term.operands
        return Piece(f"{self.tight(x, SUM)} + {self._second(y)}", SUM)

    def _sub(self, term: Term) -> Piece:
        x, y = term.operands
        return Piece(f"{self.tight(x, SUM)} - {self.tight(y, PRODUCT)}", SUM)

    def _second(self, y: Term) -> str:
        return self.tight(y, SUM) if y.op in ("add", "sub") else self.tight(y, PRODUCT)

    def _neg(self, term: Term) -> Piece:
        return Piece(f"-{self.tight(term.operands[0], PRODUCT)}", SUM)

    def _div(self, term: Term) -> Piece:
        x, y = term.operands
        if x.op == "reduce_sum" and y.op in ("count", "constant"):
            one = self.style.fraction("1", self.text(y))
            return Piece(f"{one} {self.tight(x, PRODUCT)}", PRODUCT)
        return Piece(self.style.fraction(self.text(x), self.text(y)), POWER)

    def _xlogy(self, term: Term) -> Piece:
        x, y = term.operands
        sign = self.style.times if term.rank else self.style.space
        return Piece(self.tight(x, POWER) + sign + self.style.function("log", [self.text(y)]), PRODUCT)

    def _pow(self, term: Term) -> Piece:
        x, y = term.operands
        return self.power(x, self.text(y))

    def power(self, x: Term, exponent: str) -> Piece:
        base = self.tight(x, ATOM)
        has_power = x.op == "ref" and "^" in base
        return Piece(self.style.power(self.style.parentheses(base) if has_power else base, exponent), POWER)

    def _sqrt(self, term: Term) -> Piece:
        return Piece(self.style.root(self.text(term.operands[0])))

    def _abs(self, term: Term) -> Piece:
        return Piece(self.style.absolute(self.text(term.operands[0])))

    def _mul(self, term: Term) -> Piece:
        factors = list(_factors(term))
        if len(factors) == 2 and factors[0] == factors[1]:
            return self.power(factors[0], "2")
        numbers = [f for f in factors if not f.rank and f.number() is not None]
        if len(numbers) == 1 and (number := numbers[0].number()) and number < 0:
            positive = [
                replace(numbers[0], attrs=(("value", -number),)),
                *(f for f in factors if f.number() is None),
            ]
            return Piece("-" + self._product(positive).text, SUM)
        return self._product(factors)

    def _product(self, factors: Sequence[Term]) -> Piece:
        numbers = [f for f in factors if not f.rank and f.number() is not None]
        scalars = [f for f in factors if not f.rank and f.number() is None]
        tensors = [f for f in factors if f.rank]
        # A sum reaches to the end of what follows, so it stands last among the scalars.
        scalars.sort(key=lambda f: self.piece(f).rank < POWER and f.op in _TOTALS)
        few = [
            self._factor(f, i < len(numbers + scalars) - 1 or bool(tensors))
            for i, f in enumerate(numbers + scalars)
        ]
        many = [self._factor(f, i < len(tensors) - 1 or len(tensors) > 1) for i, f in enumerate(tensors)]
        return Piece(self.juxtaposed([*few, self.style.times.join(many)] if many else few), PRODUCT)

    def _factor(self, term: Term, is_followed: bool) -> str:
        is_open = term.op in (*_TOTALS, "contract") and is_followed
        return self.held(self.piece(term), POWER if is_open else PRODUCT)

    def juxtaposed(self, factors: Sequence[str]) -> str:
        """Factors side by side, with a sign where two numbers would become one."""
        text = ""
        for factor in filter(None, factors):
            digits = text and (factor[0].isdigit())
            text += (self.style.dot if digits else self.style.space if text else "") + factor
        return text

    # -------------------------------------------------------------------------- choices, comparisons

    def _relation(self, term: Term) -> Piece:
        x, y = (self.tight(operand, SUM) for operand in term.operands)
        return Piece(x + self.style.relation(_RELATIONS[term.op]) + y, SUM)

    def _logical_not(self, term: Term) -> Piece:
        return Piece(self.style.function("not", [self.text(term.operands[0])]))

    def _select(self, term: Term) -> Piece:
        condition, x, y = term.operands
        when = self.text(condition)
        if y.number() == 0:
            return Piece(self.style.indicator(when) + self.style.times + self.tight(x, PRODUCT), PRODUCT)
        return Piece(self.style.cases(self.text(x), when, self.text(y)), POWER)

    # ------------------------------------------------------------------------------------ totals

    def _summed(self, term: Term) -> Piece:
        """An operation that goes through indices by itself, with a sum in front of it."""
        attrs = tuple((name, () if name == "indices" else value) for name, value in term.attrs)
        point = replace(term, attrs=attrs)
        total = {"dims": (), "indices": term.bound}
        return self.piece(Term("reduce_sum", (point,), tuple(total.items()), term.dtype, term.shape, False))

    def _total(self, term: Term) -> Piece:
        sign, (x,) = _TOTALS[term.op], term.operands
        indices = [index for index in term.attr("indices") if index != BATCH or self.examples]
        before = dict(self.shown)
        text = ""
        for index in indices:
            text += self._bound(sign, index, term) + " "
        text += self._over_dims(sign, term, x)
        self.shown = before
        return Piece(text, PRODUCT) if text.strip() else self.piece(x)

    def _bound(self, sign: str, index: Index, term: Term) -> str:
        if index == BATCH:
            return self.style.total(sign, "b", "1", "B")
        taken = self.outside | {*self.shown.values()}
        taken |= {self.index(other) for other in term.operands[0].free if other != index}
        name = self._variable(index.name.rstrip("'"))
        while name in taken:
            name += "'"
        self.shown[index] = name
        return self.style.total(sign, name, self.position(index.lo), self.position(index.hi))

    def _over_dims(self, sign: str, term: Term, x: Term) -> str:
        dims = term.attr("dims")
        if not dims:
            return self.held(self.piece(x), PRODUCT)
        if sign == "sum" and x.op == "mul" and x.rank == len(dims) == 1:
            tensors = [f for f in _factors(x) if f.rank]
            others = [self._factor(f, True) for f in _factors(x) if not f.rank]
            if len(tensors) == 2:
                left, right = (self.tight(f, POWER) for f in tensors)
                return self.juxtaposed([*others, f"{self.style.transposed(left)} {right}"])
        letters = [LETTERS[dim] if dim in dims else self.style.any for dim in range(x.rank)]
        signs = "".join(self.style.total(sign, LETTERS[dim], "1", self._size(x, dim)) + " " for dim in dims)
        return signs + self.style.below(self.tight(x, ATOM), " ".join(letters))

    def _size(self, x: Term, dim: int) -> str:
        return self.style.size(x.shape[dim].expression)

    def _softmax(self, term: Term) -> Piece:
        return self._normalised("softmax", term)

    def _log_softmax(self, term: Term) -> Piece:
        return self._normalised("log softmax", term)

    def _logsumexp(self, term: Term) -> Piece:
        return self._normalised("logsumexp", term)

    def _normalised(self, name: str, term: Term) -> Piece:
        over = [self.index(index) for index in term.attr("indices")]
        if term.operands[0].rank > 1:
            over += [self._size(term.operands[0], dim) for dim in term.attr("dims")]
        return Piece(self.style.function(name, [self.text(term.operands[0])], ", ".join(over)))

    # ---------------------------------------------------------------------------- tensors and parts

    def _contract(self, term: Term) -> Piece:
        return product(self, term)

    def _expand(self, term: Term) -> Piece:
        (x,), source = term.operands, term.attr("source")
        if x.number() is not None or (not x.rank and x.op == "constant"):
            return self.piece(x)
        if not x.rank:
            return Piece(self.juxtaposed([self.tight(x, PRODUCT), self.style.one]), PRODUCT)
        if source == (0, None):
            return Piece(f"{self.tight(x, POWER)} {self.style.transposed(self.style.one)}", PRODUCT)
        if source == (None, 0):
            return Piece(f"{self.style.one} {self.style.transposed(self.tight(x, POWER))}", PRODUCT)
        return self._transpose(term) if source == (1, 0) else self.piece(x)

    def _transpose(self, term: Term) -> Piece:
        return Piece(self.style.transposed(self.tight(term.operands[0], ATOM)), POWER)

    def _gather(self, term: Term) -> Piece:
        table, number = term.operands
        return Piece(self.style.below(self.tight(table, ATOM), self.text(number)))

    def _scatter_add(self, term: Term) -> Piece:
        x, number = term.operands
        unit = self.style.unit(self.text(number))
        if not x.rank:
            return Piece(self.juxtaposed([self.tight(x, PRODUCT), unit]), PRODUCT)
        return Piece(f"{unit} {self.style.transposed(self.tight(x, ATOM))}", PRODUCT)

    def _reshape(self, term: Term) -> Piece:
        (x,) = term.operands
        if x.op == "slice" and x.shape[x.attr("dim")].value == 1 and term.rank == x.rank - 1:
            inner, places = x, []
            while inner.op == "slice" or (inner.op == "reshape" and inner.operands[0].op == "slice"):
                if inner.op == "slice":
                    places.append(str(inner.attr("start")))
                inner = inner.operands[0]
            return Piece(self.style.below(self.tight(inner, ATOM), ", ".join(places[::-1])))
        return self.piece(x) if not term.rank else Piece(self.style.function("reshape", [self.text(x)]))

    def _slice(self, term: Term) -> Piece:
        before = ":, " * term.attr("dim")
        place = f"{before}{term.attr('start')}:{term.attr('stop')}"
        return Piece(self.style.below(self.tight(term.operands[0], ATOM), place))

    def _pad(self, term: Term) -> Piece:
        (x,) = term.operands
        if x.op == "reshape" and not x.operands[0].rank and term.rank == 1:
            unit = self.style.unit(str(term.attr("before")))
            return Piece(self.juxtaposed([self.tight(x.operands[0], PRODUCT), unit]), PRODUCT)
        return Piece(self.style.function("pad", [self.text(x)]))

    def _adjoint(self, term: Term) -> Piece:
        name, operand = _ADJOINTS[term.op]
        sign = self.style.adjoint(name, operand)
        return Piece(sign + self.style.parentheses(", ".join(map(self.text, term.operands))))

    def _conv(self, term: Term) -> Piece:
        x, kernel = (self.tight(operand, POWER) for operand in term.operands[:2])
        return Piece(x + self.style.star + kernel, PRODUCT)


def _factors(term: Term) -> Iterable[Term]:
    """What a product multiplies; a number spread over a shape counts as the number."""
    if term.op == "mul":
        for operand in term.operands:
            yield from _factors(operand)
    elif term.op == "expand" and not term.operands[0].rank:
        yield from _factors(term.operands[0])
    else:
        yield term
