"""Limits of processor time that hold on slower machines, and beside other tests."""

from __future__ import annotations

import time
from collections.abc import Callable

#: What `_count` takes on the machine on which our figures were taken, with nothing beside it.
COUNT_SECONDS = 0.0125


def best_of(times: int, call: Callable[[], object]) -> float:
    """Return the shortest time in seconds that a call kept this process busy: other tests run beside this one."""
    taken = []
    for _ in range(times):
        began = time.process_time()
        call()
        taken.append(time.process_time() - began)
    return min(taken)


def slowness() -> float:
    """Return how many times longer this machine takes now than ours, and 1.0 where it is as fast."""
    return max(1.0, best_of(10, _count) / COUNT_SECONDS)


def _count() -> int:
    count = 0
    for number in range(200_000):
        count += number
    return count
