"""Units compiled, kept on disk, and found again; what is damaged or foreign is made anew."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llvmlite import binding

from graphc.backend.cpu import assembler, cache, machine
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
    monkeypatch.setattr(compiling, "_BEGUN", {})
    monkeypatch.setattr(compiling, "_FUNCTIONS", {})
    monkeypatch.setattr(compiling, "_LOADED", set())


def translations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the units that are translated from now on."""
    seen: list[str] = []
    lowered = compiling._lowered

    def counted(unit: Unit) -> str:
        seen.append(unit.name)
        return lowered(unit)

    monkeypatch.setattr(compiling, "_lowered", counted)
    return seen


def environment(tmp_path: Path) -> dict[str, str]:
    root = Path(__file__).parents[3]
    return {**os.environ, "GRAPHC_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(root)}


# ---------------------------------------------------------------------------------------- units


def test_a_unit_and_what_it_calls_are_compiled() -> None:
    assert applied(TWICE) == [2, 4, 6]


def test_scalars_are_passed() -> None:
    source = "def f(y, x, k, a):\n    y[0] = double(x) * double(k) + a\n"
    unit = Unit("f", source, ("float64*", "float32", "int64", "float64"), {"double": "numba:float64"})
    y = np.zeros(1)
    compiling.build(unit)(y.ctypes.data, 1.5, 4, 0.25)
    assert y[0] == 6.25


def test_names_come_from_modules_and_their_tables() -> None:
    source = "def f(x, y, n):\n    y[0] = root(root(x[1]) * single(n))\n"
    uses = {"root": "graphc.backend.cpu.functions:FUNCTIONS.sqrt", "single": "numba:float32"}
    assert applied(Unit("f", source, POINTERS, uses)) == [pytest.approx((2**0.5 * 3) ** 0.5), 0, 0]


def test_pointers_reach_no_common_memory_and_loops_become_vectors() -> None:
    text = compiling.listing(DOUBLE)
    (head,) = [line for line in text.splitlines() if line.startswith("define") and DOUBLE.symbol in line]
    pointers = re.findall(r"ptr [^,]*%arg\.\w+", head)
    assert len(pointers) == 2
    assert all("noalias" in pointer for pointer in pointers)
    assert re.search(r"fadd .*<\d+ x float>", text)


def test_an_entry_says_what_it_defines_and_needs() -> None:
    applied(TWICE)
    code, called = cache.read(f"{TWICE.key}.o"), cache.read(f"{DOUBLE.key}.o")
    assert code is not None
    assert called is not None
    assert (code.defines, code.needs) == ((TWICE.symbol,), (DOUBLE.symbol,))
    assert (called.defines, called.needs) == ((DOUBLE.symbol,), ())


def test_equal_bodies_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = translations(monkeypatch)
    again = Unit("again", DOUBLE.source.replace("double", "again"), POINTERS)
    caller = Unit("caller", "def caller(x, y, n):\n    again(x, y, n)\n    b(x, y, n)\n", POINTERS,
                  {"again": again, "b": DOUBLE}, language="steps")  # fmt: skip
    assert again.key == DOUBLE.key
    assert applied(TWICE) == applied(caller) == [2, 4, 6]
    assert seen == ["twice", "double", "caller"]
    assert compiling.build(TWICE) is compiling.build(replace(TWICE))


@pytest.mark.parametrize(
    "other",
    [
        replace(DOUBLE, source=DOUBLE.source.replace("+", "*")),
        replace(DOUBLE, parameters=("float64*", "float64*", "int64")),
        replace(DOUBLE, uses={"unused": "math:sqrt"}),
        replace(DOUBLE, language="steps"),
    ],
)
def test_a_changed_callee_changes_the_key(other: Unit) -> None:
    assert other.key != DOUBLE.key
    assert replace(TWICE, uses={"double": other}).key != TWICE.key


def test_what_numba_cannot_compile_is_shown_with_its_line() -> None:
    unit = Unit("f", "def f(x, y, n):\n    y[0] = x.nothing\n", POINTERS)
    with pytest.raises(Exception, match=r"(?s)x\.nothing.*line 2.*y\[0\] = x.nothing"):
        compiling.build(unit)


def written(text: str, **changed: Any) -> compiling.Part:
    """A part of this text, LLVM's, whose function is `graphc_test`."""
    begin = partial(assembler.submit, text)
    return compiling.Part("test", "test.o", ("graphc_test",), begin, **changed)


CALLS_SOMEBODY = """
declare float @graphc_test_root(float)
define void @graphc_test(i64 %place) {
    %p = inttoptr i64 %place to ptr
    %x = load float, ptr %p
    %y = call float @graphc_test_root(float %x)
    store float %y, ptr %p
    ret void
}
"""
ROOT = ctypes.CDLL(None).sqrtf


def test_symbols_that_nobody_defines_are_named_and_not_loaded(folder: Path) -> None:
    with pytest.raises(RuntimeError, match="`test` needs what no library defines: graphc_test_root"):
        compiling.load([written(CALLS_SOMEBODY.replace("@graphc_test(", "@graphc_test_other("))])
    assert not list(folder.glob("*/*"))


def test_before_code_is_loaded_symbols_can_be_defined() -> None:
    address = ctypes.cast(ROOT, ctypes.c_void_p).value
    define = partial(binding.add_symbol, "graphc_test_somewhere", address)
    text = CALLS_SOMEBODY.replace("graphc_test_root", "graphc_test_somewhere")
    compiling.load([written(text, before=define)])
    x = np.array([3], np.float32)
    machine.plain("graphc_test", ("int64",))(x.ctypes.data)
    assert x[0] == pytest.approx(3**0.5)


def test_a_library_is_loaded_with_what_uses_it(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    library = written(MARK)
    monkeypatch.setattr(compiling, "libraries", [library])
    applied(TWICE)
    assert not list(folder.glob("*/test.o"))
    unit = Unit(
        "f",
        "def f(place):\n    barrier(place, 7)\n",
        ("int64",),
        {"barrier": "graphc_test"},
        language="steps",
    )
    for _ in range(2):
        place = np.zeros(1, np.int64)
        compiling.build(unit)(place.ctypes.data)
        assert place[0] == 7
        assert len(list(folder.glob("*/test.o"))) == 1
        forget(monkeypatch)


MARK = """
define void @graphc_test(i64 %place, i64 %mark) {
    %p = inttoptr i64 %place to ptr
    store i64 %mark, ptr %p
    ret void
}
"""


def test_what_llvm_finds_wrong_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="expected top-level entity"):
        assembler.assemble("this is no module")
    with pytest.raises(RuntimeError, match="dominate"):
        assembler.assemble(
            "define i64 @f() {\n br label %b\na:\n %x = add i64 1, 1\n br label %b\nb:\n ret i64 %x\n}"
        )


def test_equal_texts_become_equal_code() -> None:
    text = compiling._lowered(DOUBLE)
    assert assembler.assemble(text) == assembler.assemble(text)


def test_after_an_interruption_nothing_is_left_to_do() -> None:
    begun: list[Future[cache.Code]] = []

    def begin() -> Future[cache.Code]:
        begun.append(assembler.submit(MARK))
        return begun[0]

    def interrupted() -> Future[cache.Code]:
        raise KeyboardInterrupt

    parts = [compiling.Part(name, f"{name}.o", (name,), make) for name, make in
             (("first", begin), ("second", interrupted))]  # fmt: skip
    before, busy = sys.getswitchinterval(), threading.Event()
    others = [assembler._threads().submit(busy.wait) for _ in range(assembler._MOST)]
    try:
        with pytest.raises(KeyboardInterrupt):
            compiling.load(parts)
        assert begun[0].cancelled()
        assert sys.getswitchinterval() == before
    finally:
        busy.set()
    assert all(other.result() for other in others)
    assert applied(TWICE) == [2, 4, 6]


def test_what_was_begun_is_made_once(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    seen = translations(monkeypatch)
    compiling.begin(TWICE)
    compiling.begin(TWICE)
    assert seen == ["twice", "double"]
    assert not list(folder.glob("*/*"))
    assert applied(TWICE) == [2, 4, 6]
    assert seen == ["twice", "double"]
    assert len(list(folder.glob("*/*"))) == 2


def test_an_expected_library_is_kept_though_nobody_asks_for_it(folder: Path) -> None:
    begun: list[Future[cache.Code]] = []

    def begin() -> Future[cache.Code]:
        begun.append(assembler.submit(MARK))
        return begun[-1]

    part = compiling.Part("mark", "mark.o", ("graphc_test",), begin)
    compiling.expect(part)
    compiling.expect(part)
    for _ in range(1000):
        if cache.holds("mark.o"):
            break
        time.sleep(0.01)
    assert cache.read("mark.o") == begun[0].result()
    assert len(begun) == 1
    compiling._BEGUN.clear()
    compiling.expect(part)
    assert len(begun) == 1, "it is in the cache"


SQUARED = replace(TWICE, uses={"double": replace(DOUBLE, source=DOUBLE.source.replace("+", "*"))})


def forked() -> int | None:
    """How a child of this process ends that compiles `SQUARED`."""
    process = get_context("fork").Process(target=applied, args=(SQUARED,))
    process.start()
    process.join(60)
    process.kill()
    return process.exitcode


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are started anew here")
def test_a_forked_process_compiles() -> None:
    applied(TWICE)
    assert forked() == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are started anew here")
def test_a_process_that_is_forked_while_the_assembler_works_has_its_code() -> None:
    others = [assembler._threads().submit(time.sleep, 0.1) for _ in range(assembler._MOST)]
    compiling.begin(SQUARED)
    assert forked() == 0
    assert others[0].done()
    assert applied(SQUARED) == [1, 4, 9]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are started anew here")
def test_a_process_that_is_forked_while_a_thread_compiles_does_so_as_well() -> None:
    compiles = threading.Event()

    def begin() -> Future[cache.Code]:
        compiles.set()
        time.sleep(0.2)
        return assembler.submit(MARK)

    part = compiling.Part("mark", "mark.o", ("graphc_test",), begin)
    thread = threading.Thread(target=compiling.load, args=([part],))
    thread.start()
    compiles.wait()
    assert forked() == 0
    thread.join()


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
    assert seen == ["twice", "double"]


# ---------------------------------------------------------------------------------------- disk


def test_a_program_is_loaded_without_the_compiler(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    applied(TWICE)
    assert sorted(file.name for file in folder.glob("*/*")) == sorted([f"{TWICE.key}.o", f"{DOUBLE.key}.o"])
    forget(monkeypatch)
    seen, opened = translations(monkeypatch), []
    read = cache.read
    monkeypatch.setattr(cache, "read", lambda entry: opened.append(entry) or read(entry))
    assert applied(TWICE) == [2, 4, 6]
    assert not seen
    assert opened == [f"{TWICE.key}.o", f"{DOUBLE.key}.o"]


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

    def imported(count: int) -> set[str]:
        processes = [start() for _ in range(count)]
        found = {process.communicate()[0].strip() for process in processes}
        assert all(process.returncode == 0 for process in processes)
        return found

    assert "True" in imported(2)  # one of them compiles, or both; a third has no use for Numba
    assert imported(1) == {"False"}
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
@pytest.mark.parametrize("unit", [TWICE, DOUBLE], ids=["program", "kernel"])
def test_damaged_entries_are_made_anew(
    damage: str, unit: Unit, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied(TWICE)
    (file,) = folder.glob(f"*/{unit.key}.o")
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    forget(monkeypatch)
    seen = translations(monkeypatch)
    assert applied(TWICE) == [2, 4, 6]
    assert seen == [unit.name]
    assert cache.Code.unpack(file.read_bytes()) is not None


def test_an_entry_that_is_another_unit_s_is_made_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    applied(TWICE)
    (file,) = folder.glob(f"*/{TWICE.key}.o")
    (other,) = folder.glob(f"*/{DOUBLE.key}.o")
    file.write_bytes(other.read_bytes())
    forget(monkeypatch)
    seen = translations(monkeypatch)
    assert applied(TWICE) == [2, 4, 6]
    assert seen == ["twice"]


def test_while_the_sources_change_nothing_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as changed:
        changed.setattr(cache, "_digest", lambda: "as written since")
        assert applied(TWICE) == [2, 4, 6]
    assert not list(folder.glob("*/*"))
    forget(monkeypatch)
    assert applied(TWICE) == [2, 4, 6]
    assert len(list(folder.glob("*/*"))) == 2


def test_entries_of_another_version_are_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    applied(TWICE)
    before = {file: file.read_bytes() for file in folder.glob("*/*")}
    assert cache.contents().stale_entries == 0
    forget(monkeypatch)
    monkeypatch.setattr(cache, "_version", lambda distribution: "0.0.1")
    cache.toolchain.cache_clear()
    seen = translations(monkeypatch)
    assert applied(TWICE) == [2, 4, 6]
    assert seen == ["twice", "double"]
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
