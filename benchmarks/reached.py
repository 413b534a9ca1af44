"""The tasks of `benchmarks/tasks.py`, each with its commands and the figure that it must reach."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """Commands from the repository's root, the last of which prints a JSON object with a figure.

    `figure` is the path to the figure in it (`metrics.test.loss`), `bar` what it must reach.
    """

    name: str
    commands: tuple[str, ...]
    figure: str
    bar: float
    is_more_better: bool = False


def _accuracy(spec: str, bar: float) -> Task:
    """A spec, and the share of the test part whose class it must tell."""
    return Task(spec, (f"graphc run specs/{spec}.nn --json --no-run -q",), "metrics.test.accuracy", bar, True)


def _loss(spec: str, bar: float) -> Task:
    """A spec whose data a script makes, and what its loss on the test part must not exceed."""
    made = f"python specs/data/make_{spec}.py"
    return Task(spec, (made, f"graphc run specs/{spec}.nn --json --no-run -q"), "metrics.test.loss", bar)


def _nats(spec: str, bar: float) -> Task:
    """A language model, and the nats per character of the test part that it must not exceed."""
    return Task(spec, (f"graphc run specs/{spec}.nn --json --no-run -q",), "metrics.test.nats", bar)


def _decoded(spec: str, bar: float) -> Task:
    """Pairs of sequences, and the share of held-out sources of which the whole answer is decoded right."""
    decode = f"python examples/decoding.py specs/{spec}.nn specs/data/{spec}_test.csv"
    return Task(spec, ("python specs/data/make_pairs.py", decode), "exact", bar, True)


TASKS = (
    Task(
        "digits", ("graphc run specs/digits_mlp.nn --json --no-run -q",), "metrics.test.accuracy", 0.97, True
    ),
    _nats("fixed_context", 1.55),
    _nats("charlm_topics", 1.4),
    _loss("adding", 0.0167),
    _loss("copy_memory", 0.0866),
    _decoded("reverse", 0.99),
    _decoded("addition", 0.99),
    Task("execute", ("python examples/learning_to_execute.py --only mix",), "mix.characters", 0.55, True),
    _accuracy("vowels", 0.97),
    _accuracy("digits_rows", 0.96),
    _accuracy("digits_pixels", 0.95),
    _accuracy("sentiment", 0.98),
    Task("clipping", ("graphc run specs/clipping.nn --json --no-run -q",), "metrics.train.loss", 0.03),
)
"""In the order of docs/sequences.md."""
