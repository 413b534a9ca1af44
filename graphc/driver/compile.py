"""From a path or a text to a `Program`."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from graphc.backend import BACKENDS, choose
from graphc.diagnostics import Diagnostic, GraphcError, Source, Span, fault, nearest
from graphc.driver import arguments, storage
from graphc.driver.compiled import DTypeName, Settings
from graphc.driver.compiling import uncollected
from graphc.driver.pipeline import Pipeline
from graphc.driver.program import Program
from graphc.frontend import ast
from graphc.frontend.library import with_imports
from graphc.frontend.parser import parse as parse_source
from graphc.frontend.source import read_source
from graphc.passes import NAMES as PASS_NAMES
from graphc.train.data.paths import resolve
from graphc.train.runs.checkpoint import foreign

BACKEND_NAMES = ("auto", *BACKENDS)
DTYPES = ("float32", "float64")


@uncollected()
def compile(
    source: str | Path,
    *,
    backend: str = "auto",
    dtype: npt.DTypeLike = "float32",
    dims: Mapping[str, int] | None = None,
    seed: int = 0,
    root: str | Path | None = None,
    settings: Mapping[str, str] | None = None,
    disabled: Collection[str] = (),
    verify: bool = False,
) -> Program:
    """Compile a spec, given as a path or as its text.

    `dims` are sizes of dims (or of axis ends) that win over the spec's; `settings` are options such as
    `{"fit.epochs": "3"}`; `root` is the folder that the spec may read from (its own by default);
    `disabled` names passes to leave out; `verify` checks the graph after each pass.

    Raises `GraphcError` with every independent fault of the spec.
    """
    started = time.perf_counter()
    _one_of("backend", backend, BACKEND_NAMES)
    dtype = _dtype(dtype)
    disabled = arguments.names("disabled", disabled)
    for name in disabled:
        _one_of("pass", name, PASS_NAMES)
    given, seed = arguments.sizes(dims), arguments.seed(seed)
    options = arguments.mapping("settings", settings, 'settings={"fit.epochs": "3"}')
    text, folder = _source(source)
    base = Path(root) if root is not None else folder
    file = parse_source(text)
    imports: dict[str, str] = {}

    def read(path: ast.String) -> Source:
        try:
            found = read_source(resolve(path.value, base, path.span))
        except GraphcError as error:
            first = error.diagnostics[0]
            # The spec's own words for the file, not where it lies on this machine.
            message = re.sub(r"`/[^`]*`", lambda _: f"`{path.value}`", first.message)
            message = first.message if first.code in ("E412", "E413") else message
            raise fault("E243", f"cannot import: {message}", path.span, help=first.help) from None
        imports[path.value] = found.text
        return Source(path.value, found.text)

    pipeline = Pipeline(file, with_imports(file, read), given, disabled, verify, choose(backend))
    return _program(pipeline, dtype, seed, base, options, imports, started)


def _program(
    pipeline: Pipeline,
    dtype: str,
    seed: int,
    root: Path,
    options: Mapping[str, str],
    imports: Mapping[str, str],
    started: float,
) -> Program:
    settings = Settings(
        pipeline.backend.name, cast(DTypeName, dtype), pipeline.given, seed, root, dict(options)
    )
    try:
        program = Program(pipeline, settings, dict(imports))
    except MemoryError:
        raise fault("E253", "the parameters do not fit into the memory of this machine") from None
    _check_given(program)
    program.analyse()
    pipeline.clock.seconds = time.perf_counter() - started
    return program


def _check_given(program: Program) -> None:
    """Sizes from outside are those of dims, or of axis ends, that the spec has."""
    scope = program.spec.scope
    known = {*scope.dims, *scope.lengths}
    faults = [
        Diagnostic(
            "E524",
            f"the spec has no dim or axis end `{name}`",
            Span(Source("dims", f"{name}={value}"), 0, len(name)),
            help=nearest(name, known),
        )
        for name, value in program.settings.dims.items()
        if name not in known
    ]
    if faults:
        raise GraphcError(faults)


def _one_of(name: str, value: Any, known: Collection[str]) -> None:
    if not isinstance(value, str) or value not in known:
        raise fault(
            "E523",
            f"`{value}` is not a {name}",
            help=nearest(str(value), known) or f"known are {', '.join(known)}",
        )


def _dtype(dtype: Any) -> str:
    """The name of a dtype, which may be NumPy's."""
    if not isinstance(dtype, str):
        with suppress(TypeError):
            dtype = np.dtype(dtype).name if dtype is not None else dtype
    _one_of("dtype", dtype, DTYPES)
    return str(dtype)


