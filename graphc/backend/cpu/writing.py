"""The text of a function in LLVM's notation: registers, blocks, instructions for integers and pointers."""

from __future__ import annotations

from typing import NamedTuple

ELEMENTS = {"int64*": "i64", "uint8*": "i8", "float32*": "float", "float64*": "double"}
"""What pointers point to."""

_TYPES = {"int64": "i64", "bool": "i1"}


def type_of(kind: str) -> str:
    """LLVM's type for `int64`, `bool`, or a pointer, called as those of a `Unit` are: `float32*`."""
    return _TYPES.get(kind, "ptr")


class Value(NamedTuple):
    """A register or a number, as text, and its kind."""

    text: str
    kind: str

    @property
    def typed(self) -> str:
        return f"{type_of(self.kind)} {self.text}"


class Writing:
    """The lines of a function, to which instructions are added. Each has a register of its own (SSA form)."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.block = "entry"
        """The one that is being written."""
        self._count = 0

    def write(self, instruction: str) -> None:
        self.lines.append(f"  {instruction}")

    def begin(self, block: str) -> None:
        """Go on in a new block. The one before ends with a branch."""
        self.lines.append(f"{block}:")
        self.block = block

    def labels(self, *names: str) -> list[str]:
        """Names for blocks that belong together."""
        self._count += 1
        return [f"{name}{self._count}" for name in names]

    def fresh(self) -> str:
        """A register that is not in use."""
        self._count += 1
        return f"%r{self._count}"

    def set(self, kind: str, operation: str) -> Value:
        """A register that holds what the operation gives."""
        register = self.fresh()
        self.write(f"{register} = {operation}")
        return Value(register, kind)

    def apply(self, operation: str, a: Value, b: Value) -> Value:
        return self.set(a.kind, f"{operation} {a.typed}, {b.text}")

    def compare(self, relation: str, a: Value, b: Value) -> Value:
        return self.set("bool", f"icmp {relation} {a.typed}, {b.text}")

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        return self.set(a.kind, f"select {condition.typed}, {a.typed}, {b.typed}")

    def place(self, pointer: Value, offset: Value) -> Value:
        """The pointer so many elements further on."""
        return self.set(
            pointer.kind, f"getelementptr {ELEMENTS[pointer.kind]}, {pointer.typed}, {offset.typed}"
        )
