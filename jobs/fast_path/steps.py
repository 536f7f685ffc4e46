"""One step of a job and its event in one statement, and the step that running jobs take most often."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from jobs.fast_path.prepared import JOB_COLUMNS, job_from, run
from jobs.live.events import EVENT_CHANNEL, SOMEBODY_LISTENS
from jobs.models import EventType, Job
from jobs.states import State


def with_events(steps: Sequence[str], events: Sequence[str], answer: str) -> bytes:
    """Return the statement that takes steps (CTEs), writes their events and tells those who watch."""
    return f"""WITH {", ".join(steps)}, steps(job_id, seq, type, state, attempt, progress, stage, data, created_at,
  owner_id, parent_id) AS MATERIALIZED ({" UNION ALL ".join(events)}
), written AS (
  INSERT INTO jobs_jobevent (job_id, seq, type, state, attempt, progress, stage, data, created_at)
  SELECT job_id, seq, type, state, attempt, progress, stage, data, created_at FROM steps
), told AS MATERIALIZED (
  SELECT pg_notify('{EVENT_CHANNEL}', concat_ws(' ', job_id, seq, COALESCE(owner_id::text, ''),
    COALESCE(parent_id::text, ''))) FROM steps WHERE {SOMEBODY_LISTENS}
) SELECT (SELECT count(*) FROM told), {answer}""".encode()


_PROGRESS = with_events(
    [
        f"""moved AS (
  UPDATE jobs_job SET updated_at = statement_timestamp(), lease_expires_at = statement_timestamp() + $3::interval,
    event_seq = event_seq + 1, progress = GREATEST(progress, $4::float8), stage = COALESCE($5::text, stage)
  WHERE id = $1 AND state = '{State.PROCESSING}' AND fence = $2
  RETURNING {JOB_COLUMNS}
)"""
    ],
    [
        f"""SELECT id, event_seq, '{EventType.PROGRESS}', state, attempt, progress, stage, $6::jsonb,
    statement_timestamp(), owner_id, parent_id FROM moved"""
    ],
    f"{JOB_COLUMNS} FROM moved",
)


def progress(job: Job, percent: float | None, stage: str, data: dict[str, Any] | None, lease: timedelta) -> Job | None:
    """Write how far a running attempt is, and renew its lease. None: it does not hold the job any more.

    percent: 0-100, or None to leave it; stage: "" to leave it.
    """
    rows = run(_PROGRESS, (job.pk, job.fence, lease, percent, stage or None, json.dumps(data or {})))
    return job_from(rows[0][1:]) if rows else None
