"""`Program.draw`: which picture of a program is asked for, and on which example."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from graphc.diagnostics import fault, nearest
from graphc.driver.pictures.first_example import Example, example
from graphc.driver.pictures.optimised import optimised_picture
from graphc.driver.pictures.picturing import Picturing
from graphc.view.drawing.drawing import ALL, EXPLORED, Drawing
from graphc.view.drawing.picture import Axis, Frame, Picture
from graphc.view.drawing.unrolled import unrolled

if TYPE_CHECKING:
    from graphc.driver.program import Program

Unroll = bool | int | str | Mapping[str, int]
"""Whether an axis is taken apart: the only one that could be meant, that one into so many steps, one by name,
or one by name into so many steps."""

STAGES = ("spec", "optimised", "schedule")
ROLLED, UNROLLED = "rolled", "unrolled"
MANY = 500
"""Steps of longer axes are not told apart on a page, unless one is unrolled."""
Tabs = Callable[[], tuple[Picture, Mapping[str, Picture]]] | None
"""The picture with all that a page lists, and others by name: made when a page is written."""


def draw(
    program: Program,
    inputs: Mapping[str, Any] | None = None,
    *,
    unroll: Unroll = False,
    stage: str | None = None,
    gradients: bool = False,
    open: Collection[str] = (),
    close: Collection[str] = (),
    layout: str = "auto",
    numbers: bool = True,
) -> Drawing:
    """See `Program.draw`."""
    if stage not in (None, *STAGES):
        raise fault(
            "E522", f"a stage to draw is {_listed(STAGES)}, not `{stage}`", help=nearest(stage, STAGES)
        )
    if stage in (None, "spec"):
        name, made, tabs = _of_the_spec(program, inputs, unroll, numbers)
    else:
        shown = example(program, inputs) if numbers and stage == "optimised" else Example(None)
        name, made, tabs = str(stage), _noted(_of_a_stage(program, str(stage), unroll, shown), shown), None
    opened, closed = _framed(made, open, close)
    return Drawing(made, opened, closed, name, numbers, gradients, layout, tabs)


def _of_the_spec(
    program: Program, inputs: Mapping[str, Any] | None, unroll: Unroll, numbers: bool
) -> tuple[str, Picture, Tabs]:
    """The picture that is asked for, rolled or unrolled, by its name, and the tabs of a page with both."""
    shown = example(program, inputs) if numbers else Example(None)
    pictures = Picturing(program, shown.inputs, ends=shown.lengths, numbers=numbers)
    if unroll is False:
        return ROLLED, _noted(pictures.picture, shown), lambda: _both(pictures, shown)
    wanted = _wanted(pictures.outline, unroll)
    if wanted.known is not None and wanted.steps < wanted.known:
        shown = shown.cut(program, wanted.length, wanted.steps)
        pictures = Picturing(program, shown.inputs, ends=shown.lengths, numbers=numbers)
    whole = _noted(pictures.by_step(wanted.length), shown)
    made = unrolled(whole, wanted.length, wanted.steps)
    return UNROLLED, made, lambda: (made, {ROLLED: whole})


def _noted(made: Picture, shown: Example) -> Picture:
    return replace(made, notes=(*made.notes, shown.why)) if shown.why else made


def _both(pictures: Picturing, shown: Example) -> tuple[Picture, Mapping[str, Picture]]:
    """The rolled picture with the summands of each step, and the unrolled one if there is one."""
    sizes = {axis.length: axis.size for box in pictures.picture.boxes for axis in box.axes}
    made = pictures.by_step(*(length for length, size in sizes.items() if size and size <= MANY))
    made = _noted(made, shown)
    return made, _unrolled_beside(made)


def _unrolled_beside(made: Picture) -> dict[str, Picture]:
    """The recurrence unrolled too, where there is one, its length is known, and a page can hold it."""
    ends = _recurrent(made)
    sizes = {axis.length: axis.size for box in made.boxes for axis in box.axes}
    if len(ends) != 1 or (steps := sizes[ends[0]]) is None or steps * len(made.boxes) > EXPLORED:
        return {}
    return {UNROLLED: unrolled(made, ends[0], steps)}


def _of_a_stage(program: Program, stage: str, unroll: Unroll, shown: Example) -> Picture:
    """Raises E525 for an axis to unroll: loops of the compiler are drawn as they are."""
    if unroll is not False:
        raise fault("E525", f"the stage `{stage}` has loops, and no axis to unroll")
    if stage == "optimised":
        return optimised_picture(program, shown)
    # Most drawings need no schedule, which is a large part of the compiler.
    from graphc.driver.code import schedule_picture

    return schedule_picture(program)


# -------------------------------------------------------------------------------------- frames


def _framed(
    made: Picture, open: Collection[str], close: Collection[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """The frames to keep open, with those around them, and to close. A name wins over `all`. Raises E724."""
    named = {name: frozenset(f.id for f in made.frames if _is(f, name)) for name in (*open, *close)}
    for name, found in named.items():
        if not found and name != ALL:
            known = sorted({_name(frame) for frame in made.frames})
            help = nearest(name, known) or (
                f"frames are {_listed(known)}" if known else "nothing is drawn as a frame"
            )
            raise fault("E724", f"no frame is named `{name}`", help=help)
    single = {key for name in open if name != ALL for key in named[name]}
    opened = {frame.id for key in single for frame in made.around(key)}
    closed = {key for name in close if name != ALL for key in named[name]}
    closed |= {frame.id for frame in made.frames if ALL in close} - opened
    opened |= {ALL, *(frame.id for frame in made.frames)} - closed if ALL in open else set()
    return frozenset(opened), frozenset(closed)


def _is(frame: Frame, name: str) -> bool:
    return name in (ALL, _name(frame), frame.id)


def _name(frame: Frame) -> str:
    """A layer's or an equation's own name, the same at every step of an unrolled axis; the axis of a step."""
    if frame.kind == "step":
        return frame.label.split(" ")[0]
    return frame.id.removeprefix("=").split("@")[0]


# --------------------------------------------------------------------------------- which axis


@dataclass(frozen=True)
class _Wanted:
    """The end of the axes to take apart, into how many steps, and how many it has where that is known."""

    length: str
    steps: int
    known: int | None


def _wanted(made: Picture, unroll: Unroll) -> _Wanted:
    """Raises E722 unless one axis is meant, E723 where nobody says how many steps it has."""
    axes = {axis.length: axis for box in made.boxes for axis in box.axes}
    name, steps = _said(unroll)
    length = _by_name(made, axes, name) if name is not None else _the_one(made, axes)
    known = axes[length].size
    steps = steps if steps is not None else known
    if steps is None:
        raise fault(
            "E723",
            f"`{axes[length].name}` cannot be unrolled: how many steps it has is not known",
            help=f'say how many, as in `unroll={{"{axes[length].name}": 3}}`, or give the inputs',
        )
    if steps < 1 or (known is not None and steps > known):
        most = "" if known is None else f", at most {known}"
        raise fault("E723", f"`{axes[length].name}` is unrolled into one step or more{most}; found {steps}")
    return _Wanted(length, steps, known)


def _said(unroll: Unroll) -> tuple[str | None, int | None]:
    """The name and the number of steps, as far as they are said. Raises E525."""
    if unroll is True:
        return None, None
    if isinstance(unroll, int):
        return None, unroll
    if isinstance(unroll, str):
        return unroll, None
    if isinstance(unroll, Mapping) and len(unroll) == 1:
        ((name, steps),) = unroll.items()
        return str(name), int(steps)
    raise fault("E525", 'unroll is True, a number of steps, an axis, or both as in `{"t": 3}`')


def _by_name(made: Picture, axes: Mapping[str, Axis], name: str) -> str:
    """An axis by its own name or by that of its end."""
    found = [length for length, axis in axes.items() if name in (length, axis.name)]
    names = [axis.name for axis in axes.values()]
    if not found:
        known = f"axes are {_listed(names)}" if names else "the spec has no axes"
        raise fault("E722", f"nothing runs along an axis `{name}`", help=nearest(name, names) or known)
    return found[0]


def _the_one(made: Picture, axes: Mapping[str, Axis]) -> str:
    """The axis of a recurrence, or the only one. Raises E722."""
    found = _recurrent(made) or sorted(axes)
    if len(found) != 1:
        names = [axes[length].name for length in found]
        message = "nothing runs along an axis" if not found else f"{_listed(names)} could be unrolled"
        raise fault("E722", f"{message}: which one?" if found else message)
    return found[0]


def _recurrent(made: Picture) -> list[str]:
    """The ends of the axes along which values are handed on."""
    back = {
        axis.length
        for wire in made.wires
        for axis in made.box(wire.source).axes
        if wire.is_back and (reading := wire.readings.get(axis.name)) and reading.axis
        if reading.shift or reading.axis != axis.name
    }
    return sorted(back)


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
