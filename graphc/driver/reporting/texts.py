"""What a `generate` block draws: texts that go on with beginnings from the data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphc.driver.reporting.material import Material, Sample
from graphc.view.report.page import Item, Section, Table, Text

LENGTH = 400
_PROMPT = 12
_SEEDS = (1, 2)
_PAIRS = 10


def sections(material: Material) -> Iterator[Section]:
    """Texts, where the drawn input has a vocabulary."""
    program = material.program
    if program.spec.generate is None:
        return
    prompted = program.pipeline.generation()[0].prompted
    if not material.has_words(prompted):
        return
    others = [
        name for name in program.spec.inputs if name != prompted and name not in _undrawn(material, prompted)
    ]
    items = _answers(material, prompted, others) if others else _continuations(material, prompted)
    about = "What the `generate` block draws with these weights; it begins as examples of the data do."
    yield Section("Generated text", items, about)


def _undrawn(material: Material, prompted: str) -> set[str]:
    """Inputs that a generation does not need: those that only a loss reads."""
    needed = material.program.pipeline.generation()[1].spec("eval").inputs
    return {name for name in material.program.spec.inputs if name not in needed and name != prompted}


def _continuations(material: Material, prompted: str) -> list[Item]:
    sample = material.sample(len(_SEEDS))
    items: list[Item] = []
    for example, seed in enumerate(_SEEDS):
        prompt = _beginning(material, sample, prompted, min(example, sample.batch.size - 1), _PROMPT)
        drawn = material.program.generate(prompt, length=LENGTH, seed=seed)
        items.append(Text(str(drawn), is_code=True, title=f"From “{prompt}”, seed {seed}"))
    return items


def _answers(material: Material, prompted: str, others: list[str]) -> list[Item]:
    """Sequences made of others, with those of the data beside them."""
    sample = material.sample(_PAIRS)
    count = sample.batch.size
    given: dict[str, Any] = {
        name: [sample.text(name, example) for example in range(count)]
        if material.has_words(name)
        else material.program.preparation.undo(name, sample.batch.arrays[name])
        for name in others
    }
    prompts = [_beginning(material, sample, prompted, example, 1) for example in range(count)]
    drawn = material.program.generate_batch(prompts, inputs=given, seed=_SEEDS[0])
    rows = [
        [*(str(given[name][example]) for name in others), sample.text(prompted, example), str(drawn[example])]
        for example in range(count)
    ]
    return [Table([*others, f"{prompted} in the data", "drawn"], rows)]


def _beginning(material: Material, sample: Sample, name: str, example: int, steps: int) -> str:
    return sample.gap(name).join(sample.symbols(name, example)[:steps])
