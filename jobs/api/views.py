"""/api/v1/: the same for every kind. A view translates, makes one call, and translates back."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.http import quote_etag
from rest_framework import serializers, status
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs import door, lifecycle, queue_modes, queues, retention
from jobs.api import replies, streaming, submissions
from jobs.api.authentication import add_limit_headers, token_used
from jobs.api.downloads import send_file
from jobs.api.language import english
from jobs.api.openapi import IDEMPOTENCY_KEY, IF_NONE_MATCH, PREFER, Answer, Fault, operation
from jobs.api.openapi.common import (
    BYTES,
    FILE_NOT_FOUND,
    FORBIDDEN,
    JOB_NOT_FOUND,
    OF_FILES,
    OF_SUBMISSIONS,
    SUBMITTED,
)
from jobs.api.openapi.faults import OF_STORAGE
from jobs.api.openapi.headers import LAST_EVENT_ID
from jobs.api.openapi.kinds import SubmissionForm
from jobs.api.operating import job_to_operate, may_operate, on_record, reason_given
from jobs.api.parsers import ObjectParser, parse_object
from jobs.api.problems import Problem
from jobs.api.serializers import (
    EventQuery,
    JobPage,
    Seen,
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
from jobs.api.shapes import endings, operations
from jobs.api.shapes.jobs import EventListShape, JobListShape, JobShape, SubmittedJobShape
from jobs.attempts import attempts_of
from jobs.clock import database_now
from jobs.door import refuse_unknown
from jobs.idempotency import was_replayed
from jobs.kinds import registry
from jobs.listing import find_page
from jobs.live.callers import Caller
from jobs.models import AuditEntry, Job, JobFile, QueueControl
from jobs.positions import resources
from jobs.roles import may
from jobs.running import NOT_KEPT
from jobs.tokens.models import Scope

#: One for all requests: it keeps nothing of what it validates.
ENVELOPE = SubmissionInput()
#: For the API's description.
STREAM = {
    "type": "string",
    "description": "Server-sent events: `id` is the event's seq, `event` its type, `data` an Event as JSON.",
    "example": 'retry: 1000\n\nid: 2\nevent: started\ndata: {"seq":2,"type":"started","state":"processing"}\n\n',
}
#: What may be wrong with a submission's kind or its file.
OF_KINDS = (Fault(400, "unknown_kind", "No app declares this kind."), *OF_FILES)


class View(APIView):
    """What our views share: JSON objects and forms in, JSON and problems out, in English.

    tag: the part of the API's description that it stands in. path_parameters: what those of its address are.
    scopes: what a token needs for each method that changes something, such as {"POST": Scope.SUBMIT}.
    """

    tag = "jobs"
    path_parameters: ClassVar[Mapping[str, str]] = {}
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
    scopes = {"POST": Scope.SUBMIT}

    @operation(Answer(JobListShape, headers=("NextPage",)), parameters=[JobPage])
    def get(self, request: Request) -> Response:
        """List jobs.

        Your own, newest first; staff see everybody's. All filters that are given must fit. Several values of `state`,
        `kind` and `queue` are separated by commas. Follow `next` until it is null.
        """
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

    @operation(
        {
            202: Answer(SubmittedJobShape, "The job waits for a worker, or runs.", headers=SUBMITTED),
            200: Answer(SubmittedJobShape, "The job has ended already.", headers=SUBMITTED),
        },
        request=SubmissionInput,
        form=SubmissionForm,
        parameters=[IDEMPOTENCY_KEY, PREFER],
        faults=[*OF_SUBMISSIONS, *endings.OF_NAMED_WEBHOOKS, *OF_KINDS],
    )
    def post(self, request: Request) -> Response:
        """Submit a job.

        `kind` says of what kind, `input` is what that kind takes. Files come as multipart/form-data: then the fields of
        `input` are fields of the form, and `metadata` is a text with JSON.
        """
        given = dict(ENVELOPE.run_validation(self._envelope(request)))
        kind, data = given.pop("kind"), given.pop("input")
        refuse_unknown(data, door.field_names(registry.get(kind)), "input")
        job = submissions.accept(request, kind, data, field_prefix="input", **given)
        named = getattr(job, "webhook", None)  # its secret is told now or never
        seen: Seen | None = None
        place = 0
        if wait := submissions.preferred_wait(request):
            job = submissions.wait_for_end(job, wait)
        elif not was_replayed(job):  # then we know what became of it: it was made a moment ago
            has_files = bool(door.file_fields(registry.get(kind)))
            as_of = getattr(job, "stored_at", None) or database_now()
            seen, place = Seen(as_of, has_files=has_files, has_children=False), job.queue_position
        body = describe(job, seen, place=place) | ({"webhook": describe_named(named)} if named else {})
        return submissions.accepted_response(job, body, request=request)

    def _envelope(self, request: Request) -> dict[str, Any]:
        """Return a JSON body as it is, a form with the kind's own fields gathered in `input`."""
        if not isinstance(request.data, QueryDict):
            refuse_unknown(request.data, ENVELOPE.fields)
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
            refuse_unknown(envelope, [*ENVELOPE.fields, *declared])
        return envelope | {"input": envelope.get("input", {}) | data}


