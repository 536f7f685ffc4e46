"""Seed 003, at the root. A view translates, makes one call, and translates back."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

from channels.db import database_sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db.models import Count, Q, Sum
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, parse_etags, quote_etag, urlencode
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from classifier import export
from classifier.serializers import (
    BATCH_KIND,
    DOCUMENT_KIND,
    DOCUMENT_WORDS,
    FOLDER,
    JOB_WORDS,
    BatchQuery,
    BatchRequest,
    ExportQuery,
    UploadInput,
    describe_batch,
    describe_document,
    describe_totals,
)
from classifier.shapes import (
    BATCH_NOT_FOUND,
    CSV,
    DOCUMENT_NOT_FOUND,
    JOB_ENDED,
    NOTHING_TO_RETRY,
    STILL_PROCESSING,
    STILL_STOPPING,
    UNCLASSIFIED,
    BatchUploadInput,
    ClassifiedDocumentShape,
    ClassifiedNowShape,
    ClassifyAnswerShape,
    ClassifyBatchListShape,
    ClassifyBatchShape,
    ClassifyExportShape,
    ForgottenDocumentShape,
    UploadedBatchShape,
    UploadedShape,
)
from jobs import batches, lifecycle, retention
from jobs.api.batches import accept_batch
from jobs.api.forms import refuse_several
from jobs.api.openapi import IDEMPOTENCY_KEY, IF_NONE_MATCH, Answer, operation
from jobs.api.openapi.common import FORBIDDEN, JOB_NOT_FOUND, OF_BATCHES, OF_SUBMISSIONS
from jobs.api.operating import job_to_operate, on_record
from jobs.api.problems import Problem
from jobs.api.replies import RETRY_AFTER_SECONDS
from jobs.api.shapes.endings import ReasonInput
from jobs.api.submissions import (
    LONGEST_WAIT_SECONDS,
    accept,
    accepted_response,
    wait_for_end,
)
from jobs.api.uploads import BatchView
from jobs.api.views import View
from jobs.batches import Summary
from jobs.files import find_input
from jobs.models import HIGHEST_PRIORITY, Job
from jobs.states import FINISHED, State
from jobs.tokens.models import Scope
from parsers.shapes import AT_THE_DOOR

#: A running attempt stops within two seconds of being told to; this allows for a busy machine.
STOP_SECONDS = 10.0
_HEADERS = ("Location", "Link", "RetryAfter", "IdempotentReplayed")
_KNOWN = Answer(None, "You have this already.", headers=("ETag", "RetryAfter"))
_AGAIN = ClassifyAnswerShape.example | {
    "status": "processing",
    "failed": 0,
    "progress": 90.0,
    "message": "The documents that were not completed run again.",
}
_DOC_ID = {"doc_id": "The document's id."}


# --- one document ---------------------------------------------------------------------------------------------


class Upload(View):
    tag = "classification"
    scopes = {"POST": Scope.SUBMIT}

    @operation(
        {
            202: Answer(UploadedShape, "The document was taken and is being classified.", headers=_HEADERS),
            200: Answer(UploadedShape, "It was sent before under this key, and is done.", headers=_HEADERS),
        },
        form=UploadInput,
        parameters=[IDEMPOTENCY_KEY],
        faults=[*OF_SUBMISSIONS, *AT_THE_DOOR],
    )
    def post(self, request: Request) -> Response:
        """Send one document to be classified.

        It goes before all batches. The answer is its `doc_id`; POST /classify/{doc_id} waits for its classification.
        """
        sent = _checked(UploadInput, request.data)
        refuse_several(request, request.FILES, hint="Send one file, or use /batch/upload.")
        job = accept(
            request, DOCUMENT_KIND, {"file": sent["file"]}, folder=FOLDER, priority=HIGHEST_PRIORITY,
            user_id=sent["user_id"], session_id=sent["session_id"],
        )  # fmt: skip
        file = find_input(job)
        return accepted_response(
            job,
            {
                "doc_id": str(job.pk),
                "filename": file.name if file else None,
                "status": DOCUMENT_WORDS.word(job.state),
                "message": f"Document uploaded. Classify it at /classify/{job.pk}",
            },
        )


class Classify(View):
    tag = "classification"
    path_parameters = _DOC_ID
    scopes = {"POST": Scope.SUBMIT}

    @operation(
        ClassifiedNowShape,
        request=ReasonInput,
        faults=[DOCUMENT_NOT_FOUND, JOB_NOT_FOUND, FORBIDDEN, *UNCLASSIFIED, STILL_PROCESSING],
    )
    def post(self, request: Request, doc_id: str) -> Response:
        """Wait for a document's classification.

        One that failed or was cancelled runs again. The answer is the document, with its classification's members
        beside its own. After 60 seconds it is 504, and the document goes on.
        """
        job = _document(request, doc_id)
        file = find_input(job)
        kept = file is not None and bool(file.file)
        if kept and job.state in lifecycle.UNSUCCESSFUL:
            job = job_to_operate(request, job.pk, "requeue")
            with on_record(request, job, "requeue"):
                lifecycle.requeue(job.pk, by=request.user.get_username(), reason="asked to classify it again")
            job.refresh_from_db()
        job = wait_for_end(job, LONGEST_WAIT_SECONDS)
        where: dict[str, Any] = {"doc_id": str(job.pk), "status_url": f"/documents/{job.pk}"}
        if not job.is_finished:
            detail = "The document is not done yet. It is being worked on: ask for it later."
            raise Problem(504, detail, code="still_processing", **where)
        if job.state != State.SUCCEEDED:
            again = "Ask again to have it classified." if kept else "Its file has expired: send it again."
            detail = job.error_message or f"The document was cancelled. {again}"
            raise Problem(422, detail, code=job.error_code or "cancelled", **where)
        document = describe_document(job, file)
        return Response(document["classification"] | document)


class Document(View):
    tag = "classification"
    path_parameters = _DOC_ID
    scopes = {"DELETE": Scope.OPERATE}

    @operation(
        {200: Answer(ClassifiedDocumentShape, headers=("ETag", "RetryAfter")), 304: _KNOWN},
        parameters=[IF_NONE_MATCH],
        faults=[DOCUMENT_NOT_FOUND],
    )
    def get(self, request: Request, doc_id: str) -> Response:
        """A document and its classification."""
        job = _document(request, doc_id)
        return _unless_known(request, job.state, str(job.event_seq), lambda: describe_document(job, find_input(job)))

    @operation(ForgottenDocumentShape, faults=[DOCUMENT_NOT_FOUND, JOB_NOT_FOUND, FORBIDDEN, STILL_STOPPING])
    def delete(self, request: Request, doc_id: str) -> Response:
        """Stop a document if it is not done, and forget it.

        File, classification and events are deleted; a receipt stays.
        """
        job = job_to_operate(request, _document(request, doc_id).pk, "forget")
        if not job.is_finished:
            with on_record(request, job, "cancel"):
                lifecycle.cancel(job.pk, by=request.user.get_username(), reason="to be deleted")
            job = wait_for_end(job, STOP_SECONDS)
        try:
            with on_record(request, job, "forget") as after:
                receipt = retention.delete_job(job, by=request.user.get_username(), reason="asked for by API")
                after["receipt"] = receipt.digest
        except retention.StillRunning:
            raise Problem(
                409, "The document is still being worked on and was told to stop. Delete it in a moment.",
                code="still_stopping", headers={"Retry-After": str(RETRY_AFTER_SECONDS)}, doc_id=doc_id,
            ) from None  # fmt: skip
        except Job.DoesNotExist:
            raise _not_found("document") from None
        receipt.refresh_from_db()  # its time is the database's
        return Response({"doc_id": doc_id, "digest": receipt.digest, "deleted_at": receipt.deleted_at})


# --- a batch --------------------------------------------------------------------------------------------------


class UploadBatch(BatchView):
    tag = "classification"
    scopes = {"POST": Scope.SUBMIT}

    @operation(
        {
            202: Answer(UploadedBatchShape, "The documents were taken and are a batch.", headers=_HEADERS),
            200: Answer(UploadedBatchShape, "The batch has ended already.", headers=_HEADERS),
        },
        form=BatchUploadInput,
        parameters=[IDEMPOTENCY_KEY],
        faults=[*OF_SUBMISSIONS, *OF_BATCHES],
    )
    def post(self, request: Request) -> Response:
        """Send many documents to be classified.

        Each is a job of its own. A file that cannot be taken fails alone, with its reason in the status.
        """
        sent = BatchRequest(data=request.data)
        sent.is_valid(raise_exception=True)
        job = accept_batch(
            request,
            parent_kind=BATCH_KIND,
            parent_data={},
            child_kind=DOCUMENT_KIND,
            child_data={},
            uploads=self.uploads(request, "files"),
            folder=FOLDER,
            priority=sent.validated_data["priority"],
            user_id=sent.validated_data["user_id"],
            session_id=sent.validated_data["session_id"],
            timeout=sent.timeout,
        )
        refused = Q(state=State.FAILED, processing_at__isnull=True)  # no worker has looked at them
        counted = job.children.aggregate(total=Count("pk"), refused=Count("pk", filter=refused))
        message = f"Batch upload initiated. Successfully queued {counted['total'] - counted['refused']} documents."
        if counted["refused"]:
            message += f" {counted['refused']} could not be accepted: see /status/{job.pk}"
        body = {
            "job_id": str(job.pk),
            "total_files": counted["total"],
            "status": JOB_WORDS.word(job.state),
            "message": message,
        }
        return accepted_response(job, body)


class Status(View):
    tag = "classification"

    @operation(
        {200: Answer(ClassifyBatchShape, headers=("ETag", "RetryAfter")), 304: _KNOWN},
        parameters=[IF_NONE_MATCH],
        faults=[BATCH_NOT_FOUND],
    )
    def get(self, request: Request, job_id: str) -> Response:
        """A batch and every document in it."""
        job = _batch(request, job_id)
        # Counted before they are read: what changes in between is in the answer, and makes the tag an old one.
        counted = job.children.aggregate(total=Count("pk"), seq=Sum("event_seq"), begun=Count("processing_at"))

        def describe() -> dict[str, Any]:
            members = batches.members(job.pk, result_keys=("final_category", "confidence"))
            return describe_batch(job, members, begun=counted["begun"])

        return _unless_known(request, job.state, f"{job.event_seq}-{counted['total']}-{counted['seq']}", describe)


class Batches(View):
    tag = "classification"

    @operation(ClassifyBatchListShape, parameters=[BatchQuery])
    def get(self, request: Request) -> Response:
        """Your batches, newest first; for staff everybody's."""
        query = _checked(BatchQuery, request.query_params)
        mine = Job.objects.visible_to(request.user).filter(kind=BATCH_KIND)
        older = mine.filter(pk__lt=query["cursor"]) if "cursor" in query else mine
        found = list(older.order_by("-id").defer("input", "result", "metadata")[: query["limit"] + 1])
        page = found[: query["limit"]]
        following = None
        if len(found) > len(page):
            following = f"{request.path}?{urlencode({'limit': query['limit'], 'cursor': page[-1].pk})}"
        counts = batches.summaries(job.pk for job in page)
        jobs = [describe_totals(job, counts.get(job.pk, Summary({}, 100.0))) for job in page]
        return Response({"total": mine.count(), "jobs": jobs, "next": following})