def _source(source: str | Path) -> tuple[Source, Path]:
    """A text has a line break or an equation in it; anything else names a file."""
    if not isinstance(source, str | Path):
        raise fault("E525", f"a spec is a path or a text; found {arguments.found(source)}")
    if isinstance(source, Path) or ("\n" not in source and (source.endswith(".nn") or "=" not in source)):
        path = Path(source)
        return read_source(path), path.parent
    return Source("<text>", source), Path()


def _text(text: Any) -> Source:
    if not isinstance(text, str):
        raise fault("E525", f"the spec's text is needed here; found {arguments.found(text)}")
    return Source("<text>", text)


def parse(text: str) -> ast.File:
    """The syntax tree of a spec's text. Raises `GraphcError` with its faults of syntax."""
    return parse_source(_text(text))


def check(text: str) -> list[Diagnostic]:
    """Every fault and warning of a spec's text; empty if it can be compiled without any."""
    try:
        program = compile(text if "\n" in text else text + "\n")
    except GraphcError as error:
        return list(error.diagnostics)
    return list(program.warnings)


def load(
    path: str | Path,
    *,
    backend: str = "auto",
    checkpoint: str | None = None,
    root: str | Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> Program:
    """A program that `Program.save` or a training run wrote; no spec is needed beside it.

    `path` is a file or the folder of a run. Of a run `checkpoint` chooses the `best` weights by validation or
    the `last` ones; without it they are those that the training ended with. `root` and `settings` are those
    of `compile`; options that are not named there are those that the program was compiled with.

    Raises E602 to E605 for a file that is missing, damaged, altered, or does not fit, E608 for a folder that
    is no run's, E633 for a spec that this version does not compile, E634 for a run without such weights.
    """
    if not isinstance(path, str | Path):
        raise fault("E525", f"a saved program is given by its path; found {arguments.found(path)}")
    _one_of("backend", backend, BACKEND_NAMES)
    if checkpoint is not None:
        _one_of("checkpoint", checkpoint, ("best", "last"))
    stored = storage.read(Path(path), checkpoint)
    chosen = choose(backend).name  # what is not installed is no fault of the stored spec
    try:
        program = compile_stored(
            stored,
            backend=chosen,
            root=None if root is None else Path(root),
            settings=arguments.mapping("settings", settings, 'settings={"fit.epochs": "3"}'),
        )
    except GraphcError as error:
        if error.diagnostics[0].code == "E603":
            raise
        raise GraphcError([_outdated(path), *error.diagnostics]) from None
    storage.restore(program, stored)
    if any(option.startswith("data.") for option in settings or {}):
        program.trained_on = None  # other data is asked for
    return program


def _outdated(path: str | Path) -> Diagnostic:
    return Diagnostic("E633", f"the spec in `{path}` does not compile with this version of graphc")


def compile_stored(
    stored: storage.Stored,
    *,
    backend: str = "auto",
    root: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> Program:
    """The program that was stored, with the weights of its seed; `settings` win over those that it had."""
    started = time.perf_counter()
    source = stored.source

    def read(name: ast.String) -> Source:
        if name.value not in source.imports:
            raise foreign(stored.path, f"`{name.value}`, which its spec imports, is not in it")
        return Source(name.value, source.imports[name.value])

    tree = parse_source(Source(source.name, source.spec))
    pipeline = Pipeline(tree, with_imports(tree, read), source.dims, source.disabled, backend=choose(backend))
    options = {**source.options, **(settings or {})}
    return _program(
        pipeline, source.dtype, source.seed, root or stored.root, options, source.imports, started
    )
