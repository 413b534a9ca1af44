"""The report of a run: its sections, each where the spec and the run have what it shows.

What a section needs is found in the structure of the spec. One that fails says so in its place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphc.diagnostics import GraphcError
from graphc.driver.listing import summary
from graphc.driver.reporting import (
    activations,
    planes,
    predictions,
    rebuilt,
    sequences,
    texts,
    timing,
    weights,
)
from graphc.driver.reporting.history import history, told
from graphc.driver.reporting.material import Material
from graphc.train.runs.folder import RunFolder
from graphc.view.numbers import number
from graphc.view.report import curves
from graphc.view.report.page import Item, Note, Report, Section, Table, Text

if TYPE_CHECKING:
    from graphc.driver.program import Program

FILE = "report.html"
"""The report in the folder of its run."""

_UNAVAILABLE = "E740"


def report(path: Path, *, checkpoint: str | None = None) -> Report:
    """The report of the run in the folder `path`, with its `best` or `last` weights, or those it ended with.

    Raises E608 if it is none, E740 if the library for figures is missing, and what `graphc.load` raises.
    """
    from graphc.driver.compile import load

    folder = RunFolder(path)
    config = folder.config
    # All is computed once, so that what compiling takes would never come back.
    material = Material(load(path, backend="reference", checkpoint=checkpoint))
    found = [section for title, make in _PARTS for section in _kept(title, make, material, folder)]
    return Report(
        _title(path, config), _facts(path, material.program), [*found, *_source(material.program, config)]
    )


Make = Callable[[Material, RunFolder], Iterable[Section]]


def _training(material: Material, folder: RunFolder) -> Iterator[Section]:
    fit = folder.config.get("fit")
    found = history(folder.metrics, maximize=isinstance(fit, dict) and fit.get("maximize") is True)
    section = curves.section(found) if found is not None else Section("Training", [])
    notes = [Note(text) for text in told(folder, found)]
    yield replace(section, items=[*notes, *section.items])


def _of(make: Callable[[Material], Iterable[Section]]) -> Make:
    return lambda material, folder: make(material)


_PARTS: tuple[tuple[str, Make], ...] = (
    ("Training", _training),
    ("Predictions", _of(predictions.sections)),
    ("Rebuilt images", _of(rebuilt.sections)),
    ("Decision boundaries", _of(planes.sections)),
    ("Generated text", _of(texts.sections)),
    ("Attention", _of(sequences.attentions)),
    ("Weights", _of(weights.sections)),
    ("Activations", _of(activations.sections)),
    ("States over a sequence", _of(sequences.state_pictures)),
    ("Gradient flow", _of(sequences.flows)),
    ("Time by kernel", timing.sections),
)


def _kept(title: str, make: Make, material: Material, folder: RunFolder) -> list[Section]:
    """The sections that are made; where making them fails, one that says why."""
    found: list[Section] = []
    try:
        found += make(material, folder)
    except GraphcError as error:
        if any(d.code == _UNAVAILABLE for d in error.diagnostics):
            raise
        first = error.diagnostics[0]
        found.append(Section(title, [Note(f"Not there: {first.message} ({first.code}).")]))
    except Exception as error:  # whatever is wrong with one section, the others are worth having
        found.append(Section(title, [Note(f"Not there: {type(error).__name__}: {error}")]))
    return found


def _title(path: Path, config: dict[str, Any]) -> str:
    return f"{Path(str(config.get('name', ''))).stem or 'a run'}: {path.resolve().name}"


def _facts(path: Path, program: Program) -> list[tuple[str, str]]:
    found = summary(path)
    size = sum(array.size for name, array in program.weights().items() if name in program.spec.params)
    facts = [
        ("State", found.state),
        ("Begun", f"{found.started:%Y-%m-%d %H:%M}"),
        ("Epochs", str(found.epochs)),
        ("Seconds of training", f"{found.seconds:.1f}"),
        ("Parameters", f"{size:,}"),
    ]
    if found.best is not None:
        facts.append(("Best validation loss", number(found.best)))
    return facts + [(f"Test {name}", number(value)) for name, value in found.test.items()]


def _source(program: Program, config: dict[str, Any]) -> Iterator[Section]:
    items: list[Item] = [Text(program.pipeline.file.span.source.text, is_code=True)]
    items += [Text(text, is_code=True, title=name) for name, text in program.imports.items()]
    yield Section("The spec", items)
    shown = {key: value for key, value in config.items() if key != "versions"}
    rows = [[key, _said(value)] for key, value in shown.items()]
    versions = config.get("versions")
    more = [[name, str(value)] for name, value in versions.items()] if isinstance(versions, dict) else []
    yield Section(
        "Configuration and versions",
        [
            Table(["setting", "value"], rows),
            Table(["program", "version"], more),
        ],
    )


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
