"""What comes in, checked once at the door, and the words of seed 003 that go out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from rest_framework import serializers

from jobs import batches
from jobs.api.serializers import LONGEST_PAGE, PAGE, Label, utc
from jobs.batches import Member, Summary
from jobs.models import HIGHEST_PRIORITY, LOWEST_PRIORITY, Job, JobFile
from jobs.states import FINISHED, State, Vocabulary
from parsers.documents import DocumentField
from parsers.extraction import Limits

#: A document is a job of the first kind, a batch a parent of the second.
DOCUMENT_KIND, BATCH_KIND = "classifier.classify_document", "classifier.classify_batch"
#: Where documents are kept in the storage.
FOLDER = "classifier"

#: WIRE.md, column 003: a batch …
JOB_WORDS = Vocabulary(
    "batch",
    {
        State.PENDING: "pending",
        State.QUEUED: "pending",
        State.PROCESSING: "processing",
        State.SUCCEEDED: "completed",
        State.FAILED: "failed",
        State.CANCELLED: "cancelled",
    },
)
#: … and a document, which knows no "cancelled": that is an error of its own.
DOCUMENT_WORDS = Vocabulary("document", JOB_WORDS.words | {State.CANCELLED: "failed"})
CANCELLED = "cancelled"

#: A contract or a report has more pages than a CV.
LONGEST_DOCUMENT_PAGES = 500
#: How long a batch may be given.
LONGEST_TIMEOUT = timedelta(days=7)


def document_limits() -> Limits:
    return Limits(upload_bytes=settings.MAX_UPLOAD_BYTES, pages=LONGEST_DOCUMENT_PAGES)


_FILE = "a PDF, DOCX, text or image (where OCR is installed), in Turkish or English; judged by its content"
_LABEL = "your own label; it comes back in the answers"

# --- in -------------------------------------------------------------------------------------------------------


class ClassifyInput(serializers.Serializer):
    """The input of `classifier.classify_document`."""

    file = DocumentField(help_text=_FILE)

    example = {"file": "(the file's bytes)"}


class CollectInput(serializers.Serializer):
    """The input of `classifier.collect_recurring`."""

    recurring_batch = serializers.IntegerField(required=False, help_text="only this one, whether it is due or not")


class UploadInput(serializers.Serializer):
    file = serializers.FileField(allow_empty_file=True, max_length=500, help_text=_FILE)
    user_id = Label(help_text=_LABEL)
    session_id = Label(help_text=_LABEL)

    example = {"file": "(the file's bytes)"}


class BatchRequest(serializers.Serializer):
    """What a batch may say besides its `files`."""

    priority = serializers.IntegerField(
        min_value=LOWEST_PRIORITY,
        max_value=HIGHEST_PRIORITY,
        required=False,
        default=None,
        help_text="10 is first; without it the kind's own",
    )
    timeout_seconds = serializers.FloatField(
        min_value=1,
        max_value=LONGEST_TIMEOUT.total_seconds(),
        required=False,
        default=None,
        help_text="what is not done by then has failed",
    )
    user_id = Label(help_text=_LABEL)
    session_id = Label(help_text=_LABEL)

    @property
    def timeout(self) -> timedelta | None:
        seconds = self.validated_data["timeout_seconds"]
        return None if seconds is None else timedelta(seconds=seconds)


class BatchQuery(serializers.Serializer):
    """The query of `GET /jobs`."""

    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=LONGEST_PAGE, default=PAGE, help_text="of the rows of a page"
    )
    cursor = serializers.UUIDField(required=False, help_text="as the last page's `next` has it")


class ExportQuery(serializers.Serializer):
    format = serializers.ChoiceField(["csv", "json"], default="csv", help_text="of the file")


# --- out ------------------------------------------------------------------------------------------------------


def describe_batch(job: Job, members: Sequence[Member], *, begun: int) -> dict[str, Any]:
    """The body of GET /status/{job_id}. begun: how many documents a worker has ever claimed."""
    return {
        **describe_totals(job, summarise(members, begun)),
        "documents": [describe_member(member) for member in members],
        "error": job.error_message or None,
        "error_code": job.error_code or None,
        "stage": job.stage,
        "seq": job.event_seq,
        "priority": job.priority,
        "user_id": job.user_id,
        "session_id": job.session_id,
    }


def describe_totals(job: Job, summary: Summary) -> dict[str, Any]:
    """A batch as one row of GET /jobs. completed, failed: how many documents."""
    # The parent's own progress is written twice a second, and never goes back when a document is deleted.
    stopped = job.state in (State.FAILED, State.CANCELLED)
    progress = job.progress if stopped else max(job.progress, summary.progress)
    return {
        "job_id": str(job.pk),
        "status": JOB_WORDS.word(batches.word_state(job, summary)),
        "total_files": summary.total,
        "completed": summary.succeeded,
        "failed": summary.failed,
        "progress": round(progress, 2),
        "created_at": utc(job.created_at),
        "updated_at": utc(job.updated_at),
    }


def summarise(members: Iterable[Member], begun: int) -> Summary:
    """Count members that are at hand already, so that the totals fit the list; `batches.summary` asks the database."""
    counts: dict[str, int] = {}
    done = 0.0
    for member in members:
        counts[member.state] = counts.get(member.state, 0) + 1
        done += 100.0 if member.state in FINISHED else member.progress
    total = sum(counts.values())
    return Summary(counts=counts, progress=round(done / total, 2) if total else 100.0, begun=begun)


def describe_member(member: Member) -> dict[str, Any]:
    """One of the `documents` of a batch. progress: of a failed one, the last it reached."""
    code, message = error_of(member.state, member.error_code, member.error_message)
    return {
        "doc_id": str(member.id),
        "filename": member.name,
        "status": DOCUMENT_WORDS.word(member.state),
        "progress": member.progress,
        "stage": member.stage,
        "category": member.extra.get("final_category"),
        "confidence": member.extra.get("confidence"),
        "error": message,
        "error_code": code,
        "seq": member.seq,
    }


def describe_document(job: Job, file: JobFile | None) -> dict[str, Any]:
    """The body of GET /documents/{doc_id}. file: what was sent, or None once it has expired."""
    code, message = error_of(job.state, job.error_code, job.error_message)
    return {
        "doc_id": str(job.pk),
        "job_id": str(job.parent_id) if job.parent_id else None,
        "filename": file.name if file else None,
        "status": DOCUMENT_WORDS.word(job.state),
        "progress": job.progress,
        "stage": job.stage,
        "classification": job.result if job.state == State.SUCCEEDED else None,
        "error": message,
        "error_code": code,
        "seq": job.event_seq,
        "user_id": job.user_id,
        "session_id": job.session_id,
        "created_at": utc(job.created_at),
        "updated_at": utc(job.updated_at),
    }


def error_of(state: str, code: str, message: str) -> tuple[str | None, str | None]:
    """Return (code, sentence) of a document; of one that will be tried again nothing yet."""
    if state == State.CANCELLED:
        return CANCELLED, CANCELLED
    return (code, message) if state == State.FAILED else (None, None)


def count_categories(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return {"Public": 3, …} of rows with `category` and `documents`."""
    return {row["category"]: row["documents"] for row in rows if row["category"]}
