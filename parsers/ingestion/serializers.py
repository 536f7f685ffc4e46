"""What comes in, checked once at the door, and what sessions, documents and chunks look like in JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db.models import Count, OuterRef, Subquery
from django.urls import reverse
from rest_framework import serializers

from jobs.api.problems import Problem
from jobs.batches import summaries
from jobs.models import Job
from parsers.documents import DocumentField
from parsers.extraction import Limits
from parsers.ingestion.chunks import DEFAULT_SIZE, LARGEST_SIZE, SMALLEST_SIZE
from parsers.ingestion.messages import say
from parsers.ingestion.operations import ingestion_limits
from parsers.ingestion.search import LARGEST_LIMIT, LIMIT, Hit, snippet
from parsers.ingestion.status import batches_of, status_word
from parsers.ingestion.store import check_label
from parsers.models import Chunk, Document, DocumentSession

#: A page of a list.
PAGE, LONGEST_PAGE = 50, 200


def limits() -> Limits:
    return ingestion_limits(settings.MAX_UPLOAD_BYTES)


# --- in -------------------------------------------------------------------------------------------------------------


class ChunkSettings(serializers.Serializer):
    """How documents are cut. The input of `parsers.ingest_batch`."""

    chunk_size = serializers.IntegerField(
        min_value=SMALLEST_SIZE,
        max_value=LARGEST_SIZE,
        default=DEFAULT_SIZE,
        help_text="of a chunk: characters, at most",
    )
    chunk_overlap = serializers.IntegerField(
        min_value=0, max_value=LARGEST_SIZE, default=0, help_text="characters that a chunk repeats of the one before"
    )

    example: dict[str, Any] = {"chunk_size": DEFAULT_SIZE, "chunk_overlap": 0}

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if data["chunk_overlap"] >= data["chunk_size"]:
            raise serializers.ValidationError({"chunk_overlap": [say("overlap_too_large")]}, code="overlap_too_large")
        return data


class IngestDocumentInput(ChunkSettings):
    """The input of `parsers.ingest_document`."""

    file = DocumentField(help_text="a PDF, DOCX, text or image; the job's session_id says where it belongs")

    example = ChunkSettings.example | {"file": "(the file's bytes)"}


class LabelField(serializers.CharField):
    """A session's label. Nothing is trimmed before `check_label` has seen it: it alone says what a label is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        return check_label(super().to_internal_value(data))


class BatchRequest(ChunkSettings):
    """The form of process-and-store-batch, but for its files."""

    session_id = LabelField(help_text="your own name for the session; it is made when there is none")

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if data["chunk_overlap"] >= data["chunk_size"]:
            # The answer that the other checks get, but wholly in the reader's language.
            message = say("overlap_too_large")
            error = {"field": "chunk_overlap", "code": "overlap_too_large", "message": message}
            raise Problem(400, message, code="invalid_input", errors=[error])
        return data


class Page(serializers.Serializer):
    """The query of a list. cursor: as the last page's `next` has it."""

    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=LONGEST_PAGE, default=PAGE, help_text="of the rows of a page"
    )
    cursor = serializers.RegexField(r"^[0-9]{1,18}$", required=False, help_text="as the last page's `next` has it")


class ChunkPage(Page):
    cursor = serializers.RegexField(
        r"^[0-9]{1,18}\.[0-9]{1,9}$", required=False, help_text="as the last page's `next` has it"
    )
    document = serializers.IntegerField(
        required=False, min_value=0, max_value=2**62, help_text="only the chunks of this one, by its id"
    )


class SearchQuery(serializers.Serializer):
    """Any text is a query; a limit out of its bounds is brought back into them."""

    q = serializers.CharField(
        required=False, allow_blank=True, default="", trim_whitespace=False, help_text="words, in any form of theirs"
    )
    limit = serializers.IntegerField(required=False, default=LIMIT, help_text=f"of the hits, 1 to {LARGEST_LIMIT}")

    #: No query is refused.
    takes_anything = True

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        try:
            limit = int(str(data.get("limit", LIMIT))[:9])
        except ValueError:
            limit = LIMIT
        return {"q": data.get("q", ""), "limit": max(1, min(limit, LARGEST_LIMIT))}


class StatusQuery(serializers.Serializer):
    session_id = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="looked at when the id is not known",
    )

    #: No query is refused.
    takes_anything = True


# --- out ------------------------------------------------------------------------------------------------------------


def describe_sessions(sessions: Iterable[DocumentSession]) -> list[dict[str, Any]]:
    """Return sessions as a list shows them, with a handful of queries for all. They have one owner."""
    sessions = list(sessions)
    keys = [session.pk for session in sessions]
    documents = _counts(Document.objects.filter(session__in=keys), "session")
    chunks = _counts(Chunk.objects.filter(document__session__in=keys), "document__session")
    latest = _latest_jobs(keys)
    return [
        {
            "session_id": session.session_id,
            "documents": documents.get(session.pk, 0),
            "chunks": chunks.get(session.pk, 0),
            "created_at": session.created_at,
            "updated_at": session.updated_at,
            "latest_job": latest.get(session.pk),
            "url": reverse("ingestion:session", args=[session.session_id]),
        }
        for session in sessions
    ]


def describe_document(document: Document) -> dict[str, Any]:
    """Return a document; `chunk_count` must be annotated."""
    return {
        "id": document.pk,
        "name": document.name,
        "sha256": document.sha256,
        "media_type": document.media_type,
        "pages": document.pages,
        "language": document.language or None,
        "characters": document.characters,
        "chunks": document.chunk_count,  # type: ignore[attr-defined]
        "chunk_size": document.chunk_size,
        "chunk_overlap": document.chunk_overlap,
        "job_id": str(document.job_id) if document.job_id else None,
        "stored_at": document.stored_at,
    }


def describe_chunk(chunk: Chunk) -> dict[str, Any]:
    return _place(chunk) | {"text": chunk.text}


def describe_hit(hit: Hit) -> dict[str, Any]:
    return _place(hit.chunk) | {"score": hit.score, "snippet": snippet(hit)}


def _place(chunk: Chunk) -> dict[str, Any]:
    return {
        "id": chunk.pk,
        "document": chunk.document_id,
        "document_name": chunk.document.name,
        "position": chunk.position,
        "page": chunk.page,
        "language": chunk.language or None,
    }


def _counts(rows: Any, key: str) -> dict[int, int]:
    return dict(rows.order_by().values(key).annotate(rows=Count("pk")).values_list(key, "rows"))


def _latest_jobs(keys: list[int]) -> dict[int, dict[str, str]]:
    """Return, by session, its latest batch with the seed's word for it."""
    latest = Subquery(batches_of(OuterRef("owner"), OuterRef("session_id")).values("pk")[:1])
    ids = dict(DocumentSession.objects.filter(pk__in=keys).annotate(latest=latest).values_list("pk", "latest"))
    jobs = Job.objects.only("id", "state").in_bulk([id for id in ids.values() if id])
    counts = summaries(jobs)
    return {
        key: {"job_id": str(id), "status": status_word(jobs[id], counts[id])} for key, id in ids.items() if id in jobs
    }
