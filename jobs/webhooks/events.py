"""From a step of a job to one delivery for each endpoint that wants to know: in the transaction of the step.

So nothing that happened goes untold, and nothing is told that was rolled back. The payload holds nothing that a person
wrote: whoever wants more asks the API, with a token.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db import connection

from jobs.kinds import registry
from jobs.models import EventType, Job
from jobs.webhooks.models import ENDINGS, NamedWebhook, WebhookDelivery, WebhookEndpoint, WebhookEvent

#: The steps that are told, and what they are called outside.
TOLD = {
    EventType.STARTED: WebhookEvent.PROCESSING,
    EventType.SUCCEEDED: WebhookEvent.SUCCEEDED,
    EventType.FAILED: WebhookEvent.FAILED,
    EventType.CANCELLED: WebhookEvent.CANCELLED,
}
#: Jobs asked for in one query: all of a large batch may end in one moment.
AT_ONCE = 500

DELIVER = "jobs.deliver_webhook"

Step = tuple[Job, EventType, dict[str, Any] | None]


def tell(steps: Iterable[Step]) -> int:
    """Make the deliveries for these steps, and the jobs that send them. Returns how many deliveries.

    Costs one query when somebody owns one of the jobs, none otherwise. Sendings belong to nobody, so one that has
    ended does not ask for another.
    """
    told = [(job, TOLD[type]) for job, type, _ in steps if type in TOLD and job.owner_id and job.kind != DELIVER]
    return sum(_tell(told[first : first + AT_ONCE]) for first in range(0, len(told), AT_ONCE))


def send(deliveries: Iterable[WebhookDelivery], *, replay: bool = False) -> None:
    """Queue one job for each delivery. It belongs to nobody: its owner would find it among their own."""
    from jobs.submission import Submission, submit_many  # which writes events, and so imports this

    more = {"replay": True} if replay else {}
    submit_many(Submission(DELIVER, {"delivery": str(delivery.pk), **more}) for delivery in deliveries)


def describe(job: Job) -> dict[str, Any]:
    """Return what is told of a job as it is now; its addresses are added when it is sent."""
    kind = registry.find(job.kind)
    return {
        "job_id": str(job.pk),
        "kind": job.kind,
        "state": str(job.state),
        "status": kind.word(job.state) if kind else str(job.state),
        "attempt": job.attempt,
        "parent": str(job.parent_id) if job.parent_id else None,
        "created_at": _iso(job.created_at),
        "finished_at": _iso(job.finished_at),
        "error_code": job.error_code or None,
    }


def _iso(moment: Any) -> str | None:
    return moment.isoformat() if moment is not None else None


def _tell(told: list[tuple[Job, WebhookEvent]]) -> int:
    of_owners, of_jobs = _listeners([job for job, _ in told])
    if not of_owners and not of_jobs:
        return 0
    endpoints = WebhookEndpoint.objects.in_bulk({*of_jobs.values(), *(pk for all in of_owners.values() for pk in all)})
    deliveries = [
        _delivery(job, event, endpoint)
        for job, event in told
        for pk in {*of_owners.get(job.owner_id, ()), of_jobs.get(job.pk)}
        if (endpoint := endpoints.get(pk)) and _wants(endpoint, job, event, named=pk == of_jobs.get(job.pk))
    ]
    WebhookDelivery.objects.bulk_create(deliveries)
    send(delivery for delivery in deliveries if delivery.state == WebhookDelivery.State.WAITING)
    return len(deliveries)


def _listeners(jobs: list[Job]) -> tuple[dict[int | None, set[uuid.UUID]], dict[uuid.UUID, uuid.UUID]]:
    """Return the endpoints that hear of all jobs, by owner, and those that were named, by job. One query.

    It is asked at the end of every job that somebody owns, so it is two ranges of an index and no ORM.
    """
    endpoint, named = (connection.ops.quote_name(model._meta.db_table) for model in (WebhookEndpoint, NamedWebhook))
    owners = list({job.owner_id for job in jobs})
    ids = [Job._meta.pk.get_db_prep_value(job.pk, connection) for job in jobs]
    sql = (
        f"SELECT id, owner_id, NULL FROM {endpoint} WHERE owner_id IN ({', '.join(['%s'] * len(owners))}) "
        "AND disabled_at IS NULL AND NOT named_only UNION ALL "
        f"SELECT endpoint_id, NULL, job_id FROM {named} WHERE job_id IN ({', '.join(['%s'] * len(ids))})"
    )
    of_owners: dict[int | None, set[uuid.UUID]] = defaultdict(set)
    of_jobs: dict[uuid.UUID, uuid.UUID] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql, [*owners, *ids])
        for pk, owner_id, job_id in cursor.fetchall():
            if job_id is None:
                of_owners[owner_id].add(_as_uuid(pk))
            else:
                of_jobs[_as_uuid(job_id)] = _as_uuid(pk)
    return of_owners, of_jobs


def _as_uuid(value: object) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(str(value))


def _delivery(job: Job, event: WebhookEvent, endpoint: WebhookEndpoint) -> WebhookDelivery:
    State = WebhookDelivery.State
    return WebhookDelivery(
        endpoint=endpoint,
        job_id=job.pk,
        event_seq=job.event_seq,
        type=event,
        data=describe(job),
        occurred_at=job.updated_at,
        # One that a job named, and that was disabled since: the log shows what it missed.
        state=State.WAITING if endpoint.disabled_at is None else State.DROPPED,
    )


def _wants(endpoint: WebhookEndpoint, job: Job, event: WebhookEvent, *, named: bool) -> bool:
    """Whether an endpoint asked for this. One that the job named hears how it ends, whatever its filters are."""
    if named and event in ENDINGS:
        return True
    return event in endpoint.event_types and (not endpoint.kinds or job.kind in endpoint.kinds)
