"""Sockets in this process: WebsocketCommunicator speaks ASGI to the real routes, against a real database."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from channels.layers import channel_layers, get_channel_layer
from channels.testing import WebsocketCommunicator
from django.contrib.auth import get_user_model
from rest_framework import serializers

from jobs import lifecycle
from jobs.engine import claiming
from jobs.kinds import job_kind, registry
from jobs.live import database
from jobs.live.database import read
from jobs.live.routing import Sockets
from jobs.live.tailer import get_tailer
from jobs.models import Job

T = TypeVar("T")
KIND = "workbench.count_sheep"

#: What an event says.
EVENT = {"seq", "type", "state", "status", "queue_position", "attempt", "progress", "stage", "data", "at"}


class SheepInput(serializers.Serializer):
    sheep = serializers.IntegerField(default=1)


@pytest.fixture(autouse=True)
def kind() -> Iterator[str]:
    @job_kind(KIND, input=SheepInput, stages=("counting", "asleep"))
    def count_sheep(job: Any, *, sheep: int) -> dict[str, int]:
        """Count sheep until asleep."""
        return {"sheep": sheep}

    yield KIND
    registry.remove(KIND)


@pytest.fixture(autouse=True)
def _fresh_layer(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    channel_layers.backends.clear()
    monkeypatch.setattr(database, "_away_until", 0.0)  # it was away in the test before
    yield
    channel_layers.backends.clear()


@pytest.fixture
def ada(transactional_db: None) -> Any:
    return get_user_model().objects.create_user("ada")


@pytest.fixture
def bob(transactional_db: None) -> Any:
    return get_user_model().objects.create_user("bob")


@pytest.fixture
def staff(transactional_db: None) -> Any:
    return get_user_model().objects.create_user("staff", is_staff=True)


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, T]], T]:
    """Run a test's coroutine, and see that it leaves no tailer behind."""

    async def checked(main: Coroutine[Any, Any, T]) -> T:
        try:
            return await main
        finally:
            tailer = get_tailer()
            await eventually(
                lambda: not (tailer.jobs or tailer.owners or tailer.batches), "everybody has left the tailer"
            )
            assert not tailer.is_running
            await asyncio.sleep(0)

    return lambda main: asyncio.run(checked(main))


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[dict[str, Any]], bool]], None]:
    """A function, for the event loop: from now on messages to groups of which another function says so are lost."""

    def begin(is_lost: Callable[[dict[str, Any]], bool]) -> None:
        layer = get_channel_layer()
        send = layer.group_send

        async def send_others(group: str, message: dict[str, Any]) -> None:
            if not is_lost(message):
                await send(group, message)

        monkeypatch.setattr(layer, "group_send", send_others)

    return begin


def is_of_a_list(message: dict[str, Any]) -> bool:
    """Whether a message of the layer tells those who watch many jobs of more events."""
    return bool(message["type"] == "live.more")


async def eventually(condition: Callable[[], Any], what: str = "", timeout: float = 10.0) -> Any:
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what}"
        await asyncio.sleep(0.01)
    return result


class Socket:
    """One client."""

    def __init__(self, token: str = "", headers: list[tuple[bytes, bytes]] | None = None) -> None:
        headers = list(headers or [])
        if token:
            headers.append((b"authorization", f"Token {token}".encode()))
        self.link = WebsocketCommunicator(Sockets(), "/ws/live/", headers=headers)

    async def __aenter__(self) -> Socket:
        connected, _ = await self.link.connect(timeout=10)
        assert connected
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.link.disconnect(timeout=10)

    async def say(self, **message: Any) -> None:
        await self.link.send_to(text_data=json.dumps(message))

    async def hear(self, *types: str, timeout: float = 15.0) -> dict[str, Any]:
        """Return the next message; of these types, if any are given (others are passed over)."""
        deadline = time.monotonic() + timeout
        while True:
            message = json.loads(await self.link.receive_from(timeout=max(0.01, deadline - time.monotonic())))
            if not types or message["type"] in types:
                return message

    async def hear_events(self, count: int, timeout: float = 20.0) -> list[dict[str, Any]]:
        return [(await self.hear("event", timeout=timeout))["event"] for _ in range(count)]

    async def hear_until_ended(self, timeout: float = 30.0) -> list[dict[str, Any]]:
        """Return the job's events up to the one that ends it."""
        events: list[dict[str, Any]] = []
        while not events or events[-1]["type"] not in ("succeeded", "failed", "cancelled"):
            events.append((await self.hear("event", timeout=timeout))["event"])
        return events

    async def hear_nothing(self, seconds: float = 0.3) -> None:
        if not await self.link.receive_nothing(timeout=seconds, interval=0.02):
            raise AssertionError(f"heard {await self.link.receive_from()}")

    async def hear_close(self, timeout: float = 15.0) -> int:
        while True:
            message = await self.link.receive_output(timeout)
            if message["type"] == "websocket.close":
                return message["code"]


def make_job(owner: Any, **options: Any) -> Job:
    return lifecycle.submit(KIND, {"sheep": 1}, owner=owner, **options)


def make_batch(owner: Any, children: int) -> tuple[Job, list[Job]]:
    """Return a parent and its children, in order."""
    submissions = [lifecycle.Submission(KIND, {"sheep": 1}) for _ in range(children)]
    parent = lifecycle.submit_batch(lifecycle.Submission(KIND, {"sheep": 1}), submissions, owner=owner)
    return parent, list(parent.children.order_by("pk"))


def claim() -> Job:
    job = claiming.claim("worker")
    assert job is not None
    return job


def live_through(job_id: uuid.UUID, steps: int = 3) -> None:
    """Take a queued job through its whole life: created, started, `steps` times progress, succeeded."""
    job = claim()
    assert job.pk == job_id
    for step in range(steps):
        job = lifecycle.progress(job, (step + 1) * 100 / (steps + 1), "counting")
    lifecycle.succeed(job, {"sheep": steps})


def seqs(events: list[dict[str, Any]]) -> list[int]:
    return [event["seq"] for event in events]


def aside(function: Callable[..., T], *args: Any, **options: Any) -> Awaitable[T]:
    """Do something with the database, out of the event loop."""
    return read(lambda: function(*args, **options))
