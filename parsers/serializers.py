"""What comes in, checked once at the door, and the words of seed 001 that go out."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework import serializers

from jobs.api.serializers import utc
from jobs.errors import InvalidInput
from jobs.files import find_input
from jobs.models import Job
from jobs.states import State, Vocabulary
from parsers.cv import ADVANCED, MODES
from parsers.documents import DocumentField
from parsers.extraction import Limits

#: WIRE.md, column 001.
WORDS = Vocabulary(
    "parser",
    {
        State.PENDING: "processing",
        State.QUEUED: "processing",
        State.PROCESSING: "processing",
        State.SUCCEEDED: "success",
        State.FAILED: "failed",
        State.CANCELLED: "failed",
    },
)

_MODES = "`basic`: positions without their summaries"
_FILE = "a PDF, DOCX, text or image (where OCR is installed), in Turkish or English; judged by its content"


def extraction_limits() -> Limits:
    return Limits(upload_bytes=settings.MAX_UPLOAD_BYTES)


class ParseCvInput(serializers.Serializer):
    """The input of `parsers.parse_cv`."""

    file = DocumentField(help_text=_FILE)
    parse_mode = serializers.ChoiceField(choices=MODES, default=ADVANCED, help_text=_MODES)

    example = {"file": "(the file's bytes)", "parse_mode": ADVANCED}


class _Caller(serializers.Serializer):
    user_id = serializers.CharField(max_length=200, help_text="your own label; it comes back in the answers")
    session_id = serializers.CharField(max_length=200, help_text="your own label; it comes back in the answers")
    parse_mode = serializers.ChoiceField(choices=MODES, default=ADVANCED, help_text=_MODES)


class ParseFileInput(_Caller):
    file = serializers.FileField(allow_empty_file=True, max_length=500, help_text=_FILE)

    example = {
        "user_id": "user123",
        "session_id": "session456",
        "parse_mode": ADVANCED,
        "file": "(the file's bytes)",
    }


class _Text(serializers.CharField):
    """Text as it came: a number is no text."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class ParseTextInput(_Caller):
    text = _Text(trim_whitespace=False, allow_blank=True, help_text="the CV, formatted or free text")

    example = {
        "user_id": "user123",
        "session_id": "session456",
        "text": "Software Engineer\n2015 - 2020 Example Ltd\n…",
    }

    def validate_text(self, text: str) -> str:
        limits = extraction_limits()
        if not text.strip():
            raise InvalidInput("The text is empty. Send the CV's text in `text`.", code="empty_text")
        if len(text) > limits.text_chars or text.count("\n") > limits.text_lines:
            raise InvalidInput(
                f"The text is longer than {limits.text_chars:,} characters or {limits.text_lines:,} lines. "
                "Send the CV alone.",
                code="too_much_text",
            )
        return text


class MonitoringQuery(serializers.Serializer):
    hours = serializers.IntegerField(
        min_value=1, max_value=24 * 90, default=24, help_text="jobs that were created so many hours ago at most"
    )


def describe_status(job: Job) -> dict[str, Any]:
    """The body of GET job/{job_id}."""
    file = find_input(job)
    return {
        "job_id": str(job.pk),
        "status": WORDS.word(job.state),
        "user_id": job.user_id,
        "session_id": job.session_id,
        "file_name": file.name if file else None,
        "cv_language": (job.result or {}).get("cv_language"),
        "processing_time_seconds": _seconds(job),
        "error_message": _error_message(job),
        "created_at": utc(job.created_at),
        "updated_at": utc(job.updated_at),
    }


def describe_result(job: Job) -> dict[str, Any]:
    """The body of GET result/{job_id} for a job that succeeded."""
    file = find_input(job)
    result = job.result or {}
    return {
        "id": str(job.pk),
        "user_id": job.user_id,
        "session_id": job.session_id,
        "stored_file_path": file.file.name if file else None,
        "parsed_data": result.get("parsed_data"),
        "cv_language": result.get("cv_language"),
        "file_name": file.name if file else None,
        "processing_time_seconds": _seconds(job),
        "status": WORDS.word(job.state),
        "created_at": utc(job.created_at),
        "updated_at": utc(job.updated_at),
    }


def _seconds(job: Job) -> float | None:
    seconds = job.seconds_processing
    return None if seconds is None else round(seconds, 2)


def _error_message(job: Job) -> str | None:
    if job.state == State.CANCELLED:
        return "The job was cancelled."
    return job.error_message if job.state == State.FAILED else None
