"""The topic `batch:<id>`: one subscription tells every event of a batch's parent and of all its children."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.db import connection, transaction

from jobs import lifecycle, retention
from jobs.live import tailer, watched
from jobs.live.queries import Seen
from jobs.live.tailer import get_tailer
from jobs.live.watched import WatchedBatch
from jobs.models import Job
from tests.harness.threads import run_together
from tests.harness.tokens import token_of
from tests.live.conftest import (
    EVENT,
    KIND,
    Socket,
    aside,
    eventually,
    is_of_a_list,
    live_through,
    make_batch,
    make_job,
    seqs,
)


def work_off(steps: int = 2) -> None:
    """Take every queued job through its whole life, in claim order; the parent comes last."""
    while job := Job.objects.queued().in_claim_order().first():
        live_through(job.pk, steps)


async def subscribe(socket: Socket, parent: Job) -> dict[str, Any]:
    await socket.say(subscribe=f"batch:{parent.pk}")
    snapshot = await socket.hear()
    assert (snapshot["type"], snapshot["topic"]) == ("snapshot", f"batch:{parent.pk}"), snapshot
    return snapshot


async def hear(socket: Socket, numbers: dict[str, list[int]], parent: Job) -> dict[str, list[dict[str, Any]]]:
    """Return as many events of the batch as these are, and see that they are these: each once, each job's in order."""
    heard: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for _ in range(sum(map(len, numbers.values()))):
        message = await socket.hear(timeout=30)
        assert (message["type"], message.get("topic")) == ("event", f"batch:{parent.pk}"), message
        heard[message["job_id"]].append(message["event"])
    assert {job: seqs(events) for job, events in heard.items()} == numbers
    return heard


async def numbers_of(*jobs: Job) -> dict[str, list[int]]:
    """Return the numbers of the events of each job, without that of its creation."""
    rows = await aside(lambda: list(Job.objects.filter(pk__in=[job.pk for job in jobs])))
    return {str(job.pk): list(range(2, job.event_seq + 1)) for job in rows}


# --- the stream ---------------------------------------------------------------------------------------------------
def test_one_subscription_tells_every_event_of_parent_and_children_once_and_in_order(
    any_database: str, run: Any, ada: Any
) -> None:
    token = token_of(ada)
    parent, children = make_batch(ada, 12)

    async def main() -> None:
        async with Socket(token) as socket:
            snapshot = await subscribe(socket, parent)
            assert (snapshot["job"]["id"], snapshot["job"]["state"]) == (str(parent.pk), "pending")
            await aside(work_off)
            heard = await hear(socket, await numbers_of(parent, *children), parent)
            events = heard[str(children[0].pk)]
            assert [event["type"] for event in events] == ["started", "progress", "progress", "succeeded"]
            assert set(events[0]) == EVENT
            await socket.hear_nothing(1.2)

    run(main())


def test_a_subscriber_gets_its_batch_and_nothing_else(any_database: str, run: Any, ada: Any) -> None:
    token = token_of(ada)
    (parent, children), (other, others) = make_batch(ada, 2), make_batch(ada, 2)
    alone = make_job(ada)

    async def main() -> None:
        async with Socket(token) as socket, Socket(token) as both:
            await subscribe(socket, parent)
            await subscribe(both, parent)
            await subscribe(both, other)
            await both.say(subscribe="jobs")
            await both.hear("snapshot")
            await aside(lifecycle.cancel, alone.pk)
            await aside(lifecycle.cancel, other.pk)
            await aside(lifecycle.cancel, parent.pk)
            await hear(socket, await numbers_of(parent, *children), parent)
            await socket.hear_nothing()
            expected = {f"batch:{parent.pk}": await numbers_of(parent, *children)}
            expected[f"batch:{other.pk}"] = await numbers_of(other, *others)
            expected["jobs"] = await numbers_of(parent, *children, other, *others, alone)
            topics: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
            for _ in range(sum(len(numbers) for jobs in expected.values() for numbers in jobs.values())):
                message = await both.hear("event")
                topics[message["topic"]][message["job_id"]].append(message["event"]["seq"])
            assert topics == expected
            await both.hear_nothing()

    run(main())


