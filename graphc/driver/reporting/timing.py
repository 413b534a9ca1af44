"""Where the time of a training step goes, for runs on the backend that has kernels."""

from __future__ import annotations

from collections.abc import Iterator

from graphc.driver.profiling.profile import profile
from graphc.driver.reporting.material import Material
from graphc.train.runs.folder import RunFolder
from graphc.view.report.kernels import section
from graphc.view.report.page import Section

BACKEND = "cpu"
_SECONDS = 0.3
"""So long steps are measured."""


def sections(material: Material, folder: RunFolder) -> Iterator[Section]:
    """A step as this machine takes it now."""
    from graphc.driver.compile import load

    if folder.config.get("backend") == BACKEND and material.program.spec.has_fit:
        yield section(profile(load(folder.path, backend=BACKEND), compiling=True, seconds=_SECONDS))
