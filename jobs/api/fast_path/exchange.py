"""A request and its answer, as the fast path sees them: who asks, which headers go out, what is counted and logged."""

from __future__ import annotations

import time
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest

from jobs import logs
from jobs.api import observing
from jobs.api.authentication import limit_headers
from jobs.api.fast_path import plain
from jobs.api.fast_path.frame import Headers, frame, key_of
from jobs.api.fast_path.plain import Declined
from jobs.api.replies import Reply
from jobs.api.serializers import to_json
from jobs.api.views import Jobs, OneJob
from jobs.tokens.allowance import Standing
from jobs.tokens.keys import digest
from jobs.tokens.models import ApiToken, Scope
from jobs.tokens.recognising import BY_DIGEST, recognise

#: Status, headers and body.
Sent = tuple[int, list[tuple[bytes, bytes]], bytes]


class Exchange:
    """One of an address. Raises Declined when the request is not plain.

    view: who answers there otherwise. route: the address in the URL configuration. example: such an address.
    """

    view: ClassVar[Any]
    route: ClassVar[str]
    example: ClassVar[str]

    def __init__(self, scope: dict[str, Any]) -> None:
        self.began = time.perf_counter()
        self.scope = scope
        self.headers = plain.headers_of(scope)
        self.key = plain.key_of_token(self.headers)
        #: What `recognise` will ask.
        self.whose_token = BY_DIGEST, {"digest": digest(self.key)}
        self._frame: Headers = ()

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")

    def recognise(self, scope: Scope) -> ApiToken:
        """Return the token. Raises TokenRefused, and Declined when it may not do that."""
        token = recognise(self.key)
        if scope not in token.scopes:
            raise Declined
        return token

    def frame(self, *, is_empty: bool) -> None:
        """Find the headers that all such answers have. Raises Declined. Before anything is done that stays."""
        key = key_of(self.scope, self.headers)
        found = key and frame(self.scope["method"], self.example, _allow(self.view), is_empty, key)
        if not found:
            raise Declined
        self._frame = found

    def answer(self, reply: Reply, token: ApiToken, standing: Standing | None) -> Sent:
        """Return what goes out, when it has been counted and logged."""
        id = observing.request_id(self.header(b"x-request-id"))
        body = b"" if reply.body is None else to_json(reply.body).encode()
        own = {**reply.headers, **limit_headers(standing), observing.HEADER: id, "Content-Length": str(len(body))}
        frame = [pair for pair in self._frame if pair[0] != b"Content-Type"] if "Content-Type" in own else self._frame
        with logs.about(request_id=id, method=self.scope["method"]):
            seconds = time.perf_counter() - self.began
            observing.tell(self.scope["method"], self.route, reply.status, seconds, lambda: token.owner.pk)
        return reply.status, [*frame, *((name.encode(), value.encode("latin-1")) for name, value in own.items())], body


class LookExchange(Exchange):
    """GET of a job."""

    view, route, example = OneJob, "api/v1/jobs/<uuid:job_id>/", f"/api/v1/jobs/{UUID(int=0)}/"


class SubmitExchange(Exchange):
    """POST of a job."""

    view, route, example = Jobs, "api/v1/jobs/", "/api/v1/jobs/"


@cache
def _allow(view: Any) -> str:
    able = view()
    able.setup(HttpRequest())  # which gives what has GET a HEAD
    return ", ".join(able.allowed_methods)
