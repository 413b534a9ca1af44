"""The compiler as a chain of stages: text, tree, rolled system, graph, gradients, optimised graph.

What is asked for decides which graphs are made; each is made once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from graphc.analysis.recurrence import plan
from graphc.autodiff.gradient import Gradients, differentiate
from graphc.backend import Backend, Executable, choose
from graphc.diagnostics import GraphcError, fault
from graphc.driver import streams
from graphc.driver.compiling import CompileClock
from graphc.frontend import ast
from graphc.frontend.elaborate import Mode, elaborate
from graphc.frontend.generation import Generation, generation
from graphc.frontend.scope import Library
from graphc.frontend.spec import Spec
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Node, Value
from graphc.ir.system import System
from graphc.lower.system import lower
from graphc.ops import elementwise as ew
from graphc.ops.indexing import BROADCAST
from graphc.ops.leaf import CONSTANT, PIN
from graphc.ops.reduction import REDUCE_SUM
from graphc.passes import optimize
from graphc.passes.additive import additive
from graphc.passes.dce import Dce
from graphc.passes.entitle import entitled
from graphc.passes.signature import signature
from graphc.passes.stabilize import Stabilize
from graphc.types import BATCH

if TYPE_CHECKING:
    from graphc.schedule.program import Keeping

LOSS = "loss@"
"""The output that holds the loss of the whole batch."""

VERIFY_ALWAYS = False
"""Whether every graph is verified after every pass, asked for or not. The tests turn it on."""

_PURPOSES = {
    "spec": "the equations",
    "gradients": "the training step",
    "prepared": "the optimizer",
    "generation": "generation",
}
"""What graphs are for, by the first word of their key; all others are for evaluation."""

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Differentiated:
    """Graphs that together give the loss and gradients; a name's gradient comes from one of them.

    There are two where a stable rewrite (softmax with log) leaves out a name whose own cotangent is asked
    for: that one is computed by the equations as they stand.
    """

    parts: tuple[tuple[Executable, Gradients], ...]
    rounds: tuple[Executable, ...] = ()
    """Of a batch in small ones: what computes the totals that the graphs read, see `passes.additive`."""
    shares: frozenset[str] = frozenset()
    """Of a batch in small ones: the outputs beside the gradients that add up."""


class Pipeline:
    """Everything that is compiled of one file. `given` are sizes of dims, `disabled` names of passes."""

    def __init__(
        self,
        file: ast.File,
        library: Library,
        given: Mapping[str, int],
        disabled: Collection[str] = (),
        verify: bool = False,
        backend: Backend | None = None,
    ) -> None:
        self.file = file
        self.library = library
        self.given = dict(given)
        self.disabled = frozenset(disabled)
        self.verify = verify or VERIFY_ALWAYS
        self.backend = backend or choose("auto")
        self.executables: list[Executable] = []
        """All that were made so far."""
        self.clock = CompileClock()
        self._purposes: dict[Executable, str] = {}
        self._made: dict[tuple[object, ...], object] = {}

    def once(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        """What is made of the file, made when it is first asked for by its key."""
        if key not in self._made:
            with self.clock.compiling(_PURPOSES.get(str(key[0]), "evaluation"), "graph"):
                self._made[key] = make()
        found: T = self._made[key]  # type: ignore[assignment]
        return found

    def spec(self, mode: Mode) -> Spec:
        """The elaborated file. Raises all its faults together."""
        return self.once(
            ("spec", mode), lambda: elaborate(self.file, self.library, mode=mode, given=self.given)
        )

    def system(self, mode: Mode, continued: bool = False) -> System:
        """The rolled system; `continued` for a chunk of a sequence that goes on where another ended."""
        system = self.spec(mode).system
        return streams.continued(system) if continued else system

    def graph(self, mode: Mode, names: Sequence[str], continued: bool = False) -> Graph:
        """The graph as lowered, before any pass."""
        key = ("graph", mode, tuple(names), continued)
        return self.once(key, lambda: lower(self.system(mode, continued), names))

    def generation(
        self, ends: Mapping[str, int] | None = None, *, raw: bool = False
    ) -> tuple[Generation, Pipeline]:
        """The `generate` block's rewritten file and its own pipeline; arguments as for `generation`.

        Raises E316, E320, E321.
        """
        given = dict(ends or {})

        def make() -> tuple[Generation, Pipeline]:
            found = generation(self.file, self.spec("eval").scope.all_dims, given, raw=raw)
            inner = Pipeline(
                found.file,
                self.library,
                {**self.given, **found.ends},
                self.disabled,
                self.verify,
                self.backend,
            )
            plan(inner.system("eval"), found.drawn, generating=True)
            return found, inner

        return self.once(("generation", tuple(sorted(given.items())), raw), make)

    def loss_unit(self, mode: Mode, objective: int = 0) -> str:
        """The unit that is differentiated: `minimize`, or else the single scalar output.

        Raises E242 if there is neither.
        """
        spec = self.spec(mode)
        if spec.objectives:
            return spec.objectives[objective].unit
        scalars = [
            name
            for name in spec.outputs
            if spec.system.type(name).rank == 0
            and all(i == BATCH for i in spec.system.type(name).axes)
            and spec.system.type(name).dtype == "real"
        ]
        if len(scalars) == 1:
            return scalars[0]
        raise fault(
            "E242",
            "there is no loss to differentiate: no `minimize`, and "
            + (f"{len(scalars)} scalar outputs" if scalars else "no scalar `output`"),
            help="add `minimize ...`, or `output` of one number",
        )

    def has_loss(self, mode: Mode) -> bool:
        try:
            self.loss_unit(mode)
        except GraphcError:
            return False
        return True

    def with_loss(self, mode: Mode, names: Sequence[str], objective: int, continued: bool) -> Graph:
        """`graph`, with the mean of the loss over the batch as one more output."""
        unit = self.loss_unit(mode, objective)
        graph = self.graph(mode, tuple(dict.fromkeys([*names, unit])), continued)
        b = Builder()
        loss = batch_mean(b, graph.outputs[unit])
        outputs = {name: graph.outputs[name] for name in names}
        return Graph(graph.inputs, (*graph.nodes, *b.nodes), {**outputs, LOSS: loss})

    def forward(
        self, mode: Mode, names: Sequence[str], *, dense: bool, continued: bool = False
    ) -> Executable:
        """What computes values by name."""
        key = ("forward", mode, tuple(names), dense, continued)

        return self.once(key, lambda: self._forward(self.entitled(self.graph(mode, names, continued)), dense))

    def entitled(self, graph: Graph) -> Graph:
        """A graph as lowered, with the names that a reader of what is compiled of it knows."""
        return entitled(graph, self.file.span.source.name)

    def made(self, key: tuple[object, ...], graph: Graph, dense: bool) -> Executable:
        """A graph of the spec's equations, optimised and made ready, once for each key."""
        return self.once((*key, dense), lambda: self._forward(graph, dense))

    def _forward(self, graph: Graph, dense: bool) -> Executable:
        return self.ready(self.optimized(graph, keep=(), dense=dense), dense)

    def prepare(self, graph: Graph) -> Executable:
        """A graph that is not of the file, such as an update rule, made ready as it is; equal ones once."""
        names = tuple(value.name for value in graph.inputs)
        return self.once(("prepared", names, signature(graph)), lambda: self.ready(graph, dense=False))

    def ready(self, graph: Graph, dense: bool, memory: Keeping = "normal") -> Executable:
        """A graph made ready as it is, with no pass in between."""
        executable = self.backend.prepare(graph, dense=dense, memory=memory)
        self.executables.append(executable)
        self._purposes[executable] = self.clock.purpose
        return executable

    def purpose(self, executable: Executable) -> str:
        """What it was made for: `the training step`."""
        return self._purposes[executable]

    def compile(self, executable: Executable, real: np.dtype[Any]) -> None:
        """Turn it into code for reals of this dtype, if that was not done before."""
        with self.clock.compiling(self._purposes[executable], "code"):
            executable.compile(real)

    def optimized(
        self, graph: Graph, *, keep: Collection[str], dense: bool, pinned: Collection[str] = ()
    ) -> Graph:
        """The graph after the passes; `keep` and `pinned` as for `passes.optimize`."""
        return optimize(
            graph, disabled=self.disabled, keep=keep, pinned=pinned, dense=dense, verify=self.verify
        )

    def gradients(
        self,
        mode: Mode,
        wrt: Sequence[str],
        *,
        dense: bool,
        names: Sequence[str] = (),
        objective: int = 0,
        summands: bool = False,
        continued: bool = False,
        memory: Keeping = "normal",
        divided: bool = False,
    ) -> Differentiated:
        """What computes the loss, its gradients with respect to `wrt`, and values by name.

        `divided` is for a large batch in small ones, whose losses and gradients add up. Raises E530 if they
        cannot.
        """
        options = (mode, tuple(wrt), dense, tuple(names), objective, summands, continued, memory, divided)
        return self.once(
            ("gradients", *options),
            lambda: self._differentiated(
                mode, wrt, dense, names, objective, summands, continued, memory, divided
            ),
        )

    def _differentiated(
        self,
        mode: Mode,
        wrt: Sequence[str],
        dense: bool,
        names: Sequence[str],
        objective: int,
        summands: bool,
        continued: bool,
        memory: Keeping,
        divided: bool,
    ) -> Differentiated:
        graph = self.entitled(self.with_loss(mode, names, objective, continued))
        rounds: tuple[Executable, ...] = ()
        shares: frozenset[str] = frozenset()
        if divided:
            found = additive(graph, wrt, LOSS)
            graph, shares = found.graph, found.shares
            rounds = tuple(self._forward(totals, dense) for totals in found.rounds)
        inside = set() if "stabilize" in self.disabled else left_out(graph) & set(wrt)
        groups: list[tuple[list[str], set[str]]] = [([w for w in wrt if w not in inside], set())]
        if inside:
            groups.append(([w for w in wrt if w in inside], inside))
        parts = []
        for group, pinned in groups:
            ready = self.optimized(graph, keep=frozenset(group), dense=dense, pinned=pinned)
            result = differentiate(ready, LOSS, present(ready, group), summands=summands)
            final = self.optimized(result.graph, keep=(), dense=dense)
            parts.append((self.ready(final, dense, memory), result))
        return Differentiated(tuple(parts), rounds, shares)


