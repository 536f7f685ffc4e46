"""Waiting for what another process or thread will do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 0.1


def wait_until(condition: Callable[[], T | None], *, timeout: float = 10.0, message: str | Callable[[], str] = "") -> T:
    """Call `condition` until it returns something true, and return that.

    timeout: seconds. message: what was waited for, or a function that says what was found instead.
    Raises AssertionError when the time is over.
    """
    deadline = time.monotonic() + timeout
    pause = FIRST_PAUSE_SECONDS
    while True:
        if result := condition():
            return result
        if time.monotonic() >= deadline:
            reason = message() if callable(message) else message
            raise AssertionError(f"not within {timeout:g} s: {reason or condition}")
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
