"""What a client of /ws/live/ sees when messages, notifications or connections are lost on the way to it."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.db import OperationalError
from django.test import override_settings

from jobs import lifecycle
from jobs.live import feeds, tailer, watched
from tests.harness.threads import run_together
from tests.harness.tokens import token_of
from tests.live.conftest import Socket, aside, claim, eventually, is_of_a_list, live_through, make_job, seqs

LAYER = "jobs.live.layer.ProcessLayer"


@pytest.mark.parametrize("lost", ["all", "odd", "last"])
def test_dropped_group_messages_leave_no_gap_and_no_repeat(
    any_database: str, run: Any, ada: Any, lose: Any, lost: str
) -> None:
    token, job = token_of(ada), make_job(ada)

    number = iter(range(10_000))

    def is_lost(message: dict[str, Any]) -> bool:
        if message["type"] != "live.events":
            return False
        ended = message["events"][-1].type == "succeeded"
        return lost == "all" or (lost == "odd" and bool(next(number) % 2)) or (lost == "last" and ended)

    async def main() -> None:
        lose(is_lost)
        async with Socket(token) as socket:
            await socket.say(subscribe=f"job:{job.pk}", after=0)
            for _ in range(3):
                await asyncio.sleep(0.05)
            await aside(live_through, job.pk, 12)
            begun = time.monotonic()
            assert seqs(await socket.hear_until_ended()) == list(range(1, 16))
            assert time.monotonic() - begun < 2.0  # the socket's own comparison, once a second
            await socket.hear_nothing(1.2)

    run(main())


@override_settings(CHANNEL_LAYERS={"default": {"BACKEND": "jobs.live.layer.ProcessLayer", "CONFIG": {"capacity": 1}}})
def test_channels_that_hold_one_message_lose_nothing(any_database: str, run: Any, ada: Any) -> None:
    token, jobs = token_of(ada), [make_job(ada) for _ in range(4)]

    async def main() -> None:
        async with Socket(token) as socket:
            for job in jobs:
                await socket.say(subscribe=f"job:{job.pk}", after=0)
            for job in jobs:
                await aside(live_through, job.pk, 10)
            heard: dict[str, list[int]] = {f"job:{job.pk}": [] for job in jobs}
            for _ in range(4 * 13):
                message = await socket.hear("event")
                heard[message["topic"]].append(message["event"]["seq"])
            assert list(heard.values()) == [list(range(1, 14))] * 4

    run(main())


def test_a_socket_that_its_groups_forgot_joins_them_again(sqlite: None, run: Any, ada: Any) -> None:
    token, job = token_of(ada), make_job(ada)

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe=f"job:{job.pk}", after=0)
            await socket.hear("event")
            layer = get_channel_layer()
            layer.groups.clear()  # what an expired message does
            await eventually(lambda: layer.groups, "the socket is in a group again", timeout=2)
            await aside(live_through, job.pk, 2)
            assert seqs(await socket.hear_until_ended()) == [2, 3, 4, 5]

    run(main())


def test_lost_notifications_are_noticed_within_a_second(
    postgresql: None, run: Any, ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailer.Tailer, "_hint", lambda *_: None)
    token, job = token_of(ada), make_job(ada)

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe=f"job:{job.pk}", after=0)
            await socket.hear("event")
            begun = time.monotonic()
            await aside(live_through, job.pk, 5)
            assert seqs(await socket.hear_until_ended()) == list(range(2, 9))
            assert time.monotonic() - begun < 2.0

    run(main())


def test_a_broken_listen_connection_is_opened_again_and_nothing_is_lost(postgresql: None, run: Any, ada: Any) -> None:
    token, job = token_of(ada), make_job(ada)

    def cut() -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sira tailer'"
            )

    async def main() -> None:
        async with Socket(token) as socket, Socket(token) as every:
            await every.say(subscribe="jobs")
            await every.hear("snapshot")
            await socket.say(subscribe=f"job:{job.pk}", after=0)
            await socket.hear("event")
            running = await aside(claim)
            for percent in range(10):
                await aside(cut)
                running = await aside(lifecycle.progress, running, percent)
            await aside(lifecycle.succeed, running, {})
            assert seqs(await socket.hear_until_ended()) == list(range(2, 14))
            assert seqs(await every.hear_until_ended()) == list(range(2, 14))
            await every.hear_nothing(1.5)

    run(main())


def test_an_event_that_commits_after_a_later_one_of_another_job_is_not_skipped(
    postgresql: None, run: Any, ada: Any
) -> None:
    """`id > last` would never see it."""

    from django.db import transaction

    token, slow, quick = token_of(ada), make_job(ada), make_job(ada)
    written, commit = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with transaction.atomic():
            lifecycle.merge_metadata(slow.pk, {"slow": True})
            written.set()
            assert commit.wait(40)

    async def main() -> None:
        async with Socket(token) as socket, Socket(token) as every:
            await every.say(subscribe="jobs")
            await every.hear("snapshot")
            for job in (slow, quick):
                await socket.say(subscribe=f"job:{job.pk}", after=1)
                await socket.hear("snapshot")
            writing = aside(write_slowly)
            task = asyncio.ensure_future(writing)
            await eventually(written.is_set)
            await aside(lifecycle.merge_metadata, quick.pk, {"quick": True})
            assert (await socket.hear("event"))["topic"] == f"job:{quick.pk}"
            assert (await every.hear("event"))["job_id"] == str(quick.pk)
            commit.set()
            await task
            assert (await socket.hear("event"))["topic"] == f"job:{slow.pk}"
            assert (await every.hear("event"))["job_id"] == str(slow.pk)

    run(main())


def test_several_writers_at_once_leave_each_job_in_order(any_database: str, run: Any, ada: Any) -> None:
    token, jobs = token_of(ada), [make_job(ada) for _ in range(3)]

    def write() -> None:
        for number in range(10):
            for job in jobs:
                lifecycle.merge_metadata(job.pk, {"number": number})

    async def main() -> None:
        async with Socket(token) as socket, Socket(token) as every:
            await every.say(subscribe="jobs")
            await every.hear("snapshot")
            for job in jobs:
                await socket.say(subscribe=f"job:{job.pk}", after=0)
            await asyncio.to_thread(run_together, [write] * 4)
            of_each: dict[str, list[int]] = {str(job.pk): [] for job in jobs}
            for _ in range(3 * 41):
                message = await socket.hear("event")
                of_each[message["topic"][4:]].append(message["event"]["seq"])
            assert list(of_each.values()) == [list(range(1, 42))] * 3
            of_all: dict[str, list[int]] = {str(job.pk): [] for job in jobs}
            for _ in range(3 * 40):
                message = await every.hear("event")
                of_all[message["job_id"]].append(message["event"]["seq"])
            assert list(of_all.values()) == [list(range(2, 42))] * 3

    run(main())


@pytest.mark.parametrize("lost", ["some", "more than is kept"])
def test_lost_messages_of_the_topic_jobs_come_later_or_as_a_new_snapshot(
    any_database: str, run: Any, ada: Any, lose: Any, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    monkeypatch.setattr(watched, "RING", 1000 if lost == "some" else 2)
    token = token_of(ada)

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe="jobs")
            await socket.hear("snapshot")
            lose(is_of_a_list)
            jobs = [await aside(make_job, ada) for _ in range(4)]
            if lost == "some":
                heard = [(await socket.hear("event"))["job_id"] for _ in range(4)]
                assert heard == [str(job.pk) for job in jobs]
                await socket.hear_nothing(1.2)
            else:
                counts = 0
                while counts < 4:
                    counts = (await socket.hear("snapshot"))["counts"]["queued"]

    run(main())


def test_a_new_snapshot_that_could_not_be_read_comes_later(
    any_database: str, run: Any, ada: Any, lose: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "RING", 2)
    token = token_of(ada)
    count, away = feeds._count_jobs, [False]

    def count_unless_away(owner_id: int) -> dict[str, int]:
        if away[0]:
            away[0] = False
            raise OperationalError("the database is away")
        return count(owner_id)

    monkeypatch.setattr(feeds, "_count_jobs", count_unless_away)

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe="jobs")
            await socket.hear("snapshot")
            lose(is_of_a_list)
            away[0] = True
            for _ in range(4):  # more than the ring holds
                await aside(make_job, ada)
            counted = 0
            while counted < 4:
                counted = (await socket.hear("snapshot"))["counts"]["queued"]

    run(main())
