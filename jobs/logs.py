"""What every record of the log says besides its message: which job and attempt, or which request.

Fields hang on the running code (contextvars), so whoever logs, logs them: a library as well. Only the fields that are
named here are written. What others put on a record may quote a request, and never gets out: nor do the messages of
exceptions, which may quote a document, and paths, in which people's names may stand.
"""

from __future__ import annotations

import logging
import traceback
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


def without_messages(error: BaseException | None) -> str:
    """Return where an exception came from and its types, without messages: those may quote a document."""
    parts = []
    while error is not None:
        frames = "".join(traceback.format_tb(error.__traceback__))
        parts.append(f"{frames}{type(error).__module__}.{type(error).__qualname__}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\nduring or because of\n\n".join(reversed(parts))


def _name_the_route(record: logging.LogRecord) -> None:
    """Let Django say which route was asked for, and not the path: callers put what they look for into it."""
    request = getattr(record, "request", None)
    if request is None or not isinstance(record.args, tuple):
        return
    route = getattr(getattr(request, "resolver_match", None), "route", None)
    said = f"/{route}" if route else "(no such address)"
    record.args = tuple(said if isinstance(value, str) and value.startswith("/") else value for value in record.args)


class Fields(logging.Filter):
    """Puts the fields of the running code on each record, and takes paths from Django's. It keeps none back."""

    def filter(self, record: logging.LogRecord) -> bool:
        _name_the_route(record)
        for name, value in (_fields.get() or {}).items():
            record.__dict__.setdefault(name, value)
        return True


class LineFormatter(logging.Formatter):
    """One line for people, with the job or the request where the message does not name it."""

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # another handler may have written it, with what we leave out
        return super().format(record)

    def formatException(self, ei: Any) -> str:
        return without_messages(ei[1])

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

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None
        return super().format(record)

    def formatException(self, ei: Any) -> Any:
        return without_messages(ei[1])

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        own = ("time", "level", "logger", "message", "exc_info", "stack_info")
        return {name: value for name, value in log_data.items() if name in own or name in FIELDS}
