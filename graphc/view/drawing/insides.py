"""What one kernel computes, as boxes: values that it keeps to itself and those that it writes to memory."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from graphc.diagnostics import Span
from graphc.kernel.expr import Const, Expr, Load, Name, rewrite
from graphc.kernel.nest import Gather, Let, Store
from graphc.kernel.printer import text
from graphc.schedule.program import Buffer, Launch
from graphc.view.drawing.metrics import shortened
from graphc.view.drawing.operations import HOLE
from graphc.view.drawing.picture import Role

if TYPE_CHECKING:
    from graphc.view.drawing.schedules import Scheduling

_WIDEST = 44
"""Letters of what a box computes."""
_NAME = 12
"""Letters of a name within a formula: in the place of a longer one stands a hole."""


def is_backward(title: str) -> bool:
    """Whether what has this title is part of the backward pass."""
    return "cotangent of " in title or title.startswith("gradient of ")


def lengths_named(said: str) -> str:
    """A formula with the spec's names of lengths, which are numbers whatever their dtype."""
    return re.sub(r"\bn_(\w+)", r"\1", re.sub(r"\breal\((n_\w+)\)", r"\1", said))


class Inside:
    """A kernel on its way into a picture."""

    def __init__(self, drawing: Scheduling, launch: Launch) -> None:
        self.drawing = drawing
        self.kernel = launch.kernel
        self.locals: dict[str, str] = {}
        """The boxes of values that the kernel keeps to itself, by name."""
        self.said: dict[str, str] = {}
        """Their titles."""
        self.stores: dict[Buffer, str] = {}
        self.given = {
            parameter.name: argument.buffer
            for parameter, argument in zip(self.kernel.buffers, launch.arguments, strict=True)
        }
        self.forward, self.backward = self._directions()

    def _directions(self) -> tuple[list[Span], list[Span]]:
        """What the kernel computes of the forward pass, and of what it computes the derivative.

        A value without a title counts with the others.
        """
        found: dict[bool, list[Span]] = {False: [], True: []}
        unsaid: list[Span] = []
        for statement in self.kernel.walk():
            if isinstance(statement, Let | Store | Gather) and statement.span is not None:
                title = statement.title
                if isinstance(statement, Store):
                    title = title or self.drawing.titles[self.given[statement.buffer]]
                (found[is_backward(title)] if title else unsaid).append(statement.span)
        found[bool(found[True]) and not found[False]] += unsaid
        return found[False], found[True]

    def draw(self, frame: str) -> None:
        self.frame = frame
        for statement in self.kernel.walk():
            match statement:
                case Let(name=name, value=value, span=span, title=title):
                    self._local(name.name, self._formula(value), value, span, title)
                case Gather(accumulator=name, kind=kind, value=value, span=span, title=title):
                    self._local(name.name, f"{kind}({self._formula(value)})", value, span, title)
                case Store():
                    self._store(statement)

    def _local(self, name: str, said: str, value: Expr, span: Span | None, title: str) -> None:
        self.locals[name] = box = self._box(title, said, span, None)
        self.said[name] = title
        self._reads(value, box)

    def _store(self, store: Store) -> None:
        buffer = self.given[store.buffer]
        if isinstance(store.value, Const) and not store.accumulate and self._is_added_to(store.buffer):
            return  # where a sum begins
        if isinstance(store.value, Name) and store.value.name in self.locals:
            box = self._stored(self.locals[store.value.name], store, buffer)
        elif buffer in self.stores and not store.accumulate:
            box = self._one_more(self.stores[buffer], buffer)
        else:
            said = self._formula(store.value)
            said = f"sum({said})" if store.accumulate else said
            box = self._box(self._title(store, buffer), said, store.span, buffer)
        self._reads(store.value, box)
        self.stores[buffer] = box
        self.drawing.write(buffer, box)

    def _one_more(self, key: str, buffer: Buffer) -> str:
        """A buffer's box, of which one more part is written: it is called as all parts together."""
        boxes = self.drawing.boxes
        boxes[key] = replace(boxes[key], name=self.drawing.titles[buffer], operation="side by side")
        return key

    def _title(self, store: Store, buffer: Buffer) -> str:
        """The value's own name: a buffer that has a value of each step is called as all of them."""
        own = buffer.role == "work" and store.title
        return own if own else self.drawing.titles[buffer]

    def _is_added_to(self, name: str) -> bool:
        return any(isinstance(s, Store) and s.buffer == name and s.accumulate for s in self.kernel.walk())

    def _stored(self, key: str, store: Store, buffer: Buffer) -> str:
        """A local value's box, which from now on is also a buffer's."""
        boxes = self.drawing.boxes
        written = boxes.pop(self._box(self._title(store, buffer), "", store.span, buffer))
        names = {} if written.role in ("output", "loss") else dict.fromkeys(filter(None, [boxes[key].name]))
        names |= dict.fromkeys([written.name])
        boxes[key] = replace(
            boxes[key],
            name=", ".join(names),
            role=written.role,
            shape=written.shape,
            notes=(*boxes[key].notes, *written.notes),
            marks=tuple(sorted({*boxes[key].marks, *written.marks})),
        )
        return key

    def _box(self, name: str, operation: str, span: Span | None, buffer: Buffer | None) -> str:
        role: Role = "operation" if buffer is None else self.drawing.role(buffer)
        operation = "laid out anew" if operation == name else operation
        return self.drawing.box(name, operation, role, self.frame, span, buffer)

    def _reads(self, value: Expr, box: str) -> None:
        for part in value.walk():
            if isinstance(part, Load):
                self.drawing.read(self.given[part.buffer], box)
            elif isinstance(part, Name) and part.name in self.locals and self.locals[part.name] != box:
                self.drawing.wired(self.locals[part.name], box)

    def _formula(self, value: Expr) -> str:
        """What is computed, by short names or holes, without places in buffers."""
        return shortened(lengths_named(text(rewrite(value, self._spoken))), _WIDEST)

    def _spoken(self, part: Expr) -> Expr | None:
        if isinstance(part, Load):
            return _named(self.drawing.titles[self.given[part.buffer]])
        if isinstance(part, Name) and part.name in self.locals:
            return _named(self.said[part.name])
        return None


def _named(title: str) -> Name:
    is_short = title and len(title) <= _NAME and " " not in title
    return Name(title if is_short else HOLE, "real")
