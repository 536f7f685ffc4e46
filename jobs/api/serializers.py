"""What a job, an event, a queue and a kind look like in JSON, and what a request may say.

The same description of a job is sent over REST and as the snapshot of a live subscription.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db.models import Count
from django.urls import get_script_prefix, reverse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.utils.encoders import JSONEncoder

from jobs import deadlines
from jobs.api.openapi.kinds import examples_as_json
from jobs.attempts import Attempt
from jobs.clock import database_now
from jobs.compiled import Compiled
from jobs.kinds import JobKind, registry
from jobs.models import HIGHEST_PRIORITY, LOWEST_PRIORITY, Job, JobEvent, JobFile
from jobs.positions import Explanation, Holder, Resource, explain_many
from jobs.queues import Queue
from jobs.roles import may
from jobs.search import JobFilter
from jobs.states import FINISHED, State
from jobs.webhooks.addresses import UrlRefused, check_url
from jobs.webhooks.endpoints import Named
from jobs.webhooks.models import LONGEST_URL

#: A page of a list.
PAGE, LONGEST_PAGE = 50, 200
#: How far ahead a job may be submitted.
LONGEST_DELAY = timedelta(days=366)


# --- out ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What was seen of a job when its row was read. as_of: the database's time of that moment."""

    as_of: datetime
    has_files: bool = True
    has_children: bool = True


def describe(job: Job, seen: Seen | None = None, *, place: int = 0) -> dict[str, Any]:
    """Return one job as the API shows it; JSON-able with `to_json`.

    seen: of this very row; what is not there is not asked for. place: in its queue, if that was counted just now.
    """
    seen = seen or Seen(database_now())
    standing = explain_many([job], {job.pk: place} if place else None)[job.pk]
    files = _FILES.all(job=job.pk) if seen.has_files else []
    counts = _add_up(_CHILDREN.rows(parent=job.pk)).get(job.pk) if seen.has_children else None
    return _describe(job, standing, files, counts, seen.as_of)


_FILES = Compiled(lambda job: JobFile.objects.filter(job=job), job=(JobFile._meta.pk, uuid.UUID(int=1)))
_CHILDREN = Compiled(
    lambda parent: _children_by_state(Job.objects.filter(parent=parent)), parent=(Job._meta.pk, uuid.UUID(int=1))
)


def describe_many(jobs: Iterable[Job]) -> list[dict[str, Any]]:
    """Return jobs as the API shows them, with one set of queries for all."""
    jobs = list(jobs)
    as_of = database_now()
    standings = explain_many(jobs)
    files: dict[uuid.UUID, list[JobFile]] = defaultdict(list)
    for file in JobFile.objects.filter(job__in=[job.pk for job in jobs]):
        files[file.job_id].append(file)  # type: ignore[index]
    children = _add_up(_children_by_state(Job.objects.filter(parent_id__in=[job.pk for job in jobs])))
    return [_describe(job, standings[job.pk], files[job.pk], children.get(job.pk), as_of) for job in jobs]


def _describe(
    job: Job, standing: Explanation, files: list[JobFile], children: dict[str, int] | None, as_of: datetime
) -> dict[str, Any]:
    kind = registry.find(job.kind)
    return {
        "id": str(job.pk),
        "kind": job.kind,
        "title": kind.title if kind else job.kind,
        "queue": job.queue,
        "state": str(job.state),
        "status": kind.word(job.state) if kind else str(job.state),
        "priority": job.priority,
        "user_id": job.user_id,
        "session_id": job.session_id,
        "parent": str(job.parent_id) if job.parent_id else None,
        "progress": job.progress,
        "stage": job.stage,
        "stages": list(kind.stages) if kind else [],
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        **describe_standing(standing),
        "error": {"code": job.error_code, "message": job.error_message} if job.error_code else None,
        "cancel_requested": job.cancel_requested_at is not None,
        "created_at": job.created_at,
        "queued_at": job.queued_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "run_after": job.run_after,
        "deadline_at": job.deadline_at,
        "expires_at": job.expires_at,
        "updated_at": job.updated_at,
        "as_of": as_of,
        "seq": job.event_seq,
        "children": children,
        "files": [describe_file(file, job.pk) for file in files],
        "metadata": job.metadata,
        "links": links(job),
    }


def describe_standing(standing: Explanation) -> dict[str, Any]:
    """Return where a job stands: the part of its description that changes without an event."""
    return {
        "position": standing.position,
        "waiting_for": standing.waiting_for or None,
        "waiting_sentence": standing.sentence,
        "waiting_until": standing.until,
        "eta": _range(standing.eta),
    }


