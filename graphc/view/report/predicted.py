"""What a model predicts beside what is true: confusion, the worst examples, errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graphc.view.numbers import number
from graphc.view.report import plotting
from graphc.view.report.page import Figure, Item, Section, Table, thinned
from graphc.view.report.plotting import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

MOST_CLASSES = 40
"""So many classes are shown in the matrix, and the counts in it up to half of that."""
_ACROSS = 6
_MOST_POINTS = 1000
"""More examples than these would only make a black field."""
_TRACED = 2
"""Sequences that are drawn step by step, the longest ones."""

Shown = Array | str
"""An example as it is looked at: a picture `[N, M]` or `[3, N, M]`, or a text."""


@dataclass(frozen=True)
class Classified:
    """A vector of scores and the class that it is held against, a row for each thing that is classified.

    `chances` are `[rows, classes]`, `truth` the numbers of the right classes, `labels` what classes are
    called. `shown` says what a row is. `unit` is what rows are: examples, steps or elements of `sample`.
    `numbers` are those of the rows' examples in the source, `[rows]`.
    """

    name: str
    chances: Array
    truth: Array
    labels: Sequence[str]
    shown: Callable[[int], Shown]
    sample: str
    numbers: Array
    unit: str = "examples"

    @property
    def guesses(self) -> Array:
        found: Array = self.chances.argmax(axis=1)
        return found

    @property
    def confusion(self) -> Array:
        """How often each class (row) was taken for each (column)."""
        found = np.zeros((len(self.labels), len(self.labels)), np.int64)
        np.add.at(found, (self.truth, self.guesses), 1)
        return found

    def worst(self, most: int) -> Array:
        """The rows whose right class got the smallest chance, the worst first; wrong or not."""
        own = self.chances[np.arange(len(self.truth)), self.truth]
        found: Array = np.argsort(own, kind="stable")[:most]
        return found

    def scope(self) -> str:
        """What was looked at, in words."""
        return self.sample if self.unit == "examples" else f"{len(self.truth):,} {self.unit} of {self.sample}"


def classes(found: Classified) -> Section:
    """The confusion matrix and the worst examples."""
    wrong = int(np.sum(found.guesses != found.truth))
    about = f"What `{found.name}` says of {found.scope()}: {wrong:,} of {len(found.truth):,} wrong."
    return Section(f"Classes by {found.name}", [_matrix(found), _worst(found)], about)


def _matrix(found: Classified) -> Figure:
    counts, kept = found.confusion, np.arange(len(found.labels))
    left = ""
    if len(kept) > MOST_CLASSES:
        often = np.argsort(-(counts.sum(axis=0) + counts.sum(axis=1)), kind="stable")[:MOST_CLASSES]
        left = f" Shown are the {MOST_CLASSES} most frequent of {len(kept)} classes."
        kept = np.sort(often)
    names = [found.labels[int(place)] for place in kept]
    size = min(6.5, max(3.2, 0.34 * len(names) + 1.2))
    shown = counts[np.ix_(kept, kept)]
    # Rows are shares, so that rare classes are seen as well.
    shares = shown / np.maximum(1, counts[kept].sum(axis=1, keepdims=True))
    right = np.trace(counts) / max(1, counts.sum())
    caption = (
        f"Confusion matrix: a row for each true class, coloured by its share. {right:.1%} are right.{left}"
    )
    drawn = plotting.svg(lambda canvas: _cells(canvas, shown, shares, names), size, size * 0.9)
    rows = [[name, *map(str, row)] for name, row in zip(names, shown, strict=True)]
    return Figure(drawn, caption, f"{caption} {_mistakes(found)}", Table(["true", *names], rows))


def _cells(canvas: Canvas, counts: Array, shares: Array, names: Sequence[str]) -> None:
    axes = plotting.one(canvas)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.grid(False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    labels = [plotting.label(name, 14) for name in names]
    small = 9 if len(labels) <= MOST_CLASSES // 2 else 6.5
    turned = 90 if max(map(len, labels)) > 3 and len(labels) > 4 else 0
    axes.set_xticks(range(len(labels)), labels, rotation=turned, fontsize=small)
    axes.set_yticks(range(len(labels)), labels, fontsize=small)
    if len(labels) > MOST_CLASSES // 2:
        return
    for row, column in np.argwhere(counts):
        colour = "white" if shares[row, column] > 0.5 else "#1c2733"
        text = str(counts[row, column])
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)


def _mistakes(found: Classified) -> str:
    counts = found.confusion
    np.fill_diagonal(counts, 0)
    order = np.argsort(counts, axis=None)[::-1][:5]
    pairs = [np.unravel_index(place, counts.shape) for place in order if counts.flat[place]]
    said = [f"{found.labels[r]} for {found.labels[c]} ({counts[r, c]} times)" for r, c in pairs]
    return f"Most often mistaken: {', '.join(said)}." if said else "None is mistaken."


def _worst(found: Classified) -> Item:
    places = found.worst(3 * _ACROSS)
    shown = [found.shown(int(place)) for place in places]
    rows = []
    for place, what in zip(places, shown, strict=True):
        truth, guess, own = found.truth[place], found.guesses[place], found.chances[place]
        text = what if isinstance(what, str) else f"example {found.numbers[place]} of the source"
        names = [plotting.label(found.labels[int(kind)], 40) for kind in (truth, guess)]
        rows.append([text, *names, f"{own[truth]:.3g}", f"{own[guess]:.3g}"])
    header = [found.unit.removesuffix("s"), "true", "predicted"]
    title = f"The {found.unit} whose true class has the smallest chance"
    table = Table([*header, "chance of the true class", "of the predicted one"], rows, title)
    if not shown or isinstance(shown[0], str):
        return table
    pairs = [f"{row[1]} as {row[2]}" for row in rows]
    return _gallery([what for what in shown if not isinstance(what, str)], pairs, table)


def _gallery(pictures: Sequence[Array], titles: Sequence[str], table: Table) -> Figure:
    down = -(-len(pictures) // _ACROSS)

    def draw(canvas: Canvas) -> None:
        places = canvas.subplots(down, _ACROSS, squeeze=False).flat
        for axes, shown, title in zip(places, pictures, titles, strict=False):
            if shown.ndim == 3:
                plotting.picture(axes, shown)
            else:
                axes.imshow(shown, cmap="gray_r", interpolation="nearest")
            axes.set_title(plotting.label(title, 16), fontsize=7)
        for axes in canvas.axes:
            plotting.empty(axes)

    caption = f"{table.caption}: the true class, and what it was taken as."
    described = f"{caption} {'; '.join(titles)}."
    return Figure(plotting.svg(draw, 5.2, 1.1 * down), caption, described, table)


@dataclass(frozen=True)
class Estimated:
    """A number that an input is subtracted from, and the input, `[rows]` each, in the units of the data.

    `along` are the example and the step of each row, where the rows are steps.
    """

    name: str
    target: str
    predicted: Array
    truth: Array
    shown: Callable[[int], Shown]
    sample: str
    unit: str = "examples"
    along: tuple[Array, Array] | None = None


def numbers(found: Estimated) -> Section:
    """Predicted against true, and the errors."""
    errors = found.predicted - found.truth
    worst = np.argsort(-np.abs(errors), kind="stable")[:12]
    rows = [
        [
            str(found.shown(int(place))),
            *(number(own[place], 5) for own in (found.truth, found.predicted, errors)),
        ]
        for place in worst
    ]
    header = [found.unit.removesuffix("s"), "true", "predicted", "error"]
    table = Table(header, rows, f"The {found.unit} with the largest errors")
    scope = found.sample if found.unit == "examples" else f"{len(errors):,} {found.unit} of {found.sample}"
    about = f"`{found.name}` beside `{found.target}`, for {scope}, in the units of the data."
    items: list[Item] = [_scatter(found), _errors(found, errors), *_traces(found), table]
    return Section(f"Predicted and true: {found.name}", items, about)


def _scatter(found: Estimated) -> Figure:
    kept = plotting.spread(len(found.truth), _MOST_POINTS)
    truth, predicted = found.truth[kept], found.predicted[kept]

    def draw(canvas: Canvas) -> None:
        axes = plotting.one(canvas)
        low, high = min(truth.min(), predicted.min()), max(truth.max(), predicted.max())
        axes.plot([low, high], [low, high], color=plotting.SOFT, linestyle="--", linewidth=1)
        axes.scatter(truth, predicted, s=9, color=plotting.SERIES[0], alpha=0.6, linewidths=0)
        axes.set_xlabel(plotting.label(f"true {found.target}"))
        axes.set_ylabel(plotting.label(f"predicted {found.name}"))

    caption = f"Predicted against true values{_correlation(found)}. On the line they agree."
    if len(kept) < len(found.truth):
        caption += f" Points are {len(kept):,} of {len(found.truth):,}."
    rows = [[f"{t:.4g}", f"{p:.4g}"] for t, p in zip(truth, predicted, strict=True)]
    table = Table(["true", "predicted"], thinned(rows))
    return Figure(plotting.svg(draw, height=3.6), caption, caption, table)


def _correlation(found: Estimated) -> str:
    spread = float(np.std(found.truth) * np.std(found.predicted))
    if not np.isfinite(spread) or spread == 0:
        return "; they have no correlation, as one of them is the same everywhere"
    product = (found.truth - found.truth.mean()) * (found.predicted - found.predicted.mean())
    return f"; their correlation is {np.mean(product) / spread:.3f}"


def _errors(found: Estimated, errors: Array) -> Figure:
    counts, edges = np.histogram(errors, bins=40)

    def draw(canvas: Canvas) -> None:
        axes = plotting.one(canvas)
        axes.stairs(counts, edges, fill=True, color=plotting.SERIES[0], alpha=0.6)
        axes.axvline(0, color=plotting.SOFT, linestyle="--", linewidth=1)
        axes.set_xlabel("predicted less true")
        axes.set_ylabel(found.unit)

    rmse = float(np.sqrt(np.mean(errors**2)))
    caption = f"Errors: mean {number(errors.mean(), 4)}, root of the mean square {number(rmse, 4)}."
    rows = [[f"{left:.4g}", str(count)] for left, count in zip(edges, counts, strict=False) if count]
    return Figure(plotting.svg(draw, height=3.6), caption, caption, Table(["from", found.unit], rows))


def _traces(found: Estimated) -> Iterator[Figure]:
    """The longest sequences, true and predicted step by step."""
    if found.along is None:
        return
    examples, steps = found.along
    lengths = np.bincount(examples)
    for example in np.argsort(-lengths, kind="stable")[:_TRACED]:
        own = examples == example
        yield _trace(found, steps[own], found.truth[own], found.predicted[own])


def _trace(found: Estimated, steps: Array, truth: Array, predicted: Array) -> Figure:
    def draw(canvas: Canvas) -> None:
        axes = plotting.one(canvas)
        axes.plot(steps, truth, color=plotting.SERIES[0], label=plotting.label(f"true {found.target}"))
        name = plotting.label(f"predicted {found.name}")
        axes.plot(steps, predicted, color=plotting.SERIES[1], linestyle="--", label=name)
        axes.set_xlabel("step")
        plotting.whole(axes.xaxis)
        axes.legend()

    rmse = float(np.sqrt(np.mean((predicted - truth) ** 2)))
    caption = f"One sequence of {len(steps)} steps; the root of its mean squared error is {number(rmse, 4)}."
    rows = [[str(step), f"{t:.4g}", f"{p:.4g}"] for step, t, p in zip(steps, truth, predicted, strict=True)]
    return Figure(plotting.svg(draw), caption, caption, Table(["step", "true", "predicted"], thinned(rows)))