class OneJob(View):
    scopes = {"DELETE": Scope.OPERATE}

    @operation(
        {
            200: Answer(JobShape, headers=("ETag", "RetryAfter")),
            304: Answer(description="It is as you know it.", headers=("ETag", "RetryAfter")),
        },
        parameters=[PREFER, IF_NONE_MATCH],
        faults=[JOB_NOT_FOUND],
    )
    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        """Look at a job.

        How far it is, its place in the queue, what it waits for and when it should end. An unfinished one has
        `Retry-After`.
        """
        seen: Seen | None
        job, seen = submissions.look_at(request.user, job_id)
        if wait := submissions.preferred_wait(request):
            job, seen = submissions.wait_for_end(job, wait), None
        reply = replies.to_a_look(job, seen, request.headers.get("If-None-Match", ""))
        return Response(reply.body, status=reply.status, headers=reply.headers)

    @operation(endings.ReceiptShape, faults=[JOB_NOT_FOUND, FORBIDDEN, endings.JOB_UNFINISHED])
    def delete(self, request: Request, job_id: uuid.UUID) -> Response:
        """Forget a job that has ended.

        Its input, files, result and events are removed; a receipt (a hash and the time) stays.
        """
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
    renderer_classes = [JSONRenderer, streaming.EventStreamRenderer]

    @operation(
        {200: [Answer(EventListShape), Answer(STREAM, media=streaming.MEDIA_TYPE)]},
        parameters=[EventQuery, LAST_EVENT_ID],
        faults=[JOB_NOT_FOUND],
    )
    def get(self, request: Request, job_id: uuid.UUID) -> HttpResponseBase:
        """Read what has happened to a job.

        The events after the cursor `after`, oldest first. With `Accept: text/event-stream` they come as a stream that
        goes on until the job has ended; a client that comes again with `Last-Event-ID` misses and repeats nothing.
        """
        job = submissions.get_visible_job(request, job_id)
        query = _event_query(request.query_params)
        if last := request.headers.get("Last-Event-ID"):  # a client that comes again
            query |= {"after": _event_query({"after": last})["after"]}
        if request.accepted_renderer.media_type == streaming.MEDIA_TYPE:
            caller = Caller(request.user, token_used(request), request.session)
            response = streaming.respond(job, caller, query["after"])
            submissions.release_connection()  # the stream has none of its own, and may last for hours
            return response
        events = list(job.events.filter(seq__gt=query["after"]).order_by("seq")[: query["limit"]])
        return Response(
            {
                "events": [describe_event(event, job.kind) for event in events],
                "next_after": events[-1].seq if events else query["after"],
                "job_state": job.state,
            }
        )


class Attempts(View):
    @operation(endings.AttemptListShape, faults=[JOB_NOT_FOUND])
    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        """List the attempts at a job.

        The latest ones, newest first. Workers and the last traceback are for staff.
        """
        job = submissions.get_visible_job(request, job_id)
        return Response({"results": [describe_attempt(attempt, request.user) for attempt in attempts_of(job)]})


class Input(View):
    @operation(endings.JobInputShape, faults=[JOB_NOT_FOUND])
    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        """Read what a job was given.

        It does not change, so descriptions of the job, which are sent often, leave it out.
        """
        job = submissions.get_visible_job(request, job_id)
        return Response({"id": str(job.pk), "kind": job.kind, "input": job.input, "links": links(job)})


class Cancel(View):
    scopes = {"POST": Scope.OPERATE}

    @operation(
        {200: Answer(JobShape, "It is cancelled."), 202: Answer(JobShape, "The running attempt was told to stop.")},
        request=endings.ReasonInput,
        faults=[JOB_NOT_FOUND, FORBIDDEN, endings.JOB_ENDED],
    )
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        """Cancel a job.

        What waits is cancelled at once, what runs stops within two seconds. The parts of a batch go with it.
        """
        job = job_to_operate(request, job_id, "cancel")
        with on_record(request, job, "cancel"):
            cancelled = lifecycle.cancel(job.pk, by=request.user.get_username(), reason=reason_given(request))
        if cancelled is None:
            raise conflict(submissions.get_visible_job(request, job_id), "job_ended", "The job has already ended.")
        code = status.HTTP_200_OK if cancelled.is_finished else status.HTTP_202_ACCEPTED
        return Response(describe(cancelled), status=code)


