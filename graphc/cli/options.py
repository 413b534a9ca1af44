"""What the commands have in common: the options, and how `--set` and `--input` are read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from graphc.cli.entry import usage
from graphc.diagnostics import fault, nearest

if TYPE_CHECKING:
    from graphc.cli.program import Array, Declared, Program

Command = TypeVar("Command", bound=Callable[..., Any])

BLOCKS = ("data", "fit")
_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_OPTION = re.compile(rf"{_NAME.pattern}(\.{_NAME.pattern})?")
"""`epochs`, or one value of an option: `optimizer.lr`."""


@dataclass(frozen=True)
class Compilation:
    """How the command line wants specs to be compiled."""

    backend: str
    dtype: str
    seed: int
    root: str | None
    dims: Mapping[str, int]
    settings: Mapping[str, str]
    disabled: tuple[str, ...] = ()

    def compile(self, path: str) -> Program:
        import graphc

        return graphc.compile(
            path,
            backend=self.backend,
            dtype=self.dtype,
            dims=dict(self.dims),
            seed=self.seed,
            root=self.root,
            settings=dict(self.settings),
            disabled=self.disabled,
        )


def compilation(default_dtype: str) -> Callable[[Command], Command]:
    """The options of every command that compiles; the command gets them as one `Compilation`."""

    def decorate(command: Command) -> Command:
        @wraps(command)
        def wrapped(
            *args: Any,
            backend: str,
            dtype: str,
            seed: int,
            root: str | None,
            sets: tuple[str, ...],
            without: tuple[str, ...],
            **rest: Any,
        ) -> Any:
            dims, settings = read_settings(sets)
            chosen = Compilation(backend, dtype, seed, root, dims, settings, without)
            return command(*args, compilation=chosen, **rest)

        result: Any = wrapped
        for option in reversed(_options(default_dtype)):
            result = option(result)
        return cast(Command, result)

    return decorate


def backend_option(help: str) -> Callable[[Any], Any]:
    """`--backend`, for the commands that compute."""
    return click.option(
        "--backend",
        type=click.Choice(["auto", "cpu", "reference"]),
        default="auto",
        show_default=True,
        help=help,
    )


def _options(default_dtype: str) -> list[Callable[[Any], Any]]:
    return [
        click.option(
            "--set",
            "sets",
            multiple=True,
            metavar="KEY=VALUE",
            help="Another size for a dim (H=256) or another option (fit.epochs=3, data.validation=0.1).",
        ),
        backend_option(
            "What computes: compiled code, or NumPy node by node; `auto` is `cpu` if it is installed."
        ),
        click.option(
            "--dtype",
            type=click.Choice(["float32", "float64"]),
            default=default_dtype,
            show_default=True,
            help="The precision of real numbers.",
        ),
        click.option(
            "--seed",
            type=click.IntRange(0, 2**64 - 1),
            default=0,
            show_default=True,
            metavar="N",
            help="What first values, draws and the order of examples follow from.",
        ),
        click.option(
            "--without",
            multiple=True,
            metavar="PASS",
            help="Leave out a pass of the compiler, such as cse, hoist or stabilize.",
        ),
        click.option(
            "--root",
            type=click.Path(exists=True, file_okay=False),
            help="The folder that specs may read from; default: the spec's own.",
        ),
    ]


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else.")


def read_settings(texts: Iterable[str]) -> tuple[dict[str, int], dict[str, str]]:
    """`--set` texts as sizes of dims and as options of the `data` and `fit` blocks, by `block.option`."""
    dims: dict[str, int] = {}
    settings: dict[str, str] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not (equals and key and value):
            raise usage("E702", f"`--set {text}`: expected KEY=VALUE, as in `--set H=256`")
        if key in dims or key in settings:
            raise usage("E702", f"`--set {text}`: `{key}` was already set")
        block, dot, option = key.partition(".")
        if dot:
            _check_setting(text, block, option)
            settings[key] = value
        else:
            dims[key] = _size(text, key, value)
    return dims, settings


def _check_setting(text: str, block: str, option: str) -> None:
    if block not in BLOCKS:
        known = " and ".join(f"`{name}`" for name in BLOCKS)
        raise usage(
            "E702", f"`--set {text}`: options stand in {known}, not in `{block}`", nearest(block, BLOCKS)
        )
    if not _OPTION.fullmatch(option):
        raise usage("E702", f"`--set {text}`: `{option}` is no name of an option")


def _size(text: str, key: str, value: str) -> int:
    if not _NAME.fullmatch(key):
        raise usage("E702", f"`--set {text}`: `{key}` is no name of a dim")
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        hint = f"options carry the name of their block: `fit.{key}=...`" if key.islower() else ""
        raise usage("E702", f"`--set {text}`: the size of a dim is a whole number, not `{value}`", hint)
    return int(value)


# -------------------------------------------------------------------------------------- inputs


def read_inputs(texts: Iterable[str], declared: Mapping[str, Declared]) -> dict[str, Array]:
    """`--input` texts as arrays by name. Every declared input must have a value, from there or the spec."""
    given: dict[str, Array] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (equals and name and value):
            raise usage("E703", f"`--input {text}`: expected NAME=FILE.npy or NAME=NUMBERS, as in `x=[1,2]`")
        if name in given:
            raise usage("E703", f"`--input {text}`: `{name}` was already given")
        if name not in declared:
            raise usage(
                "E704", f"the spec has no input `{name}`", nearest(name, declared) or _listed(declared)
            )
        given[name] = read_file(value) if value.endswith(".npy") else read_literal(text, value)
    missing = [name for name, spec in declared.items() if not spec.has_value and name not in given]
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        verb = "has" if len(missing) == 1 else "have"
        raise usage("E704", f"{names} {verb} no value", f"give one: `--input {missing[0]}={missing[0]}.npy`")
    return given


def _listed(declared: Mapping[str, Declared]) -> str:
    return "its inputs are " + ", ".join(f"`{name}`" for name in declared) if declared else "it has no inputs"


def read_literal(text: str, value: str) -> Array:
    """Numbers in JSON's brackets."""
    import numpy as np

    try:
        numbers = json.loads(value)
    except (ValueError, RecursionError):
        message = f"`--input {_cut(text)}`: `{_cut(value)}` is no path of a `.npy` file and no numbers"
        raise usage("E703", message) from None
    try:
        array = np.asarray(numbers)
    except (ValueError, OverflowError):
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise usage("E703", f"`--input {_cut(text)}`: rows differ in length, or an element is no number")
    return array


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def read_file(path: str) -> Array:
    """The array of a `.npy` file. Objects are refused: reading them would run the file's code."""
    import numpy as np

    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise fault("E708", f"there is no file `{path}`") from None
    except (OSError, ValueError, EOFError) as error:
        raise fault("E708", f"`{path}` cannot be read as an array: {error}") from None
    if not isinstance(array, np.ndarray):
        raise fault("E708", f"`{path}` holds several arrays, not one")
    return array
