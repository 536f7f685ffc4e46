"""/api/v1/: the same for every kind. A view translates, makes one call, and translates back."""

from __future__ import annotations

import asyncio
import difflib
import uuid
from collections.abc import AsyncIterator
from typing import Any

from django.contrib.admin.models import DELETION
from django.core.handlers.asgi import ASGIRequest
from django.db.models import Count, Min
from django.http import FileResponse, HttpRequest, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.http import content_disposition_header, parse_etags, quote_etag, urlencode
from rest_framework import serializers, status
from rest_framework.exceptions import ErrorDetail
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs import lifecycle, retention
from jobs.api import streaming, submissions
from jobs.api.language import english
from jobs.api.operating import job_to_operate, reason_given
from jobs.api.parsers import ObjectParser, parse_object
from jobs.api.problems import Problem
from jobs.api.serializers import (
    EventQuery,
    JobFilter,
    SubmissionInput,
    database_now,
    describe,
    describe_event,
    describe_kind,
    describe_many,
)
from jobs.kinds import registry
from jobs.models import Job, JobFile, QueueControl
from jobs.positions import live_workers
from jobs.running import NOT_KEPT
from jobs.states import UNFINISHED, State

#: A download is read from the storage in pieces of so many bytes.
CHUNK = 64 * 1024


class View(APIView):
    """What our views share: JSON objects and forms in, JSON and problems out, in English."""

    parser_classes = [ObjectParser, MultiPartParser, FormParser]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with english():
            return super().dispatch(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-cache, private"  # may be kept, but must be asked for again (ETag)
        patch_vary_headers(response, ["Authorization", "Cookie"])
        return response


class Jobs(View):
    """GET: own jobs, newest first (staff: everybody's). POST: submit one job of any kind."""

    def get(self, request: Request) -> Response:
        query = JobFilter(data=request.query_params)
        query.is_valid(raise_exception=True)
        limit = query.validated_data["limit"]
        found = list(query.find(Job.objects.visible_to(request.user), request.user)[: limit + 1])
        page = found[:limit]
        following = None
        if len(found) > limit:
            parameters = request.query_params.dict() | {"cursor": str(page[-1].pk)}
            following = f"{request.path}?{urlencode(parameters)}"
        return Response({"results": describe_many(page), "next": following})

    def post(self, request: Request) -> Response:
        envelope = SubmissionInput(data=self._envelope(request))
        envelope.is_valid(raise_exception=True)
        given = dict(envelope.validated_data)
        kind, data = given.pop("kind"), given.pop("input")
        _refuse_unknown(data, registry.get(kind).input().fields, "input")
        job = submissions.accept(request, kind, data, field_prefix="input", **given)
        if wait := submissions.preferred_wait(request):
            job = submissions.wait_for_end(job, wait)
        return submissions.accepted_response(job, request=request)

    def _envelope(self, request: Request) -> dict[str, Any]:
        """Return a JSON body as it is, a form with the kind's own fields gathered in `input`."""
        if not isinstance(request.data, QueryDict):
            _refuse_unknown(request.data, SubmissionInput().fields)
            return dict(request.data)
        form = request.data
        envelope: dict[str, Any] = {}
        data: dict[str, Any] = {}
        kind = registry.find(form.get("kind", ""))
        declared = kind.input().fields if kind else {}
        for name in form:
            if name in declared:
                many = isinstance(declared[name], serializers.ListField)
                data[name] = form.getlist(name) if many else form[name]
            elif name in ("metadata", "input"):
                envelope[name] = parse_object(str(form[name]))
            else:
                envelope[name] = form[name] or None if name in ("priority", "run_after") else form[name]
        if kind:
            _refuse_unknown(envelope, [*SubmissionInput().fields, *declared])
        return envelope | {"input": envelope.get("input", {}) | data}


class OneJob(View):
    """GET: how the job stands. DELETE: forget a finished job with all that belongs to it; a receipt stays."""

    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        job = submissions.get_visible_job(request, job_id)
        if wait := submissions.preferred_wait(request):
            job = submissions.wait_for_end(job, wait)
        body = describe(job)
        etag = quote_etag(f"{body['seq']}-{body['position']}-{body['waiting_for'] or ''}")
        headers = {"ETag": etag}
        if job.state in UNFINISHED:
            headers["Retry-After"] = str(submissions.RETRY_AFTER_SECONDS)
        known = parse_etags(request.headers.get("If-None-Match", ""))
        if "*" in known or etag in [tag.removeprefix("W/") for tag in known]:
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers=headers)
        return Response(body, headers=headers)

    def delete(self, request: Request, job_id: uuid.UUID) -> Response:
        job = job_to_operate(request, job_id, "deleted", DELETION)
        try:
            receipt = retention.delete_job(job, by=request.user.get_username(), reason="asked for by API")
        except retention.StillRunning:
            raise _conflict(job, "job_unfinished", "The job has not ended. Cancel it first, then delete it.") from None
        except Job.DoesNotExist:
            raise Problem(404, "The job was deleted already.", code="job_not_found") from None
        receipt.refresh_from_db()  # its time is the database's
        return Response({"job_id": str(job_id), "digest": receipt.digest, "deleted_at": receipt.deleted_at})


