"""The parameters of a program for `graphc show --stage params`."""

from __future__ import annotations

import numpy as np

from graphc.frontend.arithmetic import one_line
from graphc.frontend.spec import ParamInfo, Spec
from graphc.view.numbers import IN_FULL, array
from graphc.view.parameters import ParameterRow


def parameter_rows(spec: Spec) -> list[ParameterRow]:
    """All parameters in the order of the file."""
    return [_row(info) for info in spec.params.values()]


def _row(info: ParamInfo) -> ParameterRow:
    ends = tuple(axis.length.size for axis in info.axes)
    shape = (*(size for size in ends if size is not None), *info.type.shape)
    layer, _, _ = info.name.rpartition(".")
    return ParameterRow(info.name, layer, shape, _start(info), info.frozen)


def _start(info: ParamInfo) -> str:
    """The initial value if it is short, or how it is drawn."""
    if info.value is not None:
        first = info.value.flat[0] if info.value.size else 0.0
        if bool(np.all(info.value == first)):
            return array(np.asarray(first))
        return array(info.value) if info.value.size <= IN_FULL else "given"
    if info.draw is not None:
        return f"~ {one_line(info.draw.span.text)}"
    return "~ xavier" if info.type.rank >= 2 else "~ lecun"
