"""From units to functions, each compiled once: for this process, and where there is a cache, for all."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache as once
from functools import partial
from typing import TYPE_CHECKING

from graphc.backend.cpu import cache, machine
from graphc.backend.cpu.cache import Code
from graphc.backend.cpu.unit import Unit

if TYPE_CHECKING:
    from concurrent.futures import Future

    from graphc.backend.cpu.assembler import Effort


@dataclass(frozen=True)
class Part:
    """What is compiled, kept and loaded as one piece: a unit, or a library whose functions steps call.

    name: what messages call it; entry: its file in the cache; symbols: the functions that it defines;
    begin: writes LLVM's text of it and hands that to the assembler; before: is called before code is loaded,
    and makes known to LLVM what other libraries define.
    """

    name: str
    entry: str
    symbols: tuple[str, ...]
    begin: Callable[[], Future[Code]]
    before: Callable[[], None] = lambda: None


libraries: list[Part] = []
"""A program is loaded with those of which its units use a symbol."""

_LOCK = threading.RLock()
_BEGUN: dict[str, Future[Code]] = {}
"""By entry, what `begin` has begun and nobody has asked for yet."""
_FUNCTIONS: dict[str, Callable[..., None]] = {}
_LOADED: set[str] = set()
"""The entries of the parts whose symbols this process knows."""


def begin(unit: Unit) -> None:
    """Have the assembler make what `build` will ask for, as far as no cache holds it, and do not wait for it.

    So it works while graphs are differentiated and scheduled. Raises what Numba raises.
    """
    with _LOCK:
        for part in _parts(unit):
            _begun(part)


def expect(library: Part) -> None:
    """Begin with a library before it is known whether any unit uses it. It is kept in any case."""
    with _LOCK:
        if (made := _begun(library)) is not None:
            made.add_done_callback(partial(_keep, library.entry))


def _begun(part: Part) -> Future[Code] | None:
    """What is begun here, unless that was done before or a cache holds it."""
    if part.entry in _LOADED or part.entry in _BEGUN or cache.holds(part.entry):
        return None
    _hold_forks()
    part.before()
    _BEGUN[part.entry] = part.begin()
    return _BEGUN[part.entry]


def _keep(entry: str, made: Future[Code]) -> None:
    if not made.cancelled() and made.exception() is None and cache.is_up_to_date():
        cache.write(entry, made.result())


def build(unit: Unit) -> Callable[..., None]:
    """The compiled function, for Python to call: numbers as numbers, pointers as addresses.

    What it calls is compiled and loaded along with it, each unit apart: units that several programs use are
    compiled once. Threads may call `build` at the same time, and what it returns as well. Raises RuntimeError
    where a symbol is needed that nobody defines, and what Numba and LLVM raise.
    """
    with _LOCK:
        if unit.key not in _FUNCTIONS:
            load(_parts(unit))
            _FUNCTIONS[unit.key] = machine.function(unit.symbol, unit.parameters)
        return _FUNCTIONS[unit.key]


def load(parts: Iterable[Part]) -> None:
    """Make the functions of these parts known to code that is loaded from now on. Raises as `build` does."""
    with _LOCK:
        new = [part for part in parts if part.entry not in _LOADED]
        for part in new:
            part.before()
        known = {symbol for part in new for symbol in part.symbols}
        codes = {part: code for part in new if (code := _kept(part, known))}
        if absent := [part for part in new if part not in codes]:
            codes |= _compiled(absent, known)
        machine.load(codes.values())
        _LOADED.update(part.entry for part in new)


def _kept(part: Part, known: set[str]) -> Code | None:
    """The entry of a part, unless it is another's, or a library that was there when it was made is gone."""
    code = cache.read(part.entry)
    if code is None or set(code.defines) != set(part.symbols) or _missing(code, known):
        return None
    return code