class Events(View):
    """GET: what has happened to the job, after a cursor; a stream of it for `Accept: text/event-stream`."""

    renderer_classes = [JSONRenderer, streaming.EventStreamRenderer]

    def get(self, request: Request, job_id: uuid.UUID) -> HttpResponseBase:
        job = submissions.get_visible_job(request, job_id)
        if request.accepted_renderer.media_type == streaming.MEDIA_TYPE:
            cursor = request.headers.get("Last-Event-ID") or request.query_params.get("after") or 0
            query = _event_query({"after": cursor})
            response = streaming.respond(job, request.user, query["after"])
            submissions.release_connection()  # the stream has none of its own, and may last for hours
            return response
        query = _event_query(request.query_params)
        events = list(job.events.filter(seq__gt=query["after"]).order_by("seq")[: query["limit"]])
        return Response(
            {
                "events": [describe_event(event) for event in events],
                "next_after": events[-1].seq if events else query["after"],
                "job_state": job.state,
            }
        )


class Result(View):
    """GET: what the job has made. 409 while there is nothing, with the reason."""

    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        job = submissions.get_visible_job(request, job_id)
        if wait := submissions.preferred_wait(request):
            job = submissions.wait_for_end(job, wait)
        if job.state == State.SUCCEEDED:
            body = describe(job)
            shown = {name: body[name] for name in ("id", "kind", "state", "finished_at", "files", "links")}
            return Response(shown | {"result": job.result})
        if job.state == State.FAILED:
            error = {"code": job.error_code, "message": job.error_message}
            raise _conflict(job, "job_failed", f"The job failed: {job.error_message}", error=error)
        if job.state == State.CANCELLED:
            raise _conflict(job, "job_cancelled", "The job was cancelled: there is no result. Retry it to get one.")
        headers = {"Retry-After": str(submissions.RETRY_AFTER_SECONDS)}
        raise _conflict(job, "job_unfinished", "The job has not ended yet.", headers=headers, progress=job.progress)


class Cancel(View):
    """POST: stop the job. 200 when it is cancelled, 202 when a running attempt was told to stop."""

    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        job = job_to_operate(request, job_id, "cancelled")
        cancelled = lifecycle.cancel(job.pk, by=request.user.get_username(), reason=reason_given(request))
        if cancelled is None:
            raise _conflict(submissions.get_visible_job(request, job_id), "job_ended", "The job has already ended.")
        code = status.HTTP_200_OK if cancelled.is_finished else status.HTTP_202_ACCEPTED
        return Response(describe(cancelled), status=code)


class Retry(View):
    """POST: run a failed or cancelled job again."""

    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        job = job_to_operate(request, job_id, "re-queued")
        requeued = lifecycle.requeue(job.pk, by=request.user.get_username(), reason=reason_given(request))
        if requeued is None:
            job = submissions.get_visible_job(request, job_id)
            raise _conflict(
                job,
                "job_not_retryable",
                "Only what failed or was cancelled can be run again, and if its file was kept.",
            )
        return submissions.accepted_response(requeued)