class Retry(View):
    scopes = {"POST": Scope.OPERATE}

    @operation(
        {202: Answer(JobShape, "It waits again.", headers=("Location", "Link", "RetryAfter"))},
        request=endings.ReasonInput,
        faults=[JOB_NOT_FOUND, FORBIDDEN, endings.NOT_RETRYABLE],
    )
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        """Run a failed or cancelled job again.

        With the input that it had, and with all its attempts. What happened before stays in its events.
        """
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
    # The file is what it is, whatever the client accepts.
    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)

    @operation(
        Answer(BYTES, "The file as it is.", media="*/*", headers=("ContentDisposition", "ETag")),
        faults=[JOB_NOT_FOUND, FILE_NOT_FOUND, endings.FILE_NOT_KEPT, *OF_STORAGE],
    )
    def get(self, request: Request, job_id: uuid.UUID, file_id: uuid.UUID) -> HttpResponseBase:
        """Download a file of a job.

        With the type that its content has; what a browser would run comes as application/octet-stream.
        """
        job = submissions.get_visible_job(request, job_id)
        try:
            file = job.files.get(pk=file_id)
            if not file.file:
                raise Problem(404, f"The file was refused and not kept. {job.error_message}".strip(), code=NOT_KEPT)
        except JobFile.DoesNotExist:
            raise Problem(404, "The job has no such file, or it has expired.", code="file_not_found") from None
        return send_file(request, file)


class Queues(View):
    tag = "operations"

    @operation(operations.QueueListShape)
    def get(self, request: Request) -> Response:
        """List the queues.

        In numbers: how many jobs wait and since when, how many run, who serves them. Nobody's jobs are shown.
        """
        now = database_now()
        return Response({"results": [describe_queue(queue, now) for queue in queues.describe()], "as_of": now})


class SwitchQueue(View):
    tag = "operations"
    path_parameters = {"queue": "The queue's name."}

    scopes = {"POST": Scope.OPERATE}

    @operation(
        operations.QueueShape,
        request=operations.SwitchReasonInput,
        faults=[operations.QUEUE_NOT_FOUND, operations.OPERATORS_ONLY, operations.NOTHING_TO_DO],
    )
    def post(self, request: Request, queue: str, verb: str) -> Response:
        """Pause, resume or drain a queue.

        For operators, with a reason. Paused: jobs come in and wait. Draining: none comes in, what is there is worked
        off. Resumed: as usual. The answer is the queue as it is then.
        """
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
    tag = "operations"

    @operation(operations.ResourceListShape)
    def get(self, request: Request) -> Response:
        """List what jobs share.

        Such as the GPU: who holds it and since when, how many wait. Whose job that is learn only its owner and staff.
        """
        shown = [describe_resource(resource, request.user) for resource in resources()]
        return Response({"results": shown, "as_of": database_now()})


class TakeResource(View):
    scopes = {"POST": Scope.OPERATE}

    @operation(
        JobShape,
        request=endings.ReasonInput,
        faults=[JOB_NOT_FOUND, operations.OPERATORS_ONLY, endings.HOLDS_NOTHING],
    )
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        """Take the resource from the job that holds it.

        For operators. The attempt is ended and the job waits to be tried again.
        """
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
    tag = "operations"

    @operation(
        {
            200: Answer(operations.KindListShape, headers=("ETag",)),
            304: Answer(description="They are as you know them.", headers=("ETag",)),
        },
        parameters=[IF_NONE_MATCH],
    )
    def get(self, request: Request) -> Response:
        """List the kinds of jobs.

        What can be submitted, and what each kind takes.
        """
        body = {"results": [describe_kind(kind) for kind in registry if not kind.internal]}
        etag = quote_etag(hashlib.sha256(to_json(body).encode()).hexdigest()[:32])
        if replies.is_known(request.headers.get("If-None-Match", ""), etag):  # they change with a release
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": etag})
        return Response(body, headers={"ETag": etag})


def page_response(results: list[Any], following: str | None) -> Response:
    """Answer with one page of a list. following: the address of the next one, also told as `Link: rel="next"`."""
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    return Response({"results": results, "next": following}, headers=headers)


def _event_query(given: Any) -> dict[str, Any]:
    query = EventQuery(data=given)
    query.is_valid(raise_exception=True)
    return query.validated_data


def conflict(job: Job, code: str, detail: str, **extra: Any) -> Problem:
    return Problem(409, detail, code=code, job_id=str(job.pk), state=str(job.state), **extra)
