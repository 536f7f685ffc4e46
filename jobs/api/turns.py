"""How many requests of this process are worked on at the same time; see `config/handler.py`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings


class Turns:
    """A request takes a turn, and steps aside for as long as it only waits."""

    def __init__(self, count: int) -> None:
        self._free = threading.Semaphore(count)
        self._mine = threading.local()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait for a turn and hold it while the block runs."""
        with self._free:
            self._mine.held = True
            try:
                yield
            finally:
                self._mine.held = False

    @contextmanager
    def step_aside(self) -> Iterator[None]:
        """Let others go on while the block waits. In a thread that has no turn, as in tests, nothing happens."""
        if not getattr(self._mine, "held", False):
            yield
            return
        self._free.release()
        try:
            yield
        finally:
            self._free.acquire()


turns = Turns(settings.WEB_THREADS)
