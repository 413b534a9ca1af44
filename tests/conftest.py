"""Options that all tests share."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings

# What a shared machine does in the meantime is no fault of the code.
settings.register_profile("graphc", deadline=None)
settings.load_profile("graphc")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write the golden files anew")


def pytest_configure(config: pytest.Config) -> None:
    """One cache of compiled code for the whole session, so that its processes compile each kernel once.

    Where `GRAPHC_CACHE_DIR` is set, that one, which is still there in the next session.
    """
    if "GRAPHC_CACHE_DIR" not in os.environ:
        folder = tempfile.mkdtemp(prefix="graphc-tests-")
        # What is run in other processes, those of pytest-xdist among them, inherits it.
        os.environ["GRAPHC_CACHE_DIR"] = folder
        config.add_cleanup(lambda: _forget(folder))


def _forget(folder: str) -> None:
    os.environ.pop("GRAPHC_CACHE_DIR", None)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def update_goldens(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written instead of compared."""
    return bool(request.config.getoption("--update-goldens"))


@pytest.fixture(autouse=True, scope="session")
def _verified_graphs() -> None:
    """Every graph that a test compiles is verified after every pass."""
    from graphc.driver import pipeline

    pipeline.VERIFY_ALWAYS = True


@pytest.fixture(autouse=True, scope="session")
def _reference_unless_named() -> Iterator[None]:
    """`auto` is the reference backend here: thousands of small programs need not be compiled for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graphc.backend.automatic", lambda: "reference")
        yield
