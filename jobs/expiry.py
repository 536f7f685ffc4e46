"""How long a job is kept, by its kind and by how it ended.

`expires_at` counts from when the job was due. Where a failed or cancelled one is kept for another time than one that
succeeded, it counts from the end, and is set in the transaction of the end: what is shown afterwards is true.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Case, DateTimeField, ExpressionWrapper, F, OuterRef, Q, Subquery, When
from django.db.models.functions import Greatest, Now

from jobs.kinds import JobKind, registry
from jobs.models import Job, JobFile
from jobs.states import State


def retention_of(kind: JobKind, state: str = State.SUCCEEDED) -> timedelta:
    """Return how long a job of this kind is kept that ended so: what the kind says, else the settings."""
    if isinstance(kind.retention, timedelta):
        return kind.retention
    if kind.retention is not None and state in kind.retention:
        return kind.retention[state]
    return {
        State.FAILED: settings.SIRA_RETENTION_FAILED,
        State.CANCELLED: settings.SIRA_RETENTION_CANCELLED,
    }.get(State(state), settings.SIRA_RETENTION)


def afresh() -> Any:
    """Return until when a job is kept that starts over, as an expression: never for less than was shown before."""
    own = [
        When(kind=kind.name, then=_from_now(retention_of(kind)))
        for kind in registry
        if retention_of(kind) != settings.SIRA_RETENTION
    ]
    return Greatest(F("expires_at"), Case(*own, default=_from_now(settings.SIRA_RETENTION)))


def settle(ended: Iterable[Job]) -> None:
    """Set until when these jobs are kept, with their files, now that it is known how they ended.

    Parts of a batch are kept as long as the batch, and go with it.
    """
    alike: dict[timedelta, list[Job]] = defaultdict(list)
    for job in ended:
        kind = registry.find(job.kind)
        if kind is None or job.parent_id is not None or job.state not in (State.FAILED, State.CANCELLED):
            continue
        kept = retention_of(kind, job.state)
        if kept != retention_of(kind):
            alike[kept].append(job)
    for kept, jobs in alike.items():
        ids = [job.pk for job in jobs]
        Job.objects.filter(Q(pk__in=ids) | Q(parent__in=ids)).update(expires_at=_from_now(kept))
        shown = Job.objects.filter(pk=OuterRef("job_id")).values("expires_at")
        JobFile.objects.filter(Q(job__in=ids) | Q(job__parent__in=ids)).update(expires_at=Subquery(shown))


def _from_now(kept: timedelta) -> Any:
    return ExpressionWrapper(Now() + kept, output_field=DateTimeField())
