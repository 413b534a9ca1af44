"""What a model predicts beside what is true: confusion, the worst examples, errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graphc.view.numbers import number
from graphc.view.report import plotting
from graphc.view.report.page import Figure, Item, Section, Table, thinned
from graphc.view.report.plotting import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

MOST_NAMED = 40
"""So many classes have their names beside the matrix, and the counts in it up to half of that."""
_ACROSS = 6


@dataclass(frozen=True)
class Classified:
    """A vector of scores and the class that it is held against.

    `chances` are `[examples, classes]`, `truth` the numbers of the right classes, `labels` what classes are
    called. `shown` says what each example is: a picture `[N, M]` or `[3, N, M]`, or a text.
    """

    name: str
    chances: Array
    truth: Array
    labels: Sequence[str]
    shown: Sequence[Array | str]
    sample: str

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
        """The examples whose right class got the smallest chance, the worst first; wrong or not."""
        found: Array = np.argsort(self.chances[np.arange(len(self.truth)), self.truth], kind="stable")[:most]
        return found


def classes(found: Classified) -> Section:
    """The confusion matrix and the worst examples."""
    wrong = int(np.sum(found.guesses != found.truth))
    about = f"What `{found.name}` says of {found.sample}: {wrong} of {len(found.truth)} wrong."
    return Section(f"Classes by {found.name}", [_matrix(found), *_worst(found)], about)


def _matrix(found: Classified) -> Figure:
    counts = found.confusion
    labels = [plotting.label(text, 14) for text in found.labels]
    size = min(6.5, max(3.2, 0.34 * len(labels) + 1.2))

    def draw(canvas: Canvas) -> None:
        axes = plotting.one(canvas)
        # Rows are shares, so that rare classes are seen as well.
        shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        axes.grid(False)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        if len(labels) <= MOST_NAMED:
            turned = 90 if max(map(len, labels)) > 3 and len(labels) > 4 else 0
            axes.set_xticks(range(len(labels)), labels, rotation=turned)
            axes.set_yticks(range(len(labels)), labels)
        if len(labels) <= MOST_NAMED // 2:
            for row, column in np.argwhere(counts):
                colour = "white" if shares[row, column] > 0.5 else "#1c2733"
                axes.text(
                    column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=8
                )

    right = np.trace(counts) / max(1, counts.sum())
    caption = f"Confusion matrix: a row for each true class, coloured by its share. {right:.1%} are right."
    rows = [[found.labels[place], *map(str, row)] for place, row in enumerate(counts)]
    table = Table(["true", *found.labels], rows) if len(labels) <= MOST_NAMED else None
    return Figure(plotting.svg(draw, size, size * 0.9), caption, f"{caption} {_mistakes(found)}", table)


def _mistakes(found: Classified) -> str:
    counts = found.confusion
    np.fill_diagonal(counts, 0)
    order = np.argsort(counts, axis=None)[::-1][:5]
    pairs = [np.unravel_index(place, counts.shape) for place in order if counts.flat[place]]
    said = [f"{found.labels[r]} for {found.labels[c]} ({counts[r, c]} times)" for r, c in pairs]
    return f"Most often mistaken: {', '.join(said)}." if said else "No example is mistaken."


def _worst(found: Classified) -> list[Item]:
    places = found.worst(3 * _ACROSS)
    rows = []
    for place in places:
        truth, guess, own = found.truth[place], found.guesses[place], found.chances[place]
        what = found.shown[place]
        text = what if isinstance(what, str) else f"example {place}"
        rows.append(
            [text, found.labels[truth], found.labels[guess], f"{own[truth]:.3g}", f"{own[guess]:.3g}"]
        )
    table = Table(
        ["example", "true", "predicted", "chance of the true class", "of the predicted one"],
        rows,
        "The examples whose true class has the smallest chance",
    )
    if not len(places) or isinstance(found.shown[0], str):
        return [table]
    return [_gallery(found, places, table)]


def _gallery(found: Classified, places: Array, table: Table) -> Figure:
    def draw(canvas: Canvas) -> None:
        for axes, place in zip(
            canvas.subplots(-(-len(places) // _ACROSS), _ACROSS).flat, places, strict=False
        ):
            shown = found.shown[place]
            assert not isinstance(shown, str)
            if shown.ndim == 3:
                plotting.picture(axes, shown)
            else:
                axes.imshow(shown, cmap="gray_r", interpolation="nearest")
            truth, guess = found.labels[found.truth[place]], found.labels[found.guesses[place]]
            axes.set_title(f"{plotting.label(truth, 9)} as {plotting.label(guess, 9)}", fontsize=7)
        for axes in canvas.axes:
            plotting.empty(axes)

    caption = (
        "The examples whose true class has the smallest chance: the true class, and what it was taken as."
    )
    return Figure(
        plotting.svg(draw, 5.2, 1.1 * -(-len(places) // _ACROSS)),
        caption,
        f"{caption} {_mistakes(found)}",
        table,
    )


@dataclass(frozen=True)
class Estimated:
    """A predicted number and the true one, `[examples]` each, in the units of the data."""

    name: str
    target: str
    predicted: Array
    truth: Array
    shown: Sequence[str]
    sample: str


def numbers(found: Estimated) -> Section:
    """Predicted against true, and the errors."""
    errors = found.predicted - found.truth
    worst = np.argsort(-np.abs(errors), kind="stable")[:12]
    rows = [
        [
            found.shown[place],
            number(found.truth[place]),
            number(found.predicted[place]),
            number(errors[place]),
        ]
        for place in worst
    ]
    table = Table(["example", "true", "predicted", "error"], rows, "The examples with the largest errors")
    about = f"`{found.name}` beside `{found.target}`, for {found.sample}, in the units of the data."
    items: list[Item] = [_scatter(found), _errors(found, errors), table]
    return Section(f"Predicted and true: {found.name}", items, about)


def _scatter(found: Estimated) -> Figure:
    def draw(canvas: Canvas) -> None:
        axes = plotting.one(canvas)
        low, high = (
            min(found.truth.min(), found.predicted.min()),
            max(found.truth.max(), found.predicted.max()),
        )
        axes.plot([low, high], [low, high], color=plotting.SOFT, linestyle="--", linewidth=1)
        axes.scatter(found.truth, found.predicted, s=9, color=plotting.SERIES[0], alpha=0.6, linewidths=0)
        axes.set_xlabel(plotting.label(f"true {found.target}"))
        axes.set_ylabel(plotting.label(f"predicted {found.name}"))

    spread = np.std(found.truth) * np.std(found.predicted)
    with np.errstate(all="ignore"):
        correlation = (
            np.mean((found.truth - found.truth.mean()) * (found.predicted - found.predicted.mean())) / spread
        )
    caption = (
        f"Predicted against true values; their correlation is {correlation:.3f}. On the line they agree."
    )
    rows = [[f"{t:.4g}", f"{p:.4g}"] for t, p in zip(found.truth, found.predicted, strict=True)]
    return Figure(
        plotting.svg(draw, height=3.6), caption, caption, Table(["true", "predicted"], thinned(rows))
    )


def _errors(found: Estimated, errors: Array) -> Figure:
    def draw(canvas: Canvas) -> None:
        axes = plotting.one(canvas)
        axes.hist(errors, bins=40, color=plotting.SERIES[0], alpha=0.6)
        axes.axvline(0, color=plotting.SOFT, linestyle="--", linewidth=1)
        axes.set_xlabel("predicted less true")
        axes.set_ylabel("examples")

    rmse = float(np.sqrt(np.mean(errors**2)))
    caption = f"Errors: mean {number(errors.mean())}, root of the mean square {number(rmse)}."
    return Figure(plotting.svg(draw, height=3.6), caption, caption)
