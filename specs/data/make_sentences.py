"""Writes `sentences.csv` and `sentences_unseen.csv`: short opinions, each of them `good` or `bad`.

The sentences are ours and free to use like the rest of the project. To count words is not enough for them:
`not` and `hardly` turn around what follows, `very` does not, and of two clauses with `but` between them
the second decides. Each word of praise or blame keeps some modifiers for the second file, where each
sentence has a pair, such as `hardly pleasant`, that the first file lacks. Run `python make_sentences.py`
to write both again.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

GOOD = (
    "good",
    "great",
    "lovely",
    "charming",
    "pleasant",
    "superb",
    "fine",
    "wonderful",
    "splendid",
    "perfect",
)
BAD = ("bad", "awful", "dull", "dreadful", "poor", "boring", "horrible", "ugly", "terrible", "clumsy")
PLAIN = ("", "very", "really", "quite", "truly", "so")
TURNING = ("not", "never", "hardly", "not very", "not really")
UNSEEN = 2
"""How many of the plain and of the turning modifiers each word keeps for the second file."""

NOUNS = (
    "film",
    "story",
    "music",
    "view",
    "room",
    "soup",
    "guide",
    "garden",
    "hotel",
    "play",
    "bread",
    "song",
)
VERBS = ("was", "is")
KINDS = {"single": 4, "and": 2, "but": 4}
"""Sentences of one clause, of two clauses that agree, and of two that do not, with their shares."""

Pairs = dict[bool, list[tuple[str, str]]]
"""A modifier and a word, by whether the two together are good."""


def modified(draw: random.Random) -> tuple[Pairs, Pairs]:
    """All pairs of a modifier and a word: those of the first file, and those that it lacks."""
    seen: Pairs = {False: [], True: []}
    unseen: Pairs = {False: [], True: []}
    for word in GOOD + BAD:
        for group in (PLAIN, TURNING):
            is_good = (word in GOOD) == (group is PLAIN)
            kept = draw.sample(group, UNSEEN)
            for modifier in group:
                (unseen if modifier in kept else seen)[is_good].append((modifier, word))
    return seen, unseen


def clause(draw: random.Random, pair: tuple[str, str]) -> str:
    return " ".join(filter(None, ("the", draw.choice(NOUNS), draw.choice(VERBS), *pair)))


def sentence(draw: random.Random, seen: Pairs, special: Pairs) -> tuple[str, str]:
    """A sentence that has a pair of `special` in one of its clauses, and its label."""
    is_good = draw.random() < 0.5
    kind = draw.choices(list(KINDS), list(KINDS.values()))[0]
    opinions = {"single": [is_good], "and": [is_good, is_good], "but": [not is_good, is_good]}[kind]
    place = draw.randrange(len(opinions))
    sources = [special if i == place else seen for i in range(len(opinions))]
    clauses = [clause(draw, draw.choice(pairs[good])) for pairs, good in zip(sources, opinions, strict=True)]
    return f" {kind} ".join(clauses), "good" if is_good else "bad"


def sentences(count: int, draw: random.Random, seen: Pairs, special: Pairs) -> dict[str, str]:
    """So many different sentences with their labels."""
    found: dict[str, str] = {}
    while len(found) < count:
        text, label = sentence(draw, seen, special)
        found[text] = label
    return found


def write(name: str, rows: dict[str, str]) -> None:
    with Path(__file__).with_name(name).open("w", newline="", encoding="ascii") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["sentence", "label"])
        writer.writerows(rows.items())


if __name__ == "__main__":
    draw = random.Random(7)
    seen, unseen = modified(draw)
    write("sentences.csv", sentences(2000, draw, seen, seen))
    write("sentences_unseen.csv", sentences(500, draw, seen, unseen))
