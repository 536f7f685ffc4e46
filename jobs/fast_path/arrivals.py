"""New jobs: the turn, the place, the row and its first event in one statement; or very many rows by COPY."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connection

from jobs.fast_path.prepared import mark_stored, run
from jobs.fast_path.steps import with_events
from jobs.live.events import DUE_CHANNEL
from jobs.models import EventType, Job
from jobs.states import State

#: The place of a new job is counted up to here. Beyond it, whoever wants to know asks for the position as it is then:
#: to count it for every arrival would make each of a hundred thousand cost milliseconds.
COUNTED = 50

#: What a new job's row says; the others have the same first value in every row.
_GIVEN = (
    "id", "kind", "queue", "resource", "priority", "owner_id", "parent_id", "user_id", "session_id", "input",
    "metadata", "max_attempts", "run_after", "deadline_at", "expires_at", "idempotency_key", "idempotency_digest",
    "created_at", "trace",
)  # fmt: skip
_CASTS = {
    "id": "uuid", "priority": "smallint", "owner_id": "integer", "parent_id": "uuid", "input": "jsonb",
    "metadata": "jsonb", "max_attempts": "smallint", "run_after": "timestamptz", "deadline_at": "timestamptz",
    "expires_at": "timestamptz", "created_at": "timestamptz",
}  # fmt: skip
_FIRST = {
    "state": f"'{State.QUEUED}'", "pending_at": "created_at", "queued_at": "created_at",
    "updated_at": "created_at", "error_code": "''", "error_message": "''", "error_traceback": "''", "progress": "0",
    "stage": "''", "attempt": "0", "fence": "0", "worker": "''", "event_seq": "1",
}  # fmt: skip


def _arrival(owned: bool) -> bytes:
    """Each look is asked for in the order of one index, which the planner then takes, and goes no further."""
    waiting = f"SELECT turn FROM jobs_job AS other WHERE other.state = '{State.QUEUED}' AND other.queue = given.queue"
    mine = "other.owner_id = given.owner_id" if owned else "other.owner_id IS NULL"
    ahead = f"SELECT FROM jobs_job AS other WHERE other.state = '{State.QUEUED}' AND other.queue = given.queue"
    given = ", ".join(f"${number}::{_CASTS.get(name, 'text')} AS {name}" for number, name in enumerate(_GIVEN, start=1))
    first = ", ".join(_FIRST.values())
    return with_events(
        [
            f"""given AS MATERIALIZED (
  SELECT one.*, control.paused_at IS NOT NULL AS paused FROM (SELECT {given}) AS one
    LEFT JOIN jobs_queuecontrol AS control ON control.queue = one.queue WHERE control.draining_at IS NULL
), placed AS MATERIALIZED (
  SELECT given.*, GREATEST(
    COALESCE(({waiting} AND other.priority = given.priority ORDER BY other.turn, other.id LIMIT 1), -1),
    COALESCE(({waiting} AND {mine} AND other.priority = given.priority
      ORDER BY other.queue DESC, other.owner_id DESC, other.priority DESC, other.turn DESC LIMIT 1), -1)) + 1 AS turn
  FROM given
), counted AS MATERIALIZED (
  SELECT given.*,
    (SELECT count(*) FROM ({ahead} AND other.priority > given.priority
      ORDER BY other.priority DESC, other.turn, other.id LIMIT {COUNTED}) AS urgent)
    + (SELECT count(*) FROM ({ahead} AND other.priority = given.priority
      AND (other.turn, other.id) < (given.turn, given.id)
      ORDER BY other.turn, other.id LIMIT {COUNTED}) AS earlier) AS ahead
  FROM placed AS given
), job AS (
  INSERT INTO jobs_job (turn, queue_position, {", ".join(_GIVEN)}, {", ".join(_FIRST)})
  SELECT turn, CASE WHEN ahead < {COUNTED} THEN ahead + 1 ELSE 0 END, {", ".join(_GIVEN)}, {first} FROM counted
  RETURNING id, queue, turn, queue_position, owner_id, parent_id
), due AS MATERIALIZED (
  SELECT pg_notify('{DUE_CHANNEL}', queue) FROM job
)"""
        ],
        [
            f"""SELECT id, 1, '{EventType.CREATED}', '{State.QUEUED}', 0, 0, '', CASE WHEN queue_position > 0
    THEN jsonb_build_object('position', queue_position) ELSE '{{}}'::jsonb END, statement_timestamp(), owner_id,
    parent_id FROM job"""
        ],
        """(SELECT count(*) FROM due), turn, queue_position, statement_timestamp(), (SELECT paused FROM given)
  FROM job""",
    )


_ARRIVALS = {owned: _arrival(owned) for owned in (False, True)}


def insert(job: Job) -> bool:
    """Insert one new job that is due, with its first event, and set what is known of it then.

    Those are its turn, `queue_position`, `stored_at` and `into_paused_queue`.

    Returns False, and does nothing, when its queue takes no new jobs. Raises IntegrityError for an idempotency key that
    is there already.
    """
    return inserted(job, run(*insertion(job)))


def insertion(job: Job) -> tuple[bytes, list[Any]]:
    """Return the statement that `insert` runs, and its values."""
    values = [getattr(job, name) for name in _GIVEN]
    values[_GIVEN.index("input")], values[_GIVEN.index("metadata")] = json.dumps(job.input), json.dumps(job.metadata)
    return _ARRIVALS[job.owner_id is not None], values


def inserted(job: Job, rows: Sequence[Any]) -> bool:
    """Return whether the statement has inserted the job, which then knows what `insert` says. rows: its answer."""
    if not rows:
        return False
    _, _, job.turn, job.queue_position, job.stored_at, job.into_paused_queue = rows[0]
    mark_stored(job)
    return True


def insert_many(jobs: Sequence[Job]) -> None:
    """Insert many new jobs that are due, with their first events, in the transaction that is open."""
    with connection.wrap_database_errors:
        cursor = psycopg.Cursor(connection.connection)
        columns = (*_GIVEN, "turn", "queue_position", *_FIRST)
        with cursor.copy(f"COPY jobs_job ({', '.join(columns)}) FROM STDIN") as copy:
            for job in jobs:
                copy.write_row(_row(job))
        with cursor.copy(
            "COPY jobs_jobevent (job_id, seq, type, state, attempt, progress, stage, data) FROM STDIN"
        ) as copy:
            for job in jobs:
                data = f'{{"position": {job.queue_position}}}' if job.queue_position else "{}"
                copy.write_row((job.pk, 1, EventType.CREATED.value, State.QUEUED.value, 0, 0, "", data))
    for job in jobs:
        mark_stored(job)


def _row(job: Job) -> tuple[Any, ...]:
    at = job.created_at
    return (
        job.pk, job.kind, job.queue, job.resource, job.priority, job.owner_id, job.parent_id, job.user_id,
        job.session_id, json.dumps(job.input), json.dumps(job.metadata), job.max_attempts, job.run_after,
        job.deadline_at, job.expires_at, job.idempotency_key, job.idempotency_digest, at, job.trace, job.turn,
        job.queue_position, State.QUEUED.value, at, at, at, "", "", "", 0, "", 0, 0, "", 1,
    )  # fmt: skip
