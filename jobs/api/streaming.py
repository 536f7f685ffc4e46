"""Server-sent events: the cursor of the event log over plain HTTP.

    id: 42
    event: progress
    data: {"seq": 42, …}

The id is the event's number, so a browser's EventSource resumes by itself (Last-Event-ID). The stream ends after the
event that ends the job, and when its caller may no longer listen. Its events come from the process's one tailer, not
from queries of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from channels.layers import get_channel_layer
from django.db import DatabaseError
from django.http import StreamingHttpResponse
from rest_framework.renderers import BaseRenderer

from jobs.api.serializers import to_json
from jobs.live import callers
from jobs.live.callers import Caller
from jobs.live.database import read
from jobs.live.feeds import JobFeed, NotVisible
from jobs.live.messages import EventText
from jobs.live.tailer import get_tailer
from jobs.metrics import process
from jobs.models import Job

MEDIA_TYPE = "text/event-stream"
HEARTBEAT_SECONDS = 15.0
#: A stream is ended after this and its client comes again: nothing should stay open for ever.
LONGEST_SECONDS = 3600.0
#: How often a stream compares itself with the tailer: a message that was dropped is noticed within this.
LOOK_SECONDS = 1.0
#: What EventSource waits before it comes again.
RECONNECT_MILLISECONDS = 1000


class EventStreamRenderer(BaseRenderer):
    """Only so that `Accept: text/event-stream` is agreed to; what it renders is a problem."""

    media_type = MEDIA_TYPE
    format = "sse"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return to_json(data).encode()


def respond(job: Job, caller: Caller, after: int) -> StreamingHttpResponse:
    """Return the stream of a job's events after `after`. It needs an ASGI server."""
    response = StreamingHttpResponse(_counted(stream(job, caller, after)), content_type=MEDIA_TYPE)
    response["Cache-Control"] = "no-cache, no-transform"
    response["X-Accel-Buffering"] = "no"  # nginx
    return response


async def _counted(frames: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    with process.connected(process.STREAM):
        async with aclosing(frames):
            async for frame in frames:
                yield frame


async def stream(job: Job, caller: Caller, after: int) -> AsyncGenerator[bytes, None]:
    tailer, layer = get_tailer(), get_channel_layer()
    channel = await layer.new_channel("sse")
    feed = JobFeed(tailer, job.pk, caller.user, after)
    ends = time.monotonic() + LONGEST_SECONDS
    heard = validated = time.monotonic()
    yield f"retry: {RECONNECT_MILLISECONDS}\n\n".encode()
    await feed.join(layer, channel)
    try:
        while time.monotonic() < ends:
            try:
                if time.monotonic() - validated >= callers.REVALIDATE_SECONDS:
                    validated = time.monotonic()
                    user = await read(caller.find_still_valid)
                    if user is None or not await feed.is_still_visible(user):
                        return
                async for event in _next_events(feed, layer, channel):
                    heard = time.monotonic()
                    yield _frame(event)
                    if event.is_of_ended and feed.is_level:
                        return
                if feed.is_over:
                    return
            except NotVisible:
                return  # the job was deleted: no event of it will come any more
            except DatabaseError:
                await asyncio.sleep(LOOK_SECONDS)
            if time.monotonic() - heard >= HEARTBEAT_SECONDS:
                heard = time.monotonic()
                yield b": still here\n\n"
    finally:
        await feed.leave(layer, channel)


async def _next_events(feed: JobFeed, layer: Any, channel: str) -> AsyncIterator[EventText]:
    """Yield what has come; return at least once in LOOK_SECONDS."""
    if not feed.is_started:
        await feed.start()
    else:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                message = await layer.receive(channel)
        except TimeoutError:
            await feed.rejoin(layer, channel)
        else:
            async for event in feed.take(message):
                yield event
    async for event in feed.catch_up():
        yield event


def _frame(event: EventText) -> bytes:
    return f"id: {event.seq}\nevent: {event.type}\ndata: {event.text}\n\n".encode()
