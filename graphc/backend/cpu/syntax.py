"""From the source of a kernel to Numba's IR.

Numba has to find the structure of a function in its bytecode, which takes a third of its time. In the source
of a kernel it can be seen: loops over ranges, branches, assignments, and one `return` at the end at most.
"""

from __future__ import annotations

import ast
import operator
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from numba.core import errors, ir

_BINARY: Mapping[type[ast.AST], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_UNARY: Mapping[type[ast.AST], Any] = {ast.USub: operator.neg, ast.Not: operator.not_}


def read(function: ast.FunctionDef, identity: Any, names: Mapping[str, Any]) -> ir.FunctionIR:
    """The function in Numba's IR. `identity` is Numba's description of it, `names` says what its globals are.

    Raises numba.errors.UnsupportedError, with the line, where the source is none of a kernel.
    """
    writer = _Writer(ir.Loc(identity.filename, function.lineno), names)
    parameters = [argument.arg for argument in function.args.args]
    for place, name in enumerate(parameters):
        writer.assign(name, ir.Arg(name, place, writer.place))
    writer.fixed = set(parameters)
    writer.statements(function.body)
    writer.finish(ir.Const(None, writer.place))
    definitions: Any = defaultdict(list)
    return ir.FunctionIR(
        writer.blocks, False, identity, writer.place, definitions, len(parameters), tuple(parameters)
    )


class _Writer:
    """The blocks of a function while they are written."""

    def __init__(self, place: ir.Loc, names: Mapping[str, Any]) -> None:
        self.place = place
        self.names = names
        self.scope = ir.Scope(None, place)
        self.locals: set[str] = set()
        self.fixed: set[str] = set()
        self.blocks: dict[int, ir.Block] = {}
        self.labels = 0
        self.begin(self.label())

    # Blocks.

    def label(self) -> int:
        self.labels += 1
        return self.labels

    def begin(self, label: int) -> None:
        """What follows stands in the block with this label."""
        self.block = self.blocks[label] = ir.Block(self.scope, self.place)
        self.held: dict[Any, ir.Var] = {}

    def jump(self, label: int) -> None:
        self.block.append(ir.Jump(label, self.place))

    def branch(self, condition: ir.Var, then: int, otherwise: int) -> None:
        self.block.append(ir.Branch(condition, then, otherwise, self.place))

    def finish(self, value: Any) -> None:
        if not self.block.is_terminated:
            self.block.append(ir.Return(self.temporary(value), self.place))

    # Statements.

    def statements(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            self.place = self.place.with_lineno(statement.lineno)
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign([ast.Name(name)], value):
                self.assign(name, self.value(value))
            case ast.Assign([ast.Subscript(pointer, index)], value):
                stored = self.variable(value)
                self.store(self.variable(pointer), self.variable(index), stored)
            case ast.AugAssign(ast.Subscript(pointer, index), operation, value):
                where, place = self.variable(pointer), self.variable(index)
                before = self.temporary(ir.Expr.getitem(where, place, self.place))
                self.store(where, place, self.temporary(self.binary(operation, before, self.variable(value))))
            case ast.For(ast.Name(name), ast.Call(ast.Name("range"), extent), body, []):
                self.loop(name, extent, body)
            case ast.If(condition, body, []):
                then, behind = self.label(), self.label()
                self.branch(self.variable(condition), then, behind)
                self.begin(then)
                self.statements(body)
                self.jump(behind)
                self.begin(behind)
            case ast.Return(ast.expr() as value):
                self.finish(self.value(value))
            case ast.Pass():
                pass
            case _:
                self.refuse(node)

    def loop(self, name: str, extent: Sequence[ast.expr], body: Sequence[ast.stmt]) -> None:
        *first, end = (self.temporary(self.value(bound)) for bound in extent)
        self.assign(name, first[0] if first else self.constant(0))
        head, inside, behind = self.label(), self.label(), self.label()
        self.jump(head)
        self.begin(head)
        number = self.scope.get(name)
        self.branch(self.temporary(self.binary(ast.Lt(), number, end)), inside, behind)
        self.begin(inside)
        self.statements(body)
        one = self.variable(ast.Constant(1))
        self.assign(name, self.binary(ast.Add(), number, one))
        self.jump(head)
        self.begin(behind)
        self.locals.discard(name)  # Python would leave the last number in it, here it would be one more

    def assign(self, name: str, value: Any) -> None:
        if name in self.fixed:
            raise errors.UnsupportedError(f"`{name}` is a parameter and cannot be assigned", self.place)
        self.locals.add(name)
        self.held = {key: held for key, held in self.held.items() if name not in key}
        self.block.append(ir.Assign(value, self.scope.get_or_define(name, self.place), self.place))

    def store(self, pointer: ir.Var, index: ir.Var, value: ir.Var) -> None:
        self.held = {key: held for key, held in self.held.items() if operator.getitem not in key}
        self.block.append(ir.SetItem(pointer, index, value, self.place))

    # Expressions.

    def variable(self, node: ast.expr) -> ir.Var:
        """A variable that holds the expression. What a block has computed it does not compute again."""
        value = self.value(node)
        if isinstance(value, ir.Var):
            return value
        key = _key(value)
        if key not in self.held:
            self.held[key] = self.temporary(value)
        return self.held[key]

    def temporary(self, value: Any) -> ir.Var:
        variable: ir.Var = self.scope.define(f"${len(self.scope.localvars)}", self.place)
        self.block.append(ir.Assign(value, variable, self.place))
        return variable

    def value(self, node: ast.expr) -> Any:
        """What can be assigned."""
        match node:
            case ast.Constant(value):
                return self.constant(value)
            case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as number)):
                return self.constant(-number)
            case ast.Name(name):
                return self.scope.get(name) if name in self.locals else self.outside(name)
            case ast.BinOp(left, operation, right) | ast.Compare(left, [operation], [right]):
                return self.binary(operation, self.variable(left), self.variable(right))
            case ast.UnaryOp(operation, operand) if type(operation) in _UNARY:
                return ir.Expr.unary(_UNARY[type(operation)], self.variable(operand), self.place)
            case ast.Call(ast.Name() as function, operands, []):
                given = [self.variable(operand) for operand in operands]
                return ir.Expr.call(self.variable(function), given, (), self.place)
            case ast.Subscript(pointer, index):
                return ir.Expr.getitem(self.variable(pointer), self.variable(index), self.place)
        return self.refuse(node)

    def constant(self, value: Any) -> ir.Const:
        # Numba would give each number a type of its own.
        return ir.Const(value, self.place, use_literal_type=False)

    def outside(self, name: str) -> ir.Global:
        if name not in self.names:
            raise errors.UnsupportedError(f"nothing says what `{name}` is", self.place)
        return ir.Global(name, self.names[name], self.place)

    def binary(self, operation: ast.AST, left: ir.Var, right: ir.Var) -> Any:
        if type(operation) not in _BINARY:
            self.refuse(operation)
        return ir.Expr.binop(_BINARY[type(operation)], left, right, self.place)

    def refuse(self, node: ast.AST) -> NoReturn:
        what = ast.unparse(node) if isinstance(node, ast.stmt | ast.expr) else type(node).__name__
        raise errors.UnsupportedError(f"`{what}` is not in the language of kernels", self.place)


def _key(value: Any) -> tuple[Any, ...]:
    """Equal for two values that are the same in one block, as long as no name in it is assigned anew."""
    if isinstance(value, ir.Const):
        return type(value.value), repr(value.value)
    if isinstance(value, ir.Global):
        return (value.name,)
    function = value.func.name if value.op == "call" else value.fn
    return function, *(variable.name for variable in value.list_vars())
