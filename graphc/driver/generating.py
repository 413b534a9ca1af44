"""Running a `generate` block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.diagnostics import fault, nearest
from graphc.driver.arrays import feed
from graphc.driver.execution import Execution
from graphc.frontend.generation import PROMPT, PROMPT_LENGTH, Generation
from graphc.ir.op import Array

if TYPE_CHECKING:
    from graphc.driver.program import Program


def generate(
    program: Program,
    prompt: Any,
    inputs: Mapping[str, Any],
    ends: Mapping[str, int] | None,
    seed: int | None,
) -> Array:
    """One example of the prompted input, drawn step by step."""
    if program.spec.generate is None:
        raise fault("E242", "the spec has no `generate` block")
    found, pipeline = program.pipeline.generation(ends)
    spec = pipeline.spec("eval")
    info = spec.inputs[PROMPT]
    _check_names(program, inputs, found)
    try:
        given = np.asarray(prompt)
    except ValueError:
        raise fault("E443", "the prompt is no array: its steps differ in shape") from None
    size = info.axes[0].length.size
    assert size is not None
    if given.ndim != 1 + info.type.rank or not 1 <= len(given) <= size.value:
        raise fault(
            "E443",
            f"the prompt has the shape {list(given.shape)}; it needs 1 to {size.value} steps of "
            f"{list(info.type.sizes)}",
        )
    whole = np.zeros((size.value, *given.shape[1:]), given.dtype)
    whole[: len(given)] = given
    arrays = {PROMPT: whole[None], PROMPT_LENGTH: np.array([len(given)])}
    needed = {value.name for value in pipeline.graph("eval", found.drawn).inputs}
    rest = {name: info for name, info in spec.inputs.items() if name in needed}
    fed = feed(rest, {n: a for n, a in {**inputs, **arrays}.items() if n in rest}, None, program.real)
    execution = Execution(pipeline, program.params, program.real, program.seed)
    drawn = execution.values("eval", found.drawn, fed, execution.run(fed, seed))
    result = np.array(drawn[found.prompted][0])
    if found.stop is not None and result.ndim == 1:
        stops = np.flatnonzero(result[len(given) :] == found.stop)
        if stops.size:
            result = result[: len(given) + int(stops[0]) + 1]
    return result


def _check_names(program: Program, inputs: Mapping[str, Any], found: Generation) -> None:
    """Inputs are the spec's own, and none that `generate` draws. Raises E440."""
    others = [name for name in program.spec.inputs if name not in found.drawn]
    for name in inputs:
        if name in found.drawn:
            help_ = "its beginning is the prompt" if name == found.prompted else "leave it out"
            raise fault("E440", f"`{name}` is drawn by `generate` and cannot be given", help=help_)
        if name not in others:
            raise fault("E440", f"there is no input `{name}`", help=nearest(name, others))
