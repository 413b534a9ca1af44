"""Writes pairs of which one is read and the other to be written: `reverse*.csv` and `addition*.csv`.

Words with their reversal, and sums with their result, as columns of texts. An answer begins with `=` and ends
with a dot. What is in a `*_test.csv` is nowhere in the other file, a sum not with its terms exchanged
either. Run `python make_pairs.py` to write the same files again.
"""

from __future__ import annotations

import csv
import random
import string
from collections.abc import Callable
from pathlib import Path

Pair = tuple[str, str]


def word(draw: random.Random) -> Pair:
    """From 1 to 10 letters, each length as often."""
    letters = "".join(draw.choices(string.ascii_lowercase, k=draw.randint(1, 10)))
    return letters, letters[::-1]


def addition(draw: random.Random) -> Pair:
    """Numbers of 1 to 3 digits, each length as often."""
    first, second = (draw.randrange(10 ** draw.randint(1, 3)) for _ in range(2))
    return f"{first}+{second}", str(first + second)


def different(make: Callable[[random.Random], Pair], count: int, seed: int = 0) -> list[Pair]:
    """Pairs, no two of which have the same terms."""
    draw, found = random.Random(seed), dict[tuple[str, ...], Pair]()
    while len(found) < count:
        source, target = make(draw)
        found.setdefault(tuple(sorted(source.split("+"))), (source, f"={target}."))
    return list(found.values())


def write(path: Path, pairs: list[Pair]) -> None:
    with path.open("w", newline="", encoding="ascii") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["src", "tgt"])
        table.writerows(pairs)


if __name__ == "__main__":
    here = Path(__file__).parent
    for name, make, count in (("reverse", word, 20_000), ("addition", addition, 60_000)):
        pairs = different(make, count + 2_000)
        # Without repetitions short sources stand at the beginning: there are few of them.
        random.Random(1).shuffle(pairs)
        write(here / f"{name}.csv", pairs[2_000:])
        write(here / f"{name}_test.csv", pairs[:2_000])
