"""Blocks of options, initializers, and training that runs away."""

from __future__ import annotations

from pathlib import Path

from graphc.diagnostics import Source
from graphc.frontend import ast
from graphc.frontend.parser import parse
from graphc.train.data.loading import from_arrays, from_batches
from graphc.train.fit_settings import read_fit
from graphc.train.initializers import draw, read_initializer
from graphc.train.overrides import override
from graphc.train.trainer import fit
from tests.train.faults.cases import CASES, case, loaded, settings
from tests.train.models import Scripted, spec, specs

for name, text in {
    "option_unknown": 'source = "iris", validate = 0.1',
    "option_no_text": "source = digits",
    "option_no_name": 'source = "iris", standardize = [x, 3]',
    "option_no_number": 'source = "iris", validation = "a tenth"',
    "fraction_too_large": 'source = "iris", validation = 1.5',
    "fraction_negative": 'source = "iris", validation = -0.1',
    "rename_no_call": 'source = "iris", rename = x',
    "scale_zero": 'source = "iris", scale = 1 - 1',
    "parts_take_all": 'source = "iris", validation = 0.5, test = 0.5',
    "parts_take_all_by_default": 'source = "iris", validation = 0.8',
    "source_missing": "validation = 0.1",
    "source_unknown": 'source = "digit"',
    "source_of_other_kind": 'source = "table.xlsx"',
    "path_upwards": 'source = "../set.npz"',
    "path_absolute": 'source = "/data/set.npz"',
    "path_of_windows": 'source = "C:set.npz"',
    "path_backslash": r'source = "..\set.npz"',
    "path_not_there": 'source = "sets.npz"',
    "standardize_unknown": 'source = "iris", standardize = [x1]',
    "standardize_classes": 'source = "iris", standardize = y',
    "scale_unknown": 'source = "iris", scale = z(2)',
    "rename_unknown": 'source = "iris", rename = names(z = x)',
    "stratify_unfit": 'source = "iris", stratify = x',
    "columns_no_call": 'source = "a.csv", columns = [a, b]',
    "columns_unknown": 'source = "a.csv", columns = names(z = [a, b])',
    "separator_wrong": 'source = "a.csv", separator = "::"',
    "split_unknown": 'source = "iris", split = times',
    "parts_two_ways": 'source = "iris", test = 0.2, order = date, group = patient',
    "parts_stratified_in_time": 'source = "iris", test = 0.2, split = time, stratify = y',
    "folder_not_there": 'source = "measured/"',
}.items():
    CASES[name] = lambda root, text=text: loaded(text, root)  # type: ignore[misc]

for name, text in {
    "fit_option_unknown": "epoch = 3",
    "fit_epochs_zero": "epochs = 0",
    "fit_batch_broken": "batch = 1.5",
    "fit_rate_negative": "optimizer = sgd(lr = -0.1)",
    "fit_rate_missing": "optimizer = momentum(beta = 0.5)",
    "fit_optimizer_unknown": "optimizer = adams(lr = 0.1)",
    "fit_optimizer_value_twice": "optimizer = adam(1e-3, lr = 1e-2)",
    "fit_optimizer_option": "optimizer = adam(rate = 0.1)",
    "fit_optimizer_no_call": "optimizer = 0.1",
    "fit_stop_no_call": "stop = 5",
    "fit_flag": "shuffle = 1",
    "fit_memory": "memory = lo",
    "fit_memory_number": "memory = 1",
    "fit_dim_unknown": "batch = 2 * N",
    "buckets_none": "buckets = 0",
    "buckets_in_order": "buckets = 20, shuffle = false",
    "buckets_of_one_sequence": "bptt = 5, buckets = 20, batch = all",
    "fit_no_value": "clip = 1 / 0",
    "fit_several": "epochs = 0, batch = -1, clip = 0, seed = 0.5",
}.items():
    CASES[name] = lambda root, text=text: read_fit(settings(f"fit {{ {text} }}"), {"H": 3})  # type: ignore[misc]

for name, (key, value) in {
    "set_key": ("fit", "3"),
    "set_value": ("fit.epochs", "3 4"),
    "set_nothing": ("fit.epochs", ""),
    "set_range": ("fit.epochs", "0"),
    "set_part": ("fit.stop.n", "3"),
}.items():
    CASES[name] = lambda root, key=key, value=value: read_fit(override(None, key, value))  # type: ignore[misc]


@case
def stop_without_validation(root: Path) -> object:
    dataset = from_arrays(specs(spec("x")), {"x": [1.0]})
    return fit(Scripted(lambda w: w), dataset, read_fit(settings("fit { stop = patience(2) }")))


@case
def schedule_without_end(root: Path) -> object:
    dataset = from_batches(specs(spec("x")), lambda: [{"x": [1.0]}])
    rates = read_fit(settings("fit { optimizer = sgd(lr = 0.1 * step / steps), epochs = 3 }"))
    return fit(Scripted(lambda w: w), dataset, rates)


@case
def buckets_of_batches(root: Path) -> object:
    dataset = from_batches(specs(spec("x")), lambda: [{"x": [1.0]}])
    return fit(Scripted(lambda w: w), dataset, read_fit(settings("fit { buckets = 20 }")))


@case
def loss_not_finite(root: Path) -> object:
    dataset = from_arrays(specs(spec("x")), {"x": [1.0]})
    model = Scripted(lambda w: w, training=lambda w: float("nan") if w > 2 else 1.0)
    return fit(model, dataset, read_fit(settings("fit { optimizer = sgd(1), epochs = 9 }")))


@case
def gradient_not_finite(root: Path) -> object:
    dataset = from_arrays(specs(spec("x")), {"x": [1.0]})
    model = Scripted(lambda w: w, gradient=lambda w: float("inf"))
    return fit(model, dataset, read_fit(settings("fit { epochs = 9 }")))


def drawn(text: str, shape: tuple[int, ...]) -> object:
    (statement,) = parse(Source("spec.nn", f"param W : [3, 4] ~ {text}\n")).statements
    assert isinstance(statement, ast.ParamDeclaration)
    expression = statement.items[0].draw
    assert expression is not None
    return draw(read_initializer(expression), shape, 4, 3, 0, "W")


for name, text in {
    "initializer_unknown": "orthogonl(2)",
    "initializer_numbers": "normal(1, 2, 3)",
    "initializer_shape": "identity",
}.items():
    CASES[name] = lambda root, text=text: drawn(text, (3, 4))  # type: ignore[misc]
