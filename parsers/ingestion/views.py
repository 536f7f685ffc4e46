"""Seed 000: `/api/documents/…` and `/api/sessions/…`. A view translates, makes one call, and translates back."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.http import urlencode
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api.batches import accept_batch
from jobs.api.openapi import IDEMPOTENCY_KEY, Answer, operation
from jobs.api.openapi.common import OF_BATCHES, OF_SUBMISSIONS
from jobs.api.problems import Problem
from jobs.api.replies import RETRY_AFTER_SECONDS
from jobs.api.submissions import accepted_response, was_replayed
from jobs.api.uploads import BatchTooLarge, BatchView, EmptyBatch, TooManyFiles
from jobs.api.views import View
from jobs.batches import summary
from jobs.errors import InvalidInput
from jobs.tokens.models import Scope
from parsers.ingestion import status, store
from parsers.ingestion.forgetting import StillStopping, forget_session
from parsers.ingestion.messages import error_sentence, say
from parsers.ingestion.search import search
from parsers.ingestion.serializers import (
    BatchRequest,
    ChunkPage,
    Page,
    SearchQuery,
    StatusQuery,
    describe_chunk,
    describe_document,
    describe_hit,
    describe_sessions,
)
from parsers.ingestion.shapes import (
    ACCEPT_LANGUAGE,
    DOCUMENT_NOT_FOUND,
    OF_LABELS,
    SESSION_NOT_FOUND,
    STILL_STOPPING,
    AcceptedBatchShape,
    BatchStatusShape,
    ChunkPageShape,
    DocumentBatchInput,
    ForgottenSessionShape,
    SearchShape,
    SessionDocumentPageShape,
    SessionPageShape,
    SessionShape,
)
from parsers.models import Chunk, DocumentSession

#: Where documents are kept in the storage.
FOLDER = "ingestion"
#: A running attempt stops within two seconds of being told to; this allows for a busy machine.
STOP_SECONDS = 10.0
_HEADERS = ("Location", "Link", "RetryAfter", "IdempotentReplayed")


class ProcessAndStoreBatch(BatchView):
    tag = "documents"

    scopes = {"POST": Scope.SUBMIT}

    @operation(
        {
            202: Answer(AcceptedBatchShape, "The documents were taken and are a batch.", headers=_HEADERS),
            200: Answer(AcceptedBatchShape, "The batch has ended already.", headers=_HEADERS),
        },
        form=DocumentBatchInput,
        parameters=[IDEMPOTENCY_KEY, ACCEPT_LANGUAGE],
        faults=[*OF_SUBMISSIONS, *OF_BATCHES, *OF_LABELS],
    )
    def post(self, request: Request) -> Response:
        """Send documents to a session.

        Each becomes a job of its own, then chunks of the session. A file that cannot be taken fails alone, with its
        reason in the status. The same document sent again is not stored twice; another chunk size replaces its chunks.
        """
        form = BatchRequest(data=request.data)
        form.is_valid(raise_exception=True)
        session_id = form.validated_data["session_id"]
        cut = {name: form.validated_data[name] for name in ("chunk_size", "chunk_overlap")}
        job = accept_batch(
            request, parent_kind=status.BATCH_KIND, parent_data=cut, child_kind=status.DOCUMENT_KIND, child_data=cut,
            uploads=self.uploads(request, "files"), session_id=session_id, folder=FOLDER,
        )  # fmt: skip
        if not was_replayed(job):  # and last: a request that was refused leaves no session behind
            store.open_session(request.user.pk, session_id)
        counted = summary(job.pk)
        where = reverse("ingestion:status", args=[job.pk])
        body = {
            "job_id": str(job.pk),
            "session_id": session_id,
            "total_files": counted.total,
            "status": status.status_word(job, counted),
            "message": say("accepted", total=counted.total, where=where),
        }
        return accepted_response(job, body)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, EmptyBatch | TooManyFiles | BatchTooLarge):  # from rooms that speak English only
            exc = InvalidInput(error_sentence(exc.code, exc.message), code=exc.code)
        return super().handle_exception(exc)


class BatchStatus(View):
    tag = "documents"

    @operation(
        {200: Answer(BatchStatusShape, headers=("RetryAfter",))},
        parameters=[StatusQuery, ACCEPT_LANGUAGE],
        path={"job_id": "The batch's id; any other text is answered as well."},
    )
    def get(self, request: Request, job_id: str) -> Response:
        """How a batch stands.

        From the best evidence there is: by the id, else as the session's latest batch, else from the session's chunks
        (`likely_completed`), else `unknown`. It never answers 404: work that may exist is not denied.
        """
        body = status.find_status(request.user, job_id=job_id, session_id=request.query_params.get("session_id", ""))
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if body["status"] == status.RUNNING else {}
        return Response(body, headers=headers)


class Sessions(View):
    tag = "documents"

    @operation(SessionPageShape, parameters=[Page])
    def get(self, request: Request) -> Response:
        """Your sessions, newest first."""
        page = _query(Page, request)
        sessions = DocumentSession.objects.filter(owner=request.user.pk).order_by("-id")
        if "cursor" in page:
            sessions = sessions.filter(pk__lt=int(page["cursor"]))
        found = list(sessions[: page["limit"] + 1])
        return _page(request, found, page["limit"], describe_sessions, lambda last: last.pk)


class OneSession(View):
    tag = "documents"

    scopes = {"DELETE": Scope.OPERATE}

    @operation(SessionShape, parameters=[ACCEPT_LANGUAGE], faults=[SESSION_NOT_FOUND])
    def get(self, request: Request, session_id: str) -> Response:
        """What a session has, and how it stands."""
        session = _session(request, session_id)
        (body,) = describe_sessions([session])
        return Response(body | status.describe_session_status(request.user, session))

    @operation(ForgottenSessionShape, parameters=[ACCEPT_LANGUAGE], faults=[SESSION_NOT_FOUND, STILL_STOPPING])
    def delete(self, request: Request, session_id: str) -> Response:
        """Forget a session with its documents, chunks and batches.

        What still runs is told to stop; while it has not, the answer is 409 and the session stays.
        """
        label = _label(session_id)
        # Also what has batches only: their files are the session's as much as its documents.
        if _find_session(request, label) is None and not status.batches_of(request.user, label).exists():
            raise _not_found("session")
        try:
            counts = forget_session(request.user, label, seconds=STOP_SECONDS)
        except StillStopping:
            raise Problem(
                409, say("still_stopping"), code="still_stopping",
                headers={"Retry-After": str(RETRY_AFTER_SECONDS)}, session_id=label,
            ) from None  # fmt: skip
        return Response({"session_id": label, **counts})


class Documents(View):
    tag = "documents"

    @operation(SessionDocumentPageShape, parameters=[Page, ACCEPT_LANGUAGE], faults=[SESSION_NOT_FOUND])
    def get(self, request: Request, session_id: str) -> Response:
        """The documents of a session, newest first."""
        session, page = _session(request, session_id), _query(Page, request)
        documents = session.documents.annotate(chunk_count=Count("chunks")).order_by("-id")
        if "cursor" in page:
            documents = documents.filter(pk__lt=int(page["cursor"]))
        found = list(documents[: page["limit"] + 1])
        return _page(request, found, page["limit"], lambda rows: map(describe_document, rows), lambda last: last.pk)


class OneDocument(View):
    tag = "documents"
    path_parameters = {"document_id": "The document's id, from the session's documents."}

    scopes = {"DELETE": Scope.OPERATE}

    @operation(
        {204: Answer(None, "The document is gone, with its chunks.")},
        parameters=[ACCEPT_LANGUAGE],
        faults=[SESSION_NOT_FOUND, DOCUMENT_NOT_FOUND],
    )
    def delete(self, request: Request, session_id: str, document_id: str) -> Response:
        """Forget one document of a session, with its chunks."""
        if not store.delete_document(_session(request, session_id), int(document_id)):
            raise _not_found("document")
        return Response(status=204)


class Chunks(View):
    tag = "documents"

    @operation(ChunkPageShape, parameters=[ChunkPage, ACCEPT_LANGUAGE], faults=[SESSION_NOT_FOUND])
    def get(self, request: Request, session_id: str) -> Response:
        """The chunks of a session in reading order, of one document if it is named."""
        session, page = _session(request, session_id), _query(ChunkPage, request)
        chunks = Chunk.objects.filter(document__session=session)
        if "document" in page:
            chunks = chunks.filter(document=page["document"])
        if "cursor" in page:
            document, position = map(int, page["cursor"].split("."))
            chunks = chunks.filter(Q(document=document, position__gt=position) | Q(document__gt=document))
        found = list(chunks.select_related("document").order_by("document_id", "position")[: page["limit"] + 1])
        return _page(
            request, found, page["limit"], lambda rows: map(describe_chunk, rows),
            lambda last: f"{last.document_id}.{last.position}",
        )  # fmt: skip


class Search(View):
    tag = "documents"

    @operation(SearchShape, parameters=[SearchQuery, ACCEPT_LANGUAGE], faults=[SESSION_NOT_FOUND])
    def get(self, request: Request, session_id: str) -> Response:
        """The chunks of a session that answer a query, best first.

        Any text is a query. A chunk answers when it has one of the words or a form of it, in Turkish or English; more
        words, rarer words and the very same words count more.
        """
        session, asked = _session(request, session_id), _query(SearchQuery, request)
        found, hits = search(session, asked["q"], limit=asked["limit"])
        return Response({"query": asked["q"], "found": found, "results": [describe_hit(hit) for hit in hits]})


def _session(request: Request, session_id: str) -> DocumentSession:
    """Return the user's own session. Raises a 404 problem, the same for a foreign as for no session."""
    session = _find_session(request, _label(session_id))
    if session is None:
        raise _not_found("session")
    return session


def _find_session(request: Request, label: str) -> DocumentSession | None:
    return DocumentSession.objects.filter(owner=request.user.pk, session_id=label).first()


def _label(session_id: str) -> str:
    """Return a label from an address as sessions keep it. Raises a 404 problem for what cannot be one."""
    try:
        return store.check_label(session_id)
    except InvalidInput:
        raise _not_found("session") from None


def _not_found(what: str) -> Problem:
    return Problem(404, say(f"{what}_not_found"), code=f"{what}_not_found")


def _query(serializer: Any, request: Request) -> dict[str, Any]:
    query = serializer(data=request.query_params)
    query.is_valid(raise_exception=True)
    return query.validated_data


def _page(request: Request, found: list[Any], limit: int, describe: Any, cursor: Any) -> Response:
    """Answer a page of a list. found: one row more than the page when there is a next one."""
    page = found[:limit]
    following = None
    if len(found) > limit:
        following = f"{request.path}?{urlencode(request.query_params.dict() | {'cursor': str(cursor(page[-1]))})}"
    return Response({"results": list(describe(page)), "next": following})
