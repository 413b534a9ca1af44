"""The `data` and `fit` blocks as the parser gives them, and settings from outside."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphc.diagnostics import GraphcError, Source
from graphc.frontend import ast
from graphc.frontend.parser import parse
from graphc.train.data.settings import DataSettings, read_data
from graphc.train.expressions import evaluate, parse_value
from graphc.train.fit_settings import FitSettings, Saving, read_fit
from graphc.train.optimize.optimizers import optimizer
from graphc.train.overrides import override

DIMS = {"H": 6}


def block(text: str) -> ast.Settings:
    (statement,) = parse(Source("spec.nn", text + "\n")).statements
    assert isinstance(statement, ast.Settings)
    return statement


def fit(options: str) -> FitSettings:
    return read_fit(block(f"fit {{ {options} }}"), DIMS)


def data(options: str) -> DataSettings:
    return read_data(block(f"data {{ {options} }}"), DIMS)


def test_everything_in_fit() -> None:
    found = fit(
        "optimizer = adam(lr = 1e-3, beta2 = 0.99), batch = 2 * H, epochs = 30, steps = 1000, "
        "clip = 1 / 2, stop = patience(5), seed = 7, shuffle = false, bptt = 64, memory = low"
    )
    assert found == FitSettings(
        optimizer("adam", lr=1e-3, beta2=0.99), 12, 30, 1000, 0.5, 5, 7, False, 64, "low"
    )


def test_defaults_of_fit() -> None:
    assert read_fit(None) == FitSettings()
    assert read_fit(None, seed=3).seed == 3
    assert fit("steps = 5").epochs is None
    assert fit("batch = all").batch is None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("sgd(0.1)", optimizer("sgd", lr=0.1)),
        ("sgd(lr = 0.1, momentum = 0.9)", optimizer("sgd", lr=0.1, momentum=0.9)),
        ("momentum(lr = 1e-2, averaging = true)", optimizer("momentum", lr=0.01, averaging=True)),
        ("momentum(0.1, 0.8)", optimizer("momentum", lr=0.1, beta=0.8)),
        ("adam", optimizer("adam")),
        ("adam(H / 600)", optimizer("adam", lr=0.01)),
    ],
)
def test_optimizers(text: str, rule: object) -> None:
    assert fit(f"optimizer = {text}").optimizer == rule


@pytest.mark.parametrize(
    ("text", "saving"),
    [
        ("100", Saving(100, "steps")),
        ("10 * H", Saving(60, "steps")),
        ("epochs(5)", Saving(5, "epochs")),
        ("seconds(0.5)", Saving(0.5, "seconds")),
    ],
)
def test_how_often_the_state_is_kept(text: str, saving: Saving) -> None:
    assert fit(f"save = {text}").save == saving


@pytest.mark.parametrize("text", ["0", "1.5", "hours(1)", "epochs(0)", "seconds(0)", "epochs(1, 2)", '"a"'])
def test_how_often_is_no_number(text: str) -> None:
    with pytest.raises(GraphcError, match=r"E40[34]"):
        fit(f"save = {text}")


def test_everything_in_data() -> None:
    found = data(
        'source = "a.npz", validation = 0.1, test = 50, standardize = [x, z], seed = 3, stratify = y, '
        'rename = names(x = image, y = "label"), scale = [x(1/16)], first = 1'
    )
    assert found == DataSettings(
        "a.npz", 0.1, 50, ("x", "z"), 3, "y", {"x": "image", "y": "label"}, {"x": 1 / 16}, 1
    )


def test_how_texts_are_read() -> None:
    found = data('tokens = names(s = words, r = numbers), unknown = "?", least = 3')
    assert [found.tokens_of(name) for name in "srq"] == ["words", "numbers", "characters"]
    assert (found.unknown, found.least) == ("?", 3)
    assert data("tokens = words").tokens_of("s") == "words"
    assert (data("").tokens_of("s"), data("").unknown) == ("characters", None)
    assert fit("buckets = 20").buckets == 20


def test_a_fifth_of_a_named_set_is_held_out() -> None:
    assert data('source = "iris"').held_out == 0.2
    assert data('source = "iris", test = 0').held_out == 0
    assert data('source = "iris.npz"').held_out == 0


def test_independent_faults_come_together() -> None:
    with pytest.raises(GraphcError) as caught:
        fit("epoch = 3, batch = 0, clip = -1, optimizer = adan")
    assert [found.code for found in caught.value.diagnostics] == ["E401", "E504", "E404", "E404"]


def test_a_block_under_settings_from_outside() -> None:
    settings: ast.Settings | None = block("fit { epochs = 3, optimizer = adam(lr = 0.1, eps = 1e-4) }")
    settings = override(settings, "fit.epochs", "5")
    settings = override(settings, "fit.optimizer.lr", 0.01)
    settings = override(settings, "fit.shuffle", False)
    settings = override(settings, "fit.batch", "2 * H")
    settings = override(settings, "fit.memory", "low")
    expected = FitSettings(optimizer("adam", lr=0.01, eps=1e-4), 12, 5, shuffle=False, memory="low")
    assert read_fit(settings, DIMS) == expected


def test_a_block_that_the_spec_does_not_have() -> None:
    assert read_fit(override(None, "fit.optimizer", "sgd(0.1)")).optimizer == optimizer("sgd", lr=0.1)
    assert read_data(override(None, "data.source", "my/data-2.npz")).source == "my/data-2.npz"
    assert read_data(override(None, "data.unknown", "<unk>")).unknown == "<unk>"
    assert read_data(override(None, "data.unknown", '"<unk>"')).unknown == "<unk>"
    assert read_data(override(None, "data.source", '"digits"')).source == "digits"
    assert read_data(override(None, "data.validation", "my/later-2.csv")).validation == "my/later-2.csv"
    assert read_data(override(None, "data.validation", "0.5")).validation == 0.5
    assert read_fit(
        override(override(None, "fit.optimizer", "adam"), "fit.optimizer.lr", 1)
    ).optimizer == optimizer("adam", lr=1)


def test_an_option_goes_to_its_own_block() -> None:
    with pytest.raises(ValueError, match="no option of a `fit` block"):
        override(block("fit { epochs = 3 }"), "data.validation", "0.1")


@given(
    st.recursive(
        st.integers(0, 99).map(str),
        lambda inner: (
            st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner) | inner.map("(-{})".format)
        ),
        max_leaves=12,
    )
)
def test_arithmetic_is_arithmetic(text: str) -> None:
    assert evaluate(text) == eval(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("-2^2", -4), ("2^3^2", 512), ("8 / 2 / 2", 2), ("2 - 3 - 4", -5), ("sqrt(4) * H", 12)],
)
def test_precedence(text: str, value: float) -> None:
    assert evaluate(text, DIMS) == value


@pytest.mark.parametrize(
    "text", ["(" * 10_000, "-" * 10_000 + "1", "1" + "+1" * 10_000, "[" * 9_999, "9^9^9^9"]
)
def test_hostile_values_are_refused(text: str) -> None:
    with pytest.raises(GraphcError) as caught:
        evaluate(text)
    assert caught.value.diagnostics[0].code in ("E403", "E406")


@given(st.text(alphabet='a1.e-+*/^()[],="# \n', max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(GraphcError):
        parse_value(Source("--set", text))
