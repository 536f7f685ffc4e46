"""The event log: one JobEvent for each step, in the transaction that takes the step."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db import connection

from jobs import expiry
from jobs.kinds import registry
from jobs.models import EventType, Job, JobEvent
from jobs.webhooks import events as webhooks

#: PostgreSQL channels. A notification is only ever a hint to look; a poll stands behind each.
DUE_CHANNEL = "sira_due"
EVENT_CHANNEL = "sira_event"
#: A listener says that it is there every SIGN_SECONDS; one that has been silent for so long is gone.
SIGN_SECONDS, GONE_SECONDS = 10, 30
#: Whether anybody would hear of an event, in SQL. A transaction that notifies commits alone, so most must not.
SOMEBODY_LISTENS = (
    "EXISTS (SELECT FROM jobs_listener AS listener "
    f"WHERE listener.heard_at > statement_timestamp() - interval '{GONE_SECONDS} seconds')"
)


def record(job: Job, type: EventType, data: dict[str, Any] | None = None) -> None:
    """Append the event whose number the job's UPDATE has just reserved (`event_seq = event_seq + 1`).

    The row lock that the UPDATE took makes the numbers gapless: a reader that has seen n can ask for those after n.
    """
    record_many([(job, type, data)])


def record_many(steps: list[tuple[Job, EventType, dict[str, Any] | None]]) -> None:
    """Append one event for each of these jobs, settle their expiry, let their kinds mirror them, have webhooks told."""
    JobEvent.objects.bulk_create(
        JobEvent(
            job_id=job.pk,
            seq=job.event_seq,
            type=type,
            state=job.state,
            attempt=job.attempt,
            progress=job.progress,
            stage=job.stage,
            data=data or {},
        )
        for job, type, data in steps
    )
    expiry.settle(job for job, type, _ in steps if type in (EventType.FAILED, EventType.CANCELLED))
    _mirror([job for job, _, _ in steps])
    webhooks.tell(steps)
    _notify([(EVENT_CHANNEL, _payload(job)) for job, _, _ in steps])


def has_mirror(job: Job) -> bool:
    """Whether rows of an app are to be kept level with this job's at each event."""
    kind = registry.find(job.kind)
    return kind is not None and kind.mirror is not None


def _mirror(jobs: list[Job]) -> None:
    by_kind: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        by_kind[job.kind].append(job)
    for name, changed in by_kind.items():
        kind = registry.find(name)
        if kind is not None and kind.mirror is not None:
            kind.mirror(changed)


def _payload(job: Job) -> str:
    """Return what the tailer needs to know whether anybody watches: job, number, owner and parent, with spaces."""
    return f"{job.pk} {job.event_seq} {job.owner_id or ''} {job.parent_id or ''}"


def announce_created(jobs: list[Job]) -> None:
    """Tell those who watch of new jobs whose events are written already."""
    # One of a batch or of an owner may be watched before it is there. Of the others one stands for all: it says that
    # the queue has changed.
    watched = [job for job in jobs if job.owner_id or job.parent_id]
    _notify([(EVENT_CHANNEL, _payload(job)) for job in watched or jobs[:1]])


def announce_due(queue: str) -> None:
    """Wake the brokers: a job of this queue may be claimed once the current transaction commits."""
    _notify([(DUE_CHANNEL, queue)])


def _notify(messages: list[tuple[str, str]]) -> None:
    if connection.vendor != "postgresql" or not messages:
        return
    with connection.cursor() as cursor:
        # Delivered at commit; a rollback takes it back. Equal messages of one transaction collapse into one.
        cursor.execute(
            "SELECT pg_notify(channel, payload) FROM unnest(%s::text[], %s::text[]) AS message(channel, payload) "
            f"WHERE channel <> '{EVENT_CHANNEL}' OR {SOMEBODY_LISTENS}",
            [[channel for channel, _ in messages], [payload for _, payload in messages]],
        )
