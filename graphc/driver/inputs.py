"""A spec's inputs as data and trainings see them."""

from __future__ import annotations

from collections.abc import Mapping

from graphc.frontend.spec import InputInfo, Spec
from graphc.train.protocol import InputSpec
from graphc.types import BATCH


def input_spec(info: InputInfo) -> InputSpec:
    """An input as the loaders of data see it."""
    return InputSpec(
        info.name,
        info.type.with_axes(set(info.type.axes) - {BATCH}),
        tuple(axis.name for axis in info.axes),
        tuple(axis.length.name for axis in info.axes),
        info.classes,
        info.span,
        info.dim,
    )


def chunked(spec: Spec, options: Mapping[str, str]) -> bool:
    """Whether a fit cuts sequences into chunks, by its block or by `options` from the command line."""
    given = spec.fit.options if spec.fit is not None else ()
    return any(option.name == "bptt" for option in given) or "fit.bptt" in options
