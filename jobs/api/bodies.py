"""Large request bodies pass through daphne on disk, not through its memory.

daphne keeps a body in a temporary file, but then lets Twisted parse the form (whose result nobody reads) and puts the
whole file into a queue, 8 KiB at a time: 400 MB of uploads took 4 GB of memory and held the event loop for 40 s. Here
the form is left alone, and the application reads the file piece by piece.

On another server than daphne (uvicorn, hypercorn: they stream by themselves) this does nothing.
"""

from __future__ import annotations

import asyncio
import functools
import io
import json
import sys
from typing import Any

from django.conf import settings

from jobs.api.problems import MEDIA_TYPE, Problem
from jobs.api.uploads import ROOM_FOR_HEADERS

#: What a body is read in.
PIECE = 256 * 1024
#: Smaller bodies go daphne's own way.
SMALL = 64 * 1024


class Bodies:
    """ASGI middleware, the outermost: gives the application a large body from daphne's file."""

    def __init__(self, application: Any) -> None:
        self.application = application
        if daphne := sys.modules.get("daphne.http_protocol"):  # imported before us by the server that runs us
            _change(daphne.WebRequest)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = _take_body(send)
        if body is None:
            await self.application(scope, receive, send)
            return
        with body:
            await self.application(scope, functools.partial(_receive, body, receive), send)


async def _receive(body: Any, receive: Any) -> dict[str, Any]:
    if not body.closed:
        piece = await asyncio.to_thread(body.read, PIECE)
        more = len(piece) == PIECE
        if not more:
            body.close()
        return {"type": "http.request", "body": piece, "more_body": more}
    message = await receive()
    while message["type"] == "http.request":  # daphne's own, which is empty
        message = await receive()
    return message


def _take_body(send: Any) -> Any:
    """Return the body that was kept back for this application, or None: daphne's `send` knows its request."""
    request = send.args[0] if isinstance(send, functools.partial) and send.args else None
    return getattr(request, "kept_body", None)


def _change(request: Any) -> None:
    """Change daphne 4.2's class of requests, once. `tests/api/test_bodies.py` sees to it that this still works."""
    if hasattr(request, "kept_body"):
        return
    got_length, handle_content, process = request.gotLength, request.handleContentChunk, request.process

    def heed_length(self: Any, length: int | None) -> None:
        self._parsePOSTFormSubmission = False
        got_length(self, length)
        if length is not None and length > _most():
            _refuse(self)

    def heed_chunk(self: Any, data: bytes) -> None:
        if self.content.tell() + len(data) <= _most():
            handle_content(self, data)
        elif not self.was_refused:  # a body that did not say how long it is
            _refuse(self)

    def process_without_body(self: Any) -> Any:
        if self.content.seek(0, io.SEEK_END) > SMALL:
            self.kept_body, self.content = self.content, io.BytesIO()
            self.kept_body.seek(0)
        return process(self)

    request.kept_body, request.was_refused = None, False
    request.gotLength, request.handleContentChunk, request.process = heed_length, heed_chunk, process_without_body


def _most() -> int:
    return settings.MAX_BATCH_BYTES + ROOM_FOR_HEADERS


def _refuse(request: Any) -> None:
    """Answer 413 and hang up: nobody here takes so much, so it is not even received."""
    request.was_refused = True
    problem = Problem(413, "The request is larger than this server takes. Send several smaller ones.")
    body = json.dumps(problem.body("")).encode()
    head = f"HTTP/1.1 413 Payload Too Large\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
    request.channel.transport.write(head.encode() + b"Connection: close\r\n\r\n" + body)
    request.channel.loseConnection()
