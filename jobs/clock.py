"""The database's clock, as of this very moment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from jobs.fast_path import prepared


class ClockNow(Now):
    """The time when the row is written.

    `Now` is when the statement arrived: on PostgreSQL it has neither been planned nor got its lock by then, so of two
    claims the later one may have the earlier time.
    """

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="CLOCK_TIMESTAMP()", **context)


def database_now() -> datetime:
    """Return the database's time: that is what every timestamp of a job was taken from."""
    if connection.vendor != "postgresql":
        return timezone.now()  # SQLite has no clock but this machine's
    return prepared.run(b"SELECT statement_timestamp()", ())[0][0]
