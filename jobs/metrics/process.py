"""What this web process has seen since it started. Each web process has its own numbers: scrape each.

Routes are templates, such as `api/v1/jobs/<uuid:job_id>/`: no id and no name ever becomes a label.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager

import django
from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from jobs.metrics.collector import DatabaseCollector

registry = CollectorRegistry(auto_describe=False)
database = DatabaseCollector()
registry.register(database)

requests = Counter(
    "sira_http_requests", "Requests that this process answered.", ["method", "route", "status"], registry=registry
)
request_seconds = Histogram(
    "sira_http_request_seconds",
    "From the request to the first byte of its answer, in this process.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
    registry=registry,
)
connections = Gauge(
    "sira_live_connections", "Sockets and streams that are open in this process.", ["transport"], registry=registry
)
event_age = Histogram(
    "sira_event_delivery_seconds",
    "How old events were when this process handed them to those who watch.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    registry=registry,
)
_tailer_lag = Gauge(
    "sira_tailer_lag_seconds",
    "Since this process last looked for events, with success; 0 while nobody watches.",
    registry=registry,
)
_build = Gauge("sira_build_info", "Always 1; what runs here.", ["version", "python", "django"], registry=registry)
_build.labels(settings.SIRA_VERSION, platform.python_version(), django.get_version()).set(1)

WEBSOCKET, STREAM = "websocket", "stream"
for _transport in (WEBSOCKET, STREAM):
    connections.labels(_transport)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: When each tailer that runs has last looked. There is one, but for tests.
_looked_at: dict[int, float] = {}


def answered(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request. route: its template, "" for an address that is none of ours."""
    method = method if method in _METHODS else "other"
    requests.labels(method, route, str(status)).inc()
    request_seconds.labels(method, route).observe(seconds)


@contextmanager
def connected(transport: str) -> Iterator[None]:
    """Count a socket or stream while the block runs."""
    connections.labels(transport).inc()
    try:
        yield
    finally:
        connections.labels(transport).dec()


def tailer_looked(tailer: object) -> None:
    """Note that a tailer has read what there was."""
    _looked_at[id(tailer)] = time.monotonic()


def tailer_stopped(tailer: object) -> None:
    _looked_at.pop(id(tailer), None)


def _lag() -> float:
    looked = list(_looked_at.values())
    return time.monotonic() - min(looked) if looked else 0.0


_tailer_lag.set_function(_lag)
