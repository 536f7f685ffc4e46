"""/api/v1/: the same for every kind. A view translates, makes one call, and translates back."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags, quote_etag
from rest_framework import serializers, status
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs import lifecycle, queue_modes, queues, retention
from jobs.api import streaming, submissions
from jobs.api.authentication import add_limit_headers, token_used
from jobs.api.downloads import send_file
from jobs.api.language import english
from jobs.api.operating import job_to_operate, may_operate, on_record, reason_given
from jobs.api.parsers import ObjectParser, parse_object
from jobs.api.problems import Problem
from jobs.api.serializers import (
    EventQuery,
    JobPage,
    SubmissionInput,
    describe,
    describe_attempt,
    describe_event,
    describe_kind,
    describe_many,
    describe_named,
    describe_queue,
    describe_resource,
    links,
    to_json,
)
from jobs.attempts import attempts_of
from jobs.clock import database_now
from jobs.door import refuse_unknown
from jobs.kinds import registry
from jobs.listing import find_page
from jobs.live.callers import Caller
from jobs.models import AuditEntry, Job, JobFile, QueueControl
from jobs.positions import resources
from jobs.roles import may
from jobs.running import NOT_KEPT
from jobs.states import UNFINISHED
from jobs.tokens.models import Scope


class View(APIView):
    """What our views share: JSON objects and forms in, JSON and problems out, in English.

    scopes: what a token needs for each method that changes something, such as {"POST": Scope.SUBMIT}.
    """

    scopes: ClassVar[Mapping[str, Scope]] = {}
    parser_classes = [ObjectParser, MultiPartParser, FormParser]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with english():
            return super().dispatch(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-cache, private"  # may be kept, but must be asked for again (ETag)
        patch_vary_headers(response, ["Authorization", "Cookie"])
        add_limit_headers(request, response)
        return response


class Jobs(View):
    """GET: own jobs, newest first (staff: everybody's). POST: submit one job of any kind."""

    scopes = {"POST": Scope.SUBMIT}

    def get(self, request: Request) -> Response:
        query = JobPage(data=request.query_params, context={"user": request.user})
        query.is_valid(raise_exception=True)
        page = find_page(
            query,
            Job.objects.visible_to(request.user),
            request.user,
            query.validated_data["limit"],
            before=query.validated_data.get("cursor"),
        )
        following = None
        if page.older:
            parameters = request.query_params.copy()
            parameters["cursor"] = str(page.older)
            following = f"{request.path}?{parameters.urlencode()}"
        return page_response(describe_many(page.jobs), following)

    def post(self, request: Request) -> Response:
        envelope = SubmissionInput(data=self._envelope(request))
        envelope.is_valid(raise_exception=True)
        given = dict(envelope.validated_data)
        kind, data = given.pop("kind"), given.pop("input")
        refuse_unknown(data, registry.get(kind).input().fields, "input")
        job = submissions.accept(request, kind, data, field_prefix="input", **given)
        named = getattr(job, "webhook", None)  # its secret is told now or never
        if wait := submissions.preferred_wait(request):
            job = submissions.wait_for_end(job, wait)
        body = describe(job) | ({"webhook": describe_named(named)} if named else {})
        return submissions.accepted_response(job, body, request=request)

    def _envelope(self, request: Request) -> dict[str, Any]:
        """Return a JSON body as it is, a form with the kind's own fields gathered in `input`."""
        if not isinstance(request.data, QueryDict):
            refuse_unknown(request.data, SubmissionInput().fields)
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
            refuse_unknown(envelope, [*SubmissionInput().fields, *declared])
        return envelope | {"input": envelope.get("input", {}) | data}


class OneJob(View):
    """GET: how the job stands. DELETE: forget a finished job with all that belongs to it; a receipt stays."""

    scopes = {"DELETE": Scope.OPERATE}

    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        job = submissions.get_visible_job(request, job_id)
        if wait := submissions.preferred_wait(request):
            job = submissions.wait_for_end(job, wait)
        body = describe(job)
        etag = quote_etag(f"{body['seq']}-{body['position']}-{body['waiting_for'] or ''}")
        headers = {"ETag": etag}
        if job.state in UNFINISHED:
            headers["Retry-After"] = str(submissions.RETRY_AFTER_SECONDS)
        if is_known(request, etag):
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers=headers)
        return Response(body, headers=headers)

    def delete(self, request: Request, job_id: uuid.UUID) -> Response:
        job = job_to_operate(request, job_id, "forget")
        try:
            with on_record(request, job, "forget") as after:
                receipt = retention.delete_job(job, by=request.user.get_username(), reason="asked for by API")
                after["receipt"] = receipt.digest
        except retention.StillRunning:
            raise conflict(job, "job_unfinished", "The job has not ended. Cancel it first, then delete it.") from None
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
            caller = Caller(request.user, token_used(request), request.session)
            response = streaming.respond(job, caller, query["after"])
            submissions.release_connection()  # the stream has none of its own, and may last for hours
            return response
        query = _event_query(request.query_params)
        events = list(job.events.filter(seq__gt=query["after"]).order_by("seq")[: query["limit"]])
        return Response(
            {
                "events": [describe_event(event, job.kind) for event in events],
                "next_after": events[-1].seq if events else query["after"],
                "job_state": job.state,
            }
        )


