"""Prepared statements over Django's own connection, and jobs from their rows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import DEFAULT_DB_ALIAS, NotSupportedError, connection
from django.db.models.base import ModelState

from jobs import asking
from jobs.models import Job

#: A plan is right for the tables as they were when it was made: for one page reading all of it is best, and a moment
#: later a thousand pages of jobs wait in it. PostgreSQL itself plans anew when the statistics have changed, which
#: autovacuum looks into once a minute. A plan costs about a millisecond, so it is not made for a job that comes alone:
#: plans are kept for at least PLANNED_SECONDS, and then until they were used often or took long.
PLANNED_SECONDS = 0.2
USES = 100
LONG_SECONDS = 0.01
DISCARD_PLANS = "DISCARD PLANS"

_NAMES = [field.attname for field in Job._meta.concrete_fields]

#: The columns of `job_from`, to be read from a table or a CTE that has them all.
JOB_COLUMNS = ", ".join(f'"{field.column}"' for field in Job._meta.concrete_fields)


def available() -> bool:
    """Return whether jobs are changed by the statements of this package."""
    return on_postgresql()


def on_postgresql() -> bool:
    # On the event loop there is no other; and to ask for the task's connection would make one.
    return asking.beforehand() is not None or connection.vendor == "postgresql"


def run(sql: bytes, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run one statement ($1, $2 …) in the current transaction, or as one of its own. Raises Django's database errors.

    The server plans it once for each connection: Django's cursors bind on the client, and so plan every time. Values
    come in binary: as Python's own types, JSON as what it stands for.
    """
    try:
        return _run(sql, params)
    except NotSupportedError:
        # A migration has changed a column, and with it what a plan of this connection returns. Nothing was done.
        if connection.in_atomic_block:
            raise
        connection.close()
        return _run(sql, params)


def look(sql: bytes, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run a statement that changes nothing, or take its answer from `asking`."""
    if (answers := asking.beforehand()) is not None:
        return answers.find(sql, tuple(tuple(value) if isinstance(value, list) else value for value in params))
    return run(sql, params)


def _run(sql: bytes, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        plans = plans_of(connection.connection)
        if plans.are_old():
            psycopg.Cursor(connection.connection).execute(DISCARD_PLANS)
        with plans.used():
            cursor = psycopg.RawCursor(connection.connection)
            return cursor.execute(sql, params, prepare=True, binary=True).fetchall()


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


def job_from(values: Sequence[Any]) -> Job:
    """Return the job of a row with JOB_COLUMNS."""
    return stored(dict(zip(_NAMES, values, strict=True)))


def stored(values: dict[str, Any]) -> Job:
    """Return a job that is in the table, from all of its fields. What Django's own way adds is a check of each."""
    job = Job.__new__(Job)
    job.__dict__ = values
    job._state = ModelState()
    mark_stored(job)
    return job


def mark_stored(job: Job) -> None:
    """Let Django know that a job is in the table: to save it is to change it."""
    job._state.adding, job._state.db = False, DEFAULT_DB_ALIAS
