"""What `graphc check` found, as text and for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class CheckResult:
    """One line of a `check` block, or one gradient against finite differences.

    `name` is what was checked as the spec writes it, `place` where (`specs/sigmoid.nn:14:3`).
    """

    name: str
    place: str
    ok: bool
    expected: str
    found: str
    tolerance: str


@dataclass(frozen=True)
class FileChecks:
    """The checks of a file, or the fault that kept it from being compiled."""

    path: str
    checks: Sequence[CheckResult]
    error: str | None = None

    @property
    def ok(self) -> bool:
        return self.error is None and all(check.ok for check in self.checks)


def check_text(file: FileChecks) -> str:
    """One line for a file that is right; below it, a paragraph for each check that is not."""
    if file.error is not None:
        return f"FAULT {file.path}"
    wrong = [check for check in file.checks if not check.ok]
    count = len(file.checks)
    checks = f"{count} check{'' if count == 1 else 's'}" if count else "nothing to check"
    if not wrong:
        return f"ok    {file.path}: {checks}"
    lines = [f"WRONG {file.path}: {len(wrong)} of {checks} failed"]
    for check in wrong:
        lines.append(f"  {check.place}: {check.name}")
        lines += _pairs(("expected", check.expected), ("found", check.found), ("tolerance", check.tolerance))
    return "\n".join(lines)


def _pairs(*pairs: tuple[str, str]) -> Iterable[str]:
    for label, value in pairs:
        if value:
            yield f"    {label:<9} {value}"


def check_object(files: Sequence[FileChecks]) -> dict[str, Any]:
    """`ok` of everything, and each file's path, `ok`, `checks` and `error`."""
    return {
        "ok": all(file.ok for file in files),
        "files": [
            {
                "path": file.path,
                "ok": file.ok,
                "checks": [asdict(check) for check in file.checks],
                "error": file.error,
            }
            for file in files
        ],
    }
