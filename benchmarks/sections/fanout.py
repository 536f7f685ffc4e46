"""One event, many sockets: from its commit to its arrival at the slowest of those who watch the job."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import os
import random
import resource
import time
from urllib.parse import urlsplit

from benchmarks.sections.scale import Scale
from benchmarks.stacks import percentile
from jobs import lifecycle
from jobs.engine import claiming
from jobs.models import Job
from tests.harness.processes import ServerStack

KIND = "workload.do_nothing"
#: Between two events: long enough that the one before has arrived; jittered, or we would fall in step with a poll.
PAUSE_SECONDS = (0.3, 0.6)
#: No socket may wait longer for an event.
LONGEST_SECONDS = 20.0
#: Sockets that are opened at the same time, each within LONGEST_SECONDS.
AT_ONCE = 20
#: What a process needs besides its sockets.
OTHER_FILES = 200


def allow_sockets(count: int) -> None:
    """Let this process and those that it starts from now on open so many sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + OTHER_FILES
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise RuntimeError(f"{count} sockets need `ulimit -n {wanted}`, and {hard} is the most that is allowed here")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def fanout(stack: ServerStack, scale: Scale) -> dict[str, float]:
    """Measure it for each number of sockets."""
    token = stack.token("bench", staff=True)
    figures = {}
    for count in scale.sockets:
        Job.objects.all().delete()
        lifecycle.submit(KIND)
        job = claiming.claim("bench:1:0")
        assert job is not None
        slowest = asyncio.run(_watch(stack.base_url, token, job, count, scale.fanouts))
        for share in (50, 99):
            figures[f"fanout_{count}_p{share}_ms"] = round(percentile(slowest, share / 100), 1)
    return figures


class _Client(asyncio.Protocol):
    """A WebSocket that looks for a mark in what it hears, and answers pings (RFC 6455).

    A thousand real clients have a thousand processors; here they share one, with the server on the other, and what a
    WebSocket library does for each message would be measured as well.
    """

    def __init__(self, token: str) -> None:
        self.token = token
        self.is_open = self.is_lost = False
        self.heard = b""
        self.expect("HTTP/1.1 101")

    def expect(self, mark: str) -> None:
        """Let `arrived` tell when this comes."""
        self.mark = mark.encode()
        self.arrived: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def say(self, opcode: int, payload: bytes) -> None:
        """Send a frame of at most 125 bytes, with the mask 0."""
        self.transport.write(bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        lines = (
            "GET /ws/live/ HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            f"Authorization: Token {self.token}", "", "",
        )  # fmt: skip
        transport.write("\r\n".join(lines).encode())

    def data_received(self, data: bytes) -> None:
        self.heard += data
        if not self.is_open:
            head, end, rest = self.heard.partition(b"\r\n\r\n")
            if not end:
                return
            self._look_at(head)
            self.is_open, self.heard = True, rest
        while (frame := self._next_frame()) is not None:
            opcode, payload = frame
            if opcode == 0x9:
                self.say(0xA, payload)
            elif opcode == 0x8:
                self.transport.close()
            else:
                self._look_at(payload)

    def _next_frame(self) -> tuple[int, bytes] | None:
        if len(self.heard) < 2:
            return None
        length, start = self.heard[1], 2
        if length > 125:
            start = 4 if length == 126 else 10
            length = int.from_bytes(self.heard[2:start], "big")
        if len(self.heard) < start + length:
            return None
        frame = self.heard[0] & 0x0F, self.heard[start : start + length]
        self.heard = self.heard[start + length :]
        return frame

    def _look_at(self, text: bytes) -> None:
        if self.mark in text and not self.arrived.done():
            self.arrived.set_result(time.perf_counter())

    def connection_lost(self, error: Exception | None) -> None:
        self.is_lost = True
        if not self.arrived.done():
            self.arrived.set_exception(error or ConnectionError("the socket was closed"))


async def _watch(base_url: str, token: str, job: Job, count: int, rounds: int) -> list[float]:
    """Return, in milliseconds and for each event, how long it took to the slowest socket."""
    address = urlsplit(base_url)
    subscribe = json.dumps({"subscribe": f"job:{job.pk}"}).encode()
    door = asyncio.Semaphore(AT_ONCE)
    loop = asyncio.get_running_loop()

    async def open_one() -> _Client:
        async with door:
            _, client = await loop.create_connection(lambda: _Client(token), address.hostname, address.port)
            await asyncio.wait_for(client.arrived, LONGEST_SECONDS)
            client.expect('"snapshot"')
            client.say(0x1, subscribe)
            await asyncio.wait_for(client.arrived, LONGEST_SECONDS)
            return client

    clients = await asyncio.gather(*(open_one() for _ in range(count)))
    gc.freeze()  # a full collection in this process would be measured as the server's
    slowest = []
    for number in range(rounds):
        await asyncio.sleep(random.uniform(*PAUSE_SECONDS))
        stage = f"step-{number}"
        for client in clients:
            assert not client.is_lost
            client.expect(f'"{stage}"')
        committed = await asyncio.to_thread(_step, job, number * 100 / rounds, stage)
        arrived = await asyncio.wait_for(asyncio.gather(*(client.arrived for client in clients)), LONGEST_SECONDS)
        slowest.append(max(0.0, max(arrived) - committed) * 1000)
    gc.unfreeze()
    for client in clients:
        client.transport.abort()
    return slowest


def _step(job: Job, percent: float, stage: str) -> float:
    """Write one event and return when it was committed."""
    lifecycle.progress(job, percent, stage)
    return time.perf_counter()
