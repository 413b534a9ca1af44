"""Programs that a network learns to execute: what they print, how hard they are, a few steps of training."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import graphc

ROOT = Path(graphc.__file__).parents[1]
learning = SimpleNamespace(**runpy.run_path(str(ROOT / "examples" / "learning_to_execute.py")))

# Programs of the paper's appendix. Its second one is printed with the target 1218: a digit was lost there.
PUBLISHED = {
    "j=8584\nfor x in range(8):\n    j+=920\nb=(1500+j)\nprint ( (b+7567) )": "25011",
    "i=8827\nc=(i-5347)\nprint ( (c+8704) if 2641<8500 else\n        5308)": "12184",
    "print ((5997-738))": "5259",
    "d=5446\nfor x in range(8):d+=(2678 if 4803<2829 else 9848)\nprint((d if 5935<4845 else 3043))": "3043",
    "print (((1090-3305)+9466))": "7251",
}


@pytest.mark.parametrize("program", PUBLISHED)
def test_published_programs_print_what_they_do(program: str) -> None:
    assert learning.run(program) == PUBLISHED[program]


@pytest.mark.parametrize(("digits", "nesting"), [(1, 1), (2, 2), (3, 1), (4, 3)])
def test_programs_are_as_hard_as_asked(digits: int, nesting: int) -> None:
    rng = np.random.default_rng(1)
    programs = [learning.write_program(rng, digits, nesting) for _ in range(300)]
    for program in programs:
        assert re.fullmatch(r"-?\d+", learning.run(program))
        assert set(program) <= set(learning.ALPHABET)
        # `+=` and `-=` are parts of a loop, which is one operation, but for the value that it begins with.
        made = re.findall(r"if|for|[+*-](?!=)|^[a-d]=", program, re.MULTILINE)
        assert len(made) - program.count("for") == nesting, program
    numbers = [int(number) for program in programs for number in re.findall(r"\d+", program)]
    assert 10**digits // 2 < max(numbers) < max(10**digits, 4 * digits + 1)
    kinds = [any(sign in program for program in programs) for sign in (" if ", "for x", "*", "=", "+", "-")]
    assert all(kinds)


def test_how_hard_the_programs_of_a_curriculum_are() -> None:
    rng = np.random.default_rng(1)
    digits, nesting = full = (learning.DIGITS, learning.NESTING)

    def drawn(name: str, progress: float) -> set[tuple[int, int]]:
        curriculum, _ = learning.TRAININGS[name]
        return {curriculum(rng, progress) for _ in range(200)}

    everything = {(d, n) for d in range(1, digits + 1) for n in range(1, nesting + 1)}
    assert drawn("baseline", 0.0) == {full}
    stages = [drawn("naive", k / len(everything)) for k in range(len(everything))]
    assert [stages[0], stages[1], stages[-1]] == [{(1, 1)}, {(2, 1)}, {full}]
    assert set().union(*stages) == everything
    assert drawn("mix", 0.0) == drawn("mix", 1.0 - 1e-9) == everything
    assert drawn("combined", 0.0) == everything
    easiest = [learning.combined(rng, 0.0) == (1, 1) for _ in range(2000)]
    assert np.mean(easiest) == pytest.approx(0.5 + 0.5 / len(everything), abs=0.05)


def test_batches_are_fresh_programs_with_their_answers() -> None:
    rng = np.random.default_rng(0)
    # Of the easiest programs there are so few that some of them would come again.
    held_out = {learning.write_program(rng, 1, 1) for _ in range(50)}
    seen, read = 0, set()
    for batch in learning.batches(lambda rng, progress: (1, 1), 8_000, held_out, learning.plain):
        seen += batch["lengths_T"].sum() + batch["lengths_N"].sum()
        for row in range(len(batch["program"])):
            program, answer = (
                "".join(learning.ALPHABET[c] for c in batch[name][row][: batch[f"lengths_{end}"][row]])
                for name, end in (("program", "T"), ("answer", "N"))
            )
            assert answer == f"={learning.run(program)}."
            read.add(program)
    assert not read & held_out
    assert 8_000 <= seen < 10_000


def test_controls_have_the_same_programs_in_other_characters() -> None:
    rng = np.random.default_rng(0)
    alphabet, program = learning.ALPHABET, "a=1\nprint((a+20))"
    assert sorted(learning.scrambled(alphabet, rng)) == sorted(alphabet)
    assert all(a != b for a, b in zip(alphabet, learning.scrambled(alphabet, rng), strict=True))
    assert learning.scrambled(program, rng) == learning.scrambled(program, rng)
    assert sorted(learning.shuffled(program, rng)) == sorted(program)
    assert len({learning.shuffled(program, rng) for _ in range(5)}) == 5


def test_a_few_steps(capsys: pytest.CaptureFixture[str]) -> None:
    """Two steps teach nothing; enough to see that each of the parts fits the others."""
    found = learning.main(["combined"], 3_000, 20)
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == found
    assert set(found) == {"combined"}
    assert all(0 <= figure < 1 for figure in found["combined"].values())