def left_out(graph: Graph) -> set[str]:
    """The names that a stable rewrite passes by on the way to the loss: `p` of `log(p)`, `p = softmax(z)`.

    Their cotangents have to be computed by the equations as they are written.
    """
    alone = Graph(graph.inputs, graph.nodes, {LOSS: graph.outputs[LOSS]})
    before, after = _uses(Dce()(alone)), _uses(Dce()(Stabilize()(alone)))
    return {name for name, count in before.items() if after.get(name, 0) < count}


def _uses(graph: Graph) -> dict[str, int]:
    """How often each pinned value is an operand."""
    pins = {n.result: n.attrs["name"] for n in graph.walk() if isinstance(n, Node) and n.op is PIN}
    found: dict[str, int] = {}
    for node in graph.walk():
        for operand in node.operands:
            if operand in pins:
                found[pins[operand]] = found.get(pins[operand], 0) + 1
    return found


def present(graph: Graph, names: Sequence[str]) -> list[str]:
    """The names that the graph has at all: an input that nothing uses is not among its inputs."""
    known = {value.name for value in graph.inputs}
    known |= {n.attrs["name"] for n in graph.walk() if isinstance(n, Node) and n.op is PIN}
    return [name for name in names if name in known]


def batch_mean(b: Builder, value: Value) -> Value:
    """The mean over the examples of a number that each has; a number of the whole batch as it is."""
    if value.type.dtype != "real":
        value = b(ew.CAST, value, dtype="real")
    if BATCH not in value.type.axes:
        return value
    one = b(BROADCAST, b(CONSTANT, value=1.0, dtype="real", shape=()), indices=(BATCH,))
    total = b(REDUCE_SUM, value, dims=(), indices=(BATCH,))
    return b(ew.DIV, total, b(REDUCE_SUM, one, dims=(), indices=(BATCH,)))
