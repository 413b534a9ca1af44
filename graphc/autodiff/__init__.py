"""The reverse walk: gradients as nodes of the same graph."""

from graphc.autodiff.gradient import Gradients, Summand, differentiate

__all__ = ["Gradients", "Summand", "differentiate"]
