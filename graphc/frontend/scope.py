"""What names mean in a file or in a block, before any shape is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graphc.diagnostics import Span
from graphc.frontend import ast
from graphc.ir.system import Leaf
from graphc.types import Affine, Dim, Index, Length, TensorType

if TYPE_CHECKING:
    from graphc.frontend.terms import Context


@dataclass(eq=False)
class Library:
    """Functions (overloaded by arity and kind), blocks and optimizers that a file can use."""

    functions: dict[str, list[ast.FunctionDefinition]] = field(default_factory=dict)
    blocks: dict[str, ast.BlockDefinition] = field(default_factory=dict)
    others: frozenset[str] = frozenset()
    """Names that could have been used and were not, for suggestions."""
    optimizers: dict[str, list[ast.OptimizerDefinition]] = field(default_factory=dict)
    """Definitions of one name have different options."""

    def extended(self, file: ast.File) -> Library:
        """This library with what `file` defines, which hides what has the same name."""
        functions = {name: list(overloads) for name, overloads in self.functions.items()}
        own: dict[str, list[ast.FunctionDefinition]] = {}
        blocks = dict(self.blocks)
        optimizers: dict[str, list[ast.OptimizerDefinition]] = {}
        for statement in file.statements:
            if isinstance(statement, ast.FunctionDefinition):
                own.setdefault(statement.name, []).append(statement)
            elif isinstance(statement, ast.BlockDefinition):
                blocks[statement.name] = statement
            elif isinstance(statement, ast.OptimizerDefinition):
                optimizers.setdefault(statement.name, []).append(statement)
        return Library(functions | own, blocks, self.others, self.optimizers | optimizers)


@dataclass(eq=False)
class Boundary:
    """`h[0] = value`: `positions` has a fixed position or an index for each own index of the name."""

    positions: tuple[Affine | Index, ...]
    value: ast.Expr
    span: Span
    label: str

    @property
    def fixed(self) -> int:
        """How many of its positions are fixed."""
        return sum(isinstance(p, Affine) for p in self.positions)

    def unit(self, name: str) -> str:
        """What the equation is called in the system: `h[0]`, or `enc.h[0]` in a block."""
        return name + self.label[self.label.index("[") :]


@dataclass(eq=False)
class Definition:
    """A name that can be read: a leaf, or equations. `guess` is its type as far as it is known.

    Its indices are `outer` (those of the place where its block is called, invisible inside the block),
    `own` (written on the left side), `lifted` (those of sequences on the right side).
    """

    name: str
    scope: Scope
    span: Span
    own: tuple[Index, ...] = ()
    outer: tuple[Index, ...] = ()
    lifted: tuple[Index, ...] = ()
    leaf: Leaf | None = None
    general: ast.Expr | None = None
    context: Context | None = None
    """For a block's input: where `general`, the argument, is read."""
    draw: ast.Expr | None = None
    """For `noise`: the distribution; the shape stands in `annotation`."""
    annotation: TensorType | None = None
    running: ast.Equation | None = None
    boundaries: list[Boundary] = field(default_factory=list)
    guess: TensorType | None = None
    failed: bool = False
    broken: bool = False
    """Its declaration is at fault, and that is reported: whatever reads the name is not at fault."""
    classes: int | None = None

    @property
    def indices(self) -> tuple[Index, ...]:
        return self.outer + self.own + self.lifted

    @property
    def is_declared(self) -> bool:
        """Whether its type is known whatever its equations say: who reads it can be judged without them."""
        return self.annotation is not None and self.guess is not None and self.context is None

    @property
    def visible(self) -> tuple[Index, ...]:
        """The indices that a reader subscripts."""
        return self.own + self.lifted


@dataclass(eq=False)
class Record:
    """`e = enc(...)`: the outputs of a call under a name, with the left side's indices."""

    name: str
    own: tuple[Index, ...]
    call: ast.Call
    scope: Scope
    span: Span


@dataclass(eq=False)
class Layer:
    """An instance of a block: its weights exist once, whoever calls it."""

    name: str
    block: ast.BlockDefinition
    scope: Scope
    family: tuple[Index, ...]
    span: Span
    calls: int = 0
    broken: bool = False
    """As in `Definition`."""


@dataclass(eq=False)
class Scope:
    """One namespace: the file, a layer (its parameters and dims), or one call of a layer (its equations)."""

    prefix: str
    library: Library
    parent: Scope | None = None
    dims: dict[str, Dim] = field(default_factory=dict)
    constants: dict[str, float] = field(default_factory=dict)
    """Parameters of a block that are numbers but no sizes, such as a rate."""
    axes: dict[str, Index] = field(default_factory=dict)
    lengths: dict[str, Length] = field(default_factory=dict)
    outer: tuple[Index, ...] = ()
    family: tuple[Affine, ...] = ()
    """In a call of a family's member: its subscripts, which every parameter is read at."""
    names: dict[str, Definition | Record | Layer] = field(default_factory=dict)
    outputs: dict[str, ast.Expr] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    """Where dims and axes are declared."""
    unsized: set[str] = field(default_factory=set)
    """Dims whose value is at fault; they have some value, so that what does not need it can be judged."""

    def lookup(self, name: str) -> tuple[Definition | Record | Layer, Scope] | None:
        """What `name` means here and the scope that defines it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name], scope
            scope = scope.parent
        return None

    def dim(self, name: str) -> Dim | None:
        return self.dims.get(name) or (self.parent.dim(name) if self.parent else None)

    def axis(self, name: str) -> Index | None:
        return self.axes.get(name) or (self.parent.axis(name) if self.parent else None)

    def length(self, name: str) -> Length | None:
        return self.lengths.get(name) or (self.parent.length(name) if self.parent else None)

    def constant(self, name: str) -> float | None:
        if name in self.constants:
            return self.constants[name]
        return self.parent.constant(name) if self.parent else None

    @property
    def numbers(self) -> dict[str, Dim | float]:
        """All that has a value when the spec is compiled."""
        return (self.parent.numbers if self.parent else {}) | self.dims | self.constants

    @property
    def all_dims(self) -> dict[str, Dim]:
        return (self.parent.all_dims if self.parent else {}) | self.dims

    def known(self) -> set[str]:
        """Every name that could have been meant, for suggestions."""
        own = {*self.names, *self.dims, *self.axes, *self.lengths}
        own |= {*self.library.functions, *self.library.blocks, *self.library.others}
        return own | (self.parent.known() if self.parent else set())