class Cancel(View):
    tag = "classification"
    scopes = {"POST": Scope.OPERATE}

    @operation(
        ClassifyAnswerShape,
        request=ReasonInput,
        faults=[BATCH_NOT_FOUND, JOB_NOT_FOUND, FORBIDDEN, JOB_ENDED],
    )
    def post(self, request: Request, job_id: str) -> Response:
        """Stop a batch.

        Documents that are done stay as they are; running ones stop within two seconds. To ask twice does no harm.
        """
        job = job_to_operate(request, _batch(request, job_id).pk, "cancel")
        with on_record(request, job, "cancel"):
            cancelled = lifecycle.cancel(job.pk, by=request.user.get_username(), reason="asked for by API")
        if cancelled is not None:
            message = "The batch is cancelled. Documents that were done stay; running ones stop within two seconds."
            return _answer(cancelled, message)
        job.refresh_from_db()
        if job.state != State.CANCELLED:
            raise _conflict(job, "job_ended", "The batch has already ended: there is nothing to stop.")
        return _answer(job, "The batch was cancelled before.")


class Retry(View):
    tag = "classification"
    scopes = {"POST": Scope.OPERATE}

    @operation(
        {202: Answer(ClassifyAnswerShape, "They run again.", example=_AGAIN)},
        request=ReasonInput,
        faults=[BATCH_NOT_FOUND, JOB_NOT_FOUND, FORBIDDEN, NOTHING_TO_RETRY],
    )
    def post(self, request: Request, job_id: str) -> Response:
        """Run the documents of a batch again that failed or were cancelled."""
        job = job_to_operate(request, _batch(request, job_id).pk, "requeue")
        unsuccessful = job.children.filter(state__in=lifecycle.UNSUCCESSFUL)
        if unsuccessful.exists() and not unsuccessful.filter(files__file__gt="").exists():
            detail = "The files of the documents that failed were refused or have expired. Send them as a new batch."
            raise _conflict(job, "nothing_to_retry", detail)
        with on_record(request, job, "requeue"):
            again = lifecycle.requeue(job.pk, by=request.user.get_username(), reason="asked for by API")
        if again is None:
            job.refresh_from_db()
            raise _conflict(job, "nothing_to_retry", "No document of this batch has failed, or it has not ended yet.")
        return _answer(again, "The documents that were not completed run again.", status.HTTP_202_ACCEPTED)


