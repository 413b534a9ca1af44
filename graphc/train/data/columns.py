"""Which columns of a `.csv` file an input takes, by their names."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from graphc.diagnostics import Diagnostic, GraphcError, nearest
from graphc.train.data.csv_files import CsvFile
from graphc.train.data.settings import DataSettings
from graphc.train.protocol import InputSpec


def match_columns(
    specs: Mapping[str, InputSpec], file: CsvFile, settings: DataSettings, *, by_step: bool
) -> dict[str, list[int]]:
    """The columns of each input, in the order of its elements, last dim fastest.

    `columns` names them; else a scalar has the column of its own name and anything larger those that
    begin with it. An input with one axis may have a single column, whose cells hold sequences. With `by_step`
    a row is a step of one long sequence, not an example. Raises E420 and E463, all together.
    """
    asked = {name: settings.rename.get(name, name) for name in specs}
    found: dict[str, list[int]] = {}
    faults: list[Diagnostic] = []
    for name, spec in specs.items():
        layout = spec.type.sizes if by_step else spec.layout
        try:
            if name in settings.columns:
                found[name] = [
                    file.index(column, settings.spans.get("columns")) for column in settings.columns[name]
                ]
            elif layout and not (spec.axes and not by_step and asked[name] in file.names):
                found[name] = _beginning(asked[name], asked.values(), file.names)
            else:
                found[name] = [i for i, column in enumerate(file.names) if column == asked[name]]
            if by_step or not holds_sequences(spec, found[name]):
                faults += _counted(name, asked[name], layout, found[name], file)
        except GraphcError as error:
            faults += error.diagnostics
    if faults:
        raise GraphcError(faults)
    return found


def holds_sequences(spec: InputSpec, columns: Sequence[int]) -> bool:
    """Whether the cells of these columns are sequences, and a row of them no single step."""
    return len(spec.axes) == 1 and len(columns) == 1


def _counted(
    name: str, asked: str, layout: Sequence[int | str], found: list[int], file: CsvFile
) -> list[Diagnostic]:
    """The fault of an input that the columns found for it do not fill."""
    origin, names = file.origin, file.names
    if not found:
        here = ", ".join(f"`{column}`" for column in names if column)
        what = f"that begins with `{asked}`" if layout else f"`{asked}`"
        message = f"{origin} has no column {what} for the input `{name}`; it has {here}"
        near = nearest(asked, names) or f"`data {{ columns = names({name} = ...) }}` says which"
        return [Diagnostic("E420", message, origin.span, help=near)]
    fixed = 1
    for size in layout:
        fixed *= size if isinstance(size, int) else 1
    runs = any(isinstance(size, str) for size in layout)
    if len(found) != fixed and not (runs and fixed and len(found) % fixed == 0):
        shown = ", ".join(f"`{names[i]}`" for i in found[:6]) + (", ..." if len(found) > 6 else "")
        message = (
            f"`{name}` takes {fixed} column{'s' * (fixed != 1)} of {origin}, found {len(found)}: {shown}"
        )
        return [Diagnostic("E463", message, origin.span)]
    return []


def _beginning(asked: str, inputs: Collection[str], names: Sequence[str]) -> list[int]:
    """The columns that begin with a name: by their numbers if they have some, else as in the file.

    A column belongs to the input with the longest name that it begins with.
    """
    ends: dict[int, str] = {}
    for place, column in enumerate(names):
        owners = [name for name in inputs if _begins(column, name)]
        if owners and max(owners, key=len) == asked:
            ends[place] = column[len(asked) :]
    if all(re.fullmatch(r"[^A-Za-z]*\d[^A-Za-z]*", end) for end in ends.values()):
        return sorted(ends, key=lambda place: [int(number) for number in re.findall(r"\d+", ends[place])])
    return list(ends)


def _begins(column: str, name: str) -> bool:
    """Whether a column is one of a name's: `x`, `x_0`, `x[0]`, `x.width`, `x0`, but not `xylose`."""
    return column.startswith(name) and re.fullmatch(r"(\d+|[^\w].*|_.*)?", column[len(name) :]) is not None
