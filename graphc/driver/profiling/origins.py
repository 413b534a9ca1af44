"""Which equations the steps of a schedule belong to.

A kernel's statements say where they come from. What the compiler joined is one product, or one sum, for
several equations whose operands or results lie side by side in one buffer (`passes.join`): it is given to
them by how many elements each writes into that buffer or reads from it. A product of no equation (a sum that
autodiff made) belongs to those whose values it multiplies. What only copies belongs to whoever
reads the copy, or else to whoever wrote what is copied.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from graphc.backend.cpu.amounts import Amount
from graphc.diagnostics import Span
from graphc.driver.profiling.rows import Origins
from graphc.kernel.expr import Load
from graphc.kernel.nest import Store
from graphc.schedule.phases import Access
from graphc.schedule.program import Buffer, Launch, Pack, Product

Shares = dict[Span, float]
Compute = Launch | Pack | Product


@dataclass
class _Known:
    """What is known of a step: its amount, and where it comes from, by weight."""

    step: Compute
    amount: Amount
    shares: Shares

    @property
    def access(self) -> Access:
        return Access.of(self.step)


def origins(steps: Sequence[tuple[Compute, Amount]]) -> list[Origins]:
    """Of each step, in their order, how much of its time comes from where. All steps of one program."""
    known = [_Known(step, amount, _own(amount.origins)) for step, amount in steps]
    written, read = _by_buffer(known, "stores"), _by_buffer(known, "loads")
    beside = {buffer for one in known for buffer in _side_by_side(one.step)}
    beside |= {
        one.step.packed for one in known if isinstance(one.step, Pack) and one.step.source.buffer in beside
    }
    for one in known:
        if len(one.shares) > 1:
            continue
        joined = [written[b] for b in _operands(one) if len(written[b]) > 1]
        slices = [read[b] for b in one.access.writes if len(read[b]) > 1]
        if joined:
            one.shares = dict(joined[0])
        elif slices and beside.intersection(one.access.reads):
            one.shares = dict(slices[0])
        else:
            continue
        for buffer in one.access.writes:
            written[buffer] = dict(one.shares)
    for one in (one for one in known if not one.shares and isinstance(one.step, Product)):
        one.shares = _merged(other.shares for other in known if other.access.writes & one.access.reads)
    for one in (one for one in reversed(known) if not one.shares):
        one.shares = _merged(other.shares for other in known if other.access.reads & one.access.writes)
    for one in (one for one in known if not one.shares):
        one.shares = _merged(other.shares for other in known if other.access.writes & one.access.reads)
    return [one.shares for one in known]


def _own(found: Mapping[Span | None, int]) -> Shares:
    return {span: float(weight) for span, weight in found.items() if span is not None and weight}


def _by_buffer(known: Iterable[_Known], kind: str) -> defaultdict[Buffer, Shares]:
    """How many elements of each buffer the equations store or load."""
    found: defaultdict[Buffer, Shares] = defaultdict(dict)
    for one in known:
        for (buffer, span), count in getattr(one.amount, kind).items():
            if span is not None and count:
                found[buffer][span] = found[buffer].get(span, 0.0) + count
    return found


def _operands(one: _Known) -> list[Buffer]:
    """What a step reads, in the order of names, without what it writes as well."""
    return sorted(one.access.reads - one.access.writes, key=lambda buffer: buffer.name)


def _side_by_side(step: Compute) -> Iterable[Buffer]:
    """The buffers into which a kernel copies several others."""
    if not isinstance(step, Launch):
        return
    given = {p.name: a.buffer for p, a in zip(step.kernel.buffers, step.arguments, strict=True)}
    stored: defaultdict[str, set[str]] = defaultdict(set)
    for statement in step.kernel.walk():
        if isinstance(statement, Store) and isinstance(statement.value, Load):
            stored[statement.buffer].add(statement.value.buffer)
    yield from (given[name] for name, sources in stored.items() if len(sources) > 1)


def _merged(some: Iterable[Shares]) -> Shares:
    """Equal parts of several steps, each by its own shares."""
    found: Shares = {}
    for shares in some:
        total = sum(shares.values())
        for span, weight in shares.items():
            found[span] = found.get(span, 0.0) + weight / total
    return found