class Export(View):
    tag = "classification"

    # The file is what it is, whatever the client accepts; and DRF would take `format` for a renderer's name.
    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)

    @operation(
        {
            200: [
                Answer(CSV, "The results as a file.", headers=("ContentDisposition",), media="text/csv"),
                Answer(ClassifyExportShape, headers=("ContentDisposition",)),
            ]
        },
        parameters=[ExportQuery],
        faults=[BATCH_NOT_FOUND],
    )
    def get(self, request: Request, job_id: str) -> HttpResponseBase:
        """A batch's results as one file, CSV or JSON.

        It is written while it is read: a batch that is not done gives what there is.
        """
        job = _batch(request, job_id)
        wanted = _checked(ExportQuery, request.query_params)["format"]
        pieces = export.csv_pieces(job) if wanted == "csv" else export.json_pieces(job)
        response = StreamingHttpResponse(_stream(request, pieces))
        response["Content-Type"] = "text/csv; charset=utf-8" if wanted == "csv" else "application/json"
        response["Content-Disposition"] = content_disposition_header(True, f"batch-{job.pk}.{wanted}") or "attachment"
        response["X-Content-Type-Options"] = "nosniff"
        return response


# --- shared ---------------------------------------------------------------------------------------------------


def _checked(serializer: type[serializers.Serializer], data: Any) -> dict[str, Any]:
    checked = serializer(data=data)
    checked.is_valid(raise_exception=True)
    return checked.validated_data


