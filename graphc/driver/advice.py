"""What is legal in a spec but probably not meant: unused names (W201), parameters that never move (W202)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from graphc.analysis.facts import Fact, fact_of_array
from graphc.analysis.usage import needed, readers
from graphc.analysis.zeros import Step, never_moving
from graphc.autodiff import differentiate
from graphc.diagnostics import Diagnostic, Span
from graphc.driver import streams
from graphc.driver.checks import gradient_name
from graphc.driver.pipeline import LOSS, Pipeline, present
from graphc.frontend import ast
from graphc.frontend.scope import Layer, Scope
from graphc.frontend.spec import ParamInfo, Spec
from graphc.frontend.walk import children
from graphc.train.initializers import read_initializer

_CONSTANT = ("zero", "zeros", "one", "ones", "constant")
"""Initializers that draw one number for all elements."""


def warnings(pipeline: Pipeline, initial: Mapping[str, Fact], *, chunked: bool) -> list[Diagnostic]:
    """All warnings of a spec. `chunked` says that training cuts sequences into chunks."""
    spec = pipeline.spec("train")
    unused = unused_names(spec)
    return [*_unused(spec, unused), *_still(pipeline, initial, unused, chunked)]


# ------------------------------------------------------------------------------------------ unused


def unused_names(spec: Spec) -> list[str]:
    """Inputs, parameters and noise that lead to nothing that was asked for, in the order of the file."""
    declared = [name for name, leaf in spec.system.leaves.items() if leaf.kind in ("input", "param")]
    declared += [name for name in _noise(spec) if name in spec.system.units]
    used = needed(spec.system, _asked(spec))
    return [name for name in declared if name not in used]


def _asked(spec: Spec) -> Iterator[str]:
    """What the file is for. Without a loss and outputs that is every equation."""
    if not spec.objectives and not spec.outputs:
        drawn = _noise(spec)
        yield from (name for name in spec.system.units if name not in drawn)
    yield from spec.outputs
    yield from (objective.unit for objective in spec.objectives)
    yield from (metric.unit for metric in spec.metrics)
    yield from (name for name in spec.system.units if name.startswith("check@"))
    for check in spec.checks:
        yield from (name for item in check.items if (name := gradient_name(item.value)) is not None)
    if spec.generate is not None:
        yield from _mentioned(spec.generate)


def _mentioned(node: ast.Syntax) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    if isinstance(node, ast.Equation):
        yield node.name
    for _, child in children(node):
        yield from _mentioned(child)


def _noise(spec: Spec) -> set[str]:
    statements = [s for s in spec.file.statements if isinstance(s, ast.NoiseDeclaration)]
    return {item.name for statement in statements for item in statement.items}


def _unused(spec: Spec, names: Iterable[str]) -> Iterator[Diagnostic]:
    """One warning for each name; one for a whole layer of which nothing is used."""
    idle = _idle_layers(spec, set(names))
    for name, layer in idle.items():
        yield Diagnostic("W201", f"layer `{name}` is not used", layer.span, severity="warning")
    for name in names:
        if any(name.startswith(f"{layer}.") for layer in idle):
            continue
        leaf = spec.system.leaves.get(name)
        span = leaf.span if leaf is not None else spec.system.units[name].span
        by = [f"`{reader}`" for reader in readers(spec.system, name) if "@" not in reader]
        note = f"it leads to {', '.join(by)} only, which nothing asks for" if by else ""
        yield Diagnostic("W201", f"`{name}` is not used", _own(spec, name, span), note, severity="warning")


def _idle_layers(spec: Spec, unused: set[str]) -> dict[str, Layer]:
    """Layers that are never called, or of whose parameters none is used; not those inside such layers."""
    found: dict[str, Layer] = {}
    for entry in spec.scope.names.values():
        if isinstance(entry, Layer):
            own = [name for name in spec.params if name.startswith(f"{entry.name}.")]
            if not entry.calls or (own and unused.issuperset(own)):
                found[entry.name] = entry
    return found


def _own(spec: Spec, name: str, span: Span) -> Span:
    """A place in the user's own file: for a parameter of a library's block that of the layer."""
    if span.source == spec.file.span.source:
        return span
    entry = spec.scope.names.get(name.partition(".")[0])
    return entry.span if isinstance(entry, Layer) else span


# ------------------------------------------------------------------------------------- never moving


def initial_facts(params: Mapping[str, ParamInfo]) -> dict[str, Fact]:
    """What is known of parameters at the start: those that are one number everywhere and are not drawn."""
    return {name: fact for name, info in params.items() if (fact := _initial(info)) is not None}


def _initial(info: ParamInfo) -> Fact:
    if info.value is not None:
        return fact_of_array(info.value)
    call = info.draw
    head = call.function if isinstance(call, ast.Call) else call
    if not isinstance(head, ast.Name) or head.id not in _CONSTANT:
        return None
    scope: Scope | None = info.scope
    dims = {name: dim.value for name, dim in scope.all_dims.items()} if scope is not None else {}
    assert call is not None
    read = read_initializer(call, dims)
    return read.values[0] if head.id == "constant" else float(head.id.startswith("one"))


def training_steps(pipeline: Pipeline, *, chunked: bool) -> list[Step]:
    """The graph of each objective with its gradients, before any pass. Frozen parameters do not count.

    Of chunked sequences the later chunks, which begin with a state that they were handed.
    """
    spec = pipeline.spec("train")
    steps = []
    for number, objective in enumerate(spec.objectives):
        trained = [
            name
            for name, info in spec.params.items()
            if not info.frozen and (objective.over is None or name in objective.over)
        ]
        for continued in (False, True) if chunked and streams.carried(spec.system) else (False,):
            graph = pipeline.with_loss("train", (), number, continued)
            found = differentiate(graph, LOSS, present(graph, trained))
            steps.append(Step(found.graph, {name: found.names.get(name) for name in trained}))
    return steps


def _still(
    pipeline: Pipeline, initial: Mapping[str, Fact], unused: Iterable[str], chunked: bool
) -> Iterator[Diagnostic]:
    spec = pipeline.spec("train")
    steps = training_steps(pipeline, chunked=chunked)
    still = never_moving(steps, initial)
    unreached = never_moving(steps, {}) if still else set()
    moving = {name for step in steps for name in step.gradients} - still
    constant = [name for name in spec.params if name in initial and name not in moving]
    for name, info in spec.params.items():
        if name not in still or name in unused:
            continue
        why = "no way from it to the loss carries a gradient"
        if name not in unreached:
            why = f"its gradient is zero as long as {_listed(constant)} as at the start"
        yield Diagnostic(
            "W202",
            f"`{name}` never moves",
            _own(spec, name, info.span),
            why,
            help="draw the weights at random (`~ he`), or write `frozen param` if it is meant to stay",
            severity="warning",
        )


def _listed(names: Sequence[str], most: int = 4) -> str:
    """`W1` is; `W1`, `b1` and `W2` are; of many the first few."""
    shown = [f"`{name}`" for name in names]
    if len(shown) > most:
        shown = [*shown[: most - 1], f"{len(shown) - most + 1} more"]
    *first, last = shown
    return f"{', '.join(first)} and {last} are" if first else f"{last} is"
