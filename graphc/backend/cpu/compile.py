"""From units to functions, each compiled once: for this process, and where there is a cache, for all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from graphc.backend.cpu import cache, machine
from graphc.backend.cpu.cache import Code
from graphc.backend.cpu.unit import Unit

providers: list[Callable[[Iterable[str]], None]] = []
"""Called before code is loaded, with the symbols that it needs: those of other libraries are made known to
LLVM here. Calls after the first have to be cheap."""

_LOCK = threading.RLock()
_FUNCTIONS: dict[str, Callable[..., None]] = {}
_BITCODE: dict[str, Code] = {}


def build(unit: Unit) -> Callable[..., None]:
    """The compiled function, for Python to call: numbers as numbers, pointers as addresses.

    From the cache a unit is loaded with all that it calls in one piece, so neither Numba nor the units that
    it uses are looked at. Threads may call `build` at the same time, and what it returns as well.
    """
    if unit.result != "void":
        raise ValueError(f"`{unit.name}` returns {unit.result}: only other units can call it")
    with _LOCK:
        if unit.key not in _FUNCTIONS:
            code = _object(unit)
            _FUNCTIONS[unit.key] = machine.load(code.body, code.symbol, unit.parameters)
        return _FUNCTIONS[unit.key]


def _object(unit: Unit) -> Code:
    entry = f"{unit.key}.o"
    kept = cache.read(entry)
    # A library that was there when the entry was made may be gone: then it is made anew, without it.
    if kept is not None and not _missing(kept.needs):
        return kept
    from graphc.backend.cpu.translate import assemble

    code: Code = assemble(unit, _callees(unit))
    if absent := _missing(code.needs):
        raise RuntimeError(f"`{unit.name}` needs what no library defines: {', '.join(absent)}")
    cache.write(entry, code)
    return code


def _missing(needs: Iterable[str]) -> list[str]:
    """Which of these symbols nobody defines, after all who provide some were asked."""
    for provide in providers:
        provide(needs)
    return machine.missing(needs)


def _callees(unit: Unit) -> dict[str, Code]:
    """The bitcode of all units that this one names, by key."""
    return {use.key: _bitcode(use) for use in unit.uses.values() if isinstance(use, Unit)}


def _bitcode(unit: Unit) -> Code:
    if unit.key not in _BITCODE:
        entry = f"{unit.key}.bc"
        code = cache.read(entry)
        if code is None:
            from graphc.backend.cpu.translate import translate

            code = translate(unit, _callees(unit))
            cache.write(entry, code)
        _BITCODE[unit.key] = code
    return _BITCODE[unit.key]


def listing(unit: Unit) -> str:
    """LLVM's text of a unit and all that it calls, as optimized: it shows which loops are vectorized."""
    from graphc.backend.cpu import translate

    with _LOCK:
        text: str = translate.listing(unit, _callees(unit))
    return text
