"""Large requests to a real daphne: what arrives is what was sent, memory stays flat, too much is not even received."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.harness.processes import ServerStack

MB = 1024**2


@pytest.fixture
def web(server_stack: Callable[..., ServerStack]) -> ServerStack:
    return server_stack(cluster_names=(), env={"MAX_BATCH_BYTES": str(100 * MB)})


def peak_memory(stack: ServerStack) -> int:
    """The most that the web process ever had, in bytes."""
    status = Path(f"/proc/{stack.pid('web')}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024


def form(size: int) -> Iterator[bytes]:
    """A form with one file of `size` bytes."""
    yield b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
    for _ in range(size // MB):
        yield b"x" * MB
    yield b"\r\n--B--\r\n"


def post(stack: ServerStack, path: str, body: Any, length: int | None, **headers: str) -> tuple[int, bytes]:
    """Send a body as it comes; without a length in chunks."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=60)
    sized = {"Content-Length": str(length)} if length is not None else {}
    try:
        connection.request(
            "POST",
            path,
            body,
            {"Content-Type": "multipart/form-data; boundary=B", **sized, **headers},
            encode_chunked=length is None,
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_large_request_takes_no_memory_whoever_sends_it_and_arrives_as_it_was_sent(web):
    token = web.token()
    headers = {"Authorization": f"Token {token}"}
    content = b"%PDF-1.4\n" + os.urandom(3 * MB)
    url = f"{web.base_url}/api/v1/jobs/"
    file = {"file": ("a.pdf", content)}
    job = requests.post(url, headers=headers, data={"kind": "parsers.parse_cv"}, files=file, timeout=60)
    assert job.status_code == 202, job.text
    stored = requests.get(web.base_url + job.json()["files"][0]["url"], headers=headers, timeout=60).content
    assert hashlib.sha256(stored).digest() == hashlib.sha256(content).digest()

    before = peak_memory(web)
    body = b"".join(form(80 * MB))
    assert post(web, "/api/v1/jobs/", body, len(body))[0] == 401
    assert post(web, "/api/v1/jobs/", body, len(body), **headers)[0] == 400
    assert peak_memory(web) - before < 40 * MB


def test_a_request_that_is_larger_than_any_batch_is_refused_before_it_is_received(web):
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as client:
        client.sendall(b"POST /api/v1/jobs/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert b"HTTP/1.1 413" in answer
    assert b'"code": "request_too_large"' in answer


def test_a_request_that_does_not_say_how_large_it_is_is_cut_off_when_it_is_too_large(web):
    before = peak_memory(web)
    try:
        status, _ = post(web, "/api/v1/jobs/", form(150 * MB), None)
    except ConnectionError:
        pass  # hung up while we were still sending
    else:
        assert status == 413
    assert peak_memory(web) - before < 40 * MB
    assert requests.get(f"{web.base_url}/healthz", timeout=10).status_code == 200
