"""What `graphc doctor` says of specs that are well and of specs that are not."""

from __future__ import annotations

import numpy as np
import pytest

import graphc
from graphc.driver import overfitting
from graphc.driver.specimen import contradictions
from graphc.driver.targets import Target, targets
from graphc.train.data.examples import Batch
from graphc.view.doctor import Diagnosis, Finding, doctor_text


@pytest.fixture(autouse=True)
def _fewer_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overfitting, "STEPS", 60)


RNG = np.random.default_rng(0)


def diagnose(text: str, **options: str) -> Diagnosis:
    return graphc.compile(text, settings=options).diagnose()


def finding(text: str, name: str) -> Finding:
    return next(found for found in diagnose(text).findings if found.name == name)


POINTS = """
input x : [2] = batch([0, 1], [1, 0], [0, 0], [1, 1], [0.5, -1], [-1, 0.5], [2, 0], [0, 2], [-1, -1], [2, 2])
input y : index(3) = batch(0, 1, 2, 0, 1, 2, 0, 1, 2, 0)
"""

CLASSIFIER = (
    POINTS
    + """
param W1 : [32, 2] ~ he, b1 : [32] = 0, W2 : [3, 32] ~ normal(0.1), b2 : [3] = 0
h = relu(W1 @ x + b1)
p = softmax(W2 @ h + b2)
loss = cross_entropy(p, y)
minimize loss
"""
)


def test_a_loss_that_is_maximized_need_not_fall() -> None:
    text = CLASSIFIER.replace("minimize loss", "minimize -loss") + "fit { maximize = true }\n"
    found = finding(text, "overfits a batch")
    assert (found.status, "maximized" in found.text) == ("-", True)


def test_a_network_that_is_well() -> None:
    found = diagnose(CLASSIFIER)
    assert found.suspicious == 0, doctor_text("spec", found)
    assert found.data == "the spec's own examples, 10 at a time"
    assert [health.name for health in found.parameters] == ["W1", "b1", "W2", "b2"]
    assert found.parameters[0].shape == (32, 2)
    assert [f.name for f in found.findings] == [
        "input x",
        "classes y",
        "loss at the start",
        "gradients",
        "units h",
        "overfits a batch",
        "never moving",
        "unused names",
    ]


def test_the_loss_of_guessing() -> None:
    good = finding(CLASSIFIER, "loss at the start")
    assert good.status == "ok"
    assert "one of 3 classes costs ln 3 = 1.099" in good.text
    sure = finding(CLASSIFIER.replace("normal(0.1)", "normal(10)"), "loss at the start")
    assert (sure.status, sure.advice) == (
        "look",
        "large initial weights or inputs make it too sure of itself",
    )
    leak = finding(CLASSIFIER.replace("W2 @ h + b2", "W2 @ h + b2 + 9 * one_hot(y, 3)"), "loss at the start")
    assert (leak.status, leak.advice) == ("look", "too good to be true: does `y` leak into the inputs?")


def test_targets() -> None:
    def of(text: str) -> list[Target | None]:
        return targets(graphc.compile(text).spec)

    assert of(CLASSIFIER) == [Target("y", 3)]
    assert of("input x : real, y : real\nparam w : real\nminimize (w * x - y)^2\n") == [None]
    binary = "input x : real, y : index(2)\nparam w : real\nminimize {}\n"
    assert of(binary.format("binary_cross_entropy(sigmoid(w * x), real(y))")) == [None]
    sequence = """
axis t = 1..T
input s[t] : index(5)
param E : [5, 5]
minimize mean[t = 1..T-1](cross_entropy(softmax(E[s[t]]), s[t+1]))
"""
    assert of(sequence) == [Target("s", 5)]


def test_a_loss_that_is_no_number() -> None:
    text = "input x : real = 0\nparam w : real = 1\nminimize log(w * x)\n"
    found = {f.name: f for f in diagnose(text).findings}
    assert (found["loss at the start"].status, found["loss at the start"].text) == ("look", "-inf")
    assert found["loss at the start"].advice == (
        "`log(w * x)` was the first to be -inf: log(0) in example 0 of the data"
    )
    assert found["gradients"].status == "look"
    assert found["overfits a batch"].status in ("look", "-")


