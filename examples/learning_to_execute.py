"""Learning to execute: a network reads a program as characters and writes what the program prints.

How hard the programs are at which moment of a training is the curriculum. Four are compared, after the same
number of characters, on programs of the full difficulty that no training has seen. Two controls have the
curriculum `mix` in other characters: `scrambled`, where each character is replaced by another one throughout
(the network knows nothing of characters, so it should do as well), and `shuffled`, in a random order (what
can be told from the characters that occur, and no more).

Source: W. Zaremba and I. Sutskever, "Learning to Execute", 2014. Run it with
`python examples/learning_to_execute.py`; `--quick` makes it short, `--only mix,shuffled` trains two of them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import graphc

SPEC = Path(__file__).parents[1] / "specs" / "execute.nn"
ALPHABET = "\n ()*+-.0123456789:<=>abcdefgilnoprstx"
START, END = "=", "."

BATCH, BATCHES_AT_ONCE = 64, 16

DIGITS, NESTING = 2, 2
"""The full difficulty: how long numbers are, and how many operations act on each other's results."""

Rng = np.random.Generator
Difficulty = tuple[int, int]
Batch = dict[str, np.ndarray]
Curriculum = Callable[[Rng, float], Difficulty]
Writing = Callable[[str, Rng], str]


# ------------------------------------------------------------------------------------------- programs


def run(program: str) -> str:
    """What a program prints. Python itself executes it, with nothing but `print` and `range` at hand."""
    printed: list[str] = []
    exec(program, {"__builtins__": {"print": lambda value: printed.append(str(value)), "range": range}})
    return "".join(printed)


def write_program(rng: Rng, digits: int, nesting: int) -> str:
    """A program in which `nesting` operations follow each other, on numbers of up to `digits` digits."""
    lines: list[str] = []
    names = iter(rng.permutation(list("abcd")))
    value = _number(rng, digits)
    for _ in range(nesting):
        operation = OPERATIONS[rng.integers(len(OPERATIONS))]
        value = operation(rng, digits, value, lines, names)
    return "\n".join([*lines, f"print({value})"])


def _number(rng: Rng, digits: int) -> str:
    return str(rng.integers(1, 10**digits))


def _small(rng: Rng, digits: int) -> str:
    """A factor, or how often a loop runs: with larger ones the answers would outgrow everything else."""
    return str(rng.integers(1, 4 * digits + 1))


def _add(rng: Rng, digits: int, value: str, lines: list[str], names: Iterator[str]) -> str:
    return f"({value}+{_number(rng, digits)})"


def _subtract(rng: Rng, digits: int, value: str, lines: list[str], names: Iterator[str]) -> str:
    return f"({value}-{_number(rng, digits)})"


def _multiply(rng: Rng, digits: int, value: str, lines: list[str], names: Iterator[str]) -> str:
    return f"({value}*{_small(rng, digits)})"


def _choose(rng: Rng, digits: int, value: str, lines: list[str], names: Iterator[str]) -> str:
    left, right, other = (_number(rng, digits) for _ in range(3))
    return f"({value} if {left}{rng.choice(['<', '>'])}{right} else {other})"


def _assign(rng: Rng, digits: int, value: str, lines: list[str], names: Iterator[str]) -> str:
    name = next(names)
    lines.append(f"{name}={value}")
    return name


def _repeat(rng: Rng, digits: int, value: str, lines: list[str], names: Iterator[str]) -> str:
    name = _assign(rng, digits, value, lines, names)
    sign = rng.choice(["+", "-"])
    lines.append(f"for x in range({_small(rng, digits)}):{name}{sign}={_number(rng, digits)}")
    return name


OPERATIONS = (_add, _subtract, _multiply, _choose, _assign, _repeat)


# ------------------------------------------------------------------------------------------ curricula


def baseline(rng: Rng, progress: float) -> Difficulty:
    """The full difficulty from the beginning."""
    return DIGITS, NESTING


def naive(rng: Rng, progress: float) -> Difficulty:
    """Numbers grow, then nesting does and numbers begin anew. `progress` goes from 0 to 1."""
    stage = int(progress * DIGITS * NESTING)
    return 1 + stage % DIGITS, 1 + stage // DIGITS


def mix(rng: Rng, progress: float) -> Difficulty:
    """Any difficulty at any time."""
    return int(rng.integers(1, DIGITS + 1)), int(rng.integers(1, NESTING + 1))


def combined(rng: Rng, progress: float) -> Difficulty:
    """Half of the programs by `naive`, half by `mix`."""
    return (naive if rng.random() < 0.5 else mix)(rng, progress)


