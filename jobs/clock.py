"""The database's clock, as of this very moment."""

from __future__ import annotations

from typing import Any

from django.db.models.functions import Now


class ClockNow(Now):
    """The time when the row is written.

    `Now` is when the statement arrived: on PostgreSQL it has neither been planned nor got its lock by then, so of two
    claims the later one may have the earlier time.
    """

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="CLOCK_TIMESTAMP()", **context)
