"""What happens along a sequence: attention, states, gradients step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graphc.view.numbers import number
from graphc.view.report import plotting
from graphc.view.report.page import Figure, Section, Table, thinned
from graphc.view.report.plotting import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

MOST_STEPS = 80
MOST_UNITS = 32
MOST_HEADS = 8
_NAMED = 45
"""So many steps have their symbols beside them."""
_USUAL = 98
"""Colours end where so many percent of the values are smaller."""


@dataclass(frozen=True)
class Attention:
    """Values over two axes of one example, `[heads, rows, columns]`, with what the steps are called.

    A value is NaN where there is none. `heads` tell apart what has several values for a pair of steps.
    """

    name: str
    axes: tuple[str, str]
    values: Array
    rows: Sequence[str]
    columns: Sequence[str]
    is_share: bool = True
    """Whether each row is a distribution over the columns."""
    heads: Sequence[str] = ("",)


def attention(found: Sequence[Attention]) -> Section:
    """A picture of each."""
    about = "Values over two axes: at the step of a row, how much each step of a column counts."
    return Section("Attention", [_map(one) for one in found], about)


def _map(found: Attention) -> Figure:
    rows, columns = found.values.shape[1:]
    heads = found.values[:MOST_HEADS]
    width = min(10.6, max(3.6, 0.24 * columns + 1.6))
    # As many heads beside each other as are still legible, in as many rows as it takes.
    beside = 1 if len(heads) == 1 else max(2, min(len(heads), int(10.6 / width)))
    down = -(-len(heads) // beside)
    height = min(9.0, max(2.2, width * 0.85 * rows / max(1, columns)))
    drawn = plotting.svg(lambda canvas: _heads(canvas, found, down, beside), beside * width, down * height)

    caption = f"{found.name}[{', '.join(found.axes)}] of “{' '.join(map(str, found.columns))[:80]}”"
    if len(heads) > 1:
        caption += f", {len(heads)} heads" + (
            f" of {len(found.values)}" if len(found.values) > len(heads) else ""
        )
    header = [found.axes[0], *found.columns]
    body = [
        [f"{label} {head}".strip(), *("" if np.isnan(v) else f"{v:.2f}" for v in row)]
        for head, own in zip(found.heads, heads, strict=False)
        for label, row in zip(found.rows, own, strict=True)
    ]
    table = Table(header, thinned(body))
    return Figure(drawn, caption, f"{caption}: {_strongest(found)}.", table, is_wide=beside * width > 6)


def _strongest(found: Attention) -> str:
    """Where each of the first rows looks, with the first head."""
    rows = zip(found.rows, found.values[0, :20], strict=False)
    return ", ".join(
        f"{label} most on {found.columns[int(np.nanargmax(row))]}"
        for label, row in rows
        if np.any(row == row)
    )


def _heads(canvas: Canvas, found: Attention, down: int, beside: int) -> None:
    heads = found.values[:MOST_HEADS]
    signed = not found.is_share and bool(np.any(heads < 0))
    largest = 1.0 if found.is_share else float(np.nanmax(np.abs(heads)))
    places = canvas.subplots(down, beside, squeeze=False)
    for axes, head, label in zip(places.flat, heads, found.heads, strict=False):
        image = plotting.picture(axes, head, signed=signed, largest=largest)
        axes.grid(False)
        axes.set_title(plotting.label(label))
        _steps(axes.set_xticks, found.columns, 0.9)
        _steps(axes.set_yticks, found.rows, 0.9)
        axes.set_xlabel(plotting.label(found.axes[1]))
        axes.set_ylabel(plotting.label(found.axes[0]))
    for axes in places.flat[len(heads) :]:
        axes.set_visible(False)
    canvas.colorbar(image, ax=places, shrink=0.8).outline.set_visible(False)


def _steps(put: plotting.Ticks, labels: Sequence[str], size: float) -> None:
    if len(labels) <= _NAMED or all(len(text) == 1 for text in labels):
        turned = (
            {"rotation": 90} if put.__name__ == "set_xticks" and max(map(len, labels), default=0) > 2 else {}
        )
        put(range(len(labels)), [plotting.label(text, 12) for text in labels], fontsize=8 * size, **turned)


@dataclass(frozen=True)
class States:
    """A state of a recurrence over one sequence, `[steps, units]`, and the symbol at each step."""

    name: str
    values: Array
    symbols: Sequence[str]


def states(found: Sequence[States], sample: str) -> Section:
    """A row for each unit, a column for each step."""
    about = (
        f"States along {sample}: a column for each step, a row for each unit, those that vary most on top."
    )
    return Section("States over a sequence", [_state(one) for one in found], about)


def _state(found: States) -> Figure:
    values = found.values[:MOST_STEPS]
    order = np.argsort(-values.std(axis=0), kind="stable")[:MOST_UNITS]
    symbols = found.symbols[:MOST_STEPS]
    # A few large values would leave all others without a colour.
    top = float(np.percentile(np.abs(values[:, order]), _USUAL)) or 1.0

    def draw(canvas: Canvas) -> None:
        axes = plotting.one(canvas)
        image = plotting.picture(axes, values[:, order].T, signed=True, largest=top)
        axes.set_aspect("auto")
        axes.grid(False)
        axes.set_yticks(range(len(order)), [str(unit) for unit in order], fontsize=6)
        axes.set_ylabel("unit")
        if symbols:
            _steps(axes.set_xticks, symbols, 0.95)
        else:
            axes.set_xlabel("step")
        canvas.colorbar(image, ax=axes, pad=0.01).outline.set_visible(False)

    text = "".join(symbols) if all(len(s) == 1 for s in symbols) else " ".join(symbols)
    caption = f"{found.name}: {len(order)} of {found.values.shape[1]} units over {len(values)} steps."
    description = f"{caption} {f'They read: {text}' if text else ''}"
    rows = [
        [str(unit), *(f"{v:.2g}" for v in (values[:, unit].min(), values[:, unit].max()))] for unit in order
    ]
    drawn = plotting.svg(draw, 10.6, max(2.0, 0.12 * len(order) + 0.8))
    return Figure(drawn, caption, description, Table(["unit", "lowest", "highest"], rows), is_wide=True)


@dataclass(frozen=True)
class Flow:
    """Norms of gradients at each step of an axis, `[T]` by name."""

    axis: str
    values: Mapping[str, Array]
    weights: Mapping[str, Array]


def flow(found: Flow, sample: str) -> Section:
    """How gradients shrink or grow on their way back through the steps."""
    about = (
        f"Norms of gradients at each step {found.axis}, over {sample}. Gradients travel from the right to "
        "the left; where they fall by powers of ten, early steps teach the model nothing."
    )
    items = []
    if found.values:
        items.append(_norms(found.axis, found.values, "Cotangents of states."))
    if found.weights:
        items.append(
            _norms(found.axis, found.weights, "What each step adds to the gradients of shared weights.")
        )
    return Section(f"Gradient flow along {found.axis}", items, about)


def _norms(axis: str, norms: Mapping[str, Array], caption: str) -> Figure:
    largest = sorted(norms, key=lambda name: -float(np.max(norms[name], initial=0)))[: len(plotting.SERIES)]
    kept = [name for name in norms if name in largest]

    def draw(canvas: Canvas) -> None:
        axes = plotting.one(canvas)
        for place, name in enumerate(kept):
            values = np.where(norms[name] > 0, norms[name], np.nan)
            steps = np.arange(1, len(values) + 1)
            axes.plot(
                steps,
                values,
                color=plotting.SERIES[place],
                label=plotting.label(name),
                marker="" if len(steps) > 3 else "o",
            )
        if any(np.any(norms[name] > 0) for name in kept):
            plotting.logarithmic(axes.yaxis)
        axes.set_xlabel(plotting.label(axis))
        axes.set_ylabel("norm")
        axes.legend(ncols=2)

    if len(kept) < len(norms):
        caption += f" The {len(kept)} with the largest norms of {len(norms)}."
    said = [
        f"{name} has {number(norms[name][0])} at the first step and {number(norms[name][-1])} at the last"
        for name in kept
    ]
    length = max(len(norms[name]) for name in kept)
    rows = [
        [str(t + 1), *(f"{norms[name][t]:.3g}" if t < len(norms[name]) else "" for name in kept)]
        for t in range(length)
    ]
    return Figure(
        plotting.svg(draw, height=3.2),
        caption,
        f"{caption} {'; '.join(said)}.",
        Table([axis, *kept], thinned(rows)),
    )
