"""Random generators by key: the same seed and labels give the same numbers, whatever else was drawn."""

from __future__ import annotations

import hashlib

import numpy as np


def keyed(seed: int, *labels: str | int) -> np.random.Generator:
    """A generator of its own for (seed, labels), e.g. `keyed(0, "order", epoch)`."""
    # The length of each part goes into the hash, so that ("ab", "c") and ("a", "bc") differ.
    parts = [str(part).encode() for part in (seed, *labels)]
    text = b"".join(len(part).to_bytes(8, "little") + part for part in parts)
    digest = hashlib.blake2b(text, digest_size=16).digest()
    key = np.frombuffer(digest, dtype="<u8").astype(np.uint64)
    return np.random.Generator(np.random.Philox(key=key))
