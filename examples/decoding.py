"""How many answers of a trained encoder and decoder are right, where the decoder reads what it wrote itself.

A `report` of a training shows the decoder the right symbols before each one that it has to find. Here it is
on its own, as in use: it writes until its end token. Run it with a run and a file of pairs,
`python examples/decoding.py runs/addition specs/data/addition_test.csv`; the last line is JSON.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import graphc

START = "="
"""What every answer begins with."""


def main(run: str | Path, pairs: str | Path, *, beam: int | None = None, shown: int = 5) -> float:
    """Decode all sources of a file with the columns `src` and `tgt`; the part of answers that are right.

    With `beam` the likeliest answer is looked for, so many kept at each step; without, each symbol is the
    likeliest one.
    """
    program = graphc.load(run)
    with Path(pairs).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    sources = [row["src"] for row in rows]
    how = {"greedy": True} if beam is None else {"beam": beam}
    answers = program.generate_batch([START], inputs={"src": sources}, **how)
    are_right = [answer == row["tgt"] for answer, row in zip(answers, rows, strict=True)]
    wrong = [index for index, is_right in enumerate(are_right) if not is_right]
    for index in [*range(shown), *wrong[:shown]]:
        note = "" if are_right[index] else f"  (not {rows[index]['tgt']})"
        print(f"{sources[index]} {answers[index]}{note}")
    exact = sum(are_right) / len(rows)
    print(json.dumps({"pairs": len(rows), "exact": exact}))
    return exact


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("pairs")
    parser.add_argument("--beam", type=int)
    options = parser.parse_args()
    main(options.run, options.pairs, beam=options.beam)
