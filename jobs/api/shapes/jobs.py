"""A job, what happened to it, and what it made."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs.api.shapes.examples import CREATED, FILE, FINISHED, JOB, STARTED, WEBHOOK
from jobs.models import HIGHEST_PRIORITY, LOWEST_PRIORITY, EventType, JobFile
from jobs.states import State


class JobErrorShape(serializers.Serializer):
    """Why the job failed."""

    code = serializers.CharField(help_text="for programs: it does not change")
    message = serializers.CharField(help_text="for people")

    example = {"code": "unreadable", "message": "The file could not be read. Send another."}


class RangeShape(serializers.Serializer):
    """A time that is not known exactly."""

    earliest = serializers.DateTimeField()
    latest = serializers.DateTimeField()

    example = {"earliest": STARTED, "latest": FINISHED}


class ChildrenShape(serializers.Serializer):
    """The parts of a batch in numbers."""

    total = serializers.IntegerField()
    ended = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="and cancelled")

    example = {"total": 120, "ended": 118, "succeeded": 117, "failed": 1}


class FileShape(serializers.Serializer):
    """A file that was sent for the job, or that it made."""

    id = serializers.UUIDField()
    role = serializers.ChoiceField(choices=JobFile.Role.values)
    name = serializers.CharField()
    size = serializers.IntegerField(help_text="bytes")
    media_type = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True, help_text="when it is removed")
    url = serializers.CharField(
        allow_null=True, help_text="where it can be downloaded; null for a file that was refused and not kept"
    )

    example: dict[str, Any] = {
        "id": FILE,
        "role": "input",
        "name": "cv.pdf",
        "size": 48211,
        "media_type": "application/pdf",
        "expires_at": "2025-12-16T13:30:00.000000+03:00",
        "url": f"/api/v1/jobs/{JOB}/files/{FILE}/",
    }


class JobLinksShape(serializers.Serializer):
    """The job's addresses."""

    self = serializers.CharField()
    input = serializers.CharField()
    result = serializers.CharField()
    events = serializers.CharField()
    attempts = serializers.CharField()
    cancel = serializers.CharField()
    retry = serializers.CharField()

    example = {"self": f"/api/v1/jobs/{JOB}/"} | {
        name: f"/api/v1/jobs/{JOB}/{name}/" for name in ("input", "result", "events", "attempts", "cancel", "retry")
    }


