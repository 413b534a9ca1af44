"""A terminal for tests: a command runs on a pseudo terminal, and its screen is what is left there."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import graphc

ROOT = Path(graphc.__file__).parents[1]
MAIN = "import sys; from graphc.cli import main; main(sys.argv[1:])"
INTERRUPTIBLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
"""Tests that run in the background inherit that interrupts are ignored, and would wait for ever."""
_CONTROL = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])")


@dataclass(frozen=True)
class Done:
    """How a command ended. `written` is all that went to the terminal, which was its stderr."""

    status: int
    stdout: str
    written: str

    @property
    def screen(self) -> list[str]:
        return screen(self.written)


def on_terminal(
    code: str,
    arguments: Sequence[str] = (),
    *,
    columns: int = 80,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    watch: Callable[[str, subprocess.Popen[bytes]], None] | None = None,
) -> Done:
    """Run Python code with a terminal as stderr and a pipe as stdout; `watch` sees what is written so far."""
    import fcntl
    import pty
    import termios

    outside, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    known = {name: os.environ[name] for name in ("PATH", "GRAPHC_CACHE_DIR") if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE + code, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=inside,
        env={**known, "PYTHONPATH": str(ROOT), "TERM": "xterm", **(env or {})},
        cwd=cwd,
    )
    os.close(inside)
    written = b""
    try:
        while piece := _read(outside):
            written += piece
            if watch is not None:
                watch(written.decode(errors="ignore"), process)
    finally:
        os.close(outside)
    stdout, _ = process.communicate()
    return Done(process.returncode, stdout.decode(), written.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody holds the other side any more
        return b""


def screen(written: str) -> list[str]:
    """The lines that stand on a terminal of any height in the end, without the empty ones behind them."""
    lines, row, column, at = [""], 0, 0, 0
    while at < len(written):
        if control := _CONTROL.match(written, at):
            number, kind = control.groups()
            at = control.end()
            if kind == "A":
                row = max(0, row - int(number or 1))
            elif kind == "K":
                lines[row] = ""
            else:
                assert kind in "mhl", control[0]
            continue
        character = written[at]
        at += 1
        if character == "\r":
            column = 0
        elif character == "\n":
            row += 1
            if row == len(lines):
                lines.append("")
        else:
            line = lines[row].ljust(column)
            lines[row] = line[:column] + character + line[column + 1 :]
            column += 1
    while lines and not lines[-1].strip():
        lines.pop()
    return lines