def describe_event(event: JobEvent, kind: str) -> dict[str, Any]:
    """Return one event as the API shows it. kind: of its job; status: what that kind's API calls the state.

    The worker is left out: one event goes to everybody who watches, and a worker's name tells of a host.
    """
    known = registry.find(kind)
    return {
        "seq": event.seq,
        "type": event.type,
        "state": event.state,
        "status": known.word(event.state) if known else event.state,
        "queue_position": event.data.get("position") if event.state == State.QUEUED else 0,
        "attempt": event.attempt,
        "progress": event.progress,
        "stage": event.stage,
        "data": {name: value for name, value in event.data.items() if name != "worker"},
        "at": event.created_at,
    }


def describe_attempt(attempt: Attempt, user: Any) -> dict[str, Any]:
    """Return one attempt as the API shows it; its worker to staff, its traceback to administrators."""
    return {
        "seq": attempt.seq,
        "attempt": attempt.number,
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
        "ending": attempt.ending or None,
        "error": {"code": attempt.error_code, "message": attempt.error_message} if attempt.error_code else None,
        "worker": attempt.worker if user.is_staff else None,
        "traceback": (attempt.traceback or None) if may(user, "jobs.view_traceback") else None,
    }


def describe_file(file: JobFile, job_id: uuid.UUID) -> dict[str, Any]:
    """Return one file as the API shows it; url is None for one that was refused, of which only the name is kept."""
    return {
        "id": str(file.pk),
        "role": file.role,
        "name": file.name,
        "size": file.size,
        "media_type": file.media_type,
        "expires_at": file.expires_at,
        "url": reverse("api:job-file", args=[job_id, file.pk]) if file.file else None,
    }


def describe_queue(queue: Queue, now: datetime) -> dict[str, Any]:
    """Return a queue in numbers; nobody's jobs."""
    return {
        "name": queue.name,
        "depth": {"pending": queue.later, "processing": queue.running, "queued": queue.waiting},
        "mode": queue.mode,
        "mode_since": queue.control.since,
        "mode_by": queue.control.by,
        "mode_reason": queue.control.reason,
        "accepts_jobs": not queue.draining,
        "paused": queue.paused,
        "paused_reason": queue.control.reason if queue.paused else "",
        "workers": queue.workers,
        "oldest_due_at": queue.oldest,
        "oldest_due_seconds": max(0, int((now - queue.oldest).total_seconds())) if queue.oldest else 0,
    }


def describe_resource(resource: Resource, user: Any) -> dict[str, Any]:
    """Return a resource and its holders; which job that is, of whom and where, only to its owner and staff."""
    return {
        "name": resource.name,
        "capacity": resource.capacity,
        "waiting": resource.waiting,
        "holders": [_describe_holder(holder, user) for holder in resource.holders],
    }


def _describe_holder(holder: Holder, user: Any) -> dict[str, Any]:
    mine = holder.job.owner_id is not None and holder.job.owner_id == user.pk
    named = mine or user.is_staff
    owner = holder.job.owner.get_username() if holder.job.owner is not None else None
    return {
        "since": holder.since,
        "expected_end": _range(holder.expected_end),
        "held_long": holder.held_long,
        "mine": mine,
        "job": str(holder.job.pk) if named else None,
        "owner": owner if named else None,
        "worker": holder.job.worker if user.is_staff else None,
    }


def describe_named(named: Named) -> dict[str, Any]:
    """Return the webhook that a submission named; with its secret only if the submission made it."""
    return {
        "id": str(named.endpoint.pk),
        "url": named.endpoint.url,
        **({"secret": named.secret} if named.secret else {}),
        "links": {"self": reverse("api:webhook", args=[named.endpoint.pk])},
    }


def _range(eta: tuple[datetime, datetime] | None) -> dict[str, datetime] | None:
    return {"earliest": eta[0], "latest": eta[1]} if eta else None


def describe_kind(kind: JobKind) -> dict[str, Any]:
    return {
        "name": kind.name,
        "title": kind.title,
        "documentation": kind.documentation,
        "queue": kind.queue,
        "priority": kind.priority,
        "timeout_seconds": kind.timeout.total_seconds(),
        "deadline_seconds": deadlines.of_kind(kind.name).total_seconds(),
        "max_attempts": kind.backoff.max_attempts,
        "stages": list(kind.stages),
        "input": [_describe_field(name, field) for name, field in kind.input().fields.items() if not field.read_only],
    }