def test_a_child_that_comes_later_or_runs_again_is_told_from_its_first_event(
    any_database: str, run: Any, ada: Any
) -> None:
    token = token_of(ada)
    parent, (child,) = make_batch(ada, 1)

    def add_child() -> Job:
        return lifecycle.submit(KIND, {"sheep": 2}, owner=ada, parent=parent)

    async def main() -> None:
        async with Socket(token) as socket:
            await subscribe(socket, parent)
            later = await aside(add_child)
            message = await socket.hear("event")
            assert (message["job_id"], message["event"]["type"]) == (str(later.pk), "created")
            await aside(lifecycle.cancel, child.pk)
            await aside(lifecycle.requeue, child.pk)
            heard: list[str] = []
            while len(heard) < 2:
                message = await socket.hear("event")
                if message["job_id"] == str(child.pk):  # the batch's own progress may come in between
                    heard.append(message["event"]["type"])
            assert heard == ["cancelled", "requeued"]

    run(main())


def test_a_batch_that_is_cancelled_at_once_is_told_whole(any_database: str, run: Any, ada: Any) -> None:
    token = token_of(ada)
    parent, children = make_batch(ada, 700)

    async def main() -> None:
        async with Socket(token) as socket:
            await subscribe(socket, parent)
            await aside(lifecycle.cancel, parent.pk)
            await hear(socket, await numbers_of(parent, *children), parent)

    run(main())


def test_several_writers_at_once_leave_each_child_in_order(any_database: str, run: Any, ada: Any) -> None:
    token = token_of(ada)
    parent, children = make_batch(ada, 4)

    def write() -> None:
        for number in range(10):
            for job in children:
                lifecycle.merge_metadata(job.pk, {"number": number})

    async def main() -> None:
        async with Socket(token) as socket:
            await subscribe(socket, parent)
            await asyncio.to_thread(run_together, [write] * 3)
            await hear(socket, {str(job.pk): list(range(2, 32)) for job in children}, parent)

    run(main())


def test_an_event_that_commits_after_a_later_one_of_another_child_is_not_skipped(
    postgresql: None, run: Any, ada: Any
) -> None:
    token = token_of(ada)
    parent, (slow, quick) = make_batch(ada, 2)
    written, commit = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with transaction.atomic():
            lifecycle.merge_metadata(slow.pk, {"slow": True})
            written.set()
            assert commit.wait(40)

    async def main() -> None:
        async with Socket(token) as socket:
            await subscribe(socket, parent)
            writing = asyncio.ensure_future(aside(write_slowly))
            await eventually(written.is_set)
            await aside(lifecycle.merge_metadata, quick.pk, {"quick": True})
            assert (await socket.hear("event"))["job_id"] == str(quick.pk)
            commit.set()
            await writing
            assert (await socket.hear("event"))["job_id"] == str(slow.pk)

    run(main())


# --- loss ---------------------------------------------------------------------------------------------------------
def test_lost_group_messages_of_a_batch_are_told_all_the_same(any_database: str, run: Any, ada: Any, lose: Any) -> None:
    token = token_of(ada)
    parent, children = make_batch(ada, 5)

    async def main() -> None:
        lose(is_of_a_list)
        async with Socket(token) as socket:
            await subscribe(socket, parent)
            await aside(work_off)
            await hear(socket, await numbers_of(parent, *children), parent)
            await socket.hear_nothing(1.2)

    run(main())


def test_more_than_is_kept_is_told_as_a_new_snapshot(
    any_database: str, run: Any, ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "RING", 3)
    token = token_of(ada)
    parent, _ = make_batch(ada, 20)

    async def main() -> None:
        async with Socket(token) as socket:
            await subscribe(socket, parent)
            await aside(lifecycle.cancel, parent.pk)
            snapshot = await socket.hear("snapshot")
            while snapshot["job"]["state"] != "cancelled":
                snapshot = await socket.hear("snapshot")
            assert snapshot["topic"] == f"batch:{parent.pk}"
            await aside(lifecycle.merge_metadata, parent.pk, {"still": "told"})
            while (await socket.hear("event"))["event"]["type"] != "metadata":
                pass

    run(main())


