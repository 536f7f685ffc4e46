"""What seed 000 answers, as the API's description shows it. `status.py` and `serializers.py` make it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs.api.openapi import Fault
from jobs.api.openapi.headers import request_header
from parsers.extraction import MediaType
from parsers.ingestion.serializers import BatchRequest
from parsers.ingestion.status import (
    BY_JOB,
    COMPLETED,
    COMPLETED_WITH_ERRORS,
    EVIDENCE,
    FOUND_BY,
    LIKELY_COMPLETED,
    RUNNING,
    UNKNOWN,
    WORDS,
)
from parsers.language import LANGUAGES

ACCEPT_LANGUAGE = request_header(
    "Accept-Language", "Messages and refusals come in Turkish (`tr`) or English.", example="tr"
)

_JOB_ID = "550e8400-e29b-41d4-a716-446655440000"
_DOCUMENT_JOB_ID = "550e8400-e29b-41d4-a716-446655440001"
_SESSION = "invoices-2025"
_NOW = "2025-11-16T10:30:03.120000Z"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#: What a batch that was found is called; a missing one may be the other two as well.
BATCH_WORDS = [*WORDS.choices(), COMPLETED_WITH_ERRORS]


class DocumentBatchInput(BatchRequest):
    """Documents for a session."""

    files = serializers.ListField(
        min_length=1, child=serializers.FileField(), help_text="PDF, DOCX, text or images; each part has a file name"
    )

    example = {
        "session_id": _SESSION,
        "chunk_size": 1000,
        "chunk_overlap": 100,
        "files": ["(one file's bytes)", "(another's)"],
    }


class AcceptedBatchShape(serializers.Serializer):
    """The documents were taken and are a batch."""

    job_id = serializers.UUIDField(help_text="of the batch")
    session_id = serializers.CharField(help_text="as the session keeps it: Unicode NFC, without space around it")
    total_files = serializers.IntegerField(min_value=1)
    status = serializers.ChoiceField(BATCH_WORDS)
    message = serializers.CharField(help_text="says where to look")

    example = {
        "job_id": _JOB_ID,
        "session_id": _SESSION,
        "total_files": 2,
        "status": RUNNING,
        "message": "The batch was accepted. Files: 2. "
        f"Its status: /api/documents/process-and-store-batch/status/{_JOB_ID}",
    }


class EvidenceShape(serializers.Serializer):
    """One thing that is known; the members after `detail` depend on `kind`."""

    kind = serializers.ChoiceField(EVIDENCE)
    detail = serializers.CharField(help_text="the same as a sentence")
    succeeded = serializers.IntegerField(required=False, help_text="children: documents that are stored")
    failed = serializers.IntegerField(required=False, help_text="children: documents that failed or were cancelled")
    waiting = serializers.IntegerField(required=False, help_text="children: documents that wait for a worker")
    processing = serializers.IntegerField(required=False, help_text="children: documents that are being read")
    present = serializers.IntegerField(required=False, help_text="chunks: in the session here and now")
    expected = serializers.IntegerField(required=False, help_text="chunks: that the batch made")
    alive = serializers.IntegerField(required=False, help_text="workers: that serve the queue")
    last_heartbeat_at = serializers.DateTimeField(required=False, allow_null=True, help_text="workers: of any of them")
    code = serializers.CharField(required=False, allow_blank=True, help_text="waiting: what for")
    position = serializers.IntegerField(required=False, help_text="waiting: in the queue, from 1")
    until = serializers.DateTimeField(required=False, allow_null=True, help_text="waiting: when that may change")
    retried = serializers.IntegerField(required=False, help_text="attempts: documents that needed more than one")
    most = serializers.IntegerField(required=False, help_text="attempts: of one document")
    documents = serializers.IntegerField(required=False, help_text="session: that it has")
    chunks = serializers.IntegerField(required=False, help_text="session: that it has")
    first_stored_at = serializers.DateTimeField(required=False, allow_null=True, help_text="session")
    last_stored_at = serializers.DateTimeField(required=False, allow_null=True, help_text="session")

    example = {"kind": "chunks", "detail": "Chunks present: 118 of 118.", "present": 118, "expected": 118}


class DocumentErrorShape(serializers.Serializer):
    """Why a document was not stored."""

    code = serializers.CharField(help_text="for programs: it does not change")
    message = serializers.CharField(help_text="for people")

    example = {"code": "no_text", "message": "No text was found in the document, also not by OCR."}


class BatchDocumentShape(serializers.Serializer):
    """One document of a batch."""

    job_id = serializers.UUIDField(help_text="of the document's own job")
    filename = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(WORDS.choices())
    progress = serializers.FloatField(min_value=0, max_value=100)
    stage = serializers.CharField(allow_blank=True)
    seq = serializers.IntegerField(help_text="number of its latest event")
    error = DocumentErrorShape(allow_null=True)
    chunks = serializers.IntegerField(allow_null=True, help_text="null: not stored (yet)")
    already_stored = serializers.BooleanField(help_text="the session had just these chunks")

    example = {
        "job_id": _DOCUMENT_JOB_ID,
        "filename": "invoice.pdf",
        "status": COMPLETED,
        "progress": 100.0,
        "stage": "stored",
        "seq": 7,
        "error": None,
        "chunks": 118,
        "already_stored": False,
    }


class BatchErrorShape(DocumentErrorShape):
    """A document that failed."""

    job_id = serializers.UUIDField()
    filename = serializers.CharField(allow_blank=True)


class BatchStatusShape(serializers.Serializer):
    """How a batch stands, and how that is known."""

    job_id = serializers.CharField(allow_null=True, help_text="of the batch that was found, else what was asked for")
    session_id = serializers.CharField(allow_null=True, allow_blank=True)
    status = serializers.ChoiceField([*BATCH_WORDS, UNKNOWN, LIKELY_COMPLETED])
    message = serializers.CharField(help_text="for people, in the request's language")
    total_files = serializers.IntegerField(min_value=0)
    processed = serializers.IntegerField(min_value=0, help_text="that have ended")
    failed = serializers.IntegerField(min_value=0)
    progress = serializers.FloatField(min_value=0, max_value=100)
    chunks = serializers.IntegerField(min_value=0)
    documents = BatchDocumentShape(many=True)
    errors = BatchErrorShape(many=True)  # type: ignore[assignment]
    evidence = EvidenceShape(many=True)
    found_by = serializers.ChoiceField(
        FOUND_BY, help_text="by the id; as the session's latest; from the session's chunks; not at all"
    )
    as_of = serializers.DateTimeField()

    example: dict[str, Any] = {
        "job_id": _JOB_ID,
        "session_id": _SESSION,
        "status": COMPLETED,
        "message": "The batch is completed. Documents: 1, chunks: 118.",
        "total_files": 1,
        "processed": 1,
        "failed": 0,
        "progress": 100.0,
        "chunks": 118,
        "documents": [BatchDocumentShape.example],
        "errors": [],
        "evidence": [
            {
                "kind": "children",
                "detail": "Documents: 1 succeeded, 0 failed, 0 waiting, 0 being processed.",
                "succeeded": 1,
                "failed": 0,
                "waiting": 0,
                "processing": 0,
            },
            EvidenceShape.example,
        ],
        "found_by": BY_JOB,
        "as_of": _NOW,
    }


class LatestJobShape(serializers.Serializer):
    """The latest batch of a session."""

    job_id = serializers.UUIDField()
    status = serializers.ChoiceField(BATCH_WORDS)


class SessionRowShape(serializers.Serializer):
    """A session of documents."""

    session_id = serializers.CharField()
    documents = serializers.IntegerField(min_value=0)
    chunks = serializers.IntegerField(min_value=0)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField(help_text="a document was stored or deleted")
    latest_job = LatestJobShape(allow_null=True, help_text="null: it is not kept any more")
    url = serializers.CharField()

    example: dict[str, Any] = {
        "session_id": _SESSION,
        "documents": 1,
        "chunks": 118,
        "created_at": "2025-11-16T10:30:00.000000Z",
        "updated_at": _NOW,
        "latest_job": {"job_id": _JOB_ID, "status": COMPLETED},
        "url": f"/api/sessions/{_SESSION}",
    }


class SessionPageShape(serializers.Serializer):
    """A page of sessions, newest first."""

    results = SessionRowShape(many=True)
    next = serializers.CharField(allow_null=True, help_text="address of the next page; null: this is the last")

    example = {"results": [SessionRowShape.example], "next": None}


class SessionShape(SessionRowShape):
    """What a session has, and how it stands."""

    status = serializers.ChoiceField([*BATCH_WORDS, UNKNOWN, LIKELY_COMPLETED])
    message = serializers.CharField()
    progress = serializers.FloatField(min_value=0, max_value=100)
    evidence = EvidenceShape(many=True)
    as_of = serializers.DateTimeField()

    example = SessionRowShape.example | {
        name: BatchStatusShape.example[name] for name in ("status", "message", "progress", "evidence", "as_of")
    }


class ForgottenSessionShape(serializers.Serializer):
    """What was deleted with the session."""

    session_id = serializers.CharField()
    documents = serializers.IntegerField(min_value=0)
    chunks = serializers.IntegerField(min_value=0)
    jobs = serializers.IntegerField(min_value=0, help_text="batches")

    example = {"session_id": _SESSION, "documents": 1, "chunks": 118, "jobs": 1}


class SessionDocumentShape(serializers.Serializer):
    """A document of a session."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$")
    media_type = serializers.ChoiceField([str(one) for one in MediaType], help_text="judged by the content")
    pages = serializers.IntegerField(min_value=0)
    language = serializers.ChoiceField(LANGUAGES, allow_null=True, help_text="null: too little text to tell")
    characters = serializers.IntegerField(min_value=0)
    chunks = serializers.IntegerField(min_value=0)
    chunk_size = serializers.IntegerField()
    chunk_overlap = serializers.IntegerField()
    job_id = serializers.UUIDField(allow_null=True, help_text="the job that stored it")
    stored_at = serializers.DateTimeField()

    example = {
        "id": 12,
        "name": "invoice.pdf",
        "sha256": _SHA256,
        "media_type": "application/pdf",
        "pages": 40,
        "language": "en",
        "characters": 98304,
        "chunks": 118,
        "chunk_size": 1000,
        "chunk_overlap": 100,
        "job_id": _DOCUMENT_JOB_ID,
        "stored_at": _NOW,
    }


