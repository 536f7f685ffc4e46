"""Middleware around every request: an id, the fields of its log records, its span, and its place in the metrics.

The id is the caller's `X-Request-ID` if it is a plain word, else one of ours; the answer names it.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject, empty
from uuid_utils.compat import uuid7

from jobs import logs, tracing
from jobs.metrics import process

logger = logging.getLogger("sira.access")

HEADER = "X-Request-ID"
_PLAIN = re.compile(r"[A-Za-z0-9._:-]{1,100}")
#: Asked for again and again by machines: nobody wants a line for each.
_QUIET = frozenset({"healthz", "metrics"})


class Observed:
    """See above. The first of the middleware, so that it sees all others; sync or async as they are."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if iscoroutinefunction(self):
            return self._call_async(request)
        with _observed(request) as answered:
            return answered(self.get_response(request))

    async def _call_async(self, request: HttpRequest) -> HttpResponse:
        with _observed(request) as answered:
            return answered(await self.get_response(request))


@contextmanager
def _observed(request: HttpRequest) -> Iterator[Callable[[HttpResponse], HttpResponse]]:
    """Yield what to call with the response."""
    began = time.perf_counter()
    method = request.method or ""
    with (
        logs.about(request_id=request_id(request.headers.get(HEADER, "")), method=method) as fields,
        tracing.span(method, tracing.SERVER, parent=request.headers.get("traceparent", "")) as span,
    ):
        if span.trace_id:
            logs.add(trace_id=span.trace_id)

        def answered(response: HttpResponse) -> HttpResponse:
            status, route = response.status_code, route_of(request)
            response[HEADER] = fields["request_id"]
            span.rename(f"{method} {route}".strip())
            span.set(http__request__method=method, http__route=route, http__response__status_code=status)
            if status >= 500:
                span.failed(str(status))
            tell(method, route, status, time.perf_counter() - began, lambda: user_id(request))
            return response

        yield answered


def tell(method: str, route: str, status: int, seconds: float, user_id: Callable[[], Any]) -> None:
    """Count an answer and log it. Within `logs.about`, which has the request's id."""
    process.answered(method, route, status, seconds)
    if settings.SIRA_ACCESS_LOG:
        logs.add(route=route, status=status, seconds=round(seconds, 4), user_id=user_id())
        level = logging.DEBUG if route in _QUIET else logging.INFO
        logger.log(level, "%s %s %s", method, route or "(no such address)", status)


def request_id(given: str) -> str:
    """Return the caller's id for a request if it is one, else a new one."""
    return given if _PLAIN.fullmatch(given) else str(uuid7())


def route_of(request: HttpRequest) -> str:
    """Return the template of the address; "" for none of ours, "/" for the first page."""
    match = request.resolver_match
    if match is None:
        return f"{settings.STATIC_URL.strip('/')}/" if request.path.startswith(settings.STATIC_URL) else ""
    return match.route or "/"


def user_id(request: HttpRequest) -> Any:
    """Return who asked, if that is known without another look into the database."""
    user = request.__dict__.get("user")
    if isinstance(user, SimpleLazyObject) and user.__dict__.get("_wrapped", empty) is empty:
        return None
    return getattr(user, "pk", None)
