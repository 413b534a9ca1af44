"""Options that all tests share."""

from __future__ import annotations

import pytest
from hypothesis import settings

# What a shared machine does in the meantime is no fault of the code.
settings.register_profile("graphc", deadline=None)
settings.load_profile("graphc")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write the golden files anew")


@pytest.fixture
def update_goldens(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written instead of compared."""
    return bool(request.config.getoption("--update-goldens"))


@pytest.fixture(autouse=True, scope="session")
def _verified_graphs() -> None:
    """Every graph that a test compiles is verified after every pass."""
    from graphc.driver import pipeline

    pipeline.VERIFY_ALWAYS = True
