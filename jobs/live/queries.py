"""What the tailer asks the database, in a thread (`database.read`). Plain values in and out."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Max, Min, Q

from jobs.api.serializers import describe_event, describe_standing, to_json
from jobs.models import Job, JobEvent
from jobs.positions import explain_many

#: Rows of one read. A subscriber that is further behind than this catches up by itself.
BATCH = 500

#: What makes two standings the same: an ETA alone moves with every second.
Standing = tuple[int, str, str, datetime | None, bool]


@dataclass(frozen=True)
class Seen:
    """One event as it was read; text: its JSON."""

    id: int
    job_id: uuid.UUID
    seq: int
    type: str
    state: str
    owner_id: int | None
    parent_id: uuid.UUID | None
    queue: str
    text: str
    created_at: datetime


def highest_event() -> int:
    return JobEvent.objects.aggregate(highest=Max("id"))["highest"] or 0


def events_after_id(last: int) -> list[Seen]:
    events = JobEvent.objects.annotate(
        owner_id=F("job__owner_id"), parent_id=F("job__parent_id"), queue=F("job__queue"), kind=F("job__kind")
    )
    return [_seen(event) for event in events.filter(id__gt=last).order_by("id")[:BATCH]]


def events_in_ranges(ranges: list[tuple[uuid.UUID, int, int]]) -> list[Seen]:
    """Return the events of jobs, each given as (job, after, last), in order. PostgreSQL only.

    Hundreds of ranges as OR are slow to build and to plan; joined with a list of them each is one look into the index.
    """
    jobs, afters, lasts = zip(*ranges, strict=True)
    return [_seen(event) for event in JobEvent.objects.raw(_IN_RANGES, [list(jobs), list(afters), list(lasts)])]


_IN_RANGES = f"""
    SELECT event.*, job.owner_id, job.parent_id, job.queue, job.kind
    FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS wanted(job_id, after, last)
    JOIN {JobEvent._meta.db_table} AS event
        ON event.job_id = wanted.job_id AND event.seq > wanted.after AND event.seq <= wanted.last
    JOIN {Job._meta.db_table} AS job ON job.id = event.job_id
    ORDER BY event.job_id, event.seq
"""


def _seen(event: Any) -> Seen:
    return Seen(
        id=event.pk,
        job_id=event.job_id,
        seq=event.seq,
        type=event.type,
        state=event.state,
        owner_id=event.owner_id,
        parent_id=event.parent_id,
        queue=event.queue,
        text=to_json(describe_event(event, event.kind)),
        created_at=event.created_at,
    )


def owned_after_ids(since: int, owners: dict[int, int]) -> dict[int, dict[uuid.UUID, tuple[int, int]]]:
    """Return for each owner {job: first and last number} of their events after the row `since` and after their own."""
    of_owner = Q()
    for owner_id, after in owners.items():
        of_owner |= Q(job__owner_id=owner_id, id__gt=after)
    rows = JobEvent.objects.filter(of_owner, id__gt=since).order_by().values("job_id", "job__owner_id")
    found: dict[int, dict[uuid.UUID, tuple[int, int]]] = {owner_id: {} for owner_id in owners}
    for row in rows.annotate(first=Min("seq"), last=Max("seq")):
        found[row["job__owner_id"]][row["job_id"]] = (row["first"], row["last"])
    return found


def numbers_of_batch(parent_id: uuid.UUID) -> dict[uuid.UUID, int]:
    """Return the number of the last event of a batch's parent and of each child."""
    members = Job.objects.filter(Q(pk=parent_id) | Q(parent_id=parent_id)).order_by()
    return dict(members.values_list("pk", "event_seq"))


def look_at(jobs: list[uuid.UUID]) -> tuple[dict[uuid.UUID, tuple[int, str, str]], int]:
    """Return (number, state, queue) of each of these jobs that is there, and the highest id of all events."""
    rows: dict[uuid.UUID, tuple[int, str, str]] = {}
    for start in range(0, len(jobs), BATCH):
        found = Job.objects.filter(pk__in=jobs[start : start + BATCH])
        rows |= {pk: rest for pk, *rest in found.values_list("pk", "event_seq", "state", "queue")}  # type: ignore[misc]
    return rows, highest_event()


def queues_of(jobs: Iterable[uuid.UUID]) -> set[str]:
    return set(Job.objects.filter(pk__in=jobs).order_by().values_list("queue", flat=True).distinct())


def standings(wanted: list[uuid.UUID]) -> list[tuple[uuid.UUID, str, Standing, dict[str, Any]]]:
    """Return where these jobs stand: (job, state, what makes the standing another one, its description)."""
    found = []
    for start in range(0, len(wanted), BATCH):
        rows = Job.objects.filter(pk__in=wanted[start : start + BATCH])
        jobs = {job.pk: job for job in rows.defer("input", "result", "metadata", "error_traceback")}
        for pk, standing in explain_many(jobs.values()).items():
            has_eta = standing.eta is not None  # that there is one now is news
            key = (standing.position, standing.waiting_for, standing.sentence, standing.until, has_eta)
            found.append((pk, jobs[pk].state, key, describe_standing(standing)))
    return found
