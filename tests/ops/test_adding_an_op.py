"""The worked example in `docs/adding-an-op.md` is held to what every op of the table is held to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.ir.op import Op, Sample
from graphc.ops import TABLE
from tests.ops import test_table as promises
from tests.ops.calls import evaluate

DOCUMENT = Path(__file__).parents[2] / "docs" / "adding-an-op.md"


def example() -> Op:
    (code,) = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.M | re.S)
    names: dict[str, Any] = {}
    exec(code, names)
    found: Op = names["SOFTSIGN"]
    return found


SOFTSIGN = example()


@pytest.mark.parametrize("sample", list(SOFTSIGN.samples()))
def test_the_example_keeps_what_ops_promise(sample: Sample) -> None:
    promises.test_oracle_gives_what_the_type_rule_says(SOFTSIGN, sample, (3, 1, 2))
    promises.test_oracle_in_single_and_double_precision(SOFTSIGN, sample)
    promises.test_gradient_along_directions(SOFTSIGN, sample)


def test_the_example_is_what_it_says() -> None:
    assert SOFTSIGN.name not in TABLE
    np.testing.assert_allclose(evaluate(SOFTSIGN, np.array([-1.0, 0.0, 3.0])), [-0.5, 0.0, 0.75])