@pytest.mark.parametrize("most", [1000, 3], ids=["a few", "too many to tell"])
def test_lost_notifications_of_a_batch_are_noticed_by_the_look(
    postgresql: None, run: Any, ada: Any, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(tailer.Tailer, "_hint", lambda *_: None)
    monkeypatch.setattr(tailer, "STREAM_LOOK_SECONDS", 0.2)
    monkeypatch.setattr(tailer, "FIRST_LOOK_SECONDS", 1.0)  # not between the two things that it is to find together
    monkeypatch.setattr(tailer, "MOST_MISSED", most)
    token = token_of(ada)
    parent, children = make_batch(ada, 5)

    async def main() -> None:
        async with Socket(token) as socket:
            await subscribe(socket, parent)
            later = await aside(lambda: lifecycle.submit(KIND, {"sheep": 2}, owner=ada, parent=parent))
            await aside(lifecycle.cancel, parent.pk)
            if most == 3:
                assert (await socket.hear())["job"]["state"] == "cancelled"
            else:
                numbers = await numbers_of(parent, *children, later) | {str(later.pk): [1, 2]}
                await hear(socket, numbers, parent)
            await socket.hear_nothing(1.5)

    run(main())


def test_a_broken_listen_connection_loses_nothing_of_a_batch(postgresql: None, run: Any, ada: Any) -> None:
    token = token_of(ada)
    parent, children = make_batch(ada, 6)

    def cut() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sira tailer'"
            )

    def work_and_cut() -> None:
        while job := Job.objects.queued().in_claim_order().first():
            cut()
            live_through(job.pk, 2)

    async def main() -> None:
        async with Socket(token) as socket:
            await subscribe(socket, parent)
            await aside(work_and_cut)
            await hear(socket, await numbers_of(parent, *children), parent)
            await socket.hear_nothing(1.5)

    run(main())


def test_a_socket_that_its_batch_forgot_joins_it_again(sqlite: None, run: Any, ada: Any) -> None:
    token = token_of(ada)
    parent, (child,) = make_batch(ada, 1)

    async def main() -> None:
        async with Socket(token) as socket:
            await subscribe(socket, parent)
            layer = get_channel_layer()
            layer.groups.clear()  # what an expired message does
            await eventually(lambda: layer.groups, "the socket is in a group again", timeout=2)
            await aside(lifecycle.cancel, child.pk)
            assert (await socket.hear("event"))["job_id"] == str(child.pk)

    run(main())


def test_subscribers_who_come_and_go_while_it_happens_miss_nothing_from_their_snapshot_on(
    any_database: str, run: Any, ada: Any
) -> None:
    token = token_of(ada)
    parent, _ = make_batch(ada, 8)

    def read_list() -> dict[str, int]:
        return {str(job.pk): job.event_seq for job in Job.objects.all()}

    async def watch(delay: float) -> None:
        await asyncio.sleep(delay)
        async with Socket(token) as socket:
            await subscribe(socket, parent)
            last = await aside(read_list)
            while last[str(parent.pk)] < 2 or last != await aside(read_list):
                message = await socket.hear("event")
                job_id, seq = message["job_id"], message["event"]["seq"]
                assert seq <= last[job_id] + 1
                last[job_id] = max(last[job_id], seq)

    async def main() -> None:
        working = asyncio.create_task(asyncio.to_thread(work_slowly))
        await asyncio.gather(*(watch(number * 0.05) for number in range(6)))
        await working

    def work_slowly() -> None:
        try:
            work_off(10)
        finally:
            connection.close()

    run(main())


