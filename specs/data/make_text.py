"""Writes `harbour.txt`: a small text for character models, made from a handful of sentence patterns.

The text is ours and free to use like the rest of the project. It has rules a model can learn (which words
follow which, that a ship keeps its name within a paragraph, numbers that agree with nouns) and enough
variety not to be learned by heart. Run `python make_text.py` to write the same file again.
"""

from __future__ import annotations

import random
from pathlib import Path

SHIPS = ("heron", "swallow", "juniper", "old maria", "quiet star", "meadow", "blue lantern", "fox")
CARGO = ("barrels of salt", "crates of oranges", "sacks of wheat", "boxes of glass", "coils of rope")
WEATHER = ("fog", "rain", "a light wind", "clear sky", "heavy sea", "frost", "a storm")
PORTS = ("the northern pier", "the fish market", "the stone quay", "the island", "the mouth of the river")
PEOPLE = ("the pilot", "the captain", "the keeper of the light", "the cook", "the harbour master")
TIMES = ("at dawn", "before noon", "at noon", "in the afternoon", "at dusk", "after midnight")
NUMBERS = ("two", "three", "four", "seven", "ten", "twelve", "twenty")


def paragraph(draw: random.Random) -> str:
    """A few sentences about one ship on one day."""
    ship = f"the {draw.choice(SHIPS)}"
    who, other = draw.sample(PEOPLE, 2)
    origin, goal = draw.sample(PORTS, 2)
    cargo, number = draw.choice(CARGO), draw.choice(NUMBERS)
    sentences = [
        f"{draw.choice(TIMES)} {ship} left {origin} with {number} {cargo}.",
        draw.choice(
            (
                f"there was {draw.choice(WEATHER)} near {goal}, and {who} waited.",
                f"{who} saw {draw.choice(WEATHER)} and asked {other} what to do.",
                f"because of {draw.choice(WEATHER)} {ship} was {number} hours late.",
            )
        ),
        draw.choice(
            (
                f'"is {ship} safe?" asked {other}. "she is," said {who}.',
                f"{other} counted the {cargo}: {number}, as it should be.",
                f"nobody but {other} knew how deep the water was.",
                f"{who} lit a lamp, and {other} rang the bell {number} times.",
            )
        ),
        f"{draw.choice(TIMES)} {ship} came to {goal}.",
    ]
    if draw.random() < 0.4:
        sentences.insert(2, f"it was {who} who found the way.")
    return " ".join(sentences)


def text(paragraphs: int = 120, seed: int = 7) -> str:
    draw = random.Random(seed)
    return "\n\n".join(paragraph(draw) for _ in range(paragraphs)) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("harbour.txt").write_text(text(), encoding="ascii")
