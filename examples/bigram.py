"""What counting pairs of characters says about a text: the figure that a trained language model has to beat.

The text is that of `specs/charlm_topics.nn`, the reference topics of this Python, or a file; it is cut into
the same parts: the last tenth for the test, the tenth before for validation, the rest is counted. Run it
with `python examples/bigram.py [FILE]`.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np

HELD_OUT = 0.1


def parts(text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Training, validation and test part as numbers of characters, and how many different ones there are."""
    known, codes = np.unique(list(text), return_inverse=True)
    held = round(HELD_OUT * len(codes))
    train, validation, test = np.split(codes, [len(codes) - 2 * held, len(codes) - held])
    return train, validation, test, len(known)


def pairs(codes: np.ndarray, size: int) -> np.ndarray:
    """[size, size]: how often the character of the row is followed by that of the column."""
    found = np.zeros((size, size))
    np.add.at(found, (codes[:-1], codes[1:]), 1)
    return found


def add_one(counts: np.ndarray) -> np.ndarray:
    """Chances as if each pair had been seen once more than it was (Laplace)."""
    return (counts + 1) / (counts + 1).sum(1, keepdims=True)


def interpolated(counts: np.ndarray, share: float) -> np.ndarray:
    """A mixture of the chances after the character at hand and those anywhere (Jelinek and Mercer 1980)."""
    anywhere = (counts.sum(0) + 1) / (counts.sum(0) + 1).sum()
    seen = counts.sum(1, keepdims=True)
    after = np.divide(counts, seen, out=np.tile(anywhere, (len(counts), 1)), where=seen > 0)
    return share * after + (1 - share) * anywhere


def nats(chances: np.ndarray, codes: np.ndarray) -> float:
    """The mean of -log of the chance that each next character had."""
    return float(-np.log(chances[codes[:-1], codes[1:]]).mean())


def main(text: str) -> dict[str, float]:
    """Print the figures of the test part, and return the nats per character by the kind of smoothing."""
    train, validation, test, size = parts(text)
    counts = pairs(train, size)
    shares = np.linspace(0.5, 0.999, 50)
    share = min(shares, key=lambda share: nats(interpolated(counts, share), validation))
    models = {"add-one": add_one(counts), f"interpolated, {share:.2f}": interpolated(counts, share)}
    found = {name: nats(chances, test) for name, chances in models.items()}
    print(f"{len(text)} characters, {size} different ones; {len(test)} in the test part")
    for name, value in found.items():
        print(f"{name:18} {value:.4f} nats  {value / math.log(2):.4f} bits  perplexity {math.exp(value):.3f}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="a text in UTF-8")
    file = parser.parse_args().file
    joined = "".join(text for _, text in sorted(topics.items()))
    main(joined if file is None else file.read_bytes().decode())
