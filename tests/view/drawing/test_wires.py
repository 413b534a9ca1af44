"""What comes back through each wire, held to formulas."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import graphc

SPECS = Path(graphc.__file__).parents[1] / "specs"


def test_users_that_read_alike_have_their_own_shares() -> None:
    """Scores and sum of `causal_attention.nn` both read `x[u]`; the sum's share is a'ybar."""
    program = graphc.compile(SPECS / "causal_attention.nn", backend="reference", dtype="float64")
    picture = program.draw().picture
    a, ybar = picture.box("a").value, picture.box("y").cotangent
    assert a is not None
    assert ybar is not None
    wires = {wire.target: wire.cotangent for wire in picture.wires if wire.source == "x"}
    expected = np.einsum("tu,td->ud", a, ybar)
    assert np.linalg.norm(expected) > 1
    np.testing.assert_allclose(wires["y~0"], expected, rtol=1e-12)
    shares = [share for share in wires.values() if share is not None]
    np.testing.assert_allclose(sum(shares), picture.box("x").cotangent, rtol=1e-12)
