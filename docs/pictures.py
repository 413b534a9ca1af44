"""The pictures in the documents: `python docs/pictures.py` draws them anew into docs/pictures."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path
from typing import Any

import graphc

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"

PICTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "sigmoid": ("sigmoid", {}),
    "mlp": ("digits_mlp", {}),
    "lstm": ("lstm", {}),
    "lstm_unrolled": ("lstm", {"unroll": 2}),
    "lstm_gradients": ("lstm", {"unroll": True, "gradients": True}),
    "bidirectional": ("bidirectional", {"unroll": 3}),
    "attention": ("attention", {}),
    "convolution": ("conv", {}),
    "elman": ("elman", {"unroll": True}),
    "elman_schedule": ("elman", {"stage": "schedule"}),
    "elman_optimised": ("elman", {"stage": "optimised"}),
    "lstm_schedule": ("lstm", {"stage": "schedule"}),
    "attention_schedule": ("attention", {"stage": "schedule"}),
}
"""What each picture shows: a spec of the folder `specs`, and how it is drawn."""

DEEP = 1000
"""Blocks of the residual stack that is drawn as `residual_stack`."""


def main() -> None:
    """Draw all of them."""
    FOLDER.mkdir(exist_ok=True)
    # Pictures name their spec as they are given it.
    with chdir(ROOT):
        for name, (spec, options) in PICTURES.items():
            program = graphc.compile(Path("specs") / f"{spec}.nn", backend="reference")
            program.draw(**options).save(FOLDER / f"{name}.svg")
    deep().draw(unroll=True, numbers=False).save(FOLDER / "residual_stack.svg")


def deep() -> graphc.Program:
    """`specs/residual_stack.nn` with more blocks, without its figures."""
    text = (ROOT / "specs" / "residual_stack.nn").read_text(encoding="utf-8")
    text = text.split("check {")[0].replace("1..5", f"1..{DEEP}").replace("z[5]", f"z[{DEEP}]")
    return graphc.compile(text, backend="reference")


if __name__ == "__main__":
    main()
