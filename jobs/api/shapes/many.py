"""Many at once: jobs in one request, operations on all that fit; and the files that are sent before their jobs."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs.api.openapi import Fault
from jobs.api.shapes.examples import CREATED, FILE, JOB
from jobs.api.shapes.jobs import NamedWebhookLinksShape, NamedWebhookShape
from jobs.models import JobFile
from jobs.operations import OPERATIONS
from jobs.states import State


class ShortJobShape(serializers.Serializer):
    """One job of many."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(choices=State.values)
    links = NamedWebhookLinksShape()

    example: dict[str, Any] = {
        "id": JOB,
        "kind": "imaging.generate_image",
        "state": "queued",
        "links": {"self": f"/api/v1/jobs/{JOB}/"},
    }


class SubmittedJobsShape(serializers.Serializer):
    """The new jobs, in the order of the request."""

    jobs = ShortJobShape(many=True)
    count = serializers.IntegerField()
    webhooks = NamedWebhookShape(many=True, required=False, help_text="those that the request named")

    example = {"jobs": [ShortJobShape.example], "count": 1}


class SentFileLinksShape(serializers.Serializer):
    """The file's addresses."""

    self = serializers.CharField()
    content = serializers.CharField()
    job = serializers.CharField(required=False, help_text="once a job has it")

    example = {"self": f"/api/v1/files/{FILE}/", "content": f"/api/v1/files/{FILE}/content/"}


class SentFileShape(serializers.Serializer):
    """A file."""

    id = serializers.UUIDField(help_text="what an input names where it takes a file")
    job = serializers.UUIDField(allow_null=True, help_text="null until a job has taken it")
    role = serializers.ChoiceField(choices=JobFile.Role.values)
    name = serializers.CharField()
    size = serializers.IntegerField(help_text="bytes")
    media_type = serializers.CharField()
    sha256 = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True, help_text="when it is removed; a job takes it before")
    links = SentFileLinksShape()

    example: dict[str, Any] = {
        "id": FILE,
        "job": None,
        "role": "input",
        "name": "cv.pdf",
        "size": 48211,
        "media_type": "application/pdf",
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "created_at": CREATED,
        "expires_at": "2025-11-17T13:30:00.000000+03:00",
        "links": SentFileLinksShape.example,
    }


class SentFileListShape(serializers.Serializer):
    """One page of files, newest first."""

    results = SentFileShape(many=True)
    next = serializers.CharField(allow_null=True, help_text="the address of the next page; null on the last one")

    example = {"results": [SentFileShape.example], "next": None}


class LeftAloneShape(serializers.Serializer):
    """Jobs that fit, but to which it is not done."""

    code = serializers.CharField(help_text="why")
    count = serializers.IntegerField()
    example = serializers.CharField(help_text="why, in words, of one of them")


class SampleShape(serializers.Serializer):
    """One of the jobs to which it would be done."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(choices=State.values)
    step = serializers.CharField(allow_null=True)
    what = serializers.CharField(help_text="what would be done, in words")
    why = serializers.CharField()


class OperationLinksShape(serializers.Serializer):
    """Where to look at what goes on."""

    job = serializers.CharField(required=False, help_text="the job that does it, when it is not done yet")


class OperationShape(serializers.Serializer):
    """What was done, or with `dry_run` would be."""

    operation = serializers.ChoiceField(choices=list(OPERATIONS))
    dry_run = serializers.BooleanField()
    matched = serializers.IntegerField(help_text="jobs that fit the filter")
    with_their_batch = serializers.IntegerField(help_text="parts of batches, to which it is done with the batch")
    planned = serializers.IntegerField()
    left_alone = LeftAloneShape(many=True)
    samples = SampleShape(many=True, required=False, help_text="of a dry run")
    done = serializers.IntegerField(required=False)
    to_do = serializers.IntegerField(required=False)
    plan = serializers.UUIDField(required=False, allow_null=True, help_text="its record; null if nothing was to do")
    job = serializers.UUIDField(required=False, allow_null=True, help_text="the job that does the rest")
    links = OperationLinksShape(required=False)

    example: dict[str, Any] = {
        "operation": "cancel",
        "dry_run": False,
        "matched": 12,
        "with_their_batch": 0,
        "planned": 11,
        "left_alone": [{"code": "ended", "count": 1, "example": "It has ended already."}],
        "done": 11,
        "to_do": 0,
        "plan": "0193a2f2-7b1c-7f20-8a4e-5d6c7b8a9f01",
        "job": None,
        "links": {},
    }


SENT_FILE_NOT_FOUND = Fault(404, "file_not_found", "There is no such file, or it is not yours.")
FILE_TAKEN = Fault(409, "file_taken", "A job has this file. It goes with the job: delete that.")
OF_OPERATIONS = (
    Fault(400, "filter_missing", "The filter is empty. Name some, or say `all: true`."),
    Fault(403, "forbidden", "Only an operator may change jobs of others. Put `owner: me` into the filter."),
    Fault(413, "too_many_jobs", "More jobs fit than one request may change. Narrow the filter."),
)