# ------------------------------------------------------------------------------------------- controls


def plain(program: str, rng: Rng) -> str:
    return program


def scrambled(program: str, rng: Rng) -> str:
    """Each character replaced by another one, always the same."""
    return program.translate(str.maketrans(ALPHABET, ALPHABET[1:] + ALPHABET[:1]))


def shuffled(program: str, rng: Rng) -> str:
    """The same characters in a random order."""
    return "".join(rng.permutation(list(program)))


TRAININGS: dict[str, tuple[Curriculum, Writing]] = {
    "baseline": (baseline, plain),
    "naive": (naive, plain),
    "mix": (mix, plain),
    "combined": (combined, plain),
    "scrambled": (mix, scrambled),
    "shuffled": (mix, shuffled),
}


# -------------------------------------------------------------------------------------------- batches


def as_arrays(programs: list[str], write: Writing, rng: Rng) -> Batch:
    """Programs and answers as class numbers, [examples, longest], and the length of each."""
    written = [write(program, rng) for program in programs]
    answers = [START + run(program) + END for program in programs]
    arrays = {}
    for name, end, texts in (("program", "T", written), ("answer", "N", answers)):
        lengths = np.array([len(text) for text in texts])
        arrays[name] = np.zeros((len(texts), lengths.max()), dtype=np.int64)
        for row, text in zip(arrays[name], texts, strict=True):
            row[: len(text)] = [ALPHABET.index(character) for character in text]
        arrays[f"lengths_{end}"] = lengths
    return arrays


def batches(
    curriculum: Curriculum, characters: int, held_out: set[str], write: Writing, seed: int = 0
) -> Iterator[Batch]:
    """Fresh programs and their answers until so many characters have been seen.

    The programs of a batch are about as long as each other: little of it is padding.
    """
    rng, seen = np.random.default_rng(seed), 0
    while True:
        programs: list[str] = []
        while len(programs) < BATCH * BATCHES_AT_ONCE:
            program = write_program(rng, *curriculum(rng, seen / characters))
            if program not in held_out:
                programs.append(program)
        programs.sort(key=len)
        for at in rng.permutation(BATCHES_AT_ONCE):
            batch = as_arrays(programs[at * BATCH : (at + 1) * BATCH], write, rng)
            seen += int(batch["lengths_T"].sum() + batch["lengths_N"].sum())
            yield batch
            if seen >= characters:
                return


# ------------------------------------------------------------------------------------------- training


def learn(
    curriculum: Curriculum, write: Writing, characters: int, programs: int, seed: int
) -> tuple[dict[str, float], float]:
    """The figures of one training on held-out programs, and the part of answers that are decoded right.

    The spec's report `answers` is that part where the decoder is told the right characters so far; decoded,
    it reads its own.
    """
    rng = np.random.default_rng(seed)
    held_out = [write_program(rng, DIGITS, NESTING) for _ in range(programs)]
    test = as_arrays(held_out, write, rng)
    lessons = batches(curriculum, characters, set(held_out), write, seed)
    program = graphc.compile(SPEC, seed=seed)
    result = program.fit(lessons, test=test, epochs=1)
    own = {"T": test["lengths_T"]}
    answers = program.generate_batch(
        [[ALPHABET.index(START)]], inputs={"program": test["program"]}, lengths=own, greedy=True
    )
    wanted = zip(test["answer"], test["lengths_N"], strict=True)
    are_right = [np.array_equal(a, b[:n]) for a, (b, n) in zip(answers, wanted, strict=True)]
    return result.metrics["test"], float(np.mean(are_right))


def main(names: list[str], characters: int, programs: int, seed: int = 0) -> dict[str, dict[str, float]]:
    """Train by each of these names, print a table and, in the last line, its figures as JSON."""
    print(f"numbers of {DIGITS} digits, nesting {NESTING}; {characters:,} characters")
    print("training    characters  answers")
    found = {}
    for name in names:
        metrics, decoded = learn(*TRAININGS[name], characters, programs, seed)
        found[name] = {"characters": metrics["characters"], "answers": decoded}
        print(f"{name:10}  {metrics['characters']:10.3f}  {decoded:7.3f}", flush=True)
    print(json.dumps(found))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(TRAININGS), help="some of the trainings, with commas")
    parser.add_argument("--characters", type=int, default=3_000_000, help="how many each training sees")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a few steps each")
    options = parser.parse_args()
    size = (20_000, 100) if options.quick else (options.characters, 2_000)
    main(options.only.split(","), *size, options.seed)
