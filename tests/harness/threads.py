"""Several threads at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

T = TypeVar("T")


def run_together(calls: Sequence[Callable[[], T]], *, timeout: float = 60.0) -> list[T]:
    """Run each call in a thread of its own, all let go at once, and return their results in order.

    Each thread has its own database connection, closed when it ends. Raises the first exception of a call.
    """
    gate = threading.Barrier(len(calls), timeout=timeout)

    def run(call: Callable[[], T]) -> T:
        try:
            gate.wait()
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=len(calls)) as pool:
        futures = [pool.submit(run, call) for call in calls]
        return [future.result(timeout=timeout) for future in futures]
