"""What type rules of several families share: the union of indices, and how shapes are told to people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphc.ir.op import TypeFault
from graphc.types import Dim, DType, Index, TensorType, sort_indices


def union_axes(types: Iterable[TensorType]) -> tuple[Index, ...]:
    """The indices of a result that varies over whatever its operands vary over."""
    return sort_indices(index for operand in types for index in operand.axes)


def shape_text(shape: Sequence[Dim]) -> str:
    """`[H=64, D=28]`, as shapes stand in messages."""
    return "[" + ", ".join(map(str, shape)) + "]"


def size_text(dim: Dim) -> str:
    """`D (28)`, or just `28` for a literal."""
    return str(dim.value) if dim.is_literal else f"{dim.expression} ({dim.value})"


def kind_text(type: TensorType) -> str:
    """`real [H=64]`: what a user calls the type of an operand."""
    return f"{type.dtype} {shape_text(type.shape)}" if type.shape else type.dtype


def preferred(dims: Iterable[Dim]) -> Dim:
    """Of dims that agree, one that has a name, so that names are not lost to literals."""
    found = list(dims)
    return next((dim for dim in found if not dim.is_literal), found[0])


def require_dtype(name: str, type: TensorType, allowed: Sequence[DType]) -> None:
    """Raise E202 unless the operand's dtype is one of `allowed`."""
    if type.dtype not in allowed:
        wanted = " or ".join(allowed)
        raise TypeFault("E202", f"`{name}` takes {wanted} values, found {kind_text(type)}")


def require_same_dtype(name: str, types: Sequence[TensorType]) -> None:
    """Raise E202 unless all operands have one dtype."""
    for other in types[1:]:
        if other.dtype != types[0].dtype:
            raise TypeFault(
                "E202", f"`{name}` takes values of one kind, found {types[0].dtype} and {other.dtype}"
            )


def merged_shape(name: str, types: Sequence[TensorType]) -> tuple[Dim, ...]:
    """The common shape of operands that have one shape or are scalars. Raises E201."""
    shaped = [operand for operand in types if operand.rank]
    for other in shaped[1:]:
        if not shaped[0].same_shape(other):
            found = f"{shape_text(shaped[0].shape)} and {shape_text(other.shape)}"
            raise TypeFault("E201", f"`{name}`: the shapes differ, {found}")
    return tuple(preferred(dims) for dims in zip(*(operand.shape for operand in shaped), strict=True))
