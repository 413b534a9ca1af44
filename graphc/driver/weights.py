"""Weights by name, in and out: mappings of arrays, `.npz` and `.safetensors` files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.diagnostics import Diagnostic, GraphcError, fault, nearest
from graphc.driver import arguments, storage
from graphc.driver.arrays import kind_of
from graphc.ir.op import Array
from graphc.train.data.archives import Archive
from graphc.train.data.origins import Origin
from graphc.train.data.preparation import Preparation
from graphc.train.runs import checkpoint
from graphc.train.runs.durable import replace_file
from graphc.train.runs.folder import RunFolder

if TYPE_CHECKING:
    from graphc.driver.program import Program

FORMATS = (".npz", ".safetensors")
_MOST = 8
"""Faults that are told one by one; of a file for another model everything is wrong."""


def weights(program: Program) -> dict[str, Array]:
    """See `Program.weights`."""
    params = program.params
    return {name: params[name] for name in params if params.updates.get(name, 1)}


def check_symbols(learned: Preparation, held: Preparation, whose: str) -> None:
    """Raises E623 where the vocabularies of an input differ: of the weights, and of the data `whose`."""
    for name, words in held.vocabularies.items():
        known = learned.vocabularies.get(name, words)
        if known == words:
            continue
        at = next((i for i, pair in enumerate(zip(known, words, strict=False)) if len(set(pair)) > 1), None)
        place = min(len(known), len(words)) if at is None else at
        first, second = (repr(of[place]) if place < len(of) else "nothing" for of in (known, words))
        raise fault(
            "E623",
            f"the weights know {len(known)} symbols of `{name}`, and {whose} has {len(words)}: "
            f"class {place} is {first} there and {second} here",
            help="a symbol's number decides which weights it has: train on data with the same symbols",
        )


def assign(
    program: Program,
    source: Mapping[str, Any] | str | Path,
    *,
    strict: bool = True,
    prefix: str = "",
    names: Mapping[str, str] | None = None,
) -> list[str]:
    """See `Program.load_weights`."""
    given, origin = read(source)
    learned = symbols(source)
    check_symbols(learned, program.preparation, "the program's data")
    called = _sources(program, prefix, names)
    found = {name: key for name, key in called.items() if key in given}
    faults = list(_unmatched(program, called, given, prefix, origin)) if strict else []
    if not found:
        what = f"{origin} has none of the program's weights"
        raise fault("E620", what, help=_prefix(called.values(), given))
    arrays = {}
    for name, key in found.items():
        try:
            arrays[name] = fitting(program, name, given[key], f"`{key}` in {origin}")
        except GraphcError as error:
            faults += error.diagnostics
    if faults:
        raise GraphcError(_shortened(faults))
    program.params.update(arrays)
    program.learned = learned
    return list(arrays)


def _sources(program: Program, prefix: str, names: Mapping[str, str] | None) -> dict[str, str]:
    """What each weight is called in the source. Raises E448 for a name that the program does not have."""
    own = arguments.mapping("names", names, 'names={"W": "fc.weight"}')
    for name in own:
        if name not in program.params:
            raise fault("E448", f"there is no parameter `{name}`", help=nearest(name, program.params))
    return {name: prefix + own.get(name, name) for name in program.params}


def _unmatched(
    program: Program, called: Mapping[str, str], given: Mapping[str, Any], prefix: str, origin: str
) -> Iterator[Diagnostic]:
    """What the source lacks, and what it has that nothing asks for."""
    surplus = [key for key in given if key.startswith(prefix) and key not in called.values()]
    held = weights(program)
    for name, key in called.items():
        if key not in given and name in held:
            also = "" if key == name else f" (called `{key}` there)"
            yield Diagnostic("E620", f"{origin} lacks `{name}`{also}", help=nearest(key, surplus))
    for key in surplus:
        yield Diagnostic(
            "E620",
            f"{origin} has `{key}`, which the program has no place for",
            help=nearest(key.removeprefix(prefix), program.params),
        )


def _prefix(called: Collection[str], given: Iterable[str]) -> str:
    """A suggestion where what is looked up is there, with something in front of it."""
    for key in given:
        for name in called:
            if key.endswith(f".{name}"):
                return f'with `prefix="{key.removesuffix(name)}"` that is cut off'
    return ""


def _shortened(faults: list[Diagnostic]) -> list[Diagnostic]:
    if len(faults) <= _MOST:
        return faults
    return [*faults[:_MOST], Diagnostic("E620", f"and {len(faults) - _MOST} more of this kind")]


def fitting(program: Program, name: str, given: Any, called: str) -> Array:
    """An array as the parameter `name` takes it. Raises E620."""
    array, expected = as_array(given), program.params[name].shape
    if array.dtype.kind not in "fiub":
        raise fault("E620", f"{called} holds {kind_of(array)}, where `{name}` takes numbers")
    if array.shape != expected:
        raise fault("E620", f"{called} is {list(array.shape)}, where `{name}` is {list(expected)}")
    with np.errstate(over="ignore"):
        converted = array.astype(program.real)
    if np.isinf(converted).any() and not np.isinf(array).any():
        raise fault("E620", f"{called} holds numbers that are too large for {program.real}")
    return converted


def as_array(given: Any) -> Array:
    """An array, or what can become one: a list, a PyTorch tensor (also one that wants gradients)."""
    try:
        if hasattr(given, "detach"):
            given = given.detach().cpu()
            # NumPy has no bfloat16; float32 holds all of its numbers.
            given = (given.float() if str(given.dtype) == "torch.bfloat16" else given).numpy()
        return np.asarray(given)
    except (TypeError, ValueError, RuntimeError):
        return np.asarray(None)


# ---------------------------------------------------------------------------------------------- files


def read(source: Mapping[str, Any] | str | Path) -> tuple[dict[str, Any], str]:
    """Arrays by name, and what messages call their source.

    Raises E525 for something else, E602 and E414 to E418 for a file that cannot be read, E621 for another
    format, E603 and E605 for a checkpoint of another version or one that was altered.
    """
    if not isinstance(source, str | Path):
        return arguments.mapping("weights", source, 'load_weights({"W": array})'), "the mapping"
    path = RunFolder(Path(source)).checkpoint() if Path(source).is_dir() else Path(source)
    reader = _by_suffix(path, {".npz": _read_npz, ".safetensors": _read_safetensors})
    if not path.is_file():
        raise fault("E602", f"there is no file `{path}`")
    return reader(path), f"`{path}`"


def symbols(source: Mapping[str, Any] | str | Path) -> Preparation:
    """What the data was like that the weights of a checkpoint were trained on; nothing is known of others."""
    if not isinstance(source, str | Path):
        return Preparation()
    path = Path(source)
    if path.is_dir() or (path.suffix.lower() == ".safetensors" and checkpoint.is_one(path)):
        return storage.read(path).preparation
    return Preparation()


def _by_suffix(path: Path, known: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    found = known.get(path.suffix.lower())
    if found is None:
        raise fault("E621", f"`{path}` is no file of weights: its name ends in neither {' nor '.join(known)}")
    return found


def _read_npz(path: Path) -> dict[str, Array]:
    with Archive(path, Origin(str(path))) as archive:
        return {name: archive.read(name) for name in archive.layouts}


def _read_safetensors(path: Path) -> dict[str, Array]:
    """The tensors; of a checkpoint the weights that it stands for, and running statistics."""
    from safetensors import SafetensorError, deserialize

    if checkpoint.is_one(path):
        found = checkpoint.read(path)
        # As `graphc.load` has it: where a training averages its weights, the average is what it came to.
        return {**found.kind("param"), **found.kind("running"), **found.kind("average")}
    try:
        entries = deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
        return {name: _decoded(entry) for name, entry in entries}
    except (SafetensorError, OSError, ValueError) as error:
        reason = str(error).removeprefix("Error while deserializing: ")
        raise fault("E602", f"`{path}` is damaged or no safetensors file: {reason}") from None


_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?",
}  # fmt: skip
"""NumPy's names of the types of tensors."""


def _decoded(entry: Mapping[str, Any]) -> Array:
    """A tensor of a file. Raises ValueError for a type that NumPy does not know."""
    if entry["dtype"] == "BF16":
        # The upper half of a float32.
        bits = np.frombuffer(entry["data"], "<u2").astype("<u4") << np.uint32(16)
        return bits.view("<f4").reshape(entry["shape"])
    if entry["dtype"] not in _DTYPES:
        raise ValueError(f"tensors of the type {entry['dtype']} are not read")
    return np.frombuffer(entry["data"], _DTYPES[entry["dtype"]]).reshape(entry["shape"])


def save(program: Program, path: Path) -> None:
    """See `Program.save_weights`."""
    encode = _by_suffix(path, {".npz": _npz, ".safetensors": _safetensors})
    replace_file(path, encode(weights(program)))


def _npz(arrays: Mapping[str, Array]) -> bytes:
    buffer = BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]  # its stub takes names for its own flag
    return buffer.getvalue()


def _safetensors(arrays: dict[str, Array]) -> bytes:
    from safetensors.numpy import save as encode

    return encode(arrays)
