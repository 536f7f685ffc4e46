"""What is sent piece by piece: files as they are kept, and tables that are made while they are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from channels.db import database_sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, quote_etag
from rest_framework.request import Request

from jobs.api.problems import Problem
from jobs.models import JobFile

#: A download is read from the storage in pieces of so many bytes.
CHUNK = 64 * 1024


def send_file(request: Request, file: JobFile) -> HttpResponseBase:
    """Answer with a file that no browser runs. Raises a 404 problem when its content is gone."""
    try:
        content = file.file.open("rb")
    except FileNotFoundError:
        raise Problem(404, "There is no such file, or it has expired.", code="file_not_found") from None
    response = _stream_file(request, content)
    response["Content-Type"] = _download_type(file.media_type)
    response["Content-Disposition"] = content_disposition_header(True, file.name) or "attachment"
    response["Content-Length"] = str(file.size)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["ETag"] = quote_etag(file.sha256)
    return response


def send_pieces(request: Request, pieces: Iterator[bytes], *, name: str, media_type: str) -> StreamingHttpResponse:
    """Answer with what `pieces` makes while it is sent. name: of the file, for whoever saves it."""
    response = StreamingHttpResponse(_stream_pieces(request, pieces), content_type=f"{media_type}; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _stream_file(request: Request, content: Any) -> HttpResponseBase:
    if not isinstance(request._request, ASGIRequest):
        return FileResponse(content)

    async def chunks() -> AsyncIterator[bytes]:  # of FileResponse, ASGI would read the whole file into memory first
        try:
            while chunk := await asyncio.to_thread(content.read, CHUNK):
                yield chunk
        finally:
            content.close()

    return StreamingHttpResponse(chunks())


def _stream_pieces(request: Request, pieces: Iterator[bytes]) -> Any:
    if not isinstance(request._request, ASGIRequest):
        return pieces

    async def stream() -> AsyncIterator[bytes]:  # of a plain iterator, ASGI would read all into memory first
        while (piece := await database_sync_to_async(next)(pieces, None)) is not None:
            yield piece

    return stream()


def _download_type(media_type: str) -> str:
    """Return a Content-Type that no browser runs, should it show the file after all."""
    active = ("html", "xml", "svg", "javascript", "ecmascript", "xsl")
    return "application/octet-stream" if any(word in media_type.lower() for word in active) else media_type