class SessionDocumentPageShape(serializers.Serializer):
    """A page of a session's documents, newest first."""

    results = SessionDocumentShape(many=True)
    next = serializers.CharField(allow_null=True, help_text="address of the next page; null: this is the last")

    example = {"results": [SessionDocumentShape.example], "next": None}


class _PlaceShape(serializers.Serializer):
    id = serializers.IntegerField()
    document = serializers.IntegerField(help_text="the document's id")
    document_name = serializers.CharField()
    position = serializers.IntegerField(min_value=0, help_text="in the document, from 0")
    page = serializers.IntegerField(min_value=1, help_text="where it starts")
    language = serializers.ChoiceField(LANGUAGES, allow_null=True)


_PLACE = {"id": 1204, "document": 12, "document_name": "invoice.pdf", "position": 3, "page": 2, "language": "en"}


class ChunkShape(_PlaceShape):
    """A piece of a document's text."""

    text = serializers.CharField()

    example = _PLACE | {"text": "The invoice is due within thirty days."}


class ChunkPageShape(serializers.Serializer):
    """A page of chunks in reading order."""

    results = ChunkShape(many=True)
    next = serializers.CharField(allow_null=True, help_text="address of the next page; null: this is the last")

    example = {"results": [ChunkShape.example], "next": "/api/sessions/invoices-2025/chunks?limit=1&cursor=12.3"}


