"""What every record of the log says besides its message: which job and attempt, or which request.

Fields hang on the running code (contextvars), so whoever logs, logs them: a library as well. Only the fields that are
named here are written. What others put on a record may quote a request, and never gets out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.json import JsonFormatter

ATTEMPT_FIELDS = ("job_id", "kind", "queue", "attempt", "fence", "worker")
REQUEST_FIELDS = ("request_id", "method", "route", "status", "user_id")
#: Of the one record at the end of an attempt or a request.
END_FIELDS = ("outcome", "seconds")
TRACE_FIELDS = ("trace_id",)
FIELDS = (*ATTEMPT_FIELDS, *REQUEST_FIELDS, *END_FIELDS, *TRACE_FIELDS)

_fields: ContextVar[dict[str, Any] | None] = ContextVar("log_fields", default=None)


@contextmanager
def about(**fields: Any) -> Iterator[dict[str, Any]]:
    """Let every record of this block, in this thread, have these fields. Yields them, with those around."""
    fields = {**(_fields.get() or {}), **fields}
    token = _fields.set(fields)
    try:
        yield fields
    finally:
        _fields.reset(token)


def add(**fields: Any) -> None:
    """Give more fields to the records of the rest of the innermost block."""
    known = _fields.get()
    if known is not None:
        known.update(fields)


def about_attempt(job: Any) -> Any:
    """Let every record of a block tell of this attempt at a job."""
    return about(
        job_id=str(job.pk), kind=job.kind, queue=job.queue, attempt=job.attempt, fence=job.fence, worker=job.worker
    )


class Fields(logging.Filter):
    """Puts the fields of the running code on each record. It keeps none back."""

    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in (_fields.get() or {}).items():
            record.__dict__.setdefault(name, value)
        return True


class LineFormatter(logging.Formatter):
    """One line for people, with the job or the request where the message does not name it."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        line = super().formatMessage(record)
        for word, name in (("job", "job_id"), ("request", "request_id")):
            value = getattr(record, name, "")
            if value and value not in record.message:
                return f"{line} [{word} {value}]"
        return line


class JSONFormatter(JsonFormatter):
    """One JSON object a line: time (UTC), level, logger, message, the fields above, and a traceback if there is one."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            style="sequence",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
            json_ensure_ascii=False,
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        own = ("time", "level", "logger", "message", "exc_info", "stack_info")
        return {name: value for name, value in log_data.items() if name in own or name in FIELDS}