def _document(request: Request, doc_id: str) -> Job:
    return _visible(request, doc_id, DOCUMENT_KIND, "document")


def _batch(request: Request, job_id: str) -> Job:
    return _visible(request, job_id, BATCH_KIND, "batch")


def _visible(request: Request, job_id: str, kind: str, what: str) -> Job:
    """Return the job if it is one and the request's user may see it. Raises a 404 problem, the same for all else."""
    try:
        return Job.objects.visible_to(request.user).get(pk=uuid.UUID(job_id), kind=kind)
    except (Job.DoesNotExist, ValueError):
        raise _not_found(what) from None


def _not_found(what: str) -> Problem:
    return Problem(404, f"There is no such {what}, or it is not yours.", code=f"{what}_not_found")


def _conflict(job: Job, code: str, detail: str) -> Problem:
    return Problem(409, detail, code=code, job_id=str(job.pk), job_status=JOB_WORDS.word(job.state))


def _answer(job: Job, message: str, code: int = status.HTTP_200_OK) -> Response:
    totals = describe_totals(job, batches.summary(job.pk))
    return Response(totals | {"message": message}, status=code)


def _unless_known(request: Request, state: str, seen: str, describe: Any) -> Response:
    """Answer 304 when the client has this already, else what `describe` returns. seen: changes with the answer."""
    etag = quote_etag(seen)
    headers = {"ETag": etag}
    if state not in FINISHED:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if "*" in known or etag in [tag.removeprefix("W/") for tag in known]:
        return Response(status=status.HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(describe(), headers=headers)


def _stream(request: Request, pieces: Iterator[bytes]) -> Any:
    if not isinstance(request._request, ASGIRequest):
        return pieces

    async def read() -> AsyncIterator[bytes]:  # of an iterator that is not async, ASGI would read all into memory first
        following = database_sync_to_async(next, thread_sensitive=False)
        while (piece := await following(pieces, None)) is not None:
            yield piece

    return read()