class SnippetPartShape(serializers.Serializer):
    """A part of a snippet."""

    text = serializers.CharField(trim_whitespace=False)
    hit = serializers.BooleanField(help_text="it is what was searched for")


class SnippetShape(serializers.Serializer):
    """Where a chunk has what was searched for. Positions count characters (code points)."""

    text = serializers.CharField(trim_whitespace=False)
    start = serializers.IntegerField(min_value=0, help_text="where the snippet begins in the chunk")
    highlights = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(min_value=0), min_length=2, max_length=2),
        help_text="[start, end] in the snippet",
    )
    parts = SnippetPartShape(many=True, help_text="the same, cut up")


class HitShape(_PlaceShape):
    """A chunk that answers a query."""

    score = serializers.FloatField(min_value=0, max_value=1)
    snippet = SnippetShape()

    example: dict[str, Any] = _PLACE | {
        "score": 0.85,
        "snippet": {
            "text": "The invoice is due within thirty days.",
            "start": 0,
            "highlights": [[4, 11]],
            "parts": [
                {"text": "The ", "hit": False},
                {"text": "invoice", "hit": True},
                {"text": " is due within thirty days.", "hit": False},
            ],
        },
    }


class SearchShape(serializers.Serializer):
    """The chunks that answer a query, best first."""

    query = serializers.CharField(allow_blank=True, trim_whitespace=False)
    found = serializers.IntegerField(min_value=0, help_text="chunks that answer it; at most 300 are looked at")
    results = HitShape(many=True)

    example = {"query": "invoices", "found": 1, "results": [HitShape.example]}


# --- errors ---------------------------------------------------------------------------------------------------


class SessionFaultShape(serializers.Serializer):
    """Which session a problem is about."""

    session_id = serializers.CharField(required=False)

    example = {"session_id": _SESSION}


SESSION_NOT_FOUND = Fault(404, "session_not_found", "There is no such session, or it is not yours.")
DOCUMENT_NOT_FOUND = Fault(404, "document_not_found", "There is no such document in this session.")
STILL_STOPPING = Fault(
    409,
    "still_stopping",
    "Documents of the session are still being processed and were told to stop. Delete it again in a moment.",
    SessionFaultShape,
    headers=("RetryAfter",),
)
OF_LABELS = (
    Fault(400, "session_required", "Say which session the documents belong to, in `session_id`."),
    Fault(400, "invalid_session_id", "A session_id has at most 200 characters that can be seen, and no slashes."),
)
