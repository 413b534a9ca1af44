"""Random well-typed specs as text: what a user could have written, and smooth enough for finite differences.

The generator draws equations over ragged and fixed axes: forks, alignments by name, lifted sequences,
reductions over whole axes and parts of them, recurrences of several lags in both directions, over one axis
and over two, of one name and of two, histories, functions, and layers that are used once or twice. The same
seed gives the same text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

HEAD = """dim D = 2, H = 3, V = 4
axis t = 1..T, r = 1..T
axis u = 1..N
axis k = 1..3
input x[t] : [D], z[t] : real, q[u] : [H], g : [D], s[t] : index(V)
param W : [H, D], U : [H, H], A : [D, D], B : [D, H], w : [H], v : [D], c, e : real, E : [V, H], P[k] : [D]
layer f = Cell(D, H), o = Pair(H, D)
act(a, scale = 0.5) = a * sigmoid(scale * a)
mix(a, b) = sin(a) + 0.5 * b
"""

TAIL = """block Cell(D, H) {
  input x[t] : [D], h0 : [H] = 0
  param W : [H, D], U : [H, H]
  h[0] = h0
  h[t] = tanh(W @ x[t] + U @ h[t-1])
  output h
}
block Pair(I, O) {
  input x : [I]
  param M : [O, I], b : [O]
  layer d = Scale(O)
  a = act(M @ x + b)
  y = a + d(a)
  output y
}
block Scale(C) {
  input x : [C]
  param s : [C]
  output s * tanh(x)
}
"""

Shape = tuple[str, ...]
SHAPES: tuple[Shape, ...] = ((), ("D",), ("H",))
MATRICES = {("H", "D"): "W", ("H", "H"): "U", ("D", "D"): "A", ("D", "H"): "B"}
END = {"t": "T", "r": "T", "u": "N", "k": "3"}


@dataclass(frozen=True)
class Name:
    """A name that can be read: its axes and the shape of an element."""

    text: str
    axes: tuple[str, ...]
    shape: Shape


def random_spec(seed: int, equations: int = 5) -> str:
    """The text of a spec with a loss and about so many equations."""
    return _Writer(np.random.default_rng(seed)).spec(equations)


@dataclass
class _Writer:
    random: np.random.Generator
    names: list[Name] = field(
        default_factory=lambda: [
            Name("x", ("t",), ("D",)),
            Name("z", ("t",), ()),
            Name("q", ("u",), ("H",)),
            Name("g", (), ("D",)),
            Name("w", (), ("H",)),
            Name("v", (), ("D",)),
            Name("c", (), ()),
            Name("e", (), ()),
            Name("P", ("k",), ("D",)),
        ]
    )
    lines: list[str] = field(default_factory=list)
    count: int = 0

    def spec(self, equations: int) -> str:
        kinds: list[Callable[[], None]] = [
            self._plain,
            self._plain,
            self._lifted,
            self._recurrence,
            self._recurrence,
            self._backwards,
            self._mutual,
            self._table,
            self._history,
            self._layer,
            self._steps,
            self._depth,
        ]
        for _ in range(equations):
            self._choice(kinds)()
        body = list(self.lines)
        self.random.shuffle(body)
        return HEAD + "\n".join(body) + "\n" + self._loss() + TAIL

    def _loss(self) -> str:
        parts = []
        for name in self.names[-3:]:
            value = f"{name.text}[{','.join(name.axes)}]" if name.axes else name.text
            value = f"sum({value} * {value})" if name.shape else f"sin({value})"
            for axis in name.axes:
                value = f"{self._choice(('mean', 'sum'))}[{axis}]({value})"
            parts.append(value)
        return f"minimize {' + '.join(parts)} + 0.1 * c^2\n"

    def _choice(self, items: Sequence[Callable[[], None]] | Sequence[str] | Sequence[Name]):  # type: ignore[no-untyped-def]
        return items[int(self.random.integers(len(items)))]

    def _new(self, axes: tuple[str, ...], shape: Shape) -> Name:
        self.count += 1
        return Name(f"n{self.count}", axes, shape)

    def _add(self, name: Name, *lines: str) -> None:
        self.lines += lines
        self.names.append(name)

    def _shape(self) -> Shape:
        return SHAPES[int(self.random.integers(len(SHAPES)))]

    # Equations.

    def _plain(self) -> None:
        options: tuple[tuple[str, ...], ...] = (
            (),
            ("t",),
            ("u",),
            ("k",),
            ("t", "u"),
            ("t", "r"),
            ("k", "t"),
        )
        axes = options[int(self.random.integers(len(options)))]
        name = self._new(axes, self._shape())
        left = f"{name.text}[{','.join(axes)}]" if axes else name.text
        self._add(name, f"{left} = {self.expr(axes, name.shape, 3)}")

    def _lifted(self) -> None:
        """No subscripts on either side: the sequence is the whole axis's."""
        known = [n for n in self.names if len(n.axes) == 1 and n.shape]
        source = known[int(self.random.integers(len(known)))]
        shape = self._shape() or ("H",)
        matrix = MATRICES[shape[0], source.shape[0]]
        name = self._new(source.axes, shape)
        self._add(name, f"{name.text} = tanh({matrix} @ {source.text} + {self.expr((), shape, 1)})")

    def _recurrence(self) -> None:
        name = self._new(("t",), self._shape())
        lags = int(self.random.integers(1, 3))
        step = self._sum([f"{name.text}[t-{lag}]" for lag in range(1, lags + 1)], name.shape)
        starts = [f"{name.text}[{-lag}] = {self.expr((), name.shape, 1)}" for lag in range(lags)]
        if lags == 1 and self.random.random() < 0.3:
            starts = [f"{name.text}[1] = {self.expr((), name.shape, 2)}"]
        self._add(name, *starts, f"{name.text}[t] = tanh({step} + {self.expr(('t',), name.shape, 2)})")

    def _backwards(self) -> None:
        name = self._new(("t",), self._shape())
        step = self._sum([f"{name.text}[t+1]"], name.shape)
        self._add(
            name,
            f"{name.text}[T+1] = {self.expr((), name.shape, 1)}",
            f"{name.text}[t] = tanh({step} + {self.expr(('t',), name.shape, 2)})",
        )

    def _mutual(self) -> None:
        shape = self._shape()
        one, two = self._new(("t",), shape), self._new(("t",), shape)
        step = self._sum([f"{one.text}[t]", f"{two.text}[t-1]"], shape)
        self.lines += [
            f"{one.text}[0] = 0.5",
            f"{two.text}[0] = {self.expr((), shape, 1)}",
            f"{one.text}[t] = sin({self._sum([f'{two.text}[t-1]'], shape)} + {self.expr(('t',), shape, 1)})",
            f"{two.text}[t] = tanh({step} - {one.text}[t-1])",
        ]
        self.names += [one, two]

    def _table(self) -> None:
        """A recurrence over two axes, with the corner or without it."""
        name = self._new(("u", "t"), self._shape())
        n, corner = name.text, self.random.random() < 0.5
        terms = [f"{n}[u-1,t]", f"{n}[u,t-1]"] + [f"{n}[u-1,t-1]"] * corner
        boundaries = [f"{n}[0,t] = {self.expr(('t',), name.shape, 1)}", f"{n}[u,0] = 0.3"]
        boundaries += [f"{n}[0,0] = {self.expr((), name.shape, 1)}"] * corner
        right = f"tanh({self._sum(terms, name.shape)} + {self.expr(('u', 't'), name.shape, 1)})"
        self._add(name, *boundaries, f"{n}[u,t] = {right}")

    def _history(self) -> None:
        name = self._new(("t",), self._shape())
        n = name.text
        past = f"sum[r = 1..t-1](mix({n}[r], {self._scalar(('t', 'r'))}))"
        self._add(name, f"{n}[t] = tanh({self.expr(('t',), name.shape, 2)} + 0.3 * {past})")

    def _layer(self) -> None:
        known = [n for n in self.names if n.axes == ("t",) and n.shape == ("D",)]
        source = known[int(self.random.integers(len(known)))]
        name = self._new(("t",), ("H",))
        start = "" if self.random.random() < 0.5 else f", h0 = {self.expr((), ('H',), 1)}"
        self._add(name, f"{name.text} = f({source.text}{start})")

    def _steps(self) -> None:
        axes = (("t",), ("u",), ())[int(self.random.integers(3))]
        name = self._new(axes, ("D",))
        left = f"{name.text}[{axes[0]}]" if axes else name.text
        self._add(name, f"{left} = o({self.expr(axes, ('H',), 2)})")

    def _depth(self) -> None:
        """Layers over a fixed axis, of whole sequences or of one vector."""
        axes = ("k", "t") if self.random.random() < 0.5 else ("k",)
        name, rest = self._new(axes, ("D",)), axes[1:]
        at = ",".join(("k", *rest))
        before, first = ",".join(("k-1", *rest)), ",".join(("0", *rest))
        n, begin, added = name.text, self.expr(rest, ("D",), 1), self.expr(rest, ("D",), 1)
        self._add(
            name,
            f"{n}[{first}] = {begin}",
            f"{n}[{at}] = {n}[{before}] + 0.3 * tanh(A @ {n}[{before}] + P[k] * {added})",
        )

    # Expressions.

    def _sum(self, terms: list[str], shape: Shape) -> str:
        """A mix of values of one shape."""
        factor = {(): "c * ", ("D",): "A @ ", ("H",): "U @ "}[shape]
        parts = [factor + terms[0], *(f"{0.2 + 0.1 * i:.1f} * {term}" for i, term in enumerate(terms[1:]))]
        return " + ".join(parts)

    def _scalar(self, axes: tuple[str, ...]) -> str:
        return str(self.expr(axes, (), 1))

    def expr(self, axes: tuple[str, ...], shape: Shape, depth: int) -> str:
        """An expression of this shape at one point of these axes."""
        kinds = [self._read]
        if depth:
            kinds = [self._read, self._unary, self._binary, self._binary, self._called, self._summed]
            kinds += [self._product, self._soft] if shape else [self._inner, self._elements, self._position]
        return str(self._choice(kinds)(axes, shape, depth - 1))  # type: ignore[operator]

    def _read(self, axes: tuple[str, ...], shape: Shape, depth: int) -> str:
        found = [n for n in self.names if n.shape == shape]
        name = found[int(len(found) * self.random.random() ** 0.5)]
        return name.text + (f"[{','.join(self._place(a, axes) for a in name.axes)}]" if name.axes else "")

    def _place(self, axis: str, axes: tuple[str, ...]) -> str:
        """A position along an axis: the variable if there is one, or an end, or one from the other end."""
        free = [a for a in axes if END[a] == END[axis]]
        if not free or self.random.random() < 0.15:
            return (END[axis], "1")[int(self.random.integers(2))]
        variable = free[int(self.random.integers(len(free)))]
        return f"{END[axis]}+1-{variable}" if self.random.random() < 0.15 else variable

    def _unary(self, axes: tuple[str, ...], shape: Shape, depth: int) -> str:
        return f"{self._choice(('tanh', 'sin', 'sigmoid', '-tanh'))}({self.expr(axes, shape, depth)})"

    def _binary(self, axes: tuple[str, ...], shape: Shape, depth: int) -> str:
        other = shape if self.random.random() < 0.6 else ()
        pair = [self.expr(axes, shape, depth), self.expr(axes, other, depth)]
        if self.random.random() < 0.5:
            pair.reverse()
        return f"({pair[0]} {self._choice(('+', '-', '*'))} {pair[1]})"

    def _called(self, axes: tuple[str, ...], shape: Shape, depth: int) -> str:
        inner = self.expr(axes, shape, depth)
        if self.random.random() < 0.5:
            return f"act({inner})"
        return f"mix({inner}, {self.expr(axes, shape, depth)})"

    def _summed(self, axes: tuple[str, ...], shape: Shape, depth: int) -> str:
        """Over a whole axis, or over the part up to here of one that is as long."""
        axis = self._choice(("t", "r", "u", "k"))
        inner = self.expr((*(a for a in axes if a != axis), axis), shape, depth)
        inner = f"{inner} * {self._vary(axis)}"
        same = [a for a in axes if END[a] == END[axis] and a != axis]
        bound = f"{axis} = 1..{same[0]}" if same and self.random.random() < 0.6 else axis
        return f"tanh({self._choice(('sum', 'mean'))}[{bound}]({inner}))"

    def _vary(self, axis: str) -> str:
        return f"cos(0.5 * {axis})"

    def _product(self, axes: tuple[str, ...], shape: Shape, depth: int) -> str:
        inner = ("D",) if self.random.random() < 0.5 else ("H",)
        matrix = MATRICES[shape[0], inner[0]]
        if self.random.random() < 0.2:
            matrix = MATRICES[inner[0], shape[0]] + ".T"
        return f"{matrix} @ {self.expr(axes, inner, depth)}"

    def _soft(self, axes: tuple[str, ...], shape: Shape, depth: int) -> str:
        if shape == ("H",) and "t" in axes and self.random.random() < 0.5:
            return "E[s[t]]"
        return f"softmax({self.expr(axes, shape, depth)})"

    def _inner(self, axes: tuple[str, ...], shape: Shape, depth: int) -> str:
        inner = ("D",) if self.random.random() < 0.5 else ("H",)
        return f"({self.expr(axes, inner, depth)}) @ ({self.expr(axes, inner, depth)})"

    def _elements(self, axes: tuple[str, ...], shape: Shape, depth: int) -> str:
        inner = self.expr(axes, ("H",), depth)
        return (f"({inner})[1]", f"sum({inner})", f"mean(({inner})[0:2])")[int(self.random.integers(3))]

    def _position(self, axes: tuple[str, ...], shape: Shape, depth: int) -> str:
        if not axes:
            return "0.5"
        axis = axes[0]
        return f"where({axis} > 1, {self.expr(axes, (), depth)} / {axis}, {self._read(axes, (), 0)})"
