"""What the sync and the async client say to httpx2 in the same words."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import httpx2

from ._effects import Answer, Lost, Request

#: Failures before the server can have seen the request.
NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
SILENT = (httpx2.ReadTimeout,)
USER_AGENT = "sira-client/0.1.0"


def options(base_url: str | None, token: str | None, timeout: float) -> dict[str, Any]:
    """Return the options of an httpx2 client. Raises ValueError when it is not known where to go or as whom."""
    base_url = base_url or os.environ.get("SIRA_URL", "")
    token = token or os.environ.get("SIRA_TOKEN", "")
    if not base_url.startswith(("http://", "https://")):
        raise ValueError("Where is Sıra? Give base_url or set SIRA_URL, such as https://sira.example.com")
    if not token:
        raise ValueError("Give a token or set SIRA_TOKEN.")
    return {
        "base_url": base_url.rstrip("/") + "/",
        "timeout": timeout,
        "headers": {"Authorization": f"Token {token}", "Accept": "application/json", "User-Agent": USER_AGENT},
        "follow_redirects": False,
        # A stream lasts as long as its job: they must not wait for one another.
        "limits": httpx2.Limits(max_connections=None, max_keepalive_connections=20),
    }


def prepare(http: httpx2.Client | httpx2.AsyncClient, request: Request, files: contextlib.ExitStack) -> httpx2.Request:
    """Return the request as httpx2 sends it. Its files are opened, and closed with `files`."""
    extra: dict[str, Any] = {} if request.timeout is None else {"timeout": request.timeout}
    if request.uploads:
        extra["files"] = [
            (upload.field, (upload.name, files.enter_context(upload.open()))) for upload in request.uploads
        ]
        extra["data"] = dict(request.form or {})
    if request.content is not None:
        extra["content"] = request.content
    return http.build_request(
        request.method, request.path, params=dict(request.query) or None, headers=dict(request.headers), **extra
    )


def answer_of(response: httpx2.Response, body: bytes = b"") -> Answer:
    return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body)


def lost(error: httpx2.RequestError) -> Lost:
    """Return what a failure of the connection means. Raises it when no further try can help."""
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.LocalProtocolError):
        raise error
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Lost(reason, sent=not isinstance(error, NOT_SENT), silent=isinstance(error, SILENT))
