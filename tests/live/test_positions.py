"""Positions of waiting jobs at /ws/live/: pushed when they change, computed once for all."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest

from jobs import lifecycle
from jobs.errors import Unavailable
from jobs.live import queries, tailer
from jobs.models import Job, Worker
from tests.harness.tokens import token_of
from tests.live.conftest import Socket, aside, claim, eventually, live_through, make_job


def test_positions_of_watched_jobs_are_pushed_when_they_change(any_database: str, run: Any, ada: Any) -> None:
    token = token_of(ada)
    jobs = [make_job(ada) for _ in range(3)]
    Worker.objects.create(name="w", cluster="sira")

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe=f"job:{jobs[2].pk}")
            snapshot = await socket.hear("snapshot")
            assert (snapshot["job"]["position"], snapshot["job"]["waiting_for"]) == (3, "turn")
            await aside(live_through, jobs[0].pk)
            first = await socket.hear("position")
            if first["eta"] is None:  # pushed between the claim and the end of the first run: nothing was measured yet
                first = await socket.hear("position")
            assert set(first) == {
                "type", "topic", "position", "waiting_for", "waiting_sentence", "waiting_until", "eta",
            }  # fmt: skip
            assert (first["position"], first["topic"]) == (2, f"job:{jobs[2].pk}")
            assert first["eta"]["earliest"] <= first["eta"]["latest"]
            await aside(lifecycle.cancel, jobs[1].pk)
            second = await socket.hear("position")
            assert (second["position"], second["waiting_for"]) == (1, "worker")
            await socket.hear_nothing(0.6)
            await aside(lifecycle.pause_queue, "default", by="ada")  # no event tells of it
            assert (await socket.hear("position"))["waiting_for"] == "queue_paused"

    run(main())


def test_the_end_of_a_job_that_nobody_watches_moves_the_others_along_at_once(
    any_database: str, run: Any, ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailer, "LOOK_SECONDS", 60.0)  # nothing but the end itself can tell of it
    monkeypatch.setattr(tailer, "STANDINGS_AT_LEAST_EVERY_SECONDS", 60.0)
    token = token_of(ada)
    jobs = [make_job(ada) for _ in range(4)]

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe=f"job:{jobs[3].pk}")
            assert (await socket.hear("snapshot"))["job"]["position"] == 4
            for place in (3, 2, 1):
                await asyncio.sleep(0.6)  # quiet again
                begun = time.monotonic()
                await aside(live_through, jobs[3 - place].pk)
                while (await socket.hear("position", timeout=5))["position"] != place:
                    pass
                assert time.monotonic() - begun < 1.0

    run(main())


def test_who_waits_for_a_resource_is_told_when_another_job_holds_it(any_database: str, run: Any, ada: Any) -> None:
    token = token_of(ada)
    act = {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 0}
    _, second, last = (lifecycle.submit("workload.use_gpu", act, owner=ada, priority=n) for n in (9, 8, 1))
    first = claim()
    Worker.objects.create(name="w", cluster="sira")

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe=f"job:{last.pk}")
            before = (await socket.hear("snapshot"))["job"]
            assert (before["position"], before["waiting_for"]) == (2, "resource")
            assert "in use since" in before["waiting_sentence"]
            await asyncio.sleep(1.1)  # times are told to the second
            await aside(lifecycle.retry_later, first, Unavailable("It was down."), timedelta(hours=1))
            assert (await aside(claim)).pk == second.pk
            while True:
                now = await socket.hear("position", timeout=5)
                if (now["position"], now["waiting_for"]) == (1, "resource"):
                    break
            assert "in use since" in now["waiting_sentence"]
            assert now["waiting_sentence"] != before["waiting_sentence"]

    run(main())


def test_positions_are_computed_once_a_queue_and_four_times_a_second_at_most(
    any_database: str, run: Any, ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(ada)
    jobs = [make_job(ada) for _ in range(30)]
    computed: list[int] = []
    compute = queries.standings

    def count(wanted: list[uuid.UUID]) -> Any:
        computed.append(len(wanted))
        return compute(wanted)

    monkeypatch.setattr(queries, "standings", count)

    async def main() -> None:
        async with Socket(token) as socket, Socket(token) as other:
            for job in jobs[10:]:
                await socket.say(subscribe=f"job:{job.pk}")
                await other.say(subscribe=f"job:{job.pk}")
            for _ in jobs[10:]:
                await socket.hear("snapshot")
                await other.hear("snapshot")
            await asyncio.sleep(0.3)
            computed.clear()
            begun = time.monotonic()
            for job in jobs[:10]:
                await aside(lifecycle.cancel, job.pk)
            await eventually(lambda: computed)
            last: dict[uuid.UUID, int] = {}
            while last.get(jobs[10].pk) != 1:
                message = await socket.hear("position")
                last[uuid.UUID(message["topic"][4:])] = message["position"]
            seconds = time.monotonic() - begun
            assert len(computed) <= seconds / tailer.STANDINGS_EVERY_SECONDS + 2
            await eventually(lambda: 20 in computed, "all of the queue's watched jobs at once, for both sockets")

    run(main())


def test_positions_of_many_jobs_agree_with_those_of_each(any_database: str, ada: Any, bob: Any) -> None:
    from jobs import positions

    Worker.objects.create(name="w", cluster="sira")
    for number in range(6):
        make_job(ada, priority=number % 3)
        make_job(bob, priority=number % 3)
    live_through(Job.objects.queued().in_claim_order()[0].pk)
    claim()
    lifecycle.retry_later(claim(), Unavailable("It was down."), timedelta(minutes=2))
    jobs = list(Job.objects.all())
    many = positions.explain_many(jobs)
    for job in jobs:
        one = positions.explain(job)
        assert (one.position, one.waiting_for, one.sentence, one.until) == (
            many[job.pk].position, many[job.pk].waiting_for, many[job.pk].sentence, many[job.pk].until,
        )  # fmt: skip
        assert (one.eta is None) == (many[job.pk].eta is None)
        for its, same in zip(one.eta or (), many[job.pk].eta or (), strict=True):
            assert abs((its - same).total_seconds()) < 1
    assert sorted(standing.position for standing in many.values() if standing.position) == list(range(1, 10))


def test_a_job_that_is_subscribed_to_while_the_tailer_compares_is_not_taken_for_deleted(
    any_database: str, run: Any, ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(ada)
    first, second = make_job(ada), make_job(ada)
    look = queries.look_at
    begun, go_on = threading.Event(), threading.Event()

    def look_slowly(jobs: list[uuid.UUID]) -> Any:
        found = look(jobs)
        if second.pk not in jobs:
            begun.set()
            assert go_on.wait(10)
        return found

    async def main() -> None:
        async with Socket(token) as socket:
            monkeypatch.setattr(queries, "look_at", look_slowly)
            await socket.say(subscribe=f"job:{first.pk}")
            await socket.hear("snapshot")
            await eventually(begun.is_set, "the tailer compares")
            await socket.say(subscribe=f"job:{second.pk}")
            assert (await socket.hear("snapshot", "error"))["topic"] == f"job:{second.pk}"
            go_on.set()
            await aside(lifecycle.cancel, second.pk)
            assert (await socket.hear("event", "error"))["event"]["type"] == "cancelled"

    run(main())
