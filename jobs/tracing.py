"""Traces: one from a request through the queue to the provider, over all processes (OpenTelemetry, OTLP over HTTP).

On when the extra `otel` is installed and OTEL_EXPORTER_OTLP_ENDPOINT is set; else nothing of it is imported, and what
is here does nothing. A job carries the traceparent of what submitted it in a column of its own.

Spans name kinds, queues and providers. Messages of exceptions stay out of them: they may quote a document.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.conf import settings

from jobs.errors import JobError

#: How long an ending process waits until what it has seen is sent.
FLUSH_MILLISECONDS = 2000
#: How long one export may take with all its tries: a collector that is away must not hold up the end of a process.
EXPORT_SECONDS = 3.0

SERVER, CLIENT, PRODUCER, CONSUMER, INTERNAL = "SERVER", "CLIENT", "PRODUCER", "CONSUMER", "INTERNAL"


class Span:
    """What a block may say of itself. This one says it to nobody."""

    trace_id = ""

    def rename(self, name: str) -> None:
        pass

    def set(self, **attributes: Any) -> None:
        """Names are written with `__` for a dot."""

    def failed(self, code: str) -> None:
        """Say that it went wrong. code: as in errors, never a message."""


class _RealSpan(Span):
    def __init__(self, span: Any) -> None:
        self._span = span
        context = span.get_span_context()
        self.trace_id = f"{context.trace_id:032x}" if context.trace_flags.sampled else ""

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            self._span.set_attribute(name.replace("__", "."), value)

    def failed(self, code: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        self._span.set_attribute("error.type", code)
        self._span.set_status(Status(StatusCode.ERROR, code))


@contextmanager
def span(name: str, role: str = INTERNAL, *, parent: str | None = None, **attributes: Any) -> Iterator[Span]:
    """Record the block as a span below the running one.

    role: one of the five above. parent: a traceparent to continue instead, "" for none. attributes: as for `Span.set`.
    """
    if not settings.SIRA_TRACING:
        yield Span()
        return
    from opentelemetry.trace import SpanKind

    with _tracer(os.getpid()).start_as_current_span(
        name,
        context=None if parent is None else _context_of(parent),
        kind=SpanKind[role],
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        real = _RealSpan(current)
        real.set(**attributes)
        try:
            yield real
        except JobError as error:
            real.failed(error.code)
            raise
        except BaseException as error:
            real.failed(type(error).__qualname__)
            raise


@contextmanager
def attempt(job: Any) -> Iterator[Span]:
    """Record the block as an attempt at a job, after its wait, in the trace of what submitted the job."""
    about = {
        "messaging__system": "sira",
        "messaging__destination__name": job.queue,
        "sira__kind": job.kind,
        "sira__job_id": str(job.pk),
        "sira__attempt": job.attempt,
    }
    if settings.SIRA_TRACING and job.trace:
        waited = _tracer(os.getpid()).start_span(
            f"wait {job.kind}",
            context=_context_of(job.trace),
            start_time=_nanoseconds(job.queued_at),
            attributes={name.replace("__", "."): value for name, value in about.items()},
        )
        waited.end(end_time=_nanoseconds(job.processing_at))
    with span(f"run {job.kind}", CONSUMER, parent=job.trace, **about) as running:
        yield running


def carry() -> str:
    """Return the running span as a traceparent, to be continued elsewhere; "" when there is none."""
    return headers().get("traceparent", "")


def headers() -> dict[str, str]:
    """Return what a request of ours says of the running span."""
    carrier: dict[str, str] = {}
    if settings.SIRA_TRACING:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(carrier)
    return {name: value for name, value in carrier.items() if name == "traceparent"}


def flush() -> None:
    """Send what this process has seen and not sent yet. At its end: a worker process runs no atexit handlers."""
    if settings.SIRA_TRACING and _tracer.cache_info().currsize:
        _provider(os.getpid()).force_flush(FLUSH_MILLISECONDS)


def _context_of(traceparent: str) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": traceparent}, context=Context())


@cache
def _tracer(pid: int) -> Any:
    """Return the tracer of this process. A fork makes its own: the thread that sends does not come along."""
    return _provider(pid).get_tracer("sira", settings.SIRA_VERSION)


@cache
def _provider(pid: int) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    own: Mapping[str, Any] = {"service.version": settings.SIRA_VERSION, "process.pid": pid}
    if "OTEL_SERVICE_NAME" not in os.environ:
        own = {"service.name": f"sira-{settings.ROLE}", **own}
    provider = TracerProvider(resource=Resource.create(own), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(timeout=None if "OTEL_EXPORTER_OTLP_TIMEOUT" in os.environ else EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    atexit.register(provider.shutdown)
    return provider


def _nanoseconds(moment: Any) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000
