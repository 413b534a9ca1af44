"""Indices, dims and types that the ops' samples are made of: small, and of every kind that a program has."""

from __future__ import annotations

from graphc.types import BATCH, Affine, Dim, Index, Length, TensorType

T = Index.full("t", Length("T"))
"""A ragged axis."""
U = Index("u", Length("T"), Affine(1), Affine.of(T))
"""`u = 1..t`: a range that varies with another index."""
S = Index.full("s", Length("T"))
"""Another index over the length of `T`."""
K = Index.full("k", Length("layers", Dim.literal(3)))
"""An axis of fixed length, such as depth."""

C = Dim.named("C", 2)
D = Dim.named("D", 4)
H = Dim.named("H", 3)
Z = Dim.named("Z", 0)

B_ONLY = (BATCH,)
B_T = (BATCH, T)
B_T_U = (BATCH, T, U)


def real(*axes: Index, shape: tuple[Dim, ...] = ()) -> TensorType:
    return TensorType.of("real", axes, shape)


def integer(*axes: Index, shape: tuple[Dim, ...] = ()) -> TensorType:
    return TensorType.of("int", axes, shape)


def boolean(*axes: Index, shape: tuple[Dim, ...] = ()) -> TensorType:
    return TensorType.of("bool", axes, shape)
