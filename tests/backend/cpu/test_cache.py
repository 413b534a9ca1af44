"""Units compiled, kept on disk, and found again; what is damaged or foreign is made anew."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.backend.cpu import cache, machine
from graphc.backend.cpu import compile as compiling
from graphc.backend.cpu.unit import Unit
from tests.backend.cpu.units import DOUBLE, POINTERS, TWICE, applied

PROCESS = """
import sys
from tests.backend.cpu.units import TWICE, applied
assert applied(TWICE) == [2.0, 4.0, 6.0]
print("numba" in sys.modules)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache, and a process that has compiled nothing yet."""
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "cache"))
    forget(monkeypatch)
    cache.toolchain.cache_clear()
    cache._say.cache_clear()
    yield tmp_path / "cache" / "kernels"
    cache.toolchain.cache_clear()


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a new process: only the disk remembers."""
    monkeypatch.setattr(compiling, "_FUNCTIONS", {})
    monkeypatch.setattr(compiling, "_BITCODE", {})


def translations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the units that Numba translates from now on."""
    from graphc.backend.cpu import translate

    seen: list[str] = []
    lowered = translate._lowered

    def counted(unit: Unit, callees: Any) -> Any:
        seen.append(unit.name)
        return lowered(unit, callees)

    monkeypatch.setattr(translate, "_lowered", counted)
    return seen


def environment(tmp_path: Path) -> dict[str, str]:
    root = Path(__file__).parents[3]
    return {**os.environ, "GRAPHC_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(root)}


# ---------------------------------------------------------------------------------------- units


def test_a_unit_and_what_it_calls_are_compiled() -> None:
    assert applied(TWICE) == [2, 4, 6]


def test_scalars_are_passed_and_returned() -> None:
    scale = Unit(
        "scale",
        "def scale(x, k, a):\n    return x * k + a\n",
        ("float32", "int64", "float64"),
        result="float64",
    )
    source = "def f(y, x, k, a):\n    y[0] = scale(x, k, a)\n"
    unit = Unit("f", source, ("float64*", "float32", "int64", "float64"), {"scale": scale})
    y = np.zeros(1)
    compiling.build(unit)(y.ctypes.data, 1.5, 4, 0.25)
    assert y[0] == 6.25
    with pytest.raises(ValueError, match="`scale` returns float64: only other units can call it"):
        compiling.build(scale)


def test_names_come_from_modules_and_their_tables() -> None:
    source = "def f(x, y, n):\n    y[0] = sqrt(root(x[1]) * float32(n))\n"
    uses = {"sqrt": "math:sqrt", "root": f"{__name__}:TABLE.root", "float32": "numba:float32"}
    unit = Unit("f", source, POINTERS, uses)
    assert applied(unit) == [pytest.approx((2**0.5 * 3) ** 0.5), 0, 0]
    table = replace(unit, uses={"sqrt": "math:sqrt", "float32": "numba:float32"}, names=f"{__name__}:TABLE")
    assert table.key != unit.key
    assert applied(table) == applied(unit)


TABLE = {"root": np.sqrt}


def test_pointers_reach_no_common_memory_and_loops_become_vectors() -> None:
    text = compiling.listing(TWICE)
    (head,) = [line for line in text.splitlines() if line.startswith("define") and TWICE.symbol in line]
    pointers = re.findall(r"ptr [^,]*%arg\.\w+", head)
    assert len(pointers) == 2
    assert all("noalias" in pointer for pointer in pointers)
    assert re.search(r"fadd .*<\d+ x float>", text)


def test_names_hold_a_hash_of_the_content(monkeypatch: pytest.MonkeyPatch) -> None:
    applied(TWICE)
    assert re.fullmatch(r"twice_[0-9a-f]{24}", TWICE.symbol)
    code = cache.read(f"{TWICE.key}.o")
    assert code is not None
    assert TWICE.symbol in code.symbol


def test_equal_bodies_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = translations(monkeypatch)
    again = Unit("again", DOUBLE.source.replace("double", "again"), POINTERS)
    caller = Unit("caller", "def caller(x, y, n):\n    again(x, y, n)\n    b(x, y, n)\n", POINTERS,
                  {"again": again, "b": DOUBLE})  # fmt: skip
    assert again.key == DOUBLE.key
    assert applied(TWICE) == applied(caller) == [2, 4, 6]
    assert seen == ["double", "twice", "caller"]
    assert compiling.build(TWICE) is compiling.build(replace(TWICE))


@pytest.mark.parametrize(
    "other",
    [
        replace(DOUBLE, source=DOUBLE.source.replace("+", "*")),
        replace(DOUBLE, parameters=("float64*", "float64*", "int64")),
        replace(DOUBLE, uses={"unused": "math:sqrt"}),
        replace(DOUBLE, result="int64"),
    ],
)
def test_a_changed_callee_changes_the_key(other: Unit) -> None:
    assert other.key != DOUBLE.key
    assert replace(TWICE, uses={"double": other}).key != TWICE.key


def test_what_numba_cannot_compile_is_shown_with_its_line() -> None:
    unit = Unit("f", "def f(x, y, n):\n    y[0] = x.nothing\n", POINTERS)
    with pytest.raises(Exception, match=r"(?s)attribute .nothing.*y\[0\] = x.nothing"):
        compiling.build(unit)


def test_a_function_that_fails_says_so() -> None:
    source = "def failing(x, y, n):\n    if n > 2:\n        raise ValueError\n"
    function = compiling.build(Unit("failing", source, POINTERS))
    function(0, 0, 1)
    with pytest.raises(RuntimeError, match=r"compiled code failed: `failing_\w+`"):
        function(0, 0, 3)


def test_symbols_that_nobody_defines_are_named_and_not_loaded() -> None:
    source = "def f(x, y, n):\n    y[0] = call(x[0])\n"
    unit = Unit("f", source, POINTERS, {"call": f"{__name__}:NOWHERE"})
    with pytest.raises(RuntimeError, match="`f` needs what no library defines: graphc_test_nowhere"):
        compiling.build(unit)


def test_before_code_is_loaded_symbols_can_be_defined(monkeypatch: pytest.MonkeyPatch) -> None:
    from llvmlite import binding

    address = ctypes.cast(ROOT, ctypes.c_void_p).value
    monkeypatch.setattr(
        compiling, "providers", [lambda needs: binding.add_symbol("graphc_test_somewhere", address)]
    )
    unit = Unit("f", "def f(x, y, n):\n    y[0] = call(x[2])\n", POINTERS, {"call": f"{__name__}:SOMEWHERE"})
    assert applied(unit) == [pytest.approx(3**0.5), 0, 0]


def test_an_address_of_this_process_is_refused() -> None:
    unit = Unit("f", "def f(x, y, n):\n    y[0] = call(x[0])\n", POINTERS, {"call": f"{__name__}:ROOT"})
    with pytest.raises(RuntimeError, match="`f` holds an address of this process"):
        compiling.build(unit)


ROOT = ctypes.CDLL(None).sqrtf
ROOT.argtypes, ROOT.restype = [ctypes.c_float], ctypes.c_float


def _external(symbol: str) -> Any:
    from numba import types

    return types.ExternalFunction(symbol, types.float32(types.float32))


NOWHERE, SOMEWHERE = _external("graphc_test_nowhere"), _external("graphc_test_somewhere")


def test_threads_get_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = translations(monkeypatch)
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(compiling.build(TWICE))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(map(id, found))) == 1
    assert seen == ["double", "twice"]


# ---------------------------------------------------------------------------------------- disk


def test_a_program_is_loaded_without_the_compiler(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    applied(TWICE)
    assert sorted(file.name for file in folder.glob("*/*")) == sorted([f"{TWICE.key}.o", f"{DOUBLE.key}.bc"])
    forget(monkeypatch)
    seen, opened = translations(monkeypatch), []
    read = cache.read
    monkeypatch.setattr(cache, "read", lambda entry: opened.append(entry) or read(entry))
    assert applied(TWICE) == [2, 4, 6]
    assert not seen
    assert opened == [f"{TWICE.key}.o"]


def test_a_callee_in_the_cache_is_not_translated_again(monkeypatch: pytest.MonkeyPatch) -> None:
    applied(TWICE)
    forget(monkeypatch)
    seen = translations(monkeypatch)
    changed = replace(TWICE, source=TWICE.source + "    double(y, x, n)\n")
    assert applied(changed) == [2, 4, 6]
    assert seen == ["twice"]


def test_two_processes_fill_one_cache_at_once(tmp_path: Path, folder: Path) -> None:
    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PROCESS],
            env=environment(tmp_path), stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    for imported in ("True", "False"):  # the first two compile; a third has no use for Numba
        processes = [start() for _ in range(2 if imported == "True" else 1)]
        assert [process.communicate()[0].strip() for process in processes] == [imported] * len(processes)
        assert all(process.returncode == 0 for process in processes)
    assert len(list(folder.glob("*/*"))) == 2


DAMAGES = {
    "empty": lambda content: b"",
    "cut short": lambda content: content[:-1],
    "header alone": lambda content: content[:32],
    "garbage": lambda content: bytes(range(256)) * 16,
    "one bit": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "head": lambda content: content[:40] + b"~" + content[41:],
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("ending", ["o", "bc"])
def test_damaged_entries_are_made_anew(
    damage: str, ending: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied(TWICE)
    (file,) = folder.glob(f"*/*.{ending}")
    whole = file.read_bytes()
    file.write_bytes(DAMAGES[damage](whole))
    (folder / file.parent.name / f"{TWICE.key}.o").unlink() if ending == "bc" else None
    forget(monkeypatch)
    seen = translations(monkeypatch)
    assert applied(TWICE) == [2, 4, 6]
    assert seen == {"o": ["twice"], "bc": ["double", "twice"]}[ending]
    assert cache.Code.unpack(file.read_bytes()) is not None


def test_entries_of_another_version_are_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    applied(TWICE)
    before = {file: file.read_bytes() for file in folder.glob("*/*")}
    assert cache.contents().stale_entries == 0
    forget(monkeypatch)
    monkeypatch.setattr(cache, "_version", lambda distribution: "0.0.1")
    cache.toolchain.cache_clear()
    seen = translations(monkeypatch)
    assert applied(TWICE) == [2, 4, 6]
    assert seen == ["double", "twice"]
    assert {file: file.read_bytes() for file in before} == before
    assert (cache.contents().entries, cache.contents().stale_entries) == (4, 2)


def test_an_entry_whose_symbols_are_gone_is_made_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    applied(TWICE)
    entry = f"{TWICE.key}.o"
    code = cache.read(entry)
    assert code is not None
    cache.write(entry, replace(code, needs=("graphc_test_gone",)))
    forget(monkeypatch)
    assert applied(TWICE) == [2, 4, 6]
    assert cache.read(entry) == code


def test_without_a_folder_of_its_own_it_compiles_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.warns(
        RuntimeWarning, match="not kept, so every start compiles anew: .* cannot be written"
    ) as told:
        assert applied(TWICE) == [2, 4, 6]
    assert len(told) == 1


@pytest.mark.skipif(os.name != "posix", reason="the rights of files are POSIX's")
def test_a_folder_that_others_can_write_is_not_trusted(folder: Path) -> None:
    applied(TWICE)
    folder.parent.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="others may write it too"):
        assert cache.read(f"{TWICE.key}.o") is None


def test_a_full_disk_is_said_once_and_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> int:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.warns(RuntimeWarning, match="no space left on device") as told:
        assert applied(TWICE) == [2, 4, 6]
    assert len(told) == 1
    assert not list(folder.glob("*/*"))


def test_the_toolchain_holds_versions_machine_and_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    first = cache.toolchain()
    cache.toolchain.cache_clear()
    assert cache.toolchain() == first
    monkeypatch.setenv("NUMBA_OPT", "1")
    cache.toolchain.cache_clear()
    assert cache.toolchain() != first


def test_missing_symbols_are_those_that_nobody_defines() -> None:
    assert machine.missing(["malloc", "graphc_test_nowhere"]) == ["graphc_test_nowhere"]
