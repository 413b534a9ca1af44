"""How many answers of a trained encoder and decoder are right, where the decoder reads what it wrote itself.

A `report` of a training shows the decoder the right symbols before each one that it has to find. Here it is
on its own, as in use: it writes until its end token. Run it with a spec, which is trained first, or with the
folder of a run, and with pairs: `python examples/decoding.py specs/reverse.nn specs/data/reverse_test.csv`.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path

import graphc

START = "="
"""What every answer begins with."""


def main(model: str | Path, pairs: str | Path, *, beam: int | None = None, seed: int = 0) -> float:
    """Decode all sources of a file with the columns `src` and `tgt`; the share of answers that are right.

    With `beam` the likeliest answer is looked for, so many kept at each step; without, each symbol is the
    likeliest one. Some answers are printed, and in the last line the share as JSON.
    """
    program = _trained(Path(model), seed)
    with Path(pairs).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    sources, wanted = ([row[name] for row in rows] for name in ("src", "tgt"))
    how = {"greedy": True} if beam is None else {"beam": beam}
    answers = program.generate_batch([START], inputs={"src": sources}, **how)
    wrong = [index for index, answer in enumerate(answers) if answer != wanted[index]]
    for index in sorted({0, 1, 2, *wrong[:5]}):
        note = f"  (not {wanted[index]})" if index in wrong else ""
        print(f"{sources[index]} {answers[index]}{note}")
    exact = 1 - len(wrong) / len(rows)
    print(json.dumps({"pairs": len(rows), "exact": exact}))
    return exact


def _trained(model: Path, seed: int) -> graphc.Program:
    if model.suffix != ".nn":
        return graphc.load(model)
    program = graphc.compile(model, seed=seed)
    program.fit(progress=lambda line: print(line, file=sys.stderr))
    return program


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("pairs")
    parser.add_argument("--beam", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    main(options.model, options.pairs, beam=options.beam, seed=options.seed)