class File(View):
    """GET: download one file of the job."""

    # The file is what it is, whatever the client accepts.
    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)

    def get(self, request: Request, job_id: uuid.UUID, file_id: uuid.UUID) -> HttpResponseBase:
        job = submissions.get_visible_job(request, job_id)
        try:
            file = job.files.get(pk=file_id)
            if not file.file:
                raise Problem(404, f"The file was refused and not kept. {job.error_message}".strip(), code=NOT_KEPT)
            content = file.file.open("rb")
        except (JobFile.DoesNotExist, FileNotFoundError):
            raise Problem(404, "The job has no such file, or it has expired.", code="file_not_found") from None
        response = _stream_file(request, content)
        response["Content-Type"] = _download_type(file.media_type)
        response["Content-Disposition"] = content_disposition_header(True, file.name) or "attachment"
        response["Content-Length"] = str(file.size)
        response["X-Content-Type-Options"] = "nosniff"
        response["Content-Security-Policy"] = "default-src 'none'; sandbox"
        response["ETag"] = quote_etag(file.sha256)
        return response


class Queues(View):
    """GET: every queue in numbers; nobody's jobs."""

    def get(self, request: Request) -> Response:
        now = database_now()
        nothing = dict.fromkeys(sorted(str(state) for state in UNFINISHED), 0)
        depths = {name: dict(nothing) for name in registry.queues()}
        oldest: dict[str, Any] = {}
        rows = Job.objects.unfinished().values("queue", "state").order_by()
        for row in rows.annotate(jobs=Count("pk"), oldest=Min("queued_at")):
            depths.setdefault(row["queue"], dict(nothing))[row["state"]] = row["jobs"]
            if row["state"] == State.QUEUED:
                oldest[row["queue"]] = row["oldest"]
        paused = {control.queue: control for control in QueueControl.objects.filter(paused_at__isnull=False)}
        workers = live_workers()
        return Response(
            {
                "results": [
                    {
                        "name": name,
                        "depth": depth,
                        "paused": name in paused,
                        "paused_reason": paused[name].reason if name in paused else "",
                        "workers": sum(not worker.queues or name in worker.queues for worker in workers),
                        "oldest_due_at": oldest.get(name),
                        "oldest_due_seconds": _seconds_since(oldest.get(name), now),
                    }
                    for name, depth in sorted(depths.items())
                ],
                "as_of": now,
            }
        )


class Kinds(View):
    """GET: what can be submitted, and what each kind takes."""

    def get(self, request: Request) -> Response:
        return Response({"results": [describe_kind(kind) for kind in registry if not kind.internal]})


def _event_query(given: Any) -> dict[str, Any]:
    query = EventQuery(data=given)
    query.is_valid(raise_exception=True)
    return query.validated_data


def _conflict(job: Job, code: str, detail: str, **extra: Any) -> Problem:
    return Problem(409, detail, code=code, job_id=str(job.pk), state=str(job.state), **extra)


def _refuse_unknown(data: Any, known: Any, prefix: str = "") -> None:
    """Raise a 400 problem for a field that nobody reads: it is a typo, and would silently do nothing."""
    errors = {}
    for name in data:
        if name not in known:
            near = difflib.get_close_matches(str(name), list(known), n=1)
            hint = f", did you mean {near[0]!r}?" if near else "."
            errors[str(name)] = [ErrorDetail(f"Unknown field{hint}", code="unknown_field")]
    if errors:
        raise serializers.ValidationError({prefix: errors} if prefix else errors)


def _stream_file(request: Request, content: Any) -> HttpResponseBase:
    if not isinstance(request._request, ASGIRequest):
        return FileResponse(content)

    async def chunks() -> AsyncIterator[bytes]:  # of FileResponse, ASGI would read the whole file into memory first
        try:
            while chunk := await asyncio.to_thread(content.read, CHUNK):
                yield chunk
        finally:
            content.close()

    return StreamingHttpResponse(chunks())


def _download_type(media_type: str) -> str:
    """Return a Content-Type that no browser runs, should it show the file after all."""
    active = ("html", "xml", "svg", "javascript", "ecmascript", "xsl")
    return "application/octet-stream" if any(word in media_type.lower() for word in active) else media_type


def _seconds_since(moment: Any, now: Any) -> int:
    return max(0, int((now - moment).total_seconds())) if moment else 0