def test_data_that_is_not_standardized() -> None:
    far = finding(
        CLASSIFIER.replace("h = relu(W1 @ x", "h = relu(W1 @ x").replace("[2, 2])", "[200, 2])"), "input x"
    )
    assert far.status == "look"
    assert far.advice == "weights are drawn for mean 0, deviation 1: `data { standardize = x }`"


def test_a_target_is_told_from_an_input() -> None:
    values = ", ".join(str(100 + i) for i in range(12))
    text = f"input x : real = batch({values})\ninput y : real = batch({values})\nparam w : real = 1\n"
    names = [found.name for found in diagnose(text + "z = w * x\nminimize (z - y)^2\n").findings]
    assert names[:2] == ["input x", "target y"]


def test_elements_that_never_change() -> None:
    text = CLASSIFIER.replace("input x : [2] = batch(", "input z : [2] = [1, 0], x : [2] = batch(")
    program = graphc.compile(text.replace("W1 @ x", "W1 @ (x + 0 * z)"))
    found = next(f for f in program.diagnose().findings if f.name == "input z")
    assert "2 of 2 elements are always the same" in found.text


def test_classes_that_are_not_balanced() -> None:
    few = finding(CLASSIFIER.replace("batch(0, 1, 2, 0, 1, 2, 0", "batch(0, 0, 0, 0, 0, 0, 0"), "classes y")
    assert few.status == "look"
    assert few.advice == "always guessing the commonest is right in 80.0%: compare with that"
    more = CLASSIFIER.replace("index(3)", "index(5)").replace("[3, 32]", "[5, 32]").replace("[3]", "[5]")
    none = finding(more, "classes y")
    assert none.text == "2 of 5 classes never occur, the commonest is 40.0% of the examples"


def test_dead_units() -> None:
    dead = finding(CLASSIFIER.replace("b1 : [32] = 0", "b1 : [32] = -100"), "units h")
    assert (dead.status, dead.text) == ("look", "32 of 32 rectified units are zero in all of the batch")


def test_saturated_units() -> None:
    text = CLASSIFIER.replace("relu", "tanh")
    assert finding(text, "units h").status == "ok"
    assert finding(text.replace("b1 : [32] = 0", "b1 : [32] = 9"), "units h").status == "look"


def test_parameters_that_never_move() -> None:
    text = CLASSIFIER.replace("~ he", "= 0").replace("~ normal(0.1)", "= 0")
    found = {f.name: f for f in diagnose(text).findings}
    assert found["gradients"].text == "zero in `W1`, `b1`, `W2` over this batch"
    assert found["never moving"].text == "`W1`, `b1`, `W2`"
    assert found["overfits a batch"].advice == "some parameters never move, see below"


def test_gradients_that_begin_at_zero() -> None:
    found = finding(CLASSIFIER.replace("~ normal(0.1)", "= 0"), "gradients")
    assert found.status == "ok"
    assert found.text == "zero at the first step in `W1`, `b1`, alive after some more"


def test_gradients_of_very_different_sizes() -> None:
    text = "input x : real = 1\nparam a : real = 1, b : real = 1\n"
    text += "minimize (a * x - 3)^2 + 1e-9 * (b * x - 2)^2\n"
    assert finding(text, "gradients").status == "look"


def test_contradictions() -> None:
    same = CLASSIFIER.replace(POINTS, "input x : [2] = [1, 2]\ninput y : index(3) = batch(0, 1, 2, 0)\n")
    assert finding(same, "overfits a batch").advice == "examples with the same inputs have different `y`"


def test_a_gradient_that_is_no_number() -> None:
    text = "input x : real = 0\nparam w : real = 1\ny = sqrt(w * x)\nminimize y\n"
    found = finding(text, "gradients")
    assert (found.status, found.text) == ("look", "not finite in `w`")
    assert found.advice == (
        "the derivative of `sqrt(w * x)` was the first to be inf: 0.5 / 0 in example 0 of the data"
    )


