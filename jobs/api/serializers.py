"""What a job, an event, a queue and a kind look like in JSON, and what a request may say.

The same description of a job is sent over REST and as the snapshot of a live subscription.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count
from django.urls import reverse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.utils.encoders import JSONEncoder

from jobs.kinds import JobKind, registry
from jobs.models import HIGHEST_PRIORITY, LOWEST_PRIORITY, Job, JobEvent, JobFile
from jobs.positions import Explanation, explain_many
from jobs.states import FINISHED, State

#: A page of a list.
PAGE, LONGEST_PAGE = 50, 200
#: How far ahead a job may be submitted.
LONGEST_DELAY = timedelta(days=366)


# --- out ------------------------------------------------------------------------------------------------------


def describe(job: Job) -> dict[str, Any]:
    """Return one job as the API shows it; JSON-able with `to_json`."""
    return describe_many([job])[0]


def describe_many(jobs: Iterable[Job]) -> list[dict[str, Any]]:
    """Return jobs as the API shows them, with one set of queries for all."""
    jobs = list(jobs)
    as_of = database_now()
    standings = explain_many(jobs)
    files: dict[uuid.UUID, list[JobFile]] = defaultdict(list)
    for file in JobFile.objects.filter(job__in=[job.pk for job in jobs]):
        files[file.job_id].append(file)  # type: ignore[index]
    children = _count_children([job.pk for job in jobs])
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
        "eta": {"earliest": standing.eta[0], "latest": standing.eta[1]} if standing.eta else None,
    }


def describe_event(event: JobEvent) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "type": event.type,
        "state": event.state,
        "attempt": event.attempt,
        "progress": event.progress,
        "stage": event.stage,
        "data": event.data,
        "at": event.created_at,
    }


def describe_file(file: JobFile, job_id: uuid.UUID) -> dict[str, Any]:
    """Return one file as the API shows it; url is None for one that was refused, of which only the name is kept."""
    return {
        "id": str(file.pk),
        "role": file.role,
        "name": file.name,
        "size": file.size,
        "media_type": file.media_type,
        "url": reverse("api:job-file", args=[job_id, file.pk]) if file.file else None,
    }


def describe_kind(kind: JobKind) -> dict[str, Any]:
    return {
        "name": kind.name,
        "title": kind.title,
        "documentation": kind.documentation,
        "queue": kind.queue,
        "priority": kind.priority,
        "timeout_seconds": kind.timeout.total_seconds(),
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
    return {
        "self": reverse("api:job", args=[job.pk]),
        "result": reverse("api:job-result", args=[job.pk]),
        "events": reverse("api:job-events", args=[job.pk]),
        "cancel": reverse("api:job-cancel", args=[job.pk]),
        "retry": reverse("api:job-retry", args=[job.pk]),
    }


def _count_children(parents: list[uuid.UUID]) -> dict[uuid.UUID, dict[str, int]]:
    counts: dict[uuid.UUID, dict[str, int]] = {}
    rows = Job.objects.filter(parent_id__in=parents).values("parent_id", "state").order_by().annotate(jobs=Count("pk"))
    for row in rows:
        count = counts.setdefault(row["parent_id"], {"total": 0, "ended": 0, "succeeded": 0, "failed": 0})
        count["total"] += row["jobs"]
        if row["state"] in FINISHED:
            count["ended"] += row["jobs"]
            count["succeeded" if row["state"] == State.SUCCEEDED else "failed"] += row["jobs"]
    return counts


def database_now() -> datetime:
    """Return the database's time: that is what every timestamp of a job was taken from."""
    if connection.vendor != "postgresql":
        return timezone.now()  # SQLite has no clock but this machine's
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        return cursor.fetchone()[0]


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

    def validate_run_after(self, moment: datetime | None) -> datetime | None:
        if moment is not None and not timedelta(days=-1) < moment - timezone.now() < LONGEST_DELAY:
            raise serializers.ValidationError(
                "run_after must lie between now and a year from now.", code="out_of_range"
            )
        return moment


class CommaSeparated(serializers.CharField):
    """Several values in one parameter: `?state=queued,processing`."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return [part for part in super().run_validation(data).split(",") if part]


class JobFilter(serializers.Serializer):
    """The query of a list."""

    state = CommaSeparated(required=False)
    kind = CommaSeparated(required=False)
    queue = CommaSeparated(required=False)
    owner = serializers.ChoiceField(["me"], required=False, help_text="me: only own jobs, for staff as well")
    user_id = serializers.CharField(required=False, max_length=200)
    session_id = serializers.CharField(required=False, max_length=200)
    parent = serializers.UUIDField(required=False, help_text="children of this batch")  # type: ignore[assignment]
    created_after = serializers.DateTimeField(required=False)
    created_before = serializers.DateTimeField(required=False)
    cursor = serializers.UUIDField(required=False)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=LONGEST_PAGE, default=PAGE)

    def validate_state(self, states: list[str]) -> list[str]:
        if unknown := [state for state in states if state not in State.values]:
            raise serializers.ValidationError(
                f"Unknown state {unknown[0]!r}; there are {', '.join(State.values)}.", code="invalid_choice"
            )
        return states

    def find(self, jobs: Any, user: Any) -> Any:
        """Return the jobs that match, newest first."""
        given = self.validated_data
        if "owner" in given:
            jobs = jobs.filter(owner=user)
        for name in ("state", "kind", "queue"):
            if name in given:
                jobs = jobs.filter(**{f"{name}__in": given[name]})
        for name in ("user_id", "session_id", "parent"):
            if name in given:
                jobs = jobs.filter(**{name: given[name]})
        if "created_after" in given:
            jobs = jobs.filter(created_at__gt=given["created_after"])
        if "created_before" in given:
            jobs = jobs.filter(created_at__lt=given["created_before"])
        if "cursor" in given:
            jobs = jobs.filter(pk__lt=given["cursor"])
        return jobs.order_by("-id")


class EventQuery(serializers.Serializer):
    after = serializers.IntegerField(required=False, min_value=0, max_value=2**62, default=0)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=1000, default=500)
