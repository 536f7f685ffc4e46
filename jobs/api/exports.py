"""Results as tables: of one job or batch, and of all jobs that a filter fits, in whatever form was asked for."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

from django.http.response import HttpResponseBase
from rest_framework import serializers
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import tables
from jobs.api import replies, submissions
from jobs.api.downloads import send_pieces
from jobs.api.openapi import PREFER, Answer, operation
from jobs.api.openapi.common import JOB_NOT_FOUND
from jobs.api.serializers import describe, to_json
from jobs.api.shapes.endings import NO_RESULT, ResultRowsShape, ResultShape
from jobs.api.views import View, conflict
from jobs.models import Job
from jobs.search import JobFilter
from jobs.states import State


class Negotiation(DefaultContentNegotiation):
    """`?format=` before `Accept`. What is not to be had answers 406, and says what is."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        try:
            return super().select_renderer(request, renderers, format_suffix or request.query_params.get("format"))
        except NotAcceptable:
            raise self._refusal(renderers) from None

    def filter_renderers(self, renderers: Any, format: str) -> Any:
        if not (found := [renderer for renderer in renderers if renderer.format == format]):
            raise self._refusal(renderers)
        return found

    def _refusal(self, renderers: Any) -> NotAcceptable:
        forms = ", ".join(f"{renderer.format} ({renderer.media_type})" for renderer in renderers)
        return NotAcceptable(f"It can be had as {forms}. Name one with ?format= or in Accept.")


class _Table(BaseRenderer):
    """Only so that its media type is agreed to; what it renders is a problem."""

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return to_json(data).encode()


class CsvRenderer(_Table):
    media_type = "text/csv"
    format = "csv"


class NdjsonRenderer(_Table):
    media_type = "application/x-ndjson"
    format = "ndjson"


PIECES: dict[str, Callable[..., Iterator[bytes]]] = {
    "json": tables.json_pieces,
    "csv": tables.csv_pieces,
    "ndjson": tables.ndjson_pieces,
}


class Form(serializers.Serializer):
    """In which form."""

    format = serializers.ChoiceField(["json", "csv"], required=False, help_text="before what `Accept` says")


class FormOfMany(JobFilter):
    """Which jobs, and in which form."""

    format = serializers.ChoiceField(["json", "csv", "ndjson"], required=False, help_text="before what `Accept` says")


#: Tables for the API's description: a header, then a row for each job.
CSV = {"type": "string", "description": "a header, then a row for each job", "example": "id,kind,state,…\r\n"}
NDJSON = {"type": "string", "description": "one JSON object a line, for each job", "example": '{"id":"…"}\n'}


class Result(View):
    renderer_classes = [JSONRenderer, CsvRenderer]
    content_negotiation_class = Negotiation

    @operation(
        {200: [Answer(ResultShape), Answer(CSV, media="text/csv", headers=("Attachment",))]},
        parameters=[PREFER, Form],
        faults=[JOB_NOT_FOUND, *NO_RESULT],
    )
    def get(self, request: Request, job_id: uuid.UUID) -> HttpResponseBase:
        """Read what a job has made.

        409 while there is nothing, with the reason. As CSV a batch has a row for each part, however it ended.
        """
        job = submissions.get_visible_job(request, job_id)
        if wait := submissions.preferred_wait(request):
            job = submissions.wait_for_end(job, wait)
        if job.is_finished and request.accepted_renderer.format == CsvRenderer.format:
            return send_result_as_csv(request, job)
        if job.state == State.SUCCEEDED:
            body = describe(job)
            shown = {name: body[name] for name in ("id", "kind", "state", "finished_at", "files", "links")}
            return Response(shown | {"result": job.result})
        if job.state == State.FAILED:
            error = {"code": job.error_code, "message": job.error_message}
            raise conflict(job, "job_failed", f"The job failed: {job.error_message}", error=error)
        if job.state == State.CANCELLED:
            raise conflict(job, "job_cancelled", "The job was cancelled: there is no result. Retry it to get one.")
        headers = {"Retry-After": str(replies.RETRY_AFTER_SECONDS)}
        raise conflict(job, "job_unfinished", "The job has not ended yet.", headers=headers, progress=job.progress)


class Results(View):
    renderer_classes = [JSONRenderer, CsvRenderer, NdjsonRenderer]
    content_negotiation_class = Negotiation

    @operation(
        {
            200: [
                Answer(ResultRowsShape, headers=("Attachment",)),
                Answer(CSV, media="text/csv"),
                Answer(NDJSON, media="application/x-ndjson"),
            ]
        },
        parameters=[FormOfMany],
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Read the results of many jobs.

        Of all that fit the filters of the list, newest first: as JSON, as CSV, or one JSON object a line. It is sent
        while it is read, however many they are.
        """
        query = JobFilter(data=request.query_params, context={"user": request.user})
        query.is_valid(raise_exception=True)
        jobs = query.find(Job.objects.visible_to(request.user), request.user)
        form = request.accepted_renderer
        return send_pieces(
            request, PIECES[form.format](jobs), name=f"results.{form.format}", media_type=form.media_type
        )


def send_result_as_csv(request: Request, job: Job) -> HttpResponseBase:
    """Answer with a job's result in one row; of a batch, with a row for each part in the order in which it was sent."""
    parts = Job.objects.filter(parent=job.pk)
    jobs = parts if parts.exists() else Job.objects.filter(pk=job.pk)
    pieces = tables.csv_pieces(jobs, newest_first=False)
    return send_pieces(request, pieces, name=f"{job.kind}-{job.pk}.csv", media_type=CsvRenderer.media_type)
