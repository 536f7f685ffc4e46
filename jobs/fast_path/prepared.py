"""Prepared statements over Django's own connection, and jobs from their rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, NotSupportedError, connection
from django.db.models.base import ModelState

from jobs import asking
from jobs.fast_path.plans import DISCARD_PLANS, plans_of
from jobs.models import Job

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
