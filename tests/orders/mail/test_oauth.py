"""Access tokens from a server that speaks OAuth."""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from jobs.errors import JobError, RateLimited, Unavailable
from orders.mailboxes.oauth import AccessToken

REFRESH, SECRET = "refresh-token-nobody-may-see", "client-secret-nobody-may-see"


class TokenServer(ThreadingHTTPServer):
    """forms: what was posted. answer: status, headers and body of what comes next."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.forms: list[dict[str, list[str]]] = []
        self.answer: tuple[int, dict[str, str], bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/token"

    def will(self, status: int, body: Any, **headers: str) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answer = (status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


class _Handler(BaseHTTPRequestHandler):
    server: TokenServer

    def do_POST(self) -> None:
        self.server.forms.append(parse_qs(self.rfile.read(int(self.headers["content-length"])).decode()))
        minted = {"access_token": f"token-{len(self.server.forms)}", "expires_in": 3600, "token_type": "Bearer"}
        status, headers, body = self.server.answer or (200, {}, json.dumps(minted).encode())
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with TokenServer() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def tokens(url: str) -> AccessToken:
    return AccessToken(
        token_url=url, client_id="sira", client_secret=SECRET, refresh_token=REFRESH, timeout=timedelta(seconds=5)
    )


def failure(server: TokenServer) -> JobError:
    with pytest.raises(JobError) as raised:
        tokens(server.url).get()
    said = "".join(traceback.format_exception(raised.value))
    assert REFRESH not in said
    assert SECRET not in said
    return raised.value


def test_a_token_is_minted_once_and_kept(server: TokenServer) -> None:
    access = tokens(server.url)
    assert [access.get(), access.get()] == ["token-1", "token-1"]
    assert server.forms == [
        {"grant_type": ["refresh_token"], "client_id": ["sira"], "client_secret": [SECRET], "refresh_token": [REFRESH]}
    ]


def test_threads_that_ask_at_once_share_one(server: TokenServer) -> None:
    access = tokens(server.url)
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(access.get())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["token-1"] * 8


def test_a_token_is_renewed_before_its_end(server: TokenServer, monkeypatch: pytest.MonkeyPatch) -> None:
    access = tokens(server.url)
    assert access.get() == "token-1"
    now = time.monotonic()
    monkeypatch.setattr("orders.mailboxes.oauth.time.monotonic", lambda: now + 3600 - 115)
    assert access.get() == "token-2"


def test_a_refresh_token_that_is_not_taken_is_the_operators_to_repair(server: TokenServer) -> None:
    server.will(400, {"error": "invalid_grant"})
    error = failure(server)
    assert (error.code, isinstance(error, Unavailable)) == ("mailbox_refused_login", False)


def test_a_limit_says_how_long_to_wait(server: TokenServer) -> None:
    server.will(429, {}, retry_after="7")
    error = failure(server)
    assert isinstance(error, RateLimited)
    assert error.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {}), (200, b"<html>"), (200, []), (200, {}), (200, {"access_token": 5}), (200, b"x" * 100_000),
        (200, {"access_token": "a\nb", "expires_in": 1}), (200, {"access_token": "a", "expires_in": "soon"}),
        (200, b'{"access_token": "a", "expires_in": Infinity}'),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_tried_again(server: TokenServer, status: int, body: Any) -> None:
    server.will(status, body)
    assert isinstance(failure(server), Unavailable)


def test_a_redirect_does_not_carry_the_secrets_elsewhere(server: TokenServer) -> None:
    server.will(307, {}, location=server.url + "/elsewhere")
    assert failure(server).code == "provider_refused_request"
    assert len(server.forms) == 1


def test_a_server_that_is_not_there_is_unavailable(server: TokenServer) -> None:
    with TokenServer() as gone:
        url = gone.url
    with pytest.raises(Unavailable):
        tokens(url).get()
