"""Seed 001: `/api/v1/parser/…`. A view translates, makes one call, and translates back."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import statistics
from jobs.api.openapi import IDEMPOTENCY_KEY, Answer, operation
from jobs.api.openapi.common import JOB_NOT_FOUND, OF_SUBMISSIONS
from jobs.api.problems import Problem
from jobs.api.submissions import LONGEST_WAIT_SECONDS, accept, accepted_response, get_visible_job, wait_for_end
from jobs.api.views import View
from jobs.models import HIGHEST_PRIORITY, Job
from jobs.states import State
from jobs.tokens.models import Scope
from parsers.serializers import (
    WORDS,
    MonitoringQuery,
    ParseFileInput,
    ParseTextInput,
    describe_result,
    describe_status,
)
from parsers.shapes import (
    AT_THE_DOOR,
    NO_RESULT,
    OF_TEXTS,
    STILL_PROCESSING,
    UNREADABLE,
    AcceptedCVShape,
    CVResultShape,
    CVStatusShape,
    MonitoringShape,
)

KIND = "parsers.parse_cv"
#: Where CVs are kept in the storage, after the seed's /tmp/cv_parser.
FOLDER = "cv_parser"

_HEADERS = ("Location", "Link", "RetryAfter", "IdempotentReplayed")
ACCEPTED = {
    202: Answer(AcceptedCVShape, "The CV was taken and is a job.", headers=_HEADERS),
    200: Answer(AcceptedCVShape, "It was sent before under this key, and has ended.", headers=_HEADERS),
}
OF_FILE = (*OF_SUBMISSIONS, *AT_THE_DOOR)
#: A text is kept as a file, and looked at as one.
OF_TEXT = (*OF_TEXTS, *OF_FILE)
OF_WAITING = (JOB_NOT_FOUND, *UNREADABLE, STILL_PROCESSING)


class _Submit(View):
    """What the four ways to send a CV share."""

    tag = "cv"
    scopes = {"POST": Scope.SUBMIT}

    def submit(self, request: Request, priority: int | None = None) -> Job:
        raise NotImplementedError

    def accepted(self, request: Request) -> Response:
        job = self.submit(request)
        message = f"Job created successfully. Check status at /api/v1/parser/job/{job.pk}"
        return accepted_response(job, {"job_id": str(job.pk), "status": WORDS.word(job.state), "message": message})

    def finished(self, request: Request) -> Response:
        """Wait for the result: 200, 422 when the CV cannot be read, 504 when it takes over 60 s and the job goes on."""
        job = wait_for_end(self.submit(request, priority=HIGHEST_PRIORITY), LONGEST_WAIT_SECONDS)
        where: dict[str, Any] = {"job_id": str(job.pk), "status_url": f"/api/v1/parser/job/{job.pk}"}
        if not job.is_finished:
            raise Problem(
                504, "The CV is not done yet. The job goes on: ask for its status.", code="still_processing", **where
            )
        if job.state != State.SUCCEEDED:
            raise Problem(
                422, job.error_message or "The job was cancelled.", code=job.error_code or "cancelled", **where
            )
        return Response(describe_result(job))


class _SubmitFile(_Submit):
    def submit(self, request: Request, priority: int | None = None) -> Job:
        sent = _checked(ParseFileInput, request)
        return accept(
            request, KIND, {"file": sent["file"], "parse_mode": sent["parse_mode"]},
            user_id=sent["user_id"], session_id=sent["session_id"], folder=FOLDER, priority=priority,
        )  # fmt: skip


class _SubmitText(_Submit):
    def submit(self, request: Request, priority: int | None = None) -> Job:
        sent = _checked(ParseTextInput, request)
        # A text becomes a file: files expire, and a job's input must hold no personal data.
        file = SimpleUploadedFile("cv.txt", sent["text"].encode(), content_type="text/plain")
        return accept(
            request, KIND, {"file": file, "parse_mode": sent["parse_mode"]},
            user_id=sent["user_id"], session_id=sent["session_id"], folder=FOLDER, priority=priority,
        )  # fmt: skip


class ParseFileAsync(_SubmitFile):
    @operation(ACCEPTED, form=ParseFileInput, parameters=[IDEMPOTENCY_KEY], faults=OF_FILE)
    def post(self, request: Request) -> Response:
        """Send a CV as a file.

        The answer comes at once and names the job; ask for its status, then for its result.
        """
        return self.accepted(request)


class ParseTextAsync(_SubmitText):
    @operation(ACCEPTED, request=ParseTextInput, form=ParseTextInput, parameters=[IDEMPOTENCY_KEY], faults=OF_TEXT)
    def post(self, request: Request) -> Response:
        """Send a CV as text.

        Formatted or free text. The answer comes at once and names the job; ask for its status, then for its result.
        """
        return self.accepted(request)


class ParseFile(_SubmitFile):
    @operation(CVResultShape, form=ParseFileInput, parameters=[IDEMPOTENCY_KEY], faults=[*OF_FILE, *OF_WAITING])
    def post(self, request: Request) -> Response:
        """Send a CV as a file, and wait for its profile.

        For few callers at a time. After 60 seconds the answer is 504 with the job's id, and the job goes on.
        """
        return self.finished(request)


class ParseText(_SubmitText):
    @operation(
        CVResultShape,
        request=ParseTextInput,
        form=ParseTextInput,
        parameters=[IDEMPOTENCY_KEY],
        faults=[*OF_TEXT, *OF_WAITING],
    )
    def post(self, request: Request) -> Response:
        """Send a CV as text, and wait for its profile.

        For few callers at a time. After 60 seconds the answer is 504 with the job's id, and the job goes on.
        """
        return self.finished(request)


class JobStatus(View):
    tag = "cv"

    @operation(CVStatusShape, faults=[JOB_NOT_FOUND])
    def get(self, request: Request, job_id: str) -> Response:
        """How a CV's job stands.

        Ask every two seconds, or follow the job's events instead.
        """
        return Response(describe_status(_cv_job(request, job_id)))


class JobResult(View):
    tag = "cv"

    @operation(CVResultShape, faults=[JOB_NOT_FOUND, *NO_RESULT])
    def get(self, request: Request, job_id: str) -> Response:
        """The profile of a CV.

        What it holds is professional only: no names, addresses, phone numbers, birth dates, references. Without a
        result the answer is 409 with the status: not done yet, or why there is none.
        """
        job = _cv_job(request, job_id)
        if job.state != State.SUCCEEDED:
            body = describe_status(job)
            detail = body["error_message"] or "The CV is not done yet. Ask again when the status is `success`."
            raise Problem(409, detail, code=job.error_code or f"job_{job.state}", job_id=body["job_id"], job=body)
        return Response(describe_result(job))


class Monitoring(View):
    tag = "cv"

    @operation(MonitoringShape, parameters=[MonitoringQuery])
    def get(self, request: Request) -> Response:
        """How CVs have been doing.

        The distribution of states, the average time and the failure rate of everybody's CVs, in numbers.
        """
        query = MonitoringQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        hours = query.validated_data["hours"]
        measured = statistics.of_kind(KIND, since=timezone.now() - timedelta(hours=hours))
        distribution = dict.fromkeys(WORDS.choices(), 0)
        for state, count in measured.counts.items():
            distribution[WORDS.word(state)] += count
        return Response(
            {
                "hours": hours,
                "total": measured.total,
                "distribution": distribution,
                "average_processing_time_seconds": measured.average_seconds,
                "failure_rate": measured.failure_rate,
                "errors": measured.errors,
            }
        )


def _checked(serializer: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    checked = serializer(data=request.data)
    checked.is_valid(raise_exception=True)
    return checked.validated_data


def _cv_job(request: Request, job_id: str) -> Job:
    job = get_visible_job(request, job_id)
    if job.kind != KIND:
        return get_visible_job(request, uuid.UUID(int=0))  # the same answer as for an unknown id
    return job
