"""A training in the folder of a run: how it begins there and how it goes on."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphc.diagnostics import Diagnostic, GraphcError, fault
from graphc.driver import storage
from graphc.driver.identity import differences, identity, settings_table
from graphc.train.data.examples import Dataset
from graphc.train.fit_settings import FitSettings
from graphc.train.reporting import Reporter
from graphc.train.runs.checkpoint import Checkpoint, foreign, under
from graphc.train.runs.folder import Lock, RunFolder
from graphc.train.runs.keeper import RunKeeper
from graphc.train.runs.keeping import Keeper, Snapshot, Unkept

if TYPE_CHECKING:
    from graphc.driver.program import Program

_LIBRARIES = ("llvmlite", "numba", "numpy", "safetensors")


@dataclass(frozen=True)
class Opened:
    """What a training needs to be kept: `start` is the state to go on from."""

    keeper: Keeper
    start: Snapshot | None = None


@contextmanager
def opened(
    program: Program,
    settings: FitSettings,
    data: Dataset,
    reporter: Reporter,
    path: Path | None,
    *,
    resume: bool,
) -> Iterator[Opened]:
    """The folder of a run while it trains; without a path nothing is kept.

    Raises E601 if the folder cannot be written, E607 if another process trains there, E608 or E609 if it
    holds no run or one already, E640 if its run is another one, and what `storage.read_last` raises.
    """
    if path is None and resume:
        raise fault("E525", "`resume` goes on with a run, and `run_dir` names none")
    if path is None:
        yield Opened(Unkept())
        return
    folder = RunFolder(path)
    before = folder.config if resume else None
    description = data.description  # it has checksums, which take their time
    own = identity(program, settings, data)
    config = _config(program, settings, description)
    base = Checkpoint(
        under("standardization", program.preparation.state()), {**storage.about(program), "identity": own}
    )
    with Lock(folder):
        start = None
        if before is None:
            folder.check_free()
        else:
            start = _state(folder, own)
            again = [*before.get("resumed", []), {"at": config["started"], "step": start.step}]
            config |= {"started": before.get("started"), "resumed": again}
        files = {"spec.nn": program.pipeline.file.span.source.text}
        files |= {f"imports/{name}": text for name, text in program.imports.items()}
        keeper = RunKeeper(folder, base, files, config, settings.save, reporter)
        keeper.compile_seconds = lambda: program.compile_seconds
        yield Opened(keeper, start)


def _state(folder: RunFolder, expected: Mapping[str, Any]) -> Snapshot:
    """The state to go on from, if the run is the one that is expected."""
    stored = storage.read_last(folder)
    found, numbers = stored.checkpoint.about.get("identity"), stored.checkpoint.about.get("training")
    if not isinstance(found, dict) or not isinstance(numbers, dict) or "step" not in numbers:
        raise foreign(stored.path, "it holds no training to go on with")
    wrong = [f"`{folder.path}` holds another run: {what}" for what in differences(found, expected)]
    if wrong:
        raise GraphcError([Diagnostic("E640", message) for message in wrong])
    return Snapshot(stored.checkpoint.tensors, numbers)


def _config(program: Program, settings: FitSettings, description: Mapping[str, Any]) -> dict[str, Any]:
    source = storage.Source.of(program).table()
    del source["spec"], source["imports"]
    return {
        **source,
        "sizes": {name: dim.value for name, dim in program.spec.scope.all_dims.items()},
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "root": str(program.settings.root.resolve()),
        "fit": settings_table(settings),
        "data": dict(description),
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    from graphc import __version__

    found = {"graphc": __version__, "python": platform.python_version(), "system": platform.platform()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
