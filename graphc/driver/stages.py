"""A program after a stage of the compiler, as text and as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graphc.diagnostics import Span, fault
from graphc.driver.execution import by_objective
from graphc.driver.inventory import parameter_rows
from graphc.driver.tracing import ordered_names
from graphc.frontend.dump import dump_tree
from graphc.ir.graph import Graph, Node
from graphc.ir.printer import print_graph
from graphc.passes.unroll import unroll
from graphc.view.parameters import parameters_text

if TYPE_CHECKING:
    from graphc.driver.program import Program

STAGES = ("ast", "params", "ir", "grad", "schedule", "kernel", "unrolled")

UNROLLED = 3
"""Steps that an axis is unrolled to where the spec's own inputs do not say."""


def show(program: Program, stage: str) -> str:
    """The program after a stage."""
    file = program.pipeline.file.span.source.name
    if stage == "ast":
        return dump_tree(program.pipeline.file)
    if stage == "ir":
        return print_graph(forward_graph(program), file=file)
    if stage == "grad":
        return "\n\n".join(print_graph(graph, file=file) for graph in training_graphs(program))
    if stage == "params":
        return parameters_text(parameter_rows(program.spec))
    if stage == "unrolled":
        return print_graph(unroll(forward_graph(program), lengths(program)), file=file)
    if stage in ("schedule", "kernel"):
        # Most stages need no schedule, and code generation is a large part of the compiler.
        from graphc.driver.code import kernel_stage, schedule_stage

        return schedule_stage(program) if stage == "schedule" else kernel_stage(program)
    raise fault("E704", f"unknown stage `{stage}`", help=f"stages are {', '.join(STAGES)}")


def forward_graph(program: Program) -> Graph:
    """All names of the spec, and the loss if there is one."""
    names = ordered_names(program)
    if program.pipeline.has_loss("train"):
        return program.pipeline.with_loss("train", names, 0, False)
    return program.pipeline.graph("train", names)


def training_graphs(program: Program) -> list[Graph]:
    """The loss and its gradients: several graphs for several losses, or where a name's own cotangent is
    computed apart, see `pipeline.Differentiated`. Raises E242 if there is no loss."""
    groups = by_objective(program.spec, program.trainable)
    made = [program.pipeline.gradients("train", n, dense=True, objective=i) for i, n in groups.items()]
    return [executable.graph for each in made for executable, _ in each.parts]


def lengths(program: Program) -> dict[str, int]:
    """Run-time lengths to unroll to: those of the spec's own inputs, else a few steps."""
    found: dict[str, int] = {}
    for info in program.spec.inputs.values():
        for place, axis in enumerate(info.axes):
            if not axis.length.is_fixed:
                longest = UNROLLED
                if info.examples is not None:
                    longest = int(np.max([example.shape[place] for example in info.examples]))
                found[axis.length.name] = longest
    for scope_length in program.spec.scope.lengths.values():
        if not scope_length.is_fixed:
            found.setdefault(scope_length.name, UNROLLED)
    return found


def spans_of_loops(program: Program) -> frozenset[Span]:
    """The places of the spec that are computed in loops as it is written, and nowhere else.

    What comes from there and stands outside of all loops has been moved out of one.
    """
    inside, outside = set[Span](), set[Span]()
    graph = forward_graph(program)
    top = {node for node in graph.nodes if isinstance(node, Node)}
    for node in graph.walk():
        if isinstance(node, Node) and node.span is not None:
            (outside if node in top else inside).add(node.span)
    return frozenset(inside - outside)