def test_a_sequence_does_not_contradict_itself() -> None:
    batch = Batch({"s": np.array([[0, 1, 2], [0, 2, 1]])})
    assert not contradictions(batch, "s")
    assert contradictions(Batch({"x": np.zeros((2, 3)), "y": np.array([0, 1])}), "y")


def test_a_small_model_learns_fewer_examples_by_heart() -> None:
    """Three numbers cannot fit ten points that are not on a line, but they fit one."""
    values = ", ".join(str(v) for v in RNG.normal(size=10).round(2))
    points = ", ".join(["[1, 0.5]", "[0.3, -1]"] * 5)
    text = f"input x : [2] = batch({points}), y : real = batch({values})\n"
    text += "param w : [2], b : real = 0\nminimize (w @ x + b - y)^2\n"
    assert finding(text, "overfits a batch").status == "ok"


def test_too_little_time_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overfitting, "SECONDS", 1e-9)
    found = finding(CLASSIFIER, "overfits a batch")
    assert (found.status, found.advice) == ("-", "there was no time for more steps than these (1e-09 s)")


def test_random_draws_keep_the_loss_up() -> None:
    text = CLASSIFIER.replace("W2 @ h", "W2 @ dropout(h, 0.9)")
    advice = finding(text, "overfits a batch").advice
    assert advice == "training draws at random (dropout, noise), which keeps the loss up: try without"


def test_a_loss_below_zero() -> None:
    text = "input x : real = 1\nparam w : real = 1\nminimize -w * x\n"
    assert finding(text, "overfits a batch").status == "-"


def test_several_losses() -> None:
    text = "input x : real = 1\nparam a : real = 1, b : real = 2\n"
    text += "minimize (a * x - b)^2 over a\nminimize (b * x + a)^2 over b\n"
    found = {f.name: f for f in diagnose(text).findings}
    assert found["overfits a batch"].status == "-"
    assert "loss 1 at the start" in found
    assert "loss 2 at the start" in found
    assert {health.name for health in diagnose(text).parameters} == {"a", "b"}


def test_without_values_examples_are_drawn() -> None:
    text = "input x : [2], y : index(2)\nparam W : [2, 2]\nminimize cross_entropy(softmax(W @ x), y)\n"
    found = diagnose(text)
    assert found.data == "16 examples drawn at random"
    assert not any(f.name.startswith(("input", "classes")) for f in found.findings)


def test_data_that_cannot_be_read() -> None:
    text = "input x : [2]\nparam w : [2]\nminimize (sum(w * x) - 1)^2\n"
    found = diagnose(text + 'data { source = "missing.npz" }\n')
    assert found.findings[0].name == "data"
    assert found.findings[0].status == "look"
    assert "missing.npz" in found.findings[0].text
    assert found.data == "16 examples drawn at random"


def test_without_inputs_or_without_a_loss() -> None:
    assert diagnose("param w : real = 3\nminimize (w - 1)^2\n").data == "a spec without inputs"
    assert finding("input x : [2]\na = x + 1\n", "loss").status == "-"


def test_a_fault_of_the_fit_block_is_one() -> None:
    with pytest.raises(graphc.GraphcError, match="E401"):
        diagnose(CLASSIFIER + "fit { epoch = 3 }\n")


def test_chunks_of_a_long_sequence() -> None:
    text = """
axis t = 1..T
input x[t] : real = [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]
param u : real = 0.1, w : real = 0.1, c : real = 0
h[0] = 0
h[t] = tanh(u * h[t-1] + w * x[t] + c)
minimize mean[t = 1..T-1]((h[t] - x[t+1])^2)
fit { bptt = 4, batch = 2, optimizer = sgd(lr = 0.1), epochs = 2 }
"""
    found = {f.name: f for f in diagnose(text).findings}
    assert found["gradients"].status == "ok"


def test_running_statistics_and_the_program_itself_stay_as_they_are() -> None:
    text = CLASSIFIER.replace(
        "h = relu(W1 @ x + b1)", "running m = mean[batch](x)\nh = relu(W1 @ (x - m) + b1)"
    )
    program = graphc.compile(text)
    before = {name: program.params[name] for name in program.params}
    program.diagnose()
    assert all(np.array_equal(before[name], program.params[name]) for name in before)
    assert program.params.updates == {"m": 0}
