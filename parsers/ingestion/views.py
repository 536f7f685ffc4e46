"""Seed 000: `/api/documents/…` and `/api/sessions/…`. A view translates, makes one call, and translates back."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.http import urlencode
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import lifecycle, retention
from jobs.api.batches import accept_batch
from jobs.api.problems import Problem
from jobs.api.submissions import RETRY_AFTER_SECONDS, accepted_response, was_replayed
from jobs.api.uploads import BatchView
from jobs.api.views import View
from jobs.batches import summary
from jobs.models import Job
from parsers.ingestion import status, store
from parsers.ingestion.messages import say
from parsers.ingestion.search import search
from parsers.ingestion.serializers import (
    BatchRequest,
    ChunkPage,
    Page,
    SearchQuery,
    describe_chunk,
    describe_document,
    describe_hit,
    describe_sessions,
)
from parsers.models import Chunk, DocumentSession

#: Where documents are kept in the storage.
FOLDER = "ingestion"


class ProcessAndStoreBatch(BatchView):
    """POST: documents become chunks of a session; the answer is the batch's id."""

    def post(self, request: Request) -> Response:
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
            "status": status.status_word(job, counted.failed),
            "message": say("accepted", total=counted.total, where=where),
        }
        return accepted_response(job, body)


class BatchStatus(View):
    """GET: how the batch stands, from the best evidence there is. 200 also when nothing is known."""

    def get(self, request: Request, job_id: str) -> Response:
        body = status.find_status(request.user, job_id=job_id, session_id=request.query_params.get("session_id", ""))
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if body["status"] == status.RUNNING else {}
        return Response(body, headers=headers)


class Sessions(View):
    """GET: own sessions, newest first."""

    def get(self, request: Request) -> Response:
        page = _query(Page, request)
        sessions = DocumentSession.objects.filter(owner=request.user.pk).order_by("-id")
        if "cursor" in page:
            sessions = sessions.filter(pk__lt=int(page["cursor"]))
        found = list(sessions[: page["limit"] + 1])
        return _page(request, found, page["limit"], describe_sessions, lambda last: last.pk)


class OneSession(View):
    """GET: what a session has and how it stands. DELETE: forget it with its documents, chunks and batches."""

    def get(self, request: Request, session_id: str) -> Response:
        session = _session(request, session_id)
        (body,) = describe_sessions([session])
        return Response(body | status.describe_session_status(request.user, session))

    def delete(self, request: Request, session_id: str) -> Response:
        session = _session(request, session_id)
        jobs = status.batches_of(request.user, session.session_id)
        # First, and by itself: a job that stores its result waits for the session's row, which is locked next.
        for key in jobs.unfinished().values_list("pk", flat=True):
            lifecycle.cancel(key, by=request.user.get_username(), reason="its session was deleted")
        counts = store.delete_session(session)
        deleted = sum(_forget(job, request) for job in jobs)
        return Response({"session_id": session.session_id, **counts, "jobs": deleted})


class Documents(View):
    """GET: the documents of a session, newest first."""

    def get(self, request: Request, session_id: str) -> Response:
        session, page = _session(request, session_id), _query(Page, request)
        documents = session.documents.annotate(chunk_count=Count("chunks")).order_by("-id")
        if "cursor" in page:
            documents = documents.filter(pk__lt=int(page["cursor"]))
        found = list(documents[: page["limit"] + 1])
        return _page(request, found, page["limit"], lambda rows: map(describe_document, rows), lambda last: last.pk)


class OneDocument(View):
    """DELETE: forget one document of a session with its chunks."""

    def delete(self, request: Request, session_id: str, document_id: str) -> Response:
        if not store.delete_document(_session(request, session_id), int(document_id)):
            raise Problem(404, "There is no such document in this session.", code="document_not_found")
        return Response(status=204)


class Chunks(View):
    """GET: the chunks of a session in reading order, of one document if it is named."""

    def get(self, request: Request, session_id: str) -> Response:
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
    """GET: the chunks that answer a query, best first. Any text is a query."""

    def get(self, request: Request, session_id: str) -> Response:
        session, asked = _session(request, session_id), _query(SearchQuery, request)
        found, hits = search(session, asked["q"], limit=asked["limit"])
        return Response({"query": asked["q"], "found": found, "results": [describe_hit(hit) for hit in hits]})


def _session(request: Request, session_id: str) -> DocumentSession:
    """Return the user's own session. Raises a 404 problem, the same for a foreign as for no session."""
    session = None
    if "\0" not in session_id:
        session = DocumentSession.objects.filter(owner=request.user.pk, session_id=session_id).first()
    if session is None:
        raise Problem(404, "There is no such session, or it is not yours.", code="session_not_found")
    return session


def _forget(job: Job, request: Request) -> int:
    """Delete a batch with its files. One that is still stopping is left to the retention."""
    try:
        retention.delete_job(job, by=request.user.get_username(), reason="its session was deleted")
    except (retention.StillRunning, Job.DoesNotExist):
        return 0
    return 1


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