def _describe_field(name: str, field: Any) -> dict[str, Any]:
    # A field of ours is described as what it is a case of.
    known = next(base for base in type(field).__mro__ if base.__module__.startswith("rest_framework."))
    kind = known.__name__.removesuffix("Field").lower()
    description: dict[str, Any] = {
        "name": name,
        "type": kind,
        "required": field.required,
        "help": str(field.help_text or ""),
    }
    if field.default is not serializers.empty and not callable(field.default):
        description["default"] = field.default
    if isinstance(field, serializers.ChoiceField):
        description["choices"] = list(field.choices)
    for limit in ("min_value", "max_value", "min_length", "max_length"):
        if getattr(field, limit, None) is not None:
            description[limit] = getattr(field, limit)
    return description


def links(job: Job) -> dict[str, str]:
    id = str(job.pk)
    return {name: address.replace(_ANY_ID, id) for name, address in _addresses(get_script_prefix()).items()}


_ANY_ID = str(uuid.UUID(int=0))


@lru_cache(maxsize=8)
def _addresses(prefix: str) -> dict[str, str]:
    """Return the addresses of a job whose id is _ANY_ID. prefix: below which we are served; `reverse` puts it in."""
    return {
        "self": reverse("api:job", args=[_ANY_ID]),
        **{
            name: reverse(f"api:job-{name}", args=[_ANY_ID])
            for name in ("input", "result", "events", "attempts", "cancel", "retry")
        },
    }


def _children_by_state(children: Any) -> Any:
    return children.order_by().values_list("parent_id", "state").annotate(jobs=Count("pk"))


def _add_up(rows: Iterable[tuple[uuid.UUID, str, int]]) -> dict[uuid.UUID, dict[str, int]]:
    counts: dict[uuid.UUID, dict[str, int]] = {}
    for parent, state, jobs in rows:
        count = counts.setdefault(parent, {"total": 0, "ended": 0, "succeeded": 0, "failed": 0})
        count["total"] += jobs
        if state in FINISHED:
            count["ended"] += jobs
            count["succeeded" if state == State.SUCCEEDED else "failed"] += jobs
    return counts


def utc(moment: datetime) -> str:
    """Return a time as the seeds write it: 2025-11-16T10:30:00.000Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_json(value: Any) -> str:
    """Return compact JSON, the same as the REST API's."""
    return json.dumps(value, cls=JSONEncoder, ensure_ascii=False, separators=(",", ":"))


# --- in -------------------------------------------------------------------------------------------------------


class Label(serializers.CharField):
    """A caller's own label."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=200, required=False, allow_blank=True, default="", **options)


class WebhookUrl(serializers.CharField):
    """An address that webhooks may be sent to."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=LONGEST_URL, **options)

    def to_internal_value(self, data: Any) -> str:
        try:
            return check_url(super().to_internal_value(data))
        except UrlRefused as refused:
            raise serializers.ValidationError(refused.message, code=refused.code) from None


class SubmissionInput(serializers.Serializer):
    """The envelope of a new job; `input` is checked by its kind's own serializer."""

    kind = serializers.CharField(max_length=100)
    input = serializers.DictField(required=False, default=dict)
    priority = serializers.IntegerField(
        min_value=LOWEST_PRIORITY, max_value=HIGHEST_PRIORITY, required=False, allow_null=True, default=None
    )
    user_id = Label()
    session_id = Label()
    run_after = serializers.DateTimeField(required=False, allow_null=True, default=None)
    metadata = serializers.DictField(required=False, default=dict)
    webhook_url = WebhookUrl(required=False, allow_blank=True, default="")

    refuses_unknown = always_sent = True
    examples = staticmethod(examples_as_json)

    def validate_run_after(self, moment: datetime | None) -> datetime | None:
        if moment is not None and not timedelta(days=-1) < moment - timezone.now() < LONGEST_DELAY:
            raise serializers.ValidationError(
                "run_after must lie between now and a year from now.", code="out_of_range"
            )
        return moment


class JobPage(JobFilter):
    """The query of a list: which jobs, and which page of them."""

    cursor = serializers.UUIDField(required=False, help_text="from `next` of the page before")
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=LONGEST_PAGE, default=PAGE, help_text="of one page"
    )


class EventQuery(serializers.Serializer):
    after = serializers.IntegerField(
        required=False, min_value=0, max_value=2**62, default=0, help_text="the `seq` of the last event that is known"
    )
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=1000, default=500, help_text="of one answer; a stream has none"
    )
