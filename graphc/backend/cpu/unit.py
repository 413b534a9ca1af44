"""A function of generated Python, before it is compiled: what it says, and what it calls."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

HASH_LENGTH = 24
"""Hexadecimal digits that tell units apart: 96 bits, so that two never meet by chance."""


@dataclass(frozen=True)
class Unit:
    """One function `def NAME(...)` in a part of Python.

    `language` says which part. `numba`: kernels, what Numba compiles; they use no other units. `steps`: the
    schedule of a program, with integers, loops and calls of other units; see `steps`.

    `parameters` are Numba's names of types: `int64`, `float32`, and `float32*` for a pointer; nothing is
    returned. No two pointers of a kernel may reach the same memory unless it is only read: LLVM is told so
    (`noalias`), and reorders loads and stores accordingly.

    `uses` says what the other names in the source are. In a kernel: what an importable module holds, as
    `module:name` (`numba:float32`, `graphc.backend.cpu.functions:FUNCTIONS.exp`; in a mapping the key follows
    after a dot). In steps: units, and what `steps.lowered` says. All of this is named instead of given: code
    from the cache needs none of it, and importing Numba takes longer than loading a program.
    """

    name: str
    source: str
    parameters: tuple[str, ...]
    uses: Mapping[str, Unit | str] = field(default_factory=dict)
    language: Literal["numba", "steps"] = "numba"

    @cached_property
    def key(self) -> str:
        """A hash of what the function says. Its own name counts for nothing: equal bodies are one unit."""
        used = [(name, use.key if isinstance(use, Unit) else use) for name, use in sorted(self.uses.items())]
        content = (self._renamed("_"), self.parameters, used, self.language)
        return hashlib.sha256(repr(content).encode()).hexdigest()[:HASH_LENGTH]

    @property
    def symbol(self) -> str:
        """A name that equal units share, and no other content has, in any process: Numba issue 10486 says
        what happens otherwise."""
        return f"{self.language}_{self.key}"

    @property
    def named_source(self) -> str:
        """The source with the function under its `symbol`."""
        return self._renamed(self.symbol)

    def _renamed(self, name: str) -> str:
        return re.sub(rf"\b{re.escape(self.name)}\b", name, self.source)
