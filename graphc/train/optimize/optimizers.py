"""`fit { optimizer = adam(lr = 1e-3) }`: which definition is meant, and what its options are.

An option is a number, a schedule (see `schedules.py`), or `names(1e-3, Emb = 1e-2)`: another one for some
parameters.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from graphc.diagnostics import Span, fault, nearest
from graphc.frontend import ast
from graphc.frontend.library import optimizer_names, standard_optimizer
from graphc.frontend.scope import Library
from graphc.train.expressions import describe
from graphc.train.optimize.schedules import Schedule, is_schedule
from graphc.train.options import ANY, FRACTION, NON_NEGATIVE, POSITIVE, Range, read_flag, read_number, unknown

RANGES: Mapping[str, Range] = {
    "number": ANY,
    "positive": POSITIVE,
    "nonnegative": NON_NEGATIVE,
    "fraction": FRACTION,
}
"""What an option of each kind may be."""

GROUPS = "names"


@dataclass(frozen=True)
class Amount:
    """What an option is: a number or a schedule, and what it is for some parameters or layers instead."""

    value: float | Schedule
    groups: Mapping[str, Amount] = field(default_factory=dict)

    def leaves(self, name: str) -> dict[str, float | Schedule]:
        """The values by place, the general ones first: `lr`, `lr/Emb`, `lr/enc`, `lr/enc/bf`."""
        found = {name: self.value}
        for group, amount in self.groups.items():
            found |= amount.leaves(f"{name}/{group}")
        return found


@dataclass(frozen=True)
class Optimizer:
    """A definition with all its options. `library` is what its equations may call."""

    definition: ast.OptimizerDefinition
    amounts: Mapping[str, Amount]
    flags: Mapping[str, bool]
    library: Library = field(compare=False, repr=False)
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def numbers(self) -> dict[str, float]:
        """The options that are one number for all parameters and steps."""
        plain = {name: amount.value for name, amount in self.amounts.items() if not amount.groups}
        return {name: value for name, value in plain.items() if not isinstance(value, Schedule)}

    @property
    def choices(self) -> frozenset[str]:
        """The options that are true."""
        return frozenset(name for name, chosen in self.flags.items() if chosen)

    @property
    def grouped(self) -> frozenset[str]:
        """The options that differ between parameters."""
        return frozenset(name for name, amount in self.amounts.items() if amount.groups)


def optimizer(name: str, **options: float | bool) -> Optimizer:
    """An optimizer of the standard library, with its defaults where nothing is given."""
    library = standard_optimizer(name)
    definition = _chosen(library.optimizers[name], (), options)
    found = _Options(definition, {}, None)
    for setting in definition.settings:
        if setting.name in options and setting.kind == "flag":
            found.flags[setting.name] = bool(options[setting.name])
        elif setting.name in options:
            found.amounts[setting.name] = Amount(float(options[setting.name]))
        else:
            found.default(setting)
    return Optimizer(definition, found.amounts, found.flags, library)


def read_optimizer(value: ast.Expr, dims: Mapping[str, int], own: Library | None) -> Optimizer:
    """A call such as `adam(lr = 1e-3)`; the optimizers of a file and its imports, `own`, go first.

    Raises E504 for an unknown optimizer, E401 to E404 for options that do not fit.
    """
    call = ast.Call(value.span, value, ()) if isinstance(value, ast.Name) else value
    if not (isinstance(call, ast.Call) and isinstance(call.function, ast.Name)):
        raise fault(
            "E403", f"`optimizer` is a call such as `adam(lr = 1e-3)`, found {describe(value)}", value.span
        )
    name, known = call.function.id, optimizer_names()
    if own is not None and name in own.optimizers:
        library = own
    elif name in known:
        library = standard_optimizer(name)
    else:
        known |= frozenset(own.optimizers if own is not None else ())
        near = nearest(name, known) or "known: " + ", ".join(sorted(known))
        raise fault("E504", f"unknown optimizer `{name}`", call.function.span, help=near)
    definition = _chosen(library.optimizers[name], call.args, [option.name for option in call.options])
    given = _given(definition, call)
    found = _Options(definition, dims, own)
    for setting in definition.settings:
        if setting.name in given:
            found.read(setting, given[setting.name])
        elif setting.default is None:
            what = "a learning rate" if setting.name == "lr" else f"the option `{setting.name}`"
            raise fault("E403", f"`{name}` needs {what}", call.span, help=f"`{name}({setting.name} = 0.1)`")
        else:
            found.default(setting)
    return Optimizer(definition, found.amounts, found.flags, library, value.span)


def _chosen(
    definitions: Sequence[ast.OptimizerDefinition], args: Sequence[ast.Expr], named: Collection[str]
) -> ast.OptimizerDefinition:
    """The first definition that has all the options that are given; the last one if none has."""
    for definition in definitions:
        options = {setting.name for setting in definition.settings}
        if options.issuperset(named) and len(args) + len(named) <= len(options):
            return definition
    return definitions[-1]


def _given(definition: ast.OptimizerDefinition, call: ast.Call) -> dict[str, ast.Expr]:
    """The values by option. Raises E401, E402, E403."""
    name, options = definition.name, [setting.name for setting in definition.settings]
    if len(call.args) > len(options):
        raise fault("E403", f"`{name}` takes at most {len(options)} values", call.span)
    given = dict(zip(options, call.args, strict=False))
    for option in call.options:
        if option.name not in options:
            raise unknown(f"`{name}`", option.name, options, option.span)
        if option.name in given:
            raise fault("E402", f"`{option.name}` is given twice", option.span)
        given[option.name] = option.value
    return given


@dataclass
class _Options:
    """The options of a definition, one after another. Schedules see `dims` and the functions of `own`."""

    definition: ast.OptimizerDefinition
    dims: Mapping[str, int]
    own: Library | None
    amounts: dict[str, Amount] = field(default_factory=dict)
    flags: dict[str, bool] = field(default_factory=dict)

    def default(self, setting: ast.Setting) -> None:
        assert setting.default is not None, f"{self.definition.name} needs {setting.name}"
        _Options(self.definition, {}, None, self.amounts, self.flags).read(setting, setting.default)

    def read(self, setting: ast.Setting, value: ast.Expr) -> None:
        if setting.kind == "flag":
            self.flags[setting.name] = read_flag(setting.name, value)
        else:
            self.amounts[setting.name] = self._amount(setting, value)

    def _amount(self, setting: ast.Setting, value: ast.Expr) -> Amount:
        if not (isinstance(value, ast.Call) and value.function == ast.Name(value.span, GROUPS)):
            return Amount(self._value(setting, value))
        if len(value.args) != 1:
            raise fault(
                "E403",
                f"`{value.span.text}` does not say what `{setting.name}` is for all other parameters",
                value.span,
                help=f"as in `{setting.name} = names(0.01, W = 0.1)`",
            )
        groups = {option.name: self._amount(setting, option.value) for option in value.options}
        return Amount(self._value(setting, value.args[0]), groups)

    def _value(self, setting: ast.Setting, value: ast.Expr) -> float | Schedule:
        if is_schedule(value, self.dims):
            return Schedule(value, self.dims, self.own)
        return float(read_number(setting.name, value, RANGES[setting.kind], self.dims))
