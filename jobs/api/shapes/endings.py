"""What a job was given, what became of it, and what an operation on it may be refused for."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs.api.openapi import Fault
from jobs.api.openapi.common import JobFaultShape
from jobs.api.shapes.examples import FINISHED, JOB, STARTED
from jobs.api.shapes.jobs import FileShape, JobErrorShape, JobLinksShape
from jobs.running import NOT_KEPT
from jobs.states import State


class AttemptShape(serializers.Serializer):
    """One attempt at a job."""

    seq = serializers.IntegerField(help_text="of the event that began it")
    attempt = serializers.IntegerField()
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    ending = serializers.CharField(allow_null=True, help_text="the type of the event that ended it")
    error = JobErrorShape(allow_null=True)
    worker = serializers.CharField(allow_null=True, help_text="for staff")
    traceback = serializers.CharField(allow_null=True, help_text="for staff, of the last attempt")

    example: dict[str, Any] = {
        "seq": 2,
        "attempt": 1,
        "started_at": STARTED,
        "ended_at": FINISHED,
        "ending": "succeeded",
        "error": None,
        "worker": None,
        "traceback": None,
    }


class AttemptListShape(serializers.Serializer):
    """The latest attempts, newest first."""

    results = AttemptShape(many=True)

    example = {"results": [AttemptShape.example]}


class JobInputShape(serializers.Serializer):
    """What the job was given."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    input = serializers.DictField(help_text="as the kind takes it; a file is the id of one of the job's files")
    links = JobLinksShape()

    example = {
        "id": JOB,
        "kind": "parsers.parse_cv",
        "input": {"file": FileShape.example["id"], "parse_mode": "advanced"},
        "links": JobLinksShape.example,
    }


class ResultShape(serializers.Serializer):
    """What the job has made."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(choices=[str(State.SUCCEEDED)])
    finished_at = serializers.DateTimeField()
    files = FileShape(many=True)
    links = JobLinksShape()
    result = serializers.JSONField(help_text="as the kind's documentation says (`/api/v1/kinds/`)")

    example = {
        "id": JOB,
        "kind": "parsers.parse_cv",
        "state": "succeeded",
        "finished_at": FINISHED,
        "files": [FileShape.example],
        "links": JobLinksShape.example,
        "result": {"profile": {"basics": {"profession": "Software Developer", "skills": ["Python", "Django"]}}},
    }


class ReceiptShape(serializers.Serializer):
    """What is left of a job that was deleted."""

    job_id = serializers.UUIDField()
    digest = serializers.CharField(help_text="SHA-256 of what was deleted")
    deleted_at = serializers.DateTimeField()

    example = {
        "job_id": JOB,
        "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "deleted_at": FINISHED,
    }


class ReasonInput(serializers.Serializer):
    """Why; it is kept in the audit log and in the job's events."""

    reason = serializers.CharField(max_length=300, required=False, allow_blank=True)

    example = {"reason": "sent twice by mistake"}


class EndedJobFaultShape(JobFaultShape):
    """What a problem says about a job that has no result."""

    error = JobErrorShape(required=False, help_text="of `job_failed`")
    progress = serializers.FloatField(required=False, help_text="of `job_unfinished`: percent")

    example = JobFaultShape.example | {"progress": 40.0}


NO_RESULT = (
    Fault(409, "job_unfinished", "The job has not ended yet.", EndedJobFaultShape, headers=("RetryAfter",)),
    Fault(409, "job_failed", "The job failed; `error` says why.", EndedJobFaultShape),
    Fault(409, "job_cancelled", "The job was cancelled: there is no result. Retry it to get one.", EndedJobFaultShape),
)
JOB_UNFINISHED = Fault(
    409, "job_unfinished", "The job has not ended. Cancel it first, then delete it.", more=JobFaultShape
)
JOB_ENDED = Fault(409, "job_ended", "The job has already ended.", more=JobFaultShape)
NOT_RETRYABLE = Fault(
    409, "job_not_retryable", "Only what failed or was cancelled can be run again, and if its file was kept.",
    more=JobFaultShape,
)  # fmt: skip
HOLDS_NOTHING = Fault(409, "holds_nothing", "The job holds no resource now; nothing was done.", more=JobFaultShape)
FILE_NOT_KEPT = Fault(404, NOT_KEPT, "The file was refused when it was sent, and not kept.")
#: Webhooks that a submission may name.
OF_NAMED_WEBHOOKS = (
    Fault(400, "webhook_disabled", "The webhook of this URL is disabled. Enable it first."),
    Fault(400, "webhook_needs_owner", "A webhook_url needs an owner, who can see and sign it."),
)


class ResultRowShape(serializers.Serializer):
    """A job and its result."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(choices=State.values)
    file = serializers.CharField(help_text="the name of the file that was sent; empty for none")
    user_id = serializers.CharField()
    session_id = serializers.CharField()
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    error_code = serializers.CharField()
    error_message = serializers.CharField()
    result = serializers.JSONField(help_text="null when there is none")

    example: dict[str, Any] = {
        "id": JOB,
        "kind": "parsers.parse_cv",
        "state": "succeeded",
        "file": "cv.pdf",
        "user_id": "u7",
        "session_id": "s1",
        "parent": None,
        "created_at": STARTED,
        "finished_at": FINISHED,
        "error_code": "",
        "error_message": "",
        "result": ResultShape.example["result"],
    }


class ResultRowsShape(serializers.Serializer):
    """The results of many jobs, newest first."""

    results = ResultRowShape(many=True)

    example = {"results": [ResultRowShape.example]}