class Attempts(View):
    """GET: the latest attempts at the job, newest first. Workers and the last traceback are for staff."""

    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        job = submissions.get_visible_job(request, job_id)
        return Response({"results": [describe_attempt(attempt, request.user) for attempt in attempts_of(job)]})


class Input(View):
    """GET: what the job was given. It does not change, so descriptions, which are sent often, leave it out."""

    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        job = submissions.get_visible_job(request, job_id)
        return Response({"id": str(job.pk), "kind": job.kind, "input": job.input, "links": links(job)})


class Cancel(View):
    """POST: stop the job. 200 when it is cancelled, 202 when a running attempt was told to stop."""

    scopes = {"POST": Scope.OPERATE}

    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        job = job_to_operate(request, job_id, "cancel")
        with on_record(request, job, "cancel"):
            cancelled = lifecycle.cancel(job.pk, by=request.user.get_username(), reason=reason_given(request))
        if cancelled is None:
            raise conflict(submissions.get_visible_job(request, job_id), "job_ended", "The job has already ended.")
        code = status.HTTP_200_OK if cancelled.is_finished else status.HTTP_202_ACCEPTED
        return Response(describe(cancelled), status=code)


class Retry(View):
    """POST: run a failed or cancelled job again."""

    scopes = {"POST": Scope.OPERATE}

    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        job = job_to_operate(request, job_id, "requeue")
        with on_record(request, job, "requeue"):
            requeued = lifecycle.requeue(job.pk, by=request.user.get_username(), reason=reason_given(request))
        if requeued is None:
            job = submissions.get_visible_job(request, job_id)
            raise conflict(
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
        except JobFile.DoesNotExist:
            raise Problem(404, "The job has no such file, or it has expired.", code="file_not_found") from None
        return send_file(request, file)


class Queues(View):
    """GET: every queue in numbers; nobody's jobs."""

    def get(self, request: Request) -> Response:
        now = database_now()
        return Response({"results": [describe_queue(queue, now) for queue in queues.describe()], "as_of": now})


class SwitchQueue(View):
    """POST: pause, resume or drain a queue, with a reason; for operators. Answers with the queue as it is then."""

    scopes = {"POST": Scope.OPERATE}

    def post(self, request: Request, queue: str, verb: str) -> Response:
        # Before the permissions: the names of queues are no secret.
        if queue not in {known.name for known in queues.describe()}:
            known = ", ".join(registry.queues())
            raise Problem(404, f"There is no queue of this name; there are {known}.", code="queue_not_found")
        before = queue_modes.mode_of(queue)
        needed = queue_modes.permissions_needed(before.mode, queue_modes.VERBS[verb])
        if not may(request.user, *(needed or [queue_modes.PERMISSIONS[QueueControl.Mode.PAUSED]])):
            raise Problem(403, f"Only an operator may {verb} this queue.", code="forbidden")
        reason = reason_given(request, required=True)
        via = AuditEntry.Via.API
        if queue_modes.switch(queue, verb, actor=request.user, via=via, reason=reason) is None:
            detail = f"Nothing was done: the queue is {before.mode} already."
            raise Problem(409, detail, code="nothing_to_do", mode=before.mode)
        after = next(row for row in queues.describe() if row.name == queue)
        return Response(describe_queue(after, database_now()))


class Resources(View):
    """GET: what jobs share, and who holds it. Whose job that is learn only its owner and staff."""

    def get(self, request: Request) -> Response:
        shown = [describe_resource(resource, request.user) for resource in resources()]
        return Response({"results": shown, "as_of": database_now()})


class TakeResource(View):
    """POST: take the resource from the job that holds it; for operators."""

    scopes = {"POST": Scope.OPERATE}

    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        job = submissions.get_visible_job(request, job_id)
        # Its owner as well: the resource is everybody's.
        if not may_operate(request, "take_resource"):
            raise Problem(
                403, "Only an operator may take a resource. To stop a job of yours, cancel it.", code="forbidden"
            )
        with on_record(request, job, "take_resource", also_own=True):
            taken = lifecycle.take_resource(job.pk, by=request.user.get_username(), reason=reason_given(request))
        if taken is None:
            raise conflict(job, "holds_nothing", "The job holds no resource now; nothing was done.")
        return Response(describe(taken))


class Kinds(View):
    """GET: what can be submitted, and what each kind takes."""

    def get(self, request: Request) -> Response:
        body = {"results": [describe_kind(kind) for kind in registry if not kind.internal]}
        etag = quote_etag(hashlib.sha256(to_json(body).encode()).hexdigest()[:32])
        if is_known(request, etag):  # they change with a release
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": etag})
        return Response(body, headers={"ETag": etag})


def page_response(results: list[Any], following: str | None) -> Response:
    """Answer with one page of a list. following: the address of the next one, also told as `Link: rel="next"`."""
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    return Response({"results": results, "next": following}, headers=headers)


def is_known(request: Request, etag: str) -> bool:
    """Return whether the client has this already (If-None-Match)."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in known or etag in [tag.removeprefix("W/") for tag in known]


def _event_query(given: Any) -> dict[str, Any]:
    query = EventQuery(data=given)
    query.is_valid(raise_exception=True)
    return query.validated_data


def conflict(job: Job, code: str, detail: str, **extra: Any) -> Problem:
    return Problem(409, detail, code=code, job_id=str(job.pk), state=str(job.state), **extra)
