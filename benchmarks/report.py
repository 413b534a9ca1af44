"""The tables that a run prints, in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from benchmarks.competitor import GRAPHC
from benchmarks.measuring import Timing
from benchmarks.results import Result

TITLES = {
    GRAPHC: "graphc",
    "pytorch": "PyTorch",
    "torch.compile": "torch.compile",
    "jax": "JAX",
    "imports": "bare imports",
    "pytorch, 1 thread": "PyTorch, 1 thread",
    "pytorch, 2 threads": "PyTorch, 2 threads",
    "jax, steps": "JAX, step by step",
    "jax, scan": "JAX, one scan",
}


def seconds(value: float) -> str:
    """Three digits with a fitting unit: `9.02 us`, `114 us`, `10.2 ms`."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{_digits(value / size)} {unit}"
    return f"{_digits(value / 1e-6)} us"


def _digits(value: float) -> str:
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def spread(timing: Timing) -> str:
    """Half the distance of the quartiles, in percent of the median."""
    return f"±{50 * (timing.high - timing.low) / timing.median:.0f}%"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def report(results: Sequence[Result], facts: str) -> str:
    """All tables of a run; `facts` says on what it was made."""
    measured = [r for r in results if r.times]
    parts = [facts]
    for rivals in dict.fromkeys(r.rivals for r in measured):
        parts.append(_times([r for r in measured if r.rivals == rivals], rivals))
    stepped = [r for r in measured if r.first_call]
    if stepped:
        parts.append("First call from an empty cache, compilation included:")
        parts.append(_figures(stepped, {r.row: _each(r.first_call, seconds) for r in stepped}))
        parts.append("Growth of the resident set:")
        parts.append(_figures(stepped, {r.row: _each(r.memory, _mebibytes) for r in stepped}))
    parts += [f"{r.row}: {TITLES[name]} is absent: {why}" for r in results for name, why in r.absent.items()]
    parts += [f"{r.row}: not measured: {r.error}" for r in results if r.error is not None]
    return "\n\n".join(parts) + "\n"


def _times(results: Sequence[Result], rivals: Sequence[str]) -> str:
    names = (GRAPHC, *rivals)
    head = ["row", *(TITLES[name] for name in names), "best rival / graphc", "floor"]
    lines = []
    for r in results:
        cells = [_timed(r.times.get(name)) for name in names]
        ratio = "" if r.ratio is None else f"{r.ratio:.2f}"
        lines.append([r.row, *cells, ratio, "" if r.floor is None else seconds(r.floor)])
    return table(head, lines)


def _timed(timing: Timing | None) -> str:
    return "" if timing is None else f"{seconds(timing.median)} {spread(timing)}"


def _each(values: Mapping[str, float], shown: Callable[[float], str]) -> dict[str, str]:
    return {name: shown(value) for name, value in values.items()}


def _figures(results: Sequence[Result], cells: Mapping[str, Mapping[str, str]]) -> str:
    names = (GRAPHC, *results[0].rivals)
    rows = [[r.row, *(cells[r.row].get(name, "") for name in names)] for r in results]
    return table(["row", *(TITLES[name] for name in names)], rows)


def _mebibytes(value: float) -> str:
    return f"{value / 2**20:.1f} MiB"
