"""Which rows of a source are in which part, as the `data` block says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from graphc.diagnostics import GraphcError, fault, nearest
from graphc.ir.op import Array
from graphc.train.data.settings import DataSettings
from graphc.train.data.sources import Loaded, Specs
from graphc.train.data.splits import split, split_by_group, split_by_time
from graphc.train.protocol import InputSpec


def part_rows(settings: DataSettings, specs: Specs, loaded: Loaded) -> dict[str, Array]:
    """The rows of each part by its name, in ascending order; none where a part is not asked for.

    The test part that a set was published with is never drawn from, not even where it is not measured.
    """
    validation, test = settings.shares
    span = settings.spans.get("validation", settings.spans.get("test"))
    count = loaded.count - loaded.own_test
    if settings.by_time:
        times = loaded.keys[settings.order] if settings.order else np.arange(loaded.count)
        found = split_by_time(times[:count], validation, test, span)
    elif settings.group:
        groups = loaded.keys[settings.group]
        found = split_by_group(groups[:count], validation, test, seed=settings.seed, span=span)
    else:
        classes = _strata(settings, specs, loaded.arrays)
        drawn_by = None if classes is None else classes[:count]
        found = split(count, validation, test, seed=settings.seed, classes=drawn_by, span=span)
    is_own = loaded.own_test and settings.test is None
    judging = np.arange(count, loaded.count) if is_own else found.test
    return {"train": found.train, "validation": found.validation, "test": judging}


def _strata(settings: DataSettings, specs: Specs, arrays: Mapping[str, Array]) -> Array | None:
    if isinstance(settings.stratify, str):
        return arrays[settings.stratify]
    targets = [name for name, spec in specs.items() if _has_class(spec)]
    return arrays[targets[0]] if settings.stratify and len(targets) == 1 else None


def check_names(settings: DataSettings, specs: Specs) -> None:
    """Options that name inputs name inputs of the right kind. Raises E431 and E432, all together."""
    faults: list[GraphcError] = []
    scaled = list(settings.scale) if isinstance(settings.scale, Mapping) else []
    real = {name for name, spec in specs.items() if spec.type.dtype == "real"}
    classes = {name for name, spec in specs.items() if spec.classes is not None}
    for option, names, known in (
        ("standardize", settings.standardize, real),
        ("scale", scaled, real),
        ("rename", settings.rename, set(specs)),
        ("columns", settings.columns, set(specs)),
        ("tokens", () if isinstance(settings.tokens, str) else settings.tokens, classes),
    ):
        for name in names:
            if name not in known:
                kind = "real" if known == real else "of classes"
                why = f"is not {kind}" if name in specs else "is no input"
                span = settings.spans.get(option)
                faults.append(
                    fault("E431", f"`{option}` names `{name}`, which {why}", span, help=nearest(name, known))
                )
    if isinstance(settings.stratify, str) and not _has_class(specs.get(settings.stratify)):
        faults.append(
            fault(
                "E432",
                f"`stratify` names `{settings.stratify}`, expected an input `index(K)` without axes",
                settings.spans.get("stratify"),
                help=nearest(settings.stratify, [name for name, spec in specs.items() if _has_class(spec)]),
            )
        )
    if faults:
        raise GraphcError([found for error in faults for found in error.diagnostics])


def _has_class(spec: InputSpec | None) -> bool:
    return spec is not None and spec.classes is not None and not spec.layout
