"""How long a connection keeps its plans.

A plan is right for the tables as they were when it was made: for one page reading all of it is best, and a moment later
a thousand pages of jobs wait in it. PostgreSQL itself plans anew when the statistics have changed, which autovacuum
looks into once a minute. A plan costs about a millisecond, so none is made for a job that comes alone: plans are kept
for at least PLANNED_SECONDS, and then until they were used often or took long.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

PLANNED_SECONDS = 0.2
USES = 100
LONG_SECONDS = 0.01
DISCARD_PLANS = "DISCARD PLANS"


class Plans:
    """The plans of one connection: since when they are there, how often they were used, and how long that took."""

    def __init__(self) -> None:
        self._renew()

    def _renew(self) -> None:
        self._since, self._uses, self._longest = time.monotonic(), 0, 0.0

    def are_old(self) -> bool:
        """Return whether it is time for DISCARD_PLANS; then they count as new."""
        if (self._uses < USES and self._longest < LONG_SECONDS) or time.monotonic() - self._since < PLANNED_SECONDS:
            return False
        self._renew()
        return True

    @contextmanager
    def used(self) -> Iterator[None]:
        """Run a statement within this."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._uses += 1
            self._longest = max(self._longest, time.monotonic() - began)


_plans: WeakKeyDictionary[Any, Plans] = WeakKeyDictionary()


def plans_of(raw: Any) -> Plans:
    """Return what is known of the plans of a connection of psycopg's."""
    if (plans := _plans.get(raw)) is None:
        plans = _plans[raw] = Plans()
    return plans
