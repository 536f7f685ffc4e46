"""Server-sent events, as the generator that feeds them; over TCP they are in test_processes.py."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.utils import timezone

from jobs import lifecycle, retention
from jobs.api import streaming
from jobs.live import callers
from jobs.live.callers import Caller
from jobs.tokens.recognising import recognise
from tests.harness.tokens import token_of
from tests.live.conftest import aside, claim, live_through, make_job


async def collect(stream: Any) -> list[str]:
    return [frame.decode() async for frame in stream]


def ids(frames: list[str]) -> list[str]:
    return [frame.split("\n")[0] for frame in frames if frame.startswith("id: ")]


def test_a_stream_tells_every_event_once_and_ends(any_database: str, run: Any, ada: Any) -> None:
    job = make_job(ada)

    async def main() -> None:
        telling = asyncio.ensure_future(collect(streaming.stream(job, Caller(ada), 0)))
        await asyncio.sleep(0.1)
        await aside(live_through, job.pk)
        frames = await asyncio.wait_for(telling, 10)
        assert frames[0] == "retry: 1000\n\n"
        assert ids(frames) == [f"id: {seq}" for seq in range(1, 7)]
        assert frames[-1].split("\n")[1] == "event: succeeded"

    run(main())


def test_a_stream_on_which_nothing_happens_says_that_it_is_there(
    sqlite: None, run: Any, ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "HEARTBEAT_SECONDS", 0.5)
    job = make_job(ada)

    async def main() -> None:
        telling = asyncio.ensure_future(collect(streaming.stream(job, Caller(ada), 1)))
        await asyncio.sleep(2.5)
        await aside(lifecycle.cancel, job.pk)
        frames = await asyncio.wait_for(telling, 10)
        assert frames.count(": still here\n\n") >= 2
        assert ids(frames) == ["id: 2"]

    run(main())


@pytest.mark.parametrize("end", ["deleted", "too long", "client left"])
def test_a_stream_ends_when_there_is_nothing_more_to_tell(
    any_database: str, run: Any, ada: Any, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(streaming, "LONGEST_SECONDS", 1.0 if end == "too long" else 60.0)
    job = make_job(ada)
    claim()

    async def main() -> None:
        telling = asyncio.ensure_future(collect(streaming.stream(job, Caller(ada), 0)))
        await asyncio.sleep(0.5)
        if end == "deleted":
            await aside(lambda: job.__class__.objects.filter(pk=job.pk).delete())
        if end == "client left":
            telling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await telling
        else:
            assert ids(await asyncio.wait_for(telling, 5)) == ["id: 1", "id: 2"]

    run(main())  # which sees that nobody is left with the tailer


def test_a_job_that_is_gone_before_the_stream_begins_is_an_empty_stream(sqlite: None, run: Any, ada: Any) -> None:
    job = make_job(ada)
    lifecycle.cancel(job.pk)
    retention.delete_job(job)

    async def main() -> None:
        assert ids(await asyncio.wait_for(collect(streaming.stream(job, Caller(ada), 0)), 5)) == []

    run(main())


@pytest.mark.parametrize("change", ["revoked", "expired", "deactivated", "logged out"])
def test_a_stream_ends_soon_after_its_caller_may_no_longer_listen(
    sqlite: None, run: Any, ada: Any, client: Any, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(callers, "REVALIDATE_SECONDS", 0.2)
    monkeypatch.setattr(streaming, "LOOK_SECONDS", 0.1)
    job = make_job(ada)
    client.force_login(ada)
    caller = Caller(ada, session=client.session)
    if change in ("revoked", "expired"):
        caller = Caller(ada, token=recognise(token_of(ada)))

    def take_away() -> None:
        match change:
            case "revoked":
                ada.api_tokens.update(revoked_at=timezone.now())
            case "expired":
                ada.api_tokens.update(expires_at=timezone.now())
            case "deactivated":
                type(ada).objects.update(is_active=False)
            case _:
                client.logout()

    async def main() -> None:
        telling = asyncio.ensure_future(collect(streaming.stream(job, caller, 0)))
        await asyncio.sleep(0.6)
        assert not telling.done()
        await aside(take_away)
        assert ids(await asyncio.wait_for(telling, 5))

    run(main())
