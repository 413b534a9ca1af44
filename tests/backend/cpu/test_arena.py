"""Where buffers lie: apart while both live, in the same place where they do not."""

import random

from graphc.backend.cpu.arena import LINE, Arena, Piece, place


def test_pieces_that_live_together_lie_apart() -> None:
    draw = random.Random(0)
    pieces = []
    for _ in range(60):
        first = draw.randrange(12)
        pieces.append(Piece(draw.choice([0, 4, 100, 4096]), first, first + draw.randrange(4)))
    starts, total = place(pieces)
    assert place(pieces) == (starts, total)
    for i, a in enumerate(pieces):
        assert starts[i] % LINE == 0
        assert starts[i] + a.bytes + LINE <= total
        for j, b in enumerate(pieces[:i]):
            if a.meets(b):
                assert starts[i] + a.bytes <= starts[j] or starts[j] + b.bytes <= starts[i]


def test_pieces_that_do_not_meet_share_a_place() -> None:
    starts, total = place([Piece(640, 0, 1), Piece(640, 2, 3), Piece(64, 1, 2)])
    assert starts[0] == starts[1]
    assert total == 640 + 64 + 2 * LINE


def test_an_arena_grows_and_stays() -> None:
    arena = Arena()
    small = arena.reserve(100)
    assert small % LINE == 0
    assert arena.reserve(50) == small
    arena.reserve(1_000_000)
    assert arena.capacity >= 1_000_000
