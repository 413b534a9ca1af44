"""Writes `copy_memory.npz`: ten symbols that are to be repeated after a hundred steps of nothing.

There are eight symbols, 0 to 7, a blank, 8, and a delimiter, 9. An input is ten symbols, blanks, the
delimiter, and ten steps of blanks for the answer; the target is blank up to the delimiter, then the ten
symbols.
Source: Hochreiter and Schmidhuber 1997, in the form of Arjovsky, Shah and Bengio 2016.
Run `python make_copy_memory.py` to write the same file again (5 MB).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SYMBOLS, LENGTH = 8, 10
BLANK, DELIMITER = SYMBOLS, SYMBOLS + 1


def copy_memory(examples: int = 22_000, wait: int = 100, seed: int = 1) -> dict[str, NDArray[np.int8]]:
    """Inputs s and targets y, both [examples, wait + 20]."""
    word = np.random.default_rng(seed).integers(0, SYMBOLS, (examples, LENGTH))
    s = np.full((examples, wait + 2 * LENGTH), BLANK, dtype=np.int8)
    y = s.copy()
    s[:, :LENGTH] = word
    s[:, -LENGTH - 1] = DELIMITER
    y[:, -LENGTH:] = word
    return {"s": s, "y": y}


if __name__ == "__main__":
    np.savez(Path(__file__).with_name("copy_memory.npz"), **copy_memory())
