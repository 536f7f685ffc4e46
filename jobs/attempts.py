"""The attempts at a job, read from its events: when each began, how it ended, and what went wrong."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from jobs.models import EventType, Job
from jobs.states import State

logger = logging.getLogger("sira.attempts")

#: What an attempt ends with. REQUEUED: it was still being stopped when a person ran the job again.
ENDINGS = frozenset(
    {
        EventType.SUCCEEDED,
        EventType.FAILED,
        EventType.RETRY_SCHEDULED,
        EventType.SNOOZED,
        EventType.RELEASED,
        EventType.RESCUED,
        EventType.CANCELLED,
        EventType.REQUEUED,
    }
)
#: A job that a rate limit puts off again and again has thousands of them; nobody reads the older ones.
MOST = 200


@dataclass(frozen=True)
class Attempt:
    """One run of a job by one worker.

    seq: of the event that started it, which tells attempts apart: one that is given back lends its number to the next.
    ending: the type of the event that ended it, "" while it runs. traceback: of the last attempt only, and for staff;
    the row keeps one. So is worker: it names a host.
    """

    seq: int
    number: int
    started_at: datetime
    worker: str
    ended_at: datetime | None = None
    ending: str = ""
    error_code: str = ""
    error_message: str = ""
    traceback: str = ""


def attempts_of(job: Job, most: int = MOST) -> list[Attempt]:
    """Return the latest attempts at a job, newest first."""
    marks = job.events.filter(type__in=[EventType.STARTED, *ENDINGS]).order_by("-seq")
    attempts: list[Attempt] = []
    for event in reversed(marks[: 2 * most]):  # at most two of these events belong to one attempt
        if event.type == EventType.STARTED:
            worker = event.data.get("worker", "")
            attempts.append(Attempt(event.seq, event.attempt, event.created_at, worker))
        elif attempts and not attempts[-1].ending:
            attempts[-1] = replace(
                attempts[-1],
                ended_at=event.created_at,
                ending=event.type,
                error_code=event.data.get("code", ""),
                error_message=event.data.get("message", ""),
            )
    if attempts and attempts[-1].ending == EventType.FAILED and job.state == State.FAILED:
        attempts[-1] = replace(attempts[-1], traceback=job.error_traceback)
    return attempts[::-1]


#: Besides the types of events: what an attempt's end is called that left none.
SUPERSEDED, UNRECORDED = str(EventType.SUPERSEDED), "unrecorded"


def outcome_of(job: Job | None) -> str:
    """Return the type of the event that ended an attempt. job: as that left it; None when nobody knows."""
    if job is None:
        return UNRECORDED
    if job.state == State.PENDING:
        return str(EventType.RETRY_SCHEDULED if job.error_code else EventType.SNOOZED)
    return str(EventType.RELEASED) if job.state == State.QUEUED else job.state


def log_end(outcome: str, seconds: float) -> None:
    """Log the end of the attempt that the log's fields tell of."""
    logger.info("attempt ended: %s", outcome, extra={"outcome": outcome, "seconds": round(seconds, 3)})
