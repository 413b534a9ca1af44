"""Programs in checkpoints: the spec, and how it was compiled, lie beside the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphc.diagnostics import fault, nearest
from graphc.driver import arguments
from graphc.ir.op import Array
from graphc.train.data.preparation import Preparation
from graphc.train.runs import checkpoint
from graphc.train.runs import folder as runs
from graphc.train.runs.checkpoint import Checkpoint, foreign, under

if TYPE_CHECKING:
    from graphc.driver.program import Program

DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Source:
    """What a program was compiled from, and how; together with `--root` all of what `compile` takes."""

    name: str
    spec: str
    imports: Mapping[str, str]
    dims: Mapping[str, int]
    options: Mapping[str, str]
    disabled: tuple[str, ...]
    dtype: str
    seed: int
    backend: str

    @classmethod
    def of(cls, program: Program) -> Source:
        """That of a program."""
        file, settings = program.pipeline.file.span.source, program.settings
        return cls(
            file.name,
            file.text,
            program.imports,
            dict(program.pipeline.given),
            dict(settings.options),
            tuple(sorted(program.pipeline.disabled)),
            settings.dtype,
            settings.seed,
            settings.backend,
        )

    def table(self) -> dict[str, Any]:
        """As JSON knows it."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}


@dataclass(frozen=True)
class Stored:
    """A program that was saved, alone or by a training run; its tensors are those of `checkpoint`.

    `root` is the folder that its spec may read data from. `run` is the folder of the run, if it is one's.
    """

    path: Path
    source: Source
    preparation: Preparation
    checkpoint: Checkpoint
    root: Path
    run: Path | None = None

    def of_kind(self, kind: str) -> dict[str, Array]:
        """The tensors of one kind, by their whole names: `param/W` for "param"."""
        return under(kind, self.checkpoint.kind(kind))


def save(program: Program, path: Path) -> None:
    """Write it whole, or leave the file as it was. Raises E601 if it cannot be written."""
    checkpoint.write(path, Checkpoint(tensors(program), about(program)))


def tensors(program: Program) -> dict[str, Array]:
    """Weights, running statistics and the statistics of the data, by their names in a checkpoint."""
    return {**program.params.state(), **under("standardization", program.preparation.state())}


def about(program: Program) -> dict[str, Any]:
    """The rest of what makes a program again."""
    return {"program": Source.of(program).table(), "data": program.preparation.settings()}


def read(path: Path, checkpoint: str | None = None) -> Stored:
    """A program from a file, or from the folder of a run: the weights that `RunFolder.checkpoint` chooses.

    Raises E602, E603 or E605 for a file that cannot be used, E608 for a folder that is no run's, E634 for a
    run without such weights.
    """
    if not path.is_dir():
        if path.suffix != ".safetensors" and not path.exists():
            beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
            raise fault("E608", f"there is no run `{path}`", help=nearest(path.name, beside))
        return _stored(path, path.parent, None)
    folder = runs.RunFolder(path)
    return _stored(folder.checkpoint(checkpoint), folder.root, path)


def read_last(folder: runs.RunFolder) -> Stored:
    """The state that a run's training goes on from. Raises as `read` does."""
    return _stored(folder.last, folder.root, folder.path)


def _stored(path: Path, root: Path, run: Path | None) -> Stored:
    found = checkpoint.read(path)
    source = _source(path, _table(path, found.about, "program"))
    try:
        prepared = Preparation.restored(found.kind("standardization"), _table(path, found.about, "data"))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise foreign(path, "its `data` is damaged") from None
    return Stored(path, source, prepared, found, root, run)


def _source(path: Path, table: Mapping[str, Any]) -> Source:
    texts = {key: table.get(key) for key in ("name", "spec", "dtype", "backend")}
    for key, text in texts.items():
        if not isinstance(text, str):
            raise foreign(path, f"its `{key}` is {'damaged' if key in table else 'missing'}")
    if texts["dtype"] not in DTYPES:
        raise foreign(path, f"`{texts['dtype']}` is not a dtype")
    seed = arguments.whole(table.get("seed"))
    if seed is None or not 0 <= seed < 2**64:
        raise foreign(path, "its `seed` is damaged")
    dims = _table(path, table, "dims", int)
    if any(not 0 < size < 2**31 for size in dims.values()):
        raise foreign(path, "its `dims` is damaged")
    disabled = table.get("disabled")
    if not isinstance(disabled, list) or not all(isinstance(name, str) for name in disabled):
        raise foreign(path, "its `disabled` is damaged")
    imports, options = _table(path, table, "imports", str), _table(path, table, "options", str)
    return Source(
        imports=imports,
        dims=dims,
        options=options,
        disabled=tuple(disabled),
        seed=seed,
        **texts,  # type: ignore[arg-type]
    )


def _table(path: Path, about: Mapping[str, Any], key: str, kind: type = object) -> dict[str, Any]:
    """An entry that is a table, of items of one kind."""
    table = about.get(key)
    if isinstance(table, dict) and all(
        isinstance(item, kind) and not (kind is int and isinstance(item, bool)) for item in table.values()
    ):
        return table
    raise foreign(path, f"its `{key}` is {'damaged' if key in about else 'missing'}")


def restore(program: Program, stored: Stored) -> None:
    """Put weights and statistics into the program. Raises E604 if they are not those of its spec."""
    held = {name: array for kind in ("param", "running") for name, array in stored.of_kind(kind).items()}
    expected = program.params.shapes
    path = stored.path
    missing = [name for name in expected if name.startswith("param/") and name not in held]
    surplus = [name for name in held if name not in expected]
    if missing or surplus:
        what = f"`{_own(missing[0])}` is missing" if missing else f"`{_own(surplus[0])}` is not in the spec"
        raise fault("E604", f"`{path}` does not fit its spec: {what}")
    for name, array in held.items():
        if array.shape != expected[name]:
            raise fault(
                "E604",
                f"`{path}` does not fit its spec: `{_own(name)}` is {list(array.shape)}, "
                f"expected {list(expected[name])}",
            )
    weights, average = program.params.weights, stored.checkpoint.kind("average")
    for name, part in average.items():
        if weights.layout.shapes.get(name) != part.shape:
            raise fault("E604", f"`{path}` does not fit its spec: the average of `{name}` is another one's")
    _check_symbols(program, stored)
    program.params.restore(held)
    # What a training has to show for itself is the average, where it keeps one.
    for name, part in average.items():
        weights.assign(name, part)
    program.preparation = stored.preparation
    identity = stored.checkpoint.about.get("identity")
    program.trained_on = identity.get("data") if isinstance(identity, dict) else None


def _check_symbols(program: Program, stored: Stored) -> None:
    """Raises E604 for a vocabulary that is none of an input's."""
    for name, found in stored.preparation.spellings.items():
        info, words = program.spec.inputs.get(name), found.words
        if info is None or info.classes is None:
            what = f"`{name}`, which has a vocabulary, is no input of classes"
        elif len(words) > info.classes:
            what = f"`{name}` has {len(words)} symbols, and is `index({info.classes})`"
        elif len(set(words)) < len(words) or found.unknown not in (None, *words):
            what = f"the vocabulary of `{name}` is not one of different symbols with the unknown one"
        else:
            continue
        raise fault("E604", f"`{stored.path}` does not fit its spec: {what}")


def _own(name: str) -> str:
    """A tensor's name without its kind."""
    return name.partition("/")[2]
