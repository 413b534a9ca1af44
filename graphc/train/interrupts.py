"""Ctrl-C and SIGTERM while a step is computed."""

from __future__ import annotations

import signal
import threading
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Notes the first signal, so that the step is finished; the second one stops at once."""

    def __init__(self) -> None:
        self._seen = False
        # Only the main thread may handle signals.
        self._active = threading.current_thread() is threading.main_thread()

    def seen(self) -> bool:
        """Whether there was one."""
        return self._seen

    def __enter__(self) -> Interrupts:
        if self._active:
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(self, *exception: object) -> None:
        if self._active:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._seen:
            raise KeyboardInterrupt
        self._seen = True
