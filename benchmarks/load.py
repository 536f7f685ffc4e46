"""A lean load generator, a process of its own: `python -m benchmarks.load <plan.json >figures.json`.

Open loop: requests are sent when the schedule says so, however many are still open, and each one's time is counted
from the moment it should have been sent; so a server that stalls is not spared the requests of that moment. Connections
are kept alive and used again; one more is opened when all are busy, as a client with a pool does.

The plan is one JSON object (see `Plan`); the answer holds each operation's times in milliseconds, its statuses, the ids
of the jobs that were made, and what this process itself cost.

Nothing of Django is imported here: the servers shall have the processors.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

#: More open connections than this are no client any more; requests then wait, and the wait is counted.
MOST_CONNECTIONS = 400
#: After the last request was sent, so long is waited for answers.
PATIENCE_SECONDS = 30.0


@dataclass
class Plan:
    """What is to be sent.

    ports: of the web processes of one system, used in turn. mode: "open" (at `rate` a second for `seconds`), "burst"
    (`count` at once) or "closed" (`concurrency` clients for `seconds`, each sending when it has its answer).
    requests: raw HTTP/1.1 requests by the name of their operation, `{id}` standing for a job's id. weights: how often
    each is sent. ids: jobs that can be asked for; those that are made come to them.
    """

    ports: list[int]
    mode: str
    requests: dict[str, str]
    weights: dict[str, int]
    rate: float = 0.0
    seconds: float = 0.0
    count: int = 0
    concurrency: int = 0
    ids: list[str] = field(default_factory=list)


class Connection(asyncio.Protocol):
    """One kept-alive connection; one request at a time."""

    def __init__(self) -> None:
        self.buffer = b""
        self.answer: asyncio.Future[tuple[int, bytes]] | None = None
        self.is_open = False

    def connection_made(self, transport: Any) -> None:
        self.transport, self.is_open = transport, True

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found or self.answer is None:
            return
        status = int(head[9:12])
        length = 0
        for line in head.split(b"\r\n")[1:]:
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
        if status != 304 and len(rest) < length:
            return
        self.buffer = b""
        if not self.answer.done():
            self.answer.set_result((status, rest))

    def ask(self, raw: bytes) -> asyncio.Future[tuple[int, bytes]]:
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(raw)
        return self.answer


class Client:
    """Sends requests and keeps what was measured."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.loop = asyncio.get_running_loop()
        self.idle: dict[int, list[Connection]] = {port: [] for port in plan.ports}
        self.ports = cycle(plan.ports)
        self.open = asyncio.Semaphore(MOST_CONNECTIONS)
        self.times: dict[str, list[float]] = {name: [] for name in plan.requests}
        self.statuses: dict[str, Counter[str]] = {name: Counter() for name in plan.requests}
        self.ids = list(plan.ids)
        self.made: list[str] = []
        self.encoded = {name: raw.encode() for name, raw in plan.requests.items()}

    async def send(self, name: str, due: float) -> None:
        """Send one request. due: when it should be sent, by the loop's clock."""
        raw = self.encoded[name]
        if b"{id}" in raw:
            raw = raw.replace(b"{id}", random.choice(self.ids).encode())
        port = next(self.ports)
        try:
            async with self.open:
                connection = self.idle[port].pop() if self.idle[port] else None
                if connection is None or not connection.is_open:
                    _, connection = await self.loop.create_connection(Connection, "127.0.0.1", port)
                status, body = await connection.ask(raw)
                self.idle[port].append(connection)
        except OSError as error:
            self.statuses[name][type(error).__name__] += 1
            return
        self.times[name].append((self.loop.time() - due) * 1000)
        self.statuses[name][str(status)] += 1
        if status == 202:
            answer = json.loads(body)
            self.made.append(answer["id"] if "id" in answer else answer["job_id"])
            self.ids.append(self.made[-1])

    async def run(self) -> None:
        names = [name for name, weight in self.plan.weights.items() for _ in range(weight)]
        if self.plan.mode == "open":
            await self._open(cycle(random.sample(names, len(names))))
        elif self.plan.mode == "burst":
            now = self.loop.time()
            await asyncio.gather(*(self.send(names[number % len(names)], now) for number in range(self.plan.count)))
        else:
            ends = self.loop.time() + self.plan.seconds
            await asyncio.gather(*(self._closed(cycle(names), ends) for _ in range(self.plan.concurrency)))

    async def _open(self, names: Any) -> None:
        tasks: set[asyncio.Task[None]] = set()
        begin = self.loop.time() + 0.05
        for number in range(int(self.plan.rate * self.plan.seconds)):
            due = begin + number / self.plan.rate
            if (wait := due - self.loop.time()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self.send(next(names), due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)
            for task in late:
                task.cancel()
                self.statuses[next(iter(self.statuses))]["no answer"] += 1

    async def _closed(self, names: Any, ends: float) -> None:
        while (now := self.loop.time()) < ends:
            await self.send(next(names), now)


async def measure(plan: Plan) -> dict[str, Any]:
    client = Client(plan)
    began = time.perf_counter()
    await client.run()
    took = time.perf_counter() - began
    usage = resource.getrusage(resource.RUSAGE_SELF)
    sent = sum(sum(statuses.values()) for statuses in client.statuses.values())
    return {
        "times": client.times,
        "statuses": client.statuses,
        "ids": client.made,
        "seconds": took,
        "own_ms_per_request": (usage.ru_utime + usage.ru_stime) * 1000 / max(1, sent),
    }


def main() -> None:
    plan = Plan(**json.load(sys.stdin))
    json.dump(asyncio.run(measure(plan)), sys.stdout)


if __name__ == "__main__":
    main()
