"""From a function of a program's steps to LLVM's text.

What `assemble` writes is a small part of Python: integers and pointers, loops, and calls of functions that
are compiled elsewhere. No types have to be found out for it, so it does without Numba.

- A name stands for the value that was last assigned to it; there are no variables in memory. What a loop or
  an `if` assigns has no value in it in front of the assignment, nor behind it.
- Values are `int64`, `bool`, and pointers, which are called as those of a `Unit` are: `float32*`.
- Nothing is checked when the program runs: no index and no divisor. Sums wrap around at 64 bits.

The function and the units that it calls have Numba's calling convention, so that they are loaded and run
alike: places for a result and an exception come first, and a state is returned. None of this is used, since
nothing here raises an exception. Functions of libraries have the convention of C, and return nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from graphc.backend.cpu.products import PARAMETERS
from graphc.backend.cpu.unit import Unit
from graphc.backend.cpu.writing import ELEMENTS, Value, Writing, type_of

_ARITHMETIC: Mapping[type[ast.operator], str] = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul"}
_LOGIC: Mapping[type[ast.operator], str] = {ast.BitAnd: "and", ast.BitOr: "or"}
_RELATIONS: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "slt",
    ast.LtE: "sle",
    ast.Gt: "sgt",
    ast.GtE: "sge",
}
_DIVISIONS = {"quotient": "udiv", "remainder": "urem"}
"""Of coordinates, which are never negative."""
_EXTREMES = {"maximum": "sgt", "minimum": "slt"}

_POINTERS = {"ints": "int64*", "bools": "uint8*"}
"""What makes pointers of addresses. Which one `reals` makes, the unit says."""


def lowered(unit: Unit) -> str:
    """The text of a module that defines `unit.symbol` and declares what it calls.

    `unit.uses` says what names stand for: a unit, or the symbol of a function in a library (`barrier` and
    those of `products`); and as `reals` the kind of a pointer to reals. Raises ValueError, with the line,
    where the source is not of this language: a mistake of the generator.
    """
    (function,) = ast.parse(unit.source).body
    assert isinstance(function, ast.FunctionDef), unit.source
    return _Function(unit).text(function)


class _Function(Writing):
    """One function while its instructions are written."""

    def __init__(self, unit: Unit) -> None:
        super().__init__()
        self.unit = unit
        self.names: dict[str, Value] = {}
        self.declared: dict[str, str] = {}
        """The declarations of what is called, by symbol."""

    def text(self, function: ast.FunctionDef) -> str:
        names = [argument.arg for argument in function.args.args]
        for name, kind in zip(names, self.unit.parameters, strict=True):
            self.names[name] = Value(self.fresh(), kind)
        head = ", ".join(["ptr %result", "ptr %exception", *(value.typed for value in self.names.values())])
        self._body(function.body)
        self.write("ret i32 0")
        parts = [*self.declared.values(), f"define i32 @{self.unit.symbol}({head}) nounwind {{", "entry:"]
        return "\n".join([*parts, *self.lines, "}", ""])

    # ------------------------------------------------------------------------------------ statements

    def _body(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            self._statement(statement)

    def _statement(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Pass():
                pass
            case ast.Assign([ast.Name(name)], value):
                self.names[name] = self._value(value)
            case ast.Assign(
                [ast.Tuple([ast.Name(lo), ast.Name(hi)])],
                ast.Call(ast.Name("share"), [me, workers, extent], []),
            ):
                self.names[lo], self.names[hi] = self._share(*map(self._int, (me, workers, extent)))
            case ast.For(ast.Name(name), ast.Call(ast.Name("range"), bounds, []), body, []):
                self._for(name, self._range(bounds), body)
            case ast.If(condition, body, []):
                self._if(self._truth(condition), body)
            case ast.Expr(ast.Call(ast.Name(name), arguments, [])) if name in self.unit.uses:
                self._call(name, [self._value(argument) for argument in arguments])
            case _:
                raise self._unknown(statement)

    def _share(self, me: Value, workers: Value, extent: Value) -> tuple[Value, Value]:
        """The part (lo, hi) of a range that is one worker's."""
        lo = self.apply("mul", me, extent)
        hi = self.apply("add", lo, extent)
        return self.apply("udiv", lo, workers), self.apply("udiv", hi, workers)

    def _for(self, name: str, range: Sequence[Value], body: Sequence[ast.stmt]) -> None:
        start, stop, step = range
        outside, head, inside, again, done = self.block, *self.labels("head", "inside", "again", "done")
        counter, following = Value(self.fresh(), "int64"), self.fresh()
        self.write(f"br label %{head}")
        self.begin(head)
        self.write(f"{counter.text} = phi i64 [{start.text}, %{outside}], [{following}, %{again}]")
        more = self.compare("sgt" if step.text == "-1" else "slt", counter, stop)
        self.write(f"br {more.typed}, label %{inside}, label %{done}")
        self.begin(inside)
        with self._scope(name, body):
            self.names[name] = counter
            self._body(body)
        self.write(f"br label %{again}")
        self.begin(again)
        self.write(f"{following} = add {counter.typed}, {step.text}")
        self.write(f"br label %{head}")
        self.begin(done)

    def _range(self, bounds: Sequence[ast.expr]) -> tuple[Value, Value, Value]:
        """Start, stop, and a step that is 1 or -1."""
        zero, one = Value("0", "int64"), Value("1", "int64")
        match [self._int(bound) for bound in bounds]:
            case [stop]:
                return zero, stop, one
            case [start, stop]:
                return start, stop, one
            case [start, stop, (("1" | "-1"), _) as step]:
                return start, stop, step
        raise self._unknown(bounds[-1])

    def _if(self, condition: Value, body: Sequence[ast.stmt]) -> None:
        yes, done = self.labels("yes", "done")
        self.write(f"br {condition.typed}, label %{yes}, label %{done}")
        self.begin(yes)
        with self._scope("", body):
            self._body(body)
        self.write(f"br label %{done}")
        self.begin(done)

    @contextmanager
    def _scope(self, counter: str, body: Sequence[ast.stmt]) -> Iterator[None]:
        """Inside and afterwards, what the body assigns has no value from before; nor has the counter."""
        names = [node for statement in body for node in ast.walk(statement) if isinstance(node, ast.Name)]
        stored = {counter, *(node.id for node in names if isinstance(node.ctx, ast.Store))}
        kept = {name: value for name, value in self.names.items() if name not in stored}
        self.names = dict(kept)
        yield
        self.names = kept

    # ----------------------------------------------------------------------------------------- calls

    def _call(self, name: str, arguments: Sequence[Value]) -> None:
        use = self.unit.uses[name]
        kinds = use.parameters if isinstance(use, Unit) else self._library(name)
        given = tuple(argument.kind for argument in arguments)
        if given != kinds:
            raise ValueError(f"`{self.unit.name}` calls `{name}({', '.join(kinds)})` with {', '.join(given)}")
        listed = ", ".join(argument.typed for argument in arguments)
        types = ", ".join(map(type_of, kinds))
        if isinstance(use, Unit):
            self.declared[use.symbol] = f"declare i32 @{use.symbol}(ptr, ptr, {types}) nounwind"
            self.write(f"call i32 @{use.symbol}(ptr %result, ptr %exception, {listed})")
        else:
            self.declared[use] = f"declare void @{use}({types}) nounwind"
            self.write(f"call void @{use}({listed})")

    def _library(self, name: str) -> tuple[str, ...]:
        """The kinds of a library function's parameters."""
        if name in ("barrier", "mark"):
            return "int64", "int64"
        return tuple("int64" if letter == "i" else self._pointer("reals") for letter in PARAMETERS[name])

    def _pointer(self, maker: str) -> str:
        return _POINTERS.get(maker) or str(self.unit.uses[maker])

    # ----------------------------------------------------------------------------------- expressions

    def _int(self, expression: ast.expr) -> Value:
        return self._of_kind("int64", expression)

    def _truth(self, expression: ast.expr) -> Value:
        return self._of_kind("bool", expression)

    def _of_kind(self, kind: str, expression: ast.expr) -> Value:
        value = self._value(expression)
        if value.kind != kind:
            raise self._unknown(expression)
        return value

    def _value(self, expression: ast.expr) -> Value:
        match expression:
            case ast.Constant(bool(truth)):
                return Value(str(truth).lower(), "bool")
            case ast.Constant(int(number)):
                return Value(str(number), "int64")
            case ast.Name(name) if name in self.names:
                return self.names[name]
            case ast.UnaryOp(ast.USub(), ast.Constant(int(number))):
                return Value(str(-number), "int64")
            case ast.UnaryOp(ast.USub(), operand):
                return self.apply("sub", Value("0", "int64"), self._int(operand))
            case ast.UnaryOp(ast.Not(), operand):
                return self.apply("xor", self._truth(operand), Value("true", "bool"))
            case ast.BinOp(a, operator, b) if type(operator) in _ARITHMETIC:
                return self.apply(_ARITHMETIC[type(operator)], self._int(a), self._int(b))
            case ast.BinOp(a, operator, b) if type(operator) in _LOGIC:
                return self.apply(_LOGIC[type(operator)], self._truth(a), self._truth(b))
            case ast.Compare(a, [relation], [b]) if type(relation) in _RELATIONS:
                return self.compare(_RELATIONS[type(relation)], self._int(a), self._int(b))
            case ast.Subscript(pointer, place):
                element = self.place(self._of_kind("int64*", pointer), self._int(place))
                return self.set("int64", f"load i64, {element.typed}")
            case ast.Call(ast.Name(name), arguments, []):
                found = self._helper(name, [self._value(argument) for argument in arguments])
                if found is not None:
                    return found
        raise self._unknown(expression)

    def _helper(self, name: str, arguments: Sequence[Value]) -> Value | None:
        """What `graphc.kernel.expr` has beside Python's operators, and pointers."""
        match name, [argument.kind for argument in arguments]:
            case "quotient" | "remainder", ["int64", "int64"]:
                return self.apply(_DIVISIONS[name], *arguments)
            case "maximum" | "minimum", ["int64", "int64"]:
                return self.select(self.compare(_EXTREMES[name], *arguments), *arguments)
            case "select", ["bool", a, b] if a == b:
                return self.select(*arguments)
            case "int64", ["bool"]:
                return self.set("int64", f"zext {arguments[0].typed} to i64")
            case "reals" | "ints" | "bools", ["int64"]:
                return self.set(self._pointer(name), f"inttoptr {arguments[0].typed} to ptr")
            case "at", [pointer, "int64"] if pointer in ELEMENTS:
                return self.place(*arguments)
        return None

    def _unknown(self, node: ast.stmt | ast.expr) -> ValueError:
        """What is not of the language, or stands for no value."""
        return ValueError(f"line {node.lineno} of `{self.unit.name}`: no step says `{ast.unparse(node)}`")
