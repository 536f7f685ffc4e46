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
from jobs.api.problems import Problem
from jobs.api.submissions import LONGEST_WAIT_SECONDS, accept, accepted_response, get_visible_job, wait_for_end
from jobs.api.views import View
from jobs.models import HIGHEST_PRIORITY, Job
from jobs.states import State
from jobs.tokens.models import Scope
from parsers.serializers import WORDS, ParseFileRequest, ParseTextRequest, describe_result, describe_status

KIND = "parsers.parse_cv"
#: Where CVs are kept in the storage, after the seed's /tmp/cv_parser.
FOLDER = "cv_parser"


class _Submit(View):
    """What the four ways to send a CV share."""

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
        sent = _checked(ParseFileRequest, request)
        return accept(
            request, KIND, {"file": sent["file"], "parse_mode": sent["parse_mode"]},
            user_id=sent["user_id"], session_id=sent["session_id"], folder=FOLDER, priority=priority,
        )  # fmt: skip


class _SubmitText(_Submit):
    def submit(self, request: Request, priority: int | None = None) -> Job:
        sent = _checked(ParseTextRequest, request)
        # A text becomes a file: files expire, and a job's input must hold no personal data.
        file = SimpleUploadedFile("cv.txt", sent["text"].encode(), content_type="text/plain")
        return accept(
            request, KIND, {"file": file, "parse_mode": sent["parse_mode"]},
            user_id=sent["user_id"], session_id=sent["session_id"], folder=FOLDER, priority=priority,
        )  # fmt: skip


class ParseFileAsync(_SubmitFile):
    """POST a CV file; the answer is the job's id."""

    def post(self, request: Request) -> Response:
        return self.accepted(request)


class ParseTextAsync(_SubmitText):
    """POST a CV's text; the answer is the job's id."""

    def post(self, request: Request) -> Response:
        return self.accepted(request)


class ParseFile(_SubmitFile):
    """POST a CV file; the answer is the result."""

    def post(self, request: Request) -> Response:
        return self.finished(request)


class ParseText(_SubmitText):
    """POST a CV's text; the answer is the result."""

    def post(self, request: Request) -> Response:
        return self.finished(request)


class JobStatus(View):
    """GET: where a CV's job stands, in the seed's words."""

    def get(self, request: Request, job_id: str) -> Response:
        return Response(describe_status(_cv_job(request, job_id)))


class JobResult(View):
    """GET: the profile, once there is one; 409 with the status before."""

    def get(self, request: Request, job_id: str) -> Response:
        job = _cv_job(request, job_id)
        if job.state != State.SUCCEEDED:
            body = describe_status(job)
            detail = body["error_message"] or "The CV is not done yet. Ask again when the status is `success`."
            raise Problem(409, detail, code=job.error_code or f"job_{job.state}", job_id=body["job_id"], job=body)
        return Response(describe_result(job))


class Monitoring(View):
    """GET: distribution of states, average time and failure rate over the last hours (the seed's monitoring)."""

    def get(self, request: Request) -> Response:
        hours = serializers.IntegerField(min_value=1, max_value=24 * 90).run_validation(
            request.query_params.get("hours", 24)
        )
        measured = statistics.of_kind(KIND, since=timezone.now() - timedelta(hours=hours))
        distribution = dict.fromkeys(("processing", "success", "failed"), 0)
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