def _compiled(parts: Iterable[Part], known: set[str]) -> Mapping[Part, Code]:
    _hold_forks()
    codes = {}
    begun: list[tuple[Part, Future[Code]]] = []
    try:
        for part in parts:
            begun.append((part, _BEGUN.pop(part.entry) if part.entry in _BEGUN else part.begin()))
        keep = cache.is_up_to_date()
        for part, future in begun:
            codes[part] = code = future.result()
            if absent := _missing(code, known):
                raise RuntimeError(f"`{part.name}` needs what no library defines: {', '.join(absent)}")
            assert set(code.defines) == set(part.symbols), f"`{part.name}` defines {code.defines}"
            if keep:
                cache.write(part.entry, code)
    finally:
        # After a failure or Ctrl-C, what has not begun never does: the process would wait for it at its end.
        for _, future in begun:
            future.cancel()
    return codes


@once
def _hold_forks() -> None:
    """From now on a fork waits until nobody compiles: the child would wait for a thread that it has not.

    Of such handlers the last one is called first. This one has to come behind that of `concurrent.futures`,
    whose lock is needed for compiling: so it is registered when that has been imported.
    """
    import concurrent.futures.thread

    def before() -> None:
        _LOCK.acquire()
        concurrent.futures.wait(_BEGUN.values())

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=before, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


def _missing(code: Code, known: set[str]) -> list[str]:
    """What this code needs and nobody defines: nothing that is loaded with it or was before."""
    return machine.missing(symbol for symbol in code.needs if symbol not in known)


def _parts(unit: Unit) -> list[Part]:
    """A unit and all that it uses. Kernels come last: LLVM has the rest to do while Numba is imported."""
    units = {each.key: each for each in _reached(unit)}.values()
    symbols = {use for each in units for use in each.uses.values() if isinstance(use, str)}
    return [
        *(_part(each) for each in units if each.language == "steps"),
        *(library for library in libraries if symbols.intersection(library.symbols)),
        *(_part(each) for each in units if each.language == "numba"),
    ]


def _reached(unit: Unit) -> Iterator[Unit]:
    yield unit
    for use in unit.uses.values():
        if isinstance(use, Unit):
            yield from _reached(use)


def _part(unit: Unit) -> Part:
    return Part(unit.name, f"{unit.key}.o", (unit.symbol,), partial(_begin, unit))


def _begin(unit: Unit) -> Future[Code]:
    from graphc.backend.cpu import assembler

    return assembler.submit(_lowered(unit), effort=_effort(unit))


def _effort(unit: Unit) -> Effort:
    return "full" if unit.language == "numba" else "little"


def _lowered(unit: Unit) -> str:
    """LLVM's text of a unit."""
    if unit.language == "steps":
        from graphc.backend.cpu import steps

        return steps.lowered(unit)
    from graphc.backend.cpu import translate

    text: str = translate.lowered(unit)
    return text


@dataclass(frozen=True)
class Cost:
    """What a part takes to compile, in seconds: until it is LLVM's text, and by LLVM.

    `key` is that of a unit; a library, which is written and compiled at once, has none.
    """

    name: str
    key: str
    translation: float
    llvm: float


def compile_costs(units: Iterable[Unit]) -> Iterator[Cost]:
    """Compile units and all that they use once more, one after another: nothing is read, kept or loaded."""
    from graphc.backend.cpu import assembler

    every = list({each.key: each for unit in units for each in _reached(unit)}.values())
    symbols = {use for each in every for use in each.uses.values() if isinstance(use, str)}
    for library in (library for library in libraries if symbols.intersection(library.symbols)):
        library.before()
        began = time.perf_counter()
        future = library.begin()
        written = time.perf_counter()
        future.result()
        yield Cost(library.name, "", written - began, time.perf_counter() - written)
    for unit in every:
        began = time.perf_counter()
        text = _lowered(unit)
        written = time.perf_counter()
        assembler.assemble(text, effort=_effort(unit))
        yield Cost(unit.name, unit.key, written - began, time.perf_counter() - written)


def listing(unit: Unit) -> str:
    """LLVM's text of a unit, without what it calls, as optimized: it shows which loops are vectorized."""
    from graphc.backend.cpu import assembler

    return assembler.optimized(_lowered(unit), effort=_effort(unit))
