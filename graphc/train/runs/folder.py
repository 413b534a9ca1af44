"""A run's folder: what was trained, how, what came of it, and the state to go on from.

spec.nn, imports/      what was compiled
config.json            how it was compiled and trained, of what data, with which versions
metrics.jsonl          what was measured after each epoch
checkpoints/           last.safetensors to go on from; best.safetensors, if a validation part chooses
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from graphc.diagnostics import GraphcError, fault
from graphc.train.runs.durable import remove_unfinished, replace_file, sync_folder, unwritable

FOLDER = Path("runs")
"""Where runs are kept that nobody gave a folder for."""

_ELSEWHERE = "name another folder for the run, or keep none: `--run-dir`, `--no-run`"
_TRIES, _PAUSE = 5, 0.05


@contextmanager
def new_folder(name: str) -> Iterator[Path]:
    """A folder for a run of the spec `name`: `runs/digits_mlp-20250131-235959`. Raises E601.

    It is made at once, so that runs that begin in the same second have one each, and removed at the end if
    nothing was put into it.
    """
    stem = Path(name).stem.strip("<>") or "spec"
    first = FOLDER / f"{stem}-{datetime.now():%Y%m%d-%H%M%S}"
    path, number = first, 2
    while not _made(path):
        path, number = first.with_name(f"{first.name}-{number}"), number + 1
    try:
        yield path
    finally:
        with suppress(OSError):
            path.rmdir()


def _made(path: Path) -> bool:
    """Whether the folder did not exist before. Raises E601."""
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        if not path.parent.is_dir():
            raise unwritable(path, NotADirectoryError(0, "its parent is a file"), _ELSEWHERE) from None
        return False
    except OSError as error:
        raise unwritable(path, error, _ELSEWHERE) from None
    return True


class RunFolder:
    """The files of a run by what they are. Nothing is read or written before it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last = path / "checkpoints" / "last.safetensors"
        self.best = path / "checkpoints" / "best.safetensors"
        self.metrics = path / "metrics.jsonl"
        self.lock = path / ".lock"
        self._config = path / "config.json"

    def create(self, files: Mapping[str, str]) -> None:
        """Make the folder with some texts, by their names in it. Raises E601."""
        try:
            self.last.parent.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                file = self.path / name
                file.parent.mkdir(parents=True, exist_ok=True)
                replace_file(file, text.encode())
            sync_folder(self.path.parent)
        except OSError as error:
            raise unwritable(self.path, error) from None

    def check_free(self) -> None:
        """Raises E609 if there is something in the folder already."""
        taken = [entry.name for entry in self.path.iterdir()] if self.path.is_dir() else []
        if self.is_begun:
            raise fault(
                "E609",
                f"`{self.path}` holds a run already",
                help="`--resume` goes on with it; otherwise name another folder",
            )
        if set(taken) - {self.lock.name}:
            raise fault("E609", f"`{self.path}` is not empty, and what is in it is no run's")

    def configure(self, config: Mapping[str, Any]) -> None:
        """Write `config.json`. Raises E601."""
        text = json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        replace_file(self._config, text.encode())

    @property
    def config(self) -> dict[str, Any]:
        """What `config.json` holds. Raises E608 if the folder is no run's."""
        try:
            found = json.loads(self._config.read_text(encoding="utf-8"))
        except FileNotFoundError:
            why = "it has no `config.json`" if self.path.is_dir() else "there is no such folder"
            raise self._no_run(why) from None
        except (OSError, ValueError, RecursionError) as error:
            raise self._no_run(f"its `config.json` cannot be read: {error}") from None
        if not isinstance(found, dict):
            raise self._no_run("its `config.json` is damaged")
        return found

    @property
    def is_begun(self) -> bool:
        """Whether there is a run in it."""
        return self._config.is_file()

    @property
    def root(self) -> Path:
        """The folder that the spec may read data from."""
        root = self.config.get("root")
        return Path(root) if isinstance(root, str) else self.path

    def checkpoint(self, which: str | None = None) -> Path:
        """The `best` or the `last` weights; without a choice those that training came to.

        These are the best ones if it stops by patience. Raises E608 if the folder is no run's, E634 if there
        are no such weights.
        """
        fit = self.config.get("fit")
        chosen = isinstance(fit, dict) and fit.get("patience") is not None and self.best.is_file()
        found = self.best if which == "best" or (which is None and chosen) else self.last
        if found.is_file():
            return found
        if self.last.is_file():
            why, advice = "keeps no best weights: no validation part chose any", "`last` are those at the end"
        else:
            why, advice = "has lost its checkpoint", ""
        raise fault("E634", f"the run `{self.path}` {why}", help=advice)

    def _no_run(self, why: str) -> GraphcError:
        return fault("E608", f"`{self.path}` is not the folder of a run: {why}")


class Lock:
    """Keeps other processes from training in the same folder. The system frees it when the process ends."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._number = -1

    def __enter__(self) -> Lock:
        """Raises E607 if another process holds it, E601 if the folder cannot be written."""
        folder = self._folder
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
            self._number = os.open(folder.lock, os.O_RDWR | os.O_CREAT, 0o644)
            self._acquire()
            os.ftruncate(self._number, 0)
            os.pwrite(self._number, f"{os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        except OSError as error:
            self._close()
            raise unwritable(folder.path, error, _ELSEWHERE) from None
        except GraphcError:
            self._close()
            raise
        remove_unfinished(folder.path)
        remove_unfinished(folder.last.parent)
        return self

    def __exit__(self, *exception: object) -> None:
        folder = self._folder
        with suppress(OSError):
            os.ftruncate(self._number, 0)
            if not folder.is_begun:
                folder.lock.unlink()
                folder.path.rmdir()
        self._close()

    def _acquire(self) -> None:
        # Who only looks whether the folder is in use holds the lock for a moment too.
        for _ in range(_TRIES):
            try:
                fcntl.flock(self._number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_PAUSE)
            else:
                break
        else:
            holder = os.pread(self._number, 200, 0).decode(errors="replace").strip()
            raise fault(
                "E607",
                f"another process trains in `{self._folder.path}`: {holder or 'it does not say which'}",
                help="wait for its end, or name another folder",
            )

    def _close(self) -> None:
        if self._number >= 0:
            os.close(self._number)
            self._number = -1
