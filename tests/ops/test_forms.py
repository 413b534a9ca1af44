"""Every op's kernel form gives what its oracle gives, at every point of every sample."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.backend.state import State
from graphc.ir.graph import Node, Value
from graphc.ir.op import Op, Sample
from tests.ops.harness import CASES, IDS, call, frame_of, operands, run_of
from tests.ops.sites import computed

every_case = pytest.mark.parametrize(("op", "sample"), CASES, ids=IDS)


@pytest.mark.parametrize("lengths", [(3, 1), (0, 0)], ids=["ragged", "none"])
@every_case
def test_form_gives_what_the_oracle_gives(op: Op, sample: Sample, lengths: tuple[int, ...]) -> None:
    run = run_of(lengths)
    frame, state = frame_of(op, sample, run), State(run)
    for index in {*sample.attrs.get("steps", ()), sample.attrs.get("index")} - {None}:
        state.steps[index.name] = 2
    inputs = [Value(kind, f"x{i}") for i, kind in enumerate(sample.types)]
    node = Node(op, tuple(inputs), sample.attrs, Value(frame.out))
    arrays = operands(op, sample, run)
    expected = np.broadcast_to(call(op, sample, run, arrays), state.shape(frame.out))
    found = computed(node, arrays, state)
    if frame.out.dtype == "real":
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    else:
        np.testing.assert_array_equal(found, expected)
