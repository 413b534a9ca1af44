"""Elaboration of all definitions, round by round, until their types stand still.

A definition is elaborated when it is first read, or in the order of the file. A long chain of definitions
that read ahead would nest as deep as it is long: beyond a bound, the one that is read is done first and its
reader begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphc.diagnostics import Diagnostic
from graphc.frontend.scope import Definition

_ROUNDS = 12
_DEEPEST = 20


class _NeededFirst(Exception):
    def __init__(self, definition: Definition) -> None:
        self.definition = definition


class Rounds:
    """`attempt` elaborates one definition; it calls `visit` for those that it reads."""

    def __init__(self, definitions: Callable[[], Sequence[Definition]], begin: Callable[[], None]) -> None:
        self.definitions = definitions
        self.begin = begin
        self.changed = False
        self.scalars = False
        """Whether a value of unknown shape is taken for a number: the last resort, see `run`."""
        self.lenient = True
        """Whether a fault that a later round may clear away is passed over."""
        self._excused = False
        self._visited: set[int] = set()
        self._depth = 0

    def excuse(self) -> bool:
        """Whether to go on for now, although something does not fit what is known yet."""
        self._excused |= self.lenient
        return self.lenient

    def run(self, attempt: Callable[[Definition], None], faults: Callable[[], Sequence[Diagnostic]]) -> None:
        """Rounds until nothing changes.

        What is unknown then has nothing in its cycle that gives it a shape, so it can only be a number.
        If that leads to a fault which was not there before it was no good guess, and is given up.
        """
        self._until_settled(attempt)
        unknown = [d for d in self.definitions() if d.guess is None and not d.failed]
        if not unknown:
            return
        before = set(faults())
        self.scalars = True
        self._until_settled(attempt)
        if not before.issuperset(faults()):
            for definition in unknown:
                definition.guess = None
        self.scalars = False
        self._until_settled(attempt)

    def _until_settled(self, attempt: Callable[[Definition], None]) -> None:
        self.lenient, self._excused = True, False
        self._settle(attempt)
        if self._excused:
            self.lenient = False
            self._settle(attempt)

    def _settle(self, attempt: Callable[[Definition], None]) -> None:
        for _ in range(_ROUNDS):
            self._visited, self.changed = set(), False
            self.begin()
            done = -1
            while done < len(self._visited):
                done = len(self._visited)
                for definition in list(self.definitions()):
                    self._complete(definition, attempt)
            if not self.changed:
                return

    def _complete(self, definition: Definition, attempt: Callable[[Definition], None]) -> None:
        if id(definition) in self._visited:
            return
        waiting = [definition]
        while waiting:
            self._visited.discard(id(waiting[-1]))
            try:
                self.visit(waiting[-1], attempt)
                waiting.pop()
            except _NeededFirst as found:
                self._visited.add(id(waiting[-1]))
                waiting.append(found.definition)

    def visit(self, definition: Definition, attempt: Callable[[Definition], None]) -> None:
        """Elaborate a definition in this round, if that has not begun yet."""
        if id(definition) in self._visited:
            return
        if self._depth >= _DEEPEST:
            raise _NeededFirst(definition)
        self._visited.add(id(definition))
        self._depth += 1
        try:
            attempt(definition)
        except _NeededFirst:
            self._visited.discard(id(definition))
            raise
        finally:
            self._depth -= 1