# --- who may see what ---------------------------------------------------------------------------------------------
def test_a_batch_is_told_to_its_owner_and_to_staff_only(
    any_database: str, run: Any, ada: Any, bob: Any, staff: Any
) -> None:
    tokens = [token_of(user) for user in (ada, bob, staff)]
    parent, (child,) = make_batch(ada, 1)

    async def main() -> None:
        async with Socket(tokens[0]) as adas, Socket(tokens[1]) as bobs, Socket(tokens[2]) as of_staff:
            await subscribe(adas, parent)
            await subscribe(of_staff, parent)
            for unseen in (parent.pk, uuid.uuid4()):
                await bobs.say(subscribe=f"batch:{unseen}")
                error = await bobs.hear()
                assert (error["type"], error["code"], error["topic"]) == ("error", "not_found", f"batch:{unseen}")
            await aside(lifecycle.cancel, child.pk)
            for socket in (adas, of_staff):
                assert (await socket.hear("event"))["job_id"] == str(child.pk)
            await bobs.hear_nothing()

    run(main())


def test_a_batch_that_is_no_longer_theirs_is_not_told_again(
    sqlite: None, run: Any, ada: Any, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "RING", 1)
    token = token_of(ada)
    parent, _ = make_batch(ada, 5)

    async def main() -> None:
        async with Socket(token) as socket:
            await subscribe(socket, parent)
            await aside(Job.objects.filter(pk=parent.pk).update, owner=bob)
            await aside(lifecycle.cancel, parent.pk)
            assert (await socket.hear())["code"] == "not_found"  # instead of another snapshot

    run(main())


def test_a_watched_batch_that_is_deleted_is_told_as_not_found(any_database: str, run: Any, ada: Any) -> None:
    token = token_of(ada)
    parent, _ = make_batch(ada, 2)
    lifecycle.cancel(parent.pk)

    async def main() -> None:
        async with Socket(token) as socket:
            await subscribe(socket, parent)
            await aside(retention.delete_job, parent)
            message = await socket.hear("error")
            assert (message["code"], message["topic"]) == ("not_found", f"batch:{parent.pk}")
            await eventually(lambda: not get_tailer().batches)

    run(main())


def test_after_unsubscribing_from_a_batch_there_is_silence(any_database: str, run: Any, ada: Any) -> None:
    token = token_of(ada)
    parent, _ = make_batch(ada, 2)

    async def main() -> None:
        async with Socket(token) as socket:
            await subscribe(socket, parent)
            await socket.say(unsubscribe=f"batch:{parent.pk}")
            await eventually(lambda: not get_tailer().batches)
            await aside(lifecycle.cancel, parent.pk)
            await socket.hear_nothing(1.2)

    run(main())


# --- what it costs ------------------------------------------------------------------------------------------------
def test_a_rush_of_events_costs_few_reads_however_many_watch(any_database: str, run: Any, ada: Any) -> None:
    token = token_of(ada)
    parent, children = make_batch(ada, 50)

    async def main() -> None:
        watching = get_tailer()
        async with Socket(token) as one, Socket(token) as other:
            for socket in (one, other):
                await subscribe(socket, parent)
            before = watching.queries
            await aside(lifecycle.cancel, parent.pk)
            for socket in (one, other):
                await hear(socket, await numbers_of(parent, *children), parent)
            assert watching.queries - before < 50

    run(main())


def test_a_batch_remembers_its_members_and_says_when_its_ring_is_too_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "RING", 2)
    batch, known, new = WatchedBatch(uuid.uuid4()), uuid.uuid4(), uuid.uuid4()
    batch.begin({known: 7})
    assert (batch.told_up_to(known, 9), batch.told_up_to(new, 3)) == (7, 0)
    assert [batch.tell(_event(known, seq)) for seq in (7, 8, 8, 9, 10)] == [False, True, False, True, True]
    assert batch.number == 3
    assert batch.told_after(0) is None
    told = batch.told_after(1)
    assert told is not None
    assert [text.split('"seq":')[1] for text in told] == ["9}}", "10}}"]
    assert batch.told_after(3) == []
    batch.skip()
    assert batch.told_after(3) is None
    assert batch.told_after(4) == []
    batch.tell(_event(new, 1))
    assert batch.told_after(3) is None


def _event(job_id: uuid.UUID, seq: int) -> Seen:
    text = f'{{"seq":{seq}}}'
    return Seen(0, job_id, seq, "progress", "processing", None, None, "default", text, datetime.now(UTC))
