"""Writes `moons.csv`: two interleaved half circles with noise, 300 points of each class.

Made by us and free to use like the rest of the project. Run `python make_moons.py` to write it again.
"""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path

POINTS = 300
NOISE = 0.15


def moons(points: int = POINTS, seed: int = 0) -> list[tuple[float, float, str]]:
    """So many points of each class, mixed: (x, y, `upper` or `lower`)."""
    draw = random.Random(seed)
    found = []
    for _ in range(points):
        for name, side in (("upper", 1), ("lower", -1)):
            angle = draw.uniform(0, math.pi)
            x, y = math.cos(angle), math.sin(angle)
            if side < 0:
                x, y = 1 - x, 0.5 - y
            found.append((round(x + draw.gauss(0, NOISE), 4), round(y + draw.gauss(0, NOISE), 4), name))
    draw.shuffle(found)
    return found


if __name__ == "__main__":
    with open(Path(__file__).with_name("moons.csv"), "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["across", "up", "moon"])
        writer.writerows(moons())