class JobShape(serializers.Serializer):
    """A job as it stands."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    title = serializers.CharField(help_text="what the kind does, in a sentence")
    queue = serializers.CharField()
    state = serializers.ChoiceField(choices=State.values)
    status = serializers.CharField(help_text="what the kind's own API calls the state")
    priority = serializers.IntegerField(min_value=LOWEST_PRIORITY, max_value=HIGHEST_PRIORITY)
    user_id = serializers.CharField(help_text="the caller's own label")
    session_id = serializers.CharField(help_text="the caller's own label")
    parent = serializers.UUIDField(allow_null=True, help_text="the batch that it is a part of")  # type: ignore[assignment]
    progress = serializers.FloatField(min_value=0, max_value=100, help_text="percent")
    stage = serializers.CharField(help_text="what it is at; one of `stages`, or free words")
    stages = serializers.ListField(child=serializers.CharField(), help_text="what it goes through, in order")
    attempt = serializers.IntegerField()
    max_attempts = serializers.IntegerField()
    position = serializers.IntegerField(min_value=0, help_text="in its queue, 1 is next; 0: it does not wait in one")
    waiting_for = serializers.CharField(allow_null=True, help_text="worker, resource, rate_limit, retry, time …")
    waiting_sentence = serializers.CharField(help_text="the same for people; empty when it does not wait")
    waiting_until = serializers.DateTimeField(allow_null=True)
    eta = RangeShape(allow_null=True, help_text="when it should have ended, from measured durations")
    error = JobErrorShape(allow_null=True)
    cancel_requested = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    queued_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    run_after = serializers.DateTimeField(allow_null=True, help_text="it is not begun before")
    expires_at = serializers.DateTimeField(allow_null=True, help_text="when it is removed")
    deadline_at = serializers.DateTimeField(allow_null=True, help_text="it ends by then, finished or not")
    updated_at = serializers.DateTimeField()
    as_of = serializers.DateTimeField(help_text="when all this was so")
    seq = serializers.IntegerField(help_text="of its latest event: where to go on from")
    children = ChildrenShape(allow_null=True, help_text="of a batch")
    files = FileShape(many=True)
    metadata = serializers.DictField(help_text="the caller's own, and what the kind adds")
    links = JobLinksShape()

    example: dict[str, Any] = {
        "id": JOB,
        "kind": "parsers.parse_cv",
        "title": "Read a CV file and return its professional profile.",
        "queue": "default",
        "state": "processing",
        "status": "processing",
        "priority": 5,
        "user_id": "u7",
        "session_id": "s1",
        "parent": None,
        "progress": 40.0,
        "stage": "reading",
        "stages": ["reading", "parsing"],
        "attempt": 1,
        "max_attempts": 3,
        "position": 0,
        "waiting_for": None,
        "waiting_sentence": "",
        "waiting_until": None,
        "eta": RangeShape.example,
        "error": None,
        "cancel_requested": False,
        "created_at": CREATED,
        "queued_at": CREATED,
        "started_at": STARTED,
        "finished_at": None,
        "run_after": None,
        "expires_at": None,
        "deadline_at": "2025-11-16T14:30:00.000000+03:00",
        "updated_at": STARTED,
        "as_of": "2025-11-16T13:30:01.020000+03:00",
        "seq": 3,
        "children": None,
        "files": [FileShape.example],
        "metadata": {},
        "links": JobLinksShape.example,
    }


class NamedWebhookLinksShape(serializers.Serializer):
    """Where the webhook is."""

    self = serializers.CharField()

    example = {"self": f"/api/v1/webhooks/{WEBHOOK}/"}


class NamedWebhookShape(serializers.Serializer):
    """The webhook that a submission named."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    secret = serializers.CharField(required=False, help_text="only if this submission made the webhook; told once")
    links = NamedWebhookLinksShape()

    example = {
        "id": WEBHOOK,
        "url": "https://hooks.example.com/sira",
        "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",  # nosec B105 # an example
        "links": NamedWebhookLinksShape.example,
    }


class SubmittedJobShape(JobShape):
    """The new job; or, for an Idempotency-Key that was used before, the job of then."""

    webhook = NamedWebhookShape(required=False, help_text="when the submission named one")

    example = JobShape.example | {
        "state": "queued",
        "status": "processing",
        "progress": 0.0,
        "stage": "",
        "attempt": 0,
        "position": 1,
        "waiting_for": "worker",
        "waiting_sentence": "Next in line.",
        "started_at": None,
        "updated_at": CREATED,
        "as_of": CREATED,
        "seq": 1,
    }


class JobListShape(serializers.Serializer):
    """One page of jobs, newest first."""

    results = JobShape(many=True)
    next = serializers.CharField(allow_null=True, help_text="the address of the next page; null on the last one")

    example = {"results": [JobShape.example], "next": None}


class EventShape(serializers.Serializer):
    """One thing that happened to a job."""

    seq = serializers.IntegerField(min_value=1, help_text="counts the events of its job, without gaps")
    type = serializers.ChoiceField(choices=EventType.values)
    state = serializers.ChoiceField(choices=State.values, help_text="the state afterwards")
    status = serializers.CharField(help_text="what the kind's own API calls that state")
    queue_position = serializers.IntegerField(
        allow_null=True,
        help_text="at that moment; 0 when it was not in a queue, null when it was not counted: too many were before it",
    )
    attempt = serializers.IntegerField()
    progress = serializers.FloatField()
    stage = serializers.CharField()
    data = serializers.DictField(help_text="more, depending on the type")  # type: ignore[assignment]
    at = serializers.DateTimeField()

    example = {
        "seq": 2,
        "type": "started",
        "state": "processing",
        "status": "processing",
        "queue_position": 0,
        "attempt": 1,
        "progress": 0.0,
        "stage": "",
        "data": {"waited_seconds": 0.2},
        "at": STARTED,
    }


class EventListShape(serializers.Serializer):
    """The events after a cursor, oldest first."""

    events = EventShape(many=True)
    next_after = serializers.IntegerField(help_text="the cursor for the next request")
    job_state = serializers.ChoiceField(choices=State.values)

    example = {"events": [EventShape.example], "next_after": 2, "job_state": "processing"}
