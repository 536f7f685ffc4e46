"""Clients on /ws/live/ that want every event of their jobs, each once, whatever becomes of their sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Sequence
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

ENDS = {"succeeded", "failed", "cancelled"}
#: Jobs that one socket watches at once; the server allows 200.
MOST_TOPICS = 190
#: A server that is frozen answers no ping.
PING_EVERY_SECONDS, PING_TIMEOUT_SECONDS = 3.0, 6.0


class Watcher:
    """One client with one socket at a time, at any of the servers. It comes back with its cursors when it is cut off.

    seen: by job, the numbers of its events in the order in which they came. ended: jobs whose last event has come.
    refused: what the server said of jobs that it would not tell about. sockets: so many it has had.
    """

    def __init__(self, base_urls: Sequence[str], token: str) -> None:
        self.urls = deque(f"{url.replace('http', 'ws', 1)}/ws/live/" for url in base_urls)
        self.token = token
        self.seen: dict[str, list[int]] = {}
        self.ended: set[str] = set()
        self.refused: list[str] = []
        self.sockets = 0
        self._waiting: deque[str] = deque()
        self._subscribed: set[str] = set()
        self._news = asyncio.Event()

    def watch(self, job: str) -> None:
        if job not in self.seen:
            self.seen[job] = []
            self._waiting.append(job)
            self._news.set()

    @property
    def is_level(self) -> bool:
        """Whether all of its jobs have ended, as far as it was told."""
        return len(self.ended) == len(self.seen)

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            with contextlib.suppress(OSError, WebSocketException, TimeoutError, EOFError):
                async with connect(
                    self.urls[0],
                    additional_headers={"Authorization": f"Token {self.token}"},
                    open_timeout=PING_TIMEOUT_SECONDS,
                    ping_interval=PING_EVERY_SECONDS,
                    ping_timeout=PING_TIMEOUT_SECONDS,
                    close_timeout=1,
                    max_queue=None,
                ) as socket:
                    self.sockets += 1
                    await self._converse(socket)
            self.urls.rotate()
            await asyncio.sleep(0.2)

    async def _converse(self, socket: ClientConnection) -> None:
        # What was subscribed to on the socket before has to be so again.
        self._waiting = deque(job for job in self.seen if job not in self.ended)
        self._subscribed.clear()
        speaker = asyncio.create_task(self._subscribe(socket))
        try:
            async for text in socket:
                self._hear(json.loads(text))
        finally:
            speaker.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketException, OSError):
                await speaker

    async def _subscribe(self, socket: ClientConnection) -> None:
        while True:
            while self._waiting and len(self._subscribed) < MOST_TOPICS:
                job = self._waiting.popleft()
                self._subscribed.add(job)
                after = max(self.seen[job], default=0)
                await socket.send(json.dumps({"subscribe": f"job:{job}", "after": after}))
            for job in self._subscribed & self.ended:
                self._subscribed.remove(job)
                await socket.send(json.dumps({"unsubscribe": f"job:{job}"}))
            self._news.clear()
            if not self._waiting or len(self._subscribed) >= MOST_TOPICS:
                await self._news.wait()

    def _hear(self, message: dict[str, Any]) -> None:
        job = str(message.get("topic") or "").removeprefix("job:")
        if message["type"] == "error":
            self.refused.append(f"{job}: {message['code']}")
        elif message["type"] == "event" and job in self.seen and job not in self.ended:
            event = message["event"]
            self.seen[job].append(event["seq"])
            if event["type"] in ENDS:
                self.ended.add(job)
                self._news.set()
