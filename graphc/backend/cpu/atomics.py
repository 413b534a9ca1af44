"""Words of memory that threads share, for compiled code: read, written and waited for."""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from graphc.backend.cpu.pointers import INT


@intrinsic
def atomic_add(typing: Any, pointer: Any, number: Any) -> Any:
    """Add to a word; what it was before."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.atomic_rmw("add", *arguments, "seq_cst")

    return types.int64(INT, types.int64), emit


@intrinsic
def atomic_load(typing: Any, pointer: Any) -> Any:
    """A word as it is now."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(arguments[0], "seq_cst", 8)

    return types.int64(INT), emit


@intrinsic
def atomic_store(typing: Any, pointer: Any, number: Any) -> Any:
    """Set a word."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store_atomic(arguments[1], arguments[0], "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(INT, types.int64), emit


@intrinsic
def pause(typing: Any) -> Any:
    """Tell the processor that a loop waits, where it has an instruction for that."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        triple, word = binding.get_process_triple(), ir.IntType(32)
        if triple.startswith(("x86_64", "i686")):
            _call(builder, "llvm.x86.sse2.pause", ir.VoidType())
        elif triple.startswith(("aarch64", "arm64")):
            _call(builder, "llvm.aarch64.hint", ir.VoidType(), word(1))
        return context.get_dummy_value()

    return types.void(), emit


@intrinsic
def run_job(typing: Any, job: Any, me: Any, workers: Any, sync: Any, table: Any, sizes: Any) -> Any:
    """Call the function at an address, `job(me, workers, sync, table, sizes)`: 0, or 1 if it has failed.

    It has Numba's calling convention: places for a result and an exception come first, a state comes back,
    and the ones that are no failure are 0 and -2 (see `machine`).
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        state, place = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(state, [place, place, *(argument.type for argument in arguments[1:])])
        function = builder.inttoptr(arguments[0], kind.as_pointer())
        spare = builder.bitcast(cgutils.alloca_once(builder, place, 2), place)
        found = builder.call(function, [spare, spare, *arguments[1:]])
        wrong = [builder.icmp_signed("!=", found, ir.Constant(state, fine)) for fine in (0, -2)]
        return builder.zext(builder.and_(*wrong), ir.IntType(64))

    return types.int64(*(types.int64,) * 6), emit


def _call(builder: Any, name: str, result: ir.Type, *arguments: ir.Constant) -> None:
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    builder.call(builder.module.globals.get(name) or ir.Function(builder.module, kind, name), arguments)


@intrinsic
def give_way(typing: Any) -> Any:
    """Let another thread have the processor, where the C library has `sched_yield`; else nothing happens."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if binding.address_of_symbol("sched_yield") is not None:
            _call(builder, "sched_yield", ir.IntType(32))
        return context.get_dummy_value()

    return types.void(), emit
