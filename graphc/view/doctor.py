"""What `graphc doctor` found, as a table and for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from graphc.view.columns import columns
from graphc.view.numbers import number

Status = Literal["ok", "look", "-"]
"""Fine; worth a look; nothing to be said."""


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, how it stands, and what to do about it."""

    name: str
    status: Status
    text: str
    advice: str = ""


@dataclass(frozen=True)
class ParameterHealth:
    """A parameter at the start: the norms of its value and of its gradient over a batch.

    `still` is the share of its elements whose gradient is exactly zero.
    """

    name: str
    shape: tuple[int, ...]
    value: float
    gradient: float
    still: float


@dataclass(frozen=True)
class Diagnosis:
    """`data` says which examples were looked at."""

    data: str
    findings: Sequence[Finding]
    parameters: Sequence[ParameterHealth] = field(default_factory=tuple)

    @property
    def suspicious(self) -> int:
        """How many findings are worth a look."""
        return sum(finding.status == "look" for finding in self.findings)


def doctor_text(file: str, diagnosis: Diagnosis) -> str:
    """A line for each finding, advice below it, then the table of the parameters."""
    width = max((len(finding.name) for finding in diagnosis.findings), default=0)
    lines = [f"{file}, on {diagnosis.data}"]
    for finding in diagnosis.findings:
        lines.append(f"{finding.status:<4}  {finding.name:<{width}}  {finding.text}".rstrip())
        if finding.advice:
            lines.append(f"{'':<6}{'':<{width}}  {finding.advice}")
    if diagnosis.parameters:
        lines += ["", *_table(diagnosis.parameters)]
    count = diagnosis.suspicious
    verdict = f"{count} thing{'' if count == 1 else 's'} to look at" if count else "nothing to complain about"
    return "\n".join([*lines, "", verdict])


def _table(parameters: Sequence[ParameterHealth]) -> list[str]:
    rows = [("parameter", "shape", "norm", "gradient's norm", "of it zero")]
    for health in parameters:
        shape = " x ".join(map(str, health.shape)) or "1"
        norms = number(float(f"{health.value:.3g}")), number(float(f"{health.gradient:.3g}"))
        rows.append((health.name, shape, *norms, f"{health.still:.0%}"))
    return columns(rows, right=(2, 3, 4))


def doctor_object(file: str, diagnosis: Diagnosis) -> dict[str, Any]:
    """`file`, `data`, `ok`, `findings` and `parameters`."""
    return {
        "file": file,
        "data": diagnosis.data,
        "ok": diagnosis.suspicious == 0,
        "findings": [asdict(finding) for finding in diagnosis.findings],
        "parameters": [asdict(health) for health in diagnosis.parameters],
    }
