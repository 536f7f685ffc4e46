"""The kinds of this app. One to read before you write your own."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from django.conf import settings

from jobs.errors import JobError
from jobs.kinds import Backoff, job_kind
from jobs.running import RunningJob
from jobs.states import State
from parsers import operations, providers
from parsers.chosen import chosen_cv_provider
from parsers.ingestion import operations as ingestion
from parsers.ingestion import store
from parsers.ingestion.serializers import ChunkSettings, IngestDocumentInput
from parsers.ingestion.serializers import limits as ingestion_limits
from parsers.ingestion.status import BATCH_KIND, DOCUMENT_KIND, expected_chunks
from parsers.serializers import ParseCvInput, extraction_limits


@job_kind(
    "parsers.parse_cv",
    input=ParseCvInput,
    queue="documents",
    timeout=timedelta(minutes=3),
    backoff=Backoff(max_attempts=3),
    rate_limit="openai" if settings.CV_PROVIDER == providers.OPENAI else "",
    stages=operations.CV_STAGES,
    prepare=operations.load_cv_parser,
)
def parse_cv(job: RunningJob, *, file: str, parse_mode: str) -> dict[str, Any]:
    """Read a CV into a structured profile without personal data.

    file: the CV as PDF, DOCX, TXT or an image, in Turkish or English. parse_mode: "basic" leaves out what was done in
    each job; "advanced" has everything.
    Returns {"parsed_data": {"profile", "cv_language"}, "cv_language", "provider", "pages", "warnings", …}.
    Raises InvalidInput (a file that cannot be read) or Unavailable (the provider is down).
    """
    with job.local_path(file) as path:
        return operations.parse_cv(
            path,
            file_name=job.file(file).name,
            mode=parse_mode,
            provider=chosen_cv_provider(),
            limits=extraction_limits(),
            show=job.progress,
        )


@job_kind(
    DOCUMENT_KIND,
    input=IngestDocumentInput,
    queue="documents",
    timeout=timedelta(minutes=5),
    backoff=Backoff(max_attempts=3),
    stages=ingestion.STAGES,
    prepare=ingestion.load_splitter,
)
def ingest_document(job: RunningJob, *, file: str, chunk_size: int, chunk_overlap: int) -> dict[str, Any]:
    """Cut a document into chunks and store them in the session that the job names.

    file: PDF, DOCX, TXT or an image. chunk_size, chunk_overlap: characters.
    Returns {"document": its SHA-256, "chunks", "pages", "language": "tr", "en" or "", "characters", "ocr_used",
    "already_stored": the session had just these chunks, "warnings"}.
    Raises InvalidInput (a file that cannot be read, a job without session or owner) or Unavailable.
    """
    stored = job.file(file)
    session = store.open_session(job.owner_id, job.job.session_id)
    job.progress(5, ingestion.RECEIVED)
    cut = {"chunk_size": chunk_size, "chunk_overlap": chunk_overlap}
    known = store.find_document(session, stored.sha256, **cut)
    if known is not None:
        return _stored_result(
            stored.sha256, chunks=known.chunks.count(), pages=known.pages, language=known.language,
            characters=known.characters, already_stored=True,
        )  # fmt: skip
    with job.local_path(file) as path:
        split = ingestion.split_document(
            path, file_name=stored.name, limits=ingestion_limits(), show=job.progress, **cut
        )

    def save() -> None:
        store.store_document(
            session.pk, split, sha256=stored.sha256, name=stored.name, job_id=job.job.pk, user_id=job.job.user_id, **cut
        )

    job.save_with_result(save)
    return _stored_result(
        stored.sha256, chunks=len(split.chunks), pages=split.pages, language=split.language,
        characters=split.characters, ocr_used=split.ocr_used, warnings=split.warnings,
    )  # fmt: skip


def _stored_result(
    document: str,
    *,
    chunks: int,
    pages: int,
    language: str,
    characters: int,
    already_stored: bool = False,
    ocr_used: bool = False,
    warnings: list[str] | None = None,
) -> dict[str, Any]:
    return {
        "document": document,
        "chunks": chunks,
        "pages": pages,
        "language": language,
        "characters": characters,
        "already_stored": already_stored,
        "ocr_used": ocr_used,
        "warnings": warnings or [],
    }


@job_kind(BATCH_KIND, input=ChunkSettings, queue="documents", internal=True)
def ingest_batch(job: RunningJob, *, chunk_size: int, chunk_overlap: int) -> dict[str, Any]:
    """Sum up a batch of documents once all of them have ended.

    Returns {"documents", "stored", "already_stored", "failed", "chunks", "errors": how many by code}: a document that
    was sent twice counts twice, its chunks once.
    Raises JobError no_document_stored when every document failed.
    """
    ended = list(job.children.values_list("state", "result", "error_code"))
    results = [result for state, result, _ in ended if state == State.SUCCEEDED]
    errors = Counter(code or "cancelled" for state, _, code in ended if state != State.SUCCEEDED)
    if ended and not results:
        raise JobError("None of the documents could be stored. Each has its own reason.", code="no_document_stored")
    already = sum(result["already_stored"] for result in results)
    return {
        "documents": len(ended),
        "stored": len(results) - already,
        "already_stored": already,
        "failed": errors.total(),
        "chunks": expected_chunks(results),
        "errors": dict(errors),
    }
