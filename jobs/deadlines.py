"""By when a job has ended, one way or other: every job has such a time, and whoever waits past it is told why.

It is the caller's own (`Cancel-After`, a batch's time limit), or so long after the job was due as its kind says, or
JOB_DEADLINE_DAYS. Waiting jobs are ended by the tick (`lifecycle.fail_past_deadline`), running ones by their worker.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache

from django.conf import settings
from django.db.models import Case, When
from django.db.models.functions import Now

from jobs import positions
from jobs.errors import JobError
from jobs.kinds import registry
from jobs.models import Job
from jobs.states import State


class DeadlineExceeded(JobError):
    """The job did not end in time. why: one sentence, what held it up."""

    code = "deadline_exceeded"

    def __init__(self, why: str) -> None:
        super().__init__(f"The job did not end before its deadline. {why} Run it again to give it a new one.")


#: What held a job up, by the code of `positions.Explanation.waiting_for`.
WHY = {
    "queue_paused": "Its queue was paused.",
    "no_worker": "No worker served its queue.",
    "unknown_kind": "No running worker knew its kind.",
    "rate_limit": "A rate limit held it back.",
    "resource": "What it needs was in use by other jobs.",
    "worker": "All workers were busy with other jobs.",
    "retry": "An attempt had failed, and the next one was still to come.",
    "schedule": "It was not due before.",
    "children": "Some of its parts had not ended.",
}
STILL_RUNNING = "It was still being worked on."


def of_kind(name: str) -> timedelta:
    """Return how long after it is due a job of this kind has ended, when nobody says otherwise."""
    kind = registry.find(name)
    return kind.deadline if kind is not None and kind.deadline is not None else settings.SIRA_DEADLINE


def deadline_of(
    kind: str, *, now: datetime, run_after: datetime | None = None, timeout: timedelta | None = None
) -> datetime:
    """Return the deadline of a new job; counted from when it is due. timeout: the caller's own."""
    due = max(now, run_after or now)
    return due + (timeout if timeout is not None else of_kind(kind))


def afresh() -> Case:
    """Return the deadline of a job that starts over, as an expression over its row."""
    own = [kind for kind in registry if kind.deadline is not None]
    return Case(
        *(When(kind=kind.name, then=Now() + kind.deadline) for kind in own), default=Now() + settings.SIRA_DEADLINE
    )


def reasons(overdue: Iterable[Job]) -> dict[uuid.UUID, str]:
    """Return for each waiting job what holds it up now, as a sentence. A few queries for each queue and kind."""
    head = cache(lambda queue, kind: positions.explain_head(queue, kind)[0])
    return {
        job.pk: WHY[head(job.queue, job.kind) if job.state == State.QUEUED else positions.why_pending(job)]
        for job in overdue
    }
