"""Runs on equal shapes allocate nothing, in Python or in compiled code."""

from __future__ import annotations

import re
import tracemalloc

import numpy as np

from graphc.backend.cpu import compile as compiling
from graphc.backend.cpu.assemble import assemble
from graphc.backend.cpu.executable import Executable
from graphc.driver.examples import drawn
from tests.backend.cpu.test_specs import SPECS, program


def gradients_of_elman() -> tuple[Executable, list[object]]:
    """The executable, and the arguments of a run with results given."""
    given = program(next(path for path in SPECS if path.stem == "elman"), "cpu")
    fed = given.feed(drawn(given.spec.inputs, 0, batch=4), None)
    made = given.pipeline.gradients("train", list(given.trainable), dense=fed.dense)
    ((prepared, _),) = made.parts
    assert isinstance(prepared, Executable)
    arguments, run = {**given.params.leaves(), **fed.arrays}, given.execution.run(fed)
    arguments = {v.name: np.ascontiguousarray(arguments[v.name], run.real) for v in prepared.graph.inputs}
    out = {name: np.empty_like(array) for name, array in prepared.run(arguments, run).items()}
    return prepared, [arguments, run, out]


def test_a_run_with_given_results_allocates_nothing() -> None:
    prepared, arguments = gradients_of_elman()
    tracemalloc.start()
    try:
        # Python keeps some of the small objects that are dropped, for the next ones.
        for _ in range(100):
            prepared.run(*arguments)  # type: ignore[arg-type]
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in range(100):
            prepared.run(*arguments)  # type: ignore[arg-type]
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A list that grew, or an array that was made in between, would be more than a dictionary and a few ints.
    assert after - before < 512
    assert peak - before < 4096


def test_compiled_code_knows_no_allocator() -> None:
    prepared, _ = gradients_of_elman()
    texts = [compiling.listing(unit) for unit in compiling._reached(assemble(prepared.program, "float64"))]
    needs = [name for text in texts for name in re.findall(r"^declare .*@([^(]+)", text, re.MULTILINE)]
    assert "graphc_barrier" in needs
    assert not [name for name in needs if "NRT" in name or "alloc" in name or name.startswith("Py")]
