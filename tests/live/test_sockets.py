"""What a client of /ws/live/ sees: every event once and in order; its topics, and what is no message."""

from __future__ import annotations

import asyncio
import time
import uuid
from statistics import median
from typing import Any

import pytest

from jobs import lifecycle, retention
from jobs.live import consumers, feeds
from jobs.live.tailer import get_tailer
from tests.harness.tokens import token_of
from tests.live.conftest import EVENT, Socket, aside, claim, eventually, live_through, make_job, seqs


def test_a_subscriber_gets_a_snapshot_and_then_every_event_as_it_happens(any_database: str, run: Any, ada: Any) -> None:
    token, job = token_of(ada), make_job(ada)

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe=f"job:{job.pk}")
            snapshot = await socket.hear()
            assert (snapshot["type"], snapshot["topic"], snapshot["seq"]) == ("snapshot", f"job:{job.pk}", 1)
            assert snapshot["job"]["id"] == str(job.pk)
            assert snapshot["job"]["title"] == "Count sheep until asleep."
            await aside(live_through, job.pk)
            events = await socket.hear_until_ended()
            assert seqs(events) == [2, 3, 4, 5, 6]
            assert [event["type"] for event in events] == ["started", "progress", "progress", "progress", "succeeded"]
            assert set(events[0]) == EVENT

    run(main())


def test_an_event_is_seen_within_a_quarter_of_a_second(any_database: str, run: Any, ada: Any) -> None:
    token, job = token_of(ada), make_job(ada)

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe=f"job:{job.pk}")
            await socket.hear("snapshot")
            running = await aside(claim)
            await socket.hear("event")
            waits = []
            for percent in range(9):
                begun = time.monotonic()
                running = await aside(lifecycle.progress, running, percent)
                await socket.hear("event")
                waits.append(time.monotonic() - begun)
            assert median(waits) < 0.25  # one may fall into a moment in which this machine does something else

    run(main())


def test_after_replays_what_was_missed_and_goes_on(any_database: str, run: Any, ada: Any) -> None:
    token, job = token_of(ada), make_job(ada)

    async def main() -> None:
        running = await aside(claim)
        for percent in range(10, 60, 10):
            running = await aside(lifecycle.progress, running, percent)
        async with Socket(token) as socket:
            await socket.say(subscribe=f"job:{job.pk}", after=3)
            assert (await socket.hear())["seq"] == 7
            assert seqs(await socket.hear_events(4)) == [4, 5, 6, 7]
            await aside(lifecycle.succeed, running, {})
            assert seqs(await socket.hear_until_ended()) == [8]

    run(main())


@pytest.mark.parametrize("after", [0, 6, 7, 1000])
def test_a_finished_job_is_replayed_as_well(sqlite: None, run: Any, ada: Any, after: int) -> None:
    token, job = token_of(ada), make_job(ada)
    live_through(job.pk)

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe=f"job:{job.pk}", after=after)
            assert (await socket.hear())["seq"] == 6
            assert seqs(await socket.hear_events(max(0, 6 - after))) == list(range(after + 1, 7))
            await socket.hear_nothing()

    run(main())


def test_a_long_replay_comes_in_pages_without_a_gap(
    sqlite: None, run: Any, ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "PAGE", 7)
    token, job = token_of(ada), make_job(ada)
    live_through(job.pk, steps=40)

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe=f"job:{job.pk}", after=0)
            assert seqs(await socket.hear_until_ended()) == list(range(1, 44))

    run(main())


def test_many_jobs_on_one_socket_each_have_their_own_cursor(any_database: str, run: Any, ada: Any) -> None:
    token, jobs = token_of(ada), [make_job(ada) for _ in range(5)]

    async def main() -> None:
        async with Socket(token) as socket:
            for job in jobs:
                await socket.say(subscribe=f"job:{job.pk}", after=0)
            for job in jobs:
                await aside(live_through, job.pk, 2)
            heard: dict[str, list[int]] = {f"job:{job.pk}": [] for job in jobs}
            for _ in range(5 * 5):
                message = await socket.hear("event")
                heard[message["topic"]].append(message["event"]["seq"])
            assert list(heard.values()) == [[1, 2, 3, 4, 5]] * 5

    run(main())


def test_each_user_sees_their_own_jobs_and_staff_see_all(
    any_database: str, run: Any, ada: Any, bob: Any, staff: Any
) -> None:
    adas, bobs, nobodys = make_job(ada), make_job(bob), make_job(None)
    users = {"ada": token_of(ada), "bob": token_of(bob), "staff": token_of(staff)}
    topics = {"adas": adas.pk, "bobs": bobs.pk, "nobodys": nobodys.pk, "unknown": uuid.uuid4()}
    allowed = {("ada", "adas"), ("bob", "bobs")} | {("staff", name) for name in ("adas", "bobs", "nobodys")}

    async def main() -> None:
        answers = {}
        for user, token in users.items():
            async with Socket(token) as socket:
                for name, pk in topics.items():
                    await socket.say(subscribe=f"job:{pk}")
                    message = await socket.hear("snapshot", "error")
                    assert message["topic"] == f"job:{pk}"
                    answers[user, name] = message.get("code", "snapshot"), message.get("message")
        for key, (kind, text) in answers.items():
            assert kind == ("snapshot" if key in allowed else "not_found"), key
            assert text is None or text == answers["ada", "unknown"][1]  # a foreign job reads like no job

    run(main())


def test_the_topic_jobs_tells_of_own_jobs_only(any_database: str, run: Any, ada: Any, bob: Any, staff: Any) -> None:
    make_job(ada)
    tokens = [token_of(user) for user in (ada, bob, staff)]

    async def main() -> None:
        async with Socket(tokens[0]) as adas, Socket(tokens[1]) as bobs, Socket(tokens[2]) as of_staff:
            for socket in (adas, bobs, of_staff):
                await socket.say(subscribe="jobs")
            snapshot = await adas.hear()
            assert snapshot["topic"] == "jobs"
            assert snapshot["counts"] == {
                "pending": 0, "queued": 1, "processing": 0, "succeeded": 0, "failed": 0, "cancelled": 0,
            }  # fmt: skip
            assert (await bobs.hear())["counts"]["queued"] == 0
            await of_staff.hear()
            job = await aside(make_job, ada)
            event = await adas.hear("event")
            assert (event["topic"], event["job_id"], event["event"]["type"]) == ("jobs", str(job.pk), "created")
            await aside(lifecycle.cancel, job.pk)
            assert (await adas.hear("event"))["event"]["state"] == "cancelled"
            await bobs.hear_nothing()
            await of_staff.hear_nothing(0.05)

    run(main())


BAD_MESSAGES = [
    "", "{", "[]", "null", "1", '"subscribe"', "{}", '{"after": 1}', "[" * 5000, "x" * 9000,
    '{"subscribe": 1}', '{"subscribe": null}', '{"subscribe": ["jobs"]}', '{"subscribe": "queue:default"}',
    '{"subscribe": "batch:1"}', '{"subscribe": "batches"}',
    '{"subscribe": "job:"}', '{"subscribe": "job:1"}', '{"subscribe": "job:\\u0000"}', '{"subscribe": "\\ud800"}',
    '{"subscribe": "jobs", "after": -1}', '{"subscribe": "jobs", "after": "1"}',
    '{"subscribe": "jobs", "after": true}', '{"subscribe": "jobs", "after": 1e999}',
    '{"subscribe": "jobs", "after": 99999999999999999999}',
]  # fmt: skip


def test_messages_that_make_no_sense_are_answered_with_an_error(sqlite: None, run: Any, ada: Any) -> None:
    token = token_of(ada)

    async def main() -> None:
        async with Socket(token) as socket:
            for text in BAD_MESSAGES:
                await socket.link.send_input({"type": "websocket.receive", "text": text})
                message = await socket.hear()
                assert (message["type"], message["code"]) == ("error", "bad_message"), text
                assert message["message"]
            await socket.link.send_to(bytes_data=b"\x00\xff")
            assert (await socket.hear())["code"] == "bad_message"
            await socket.say(unsubscribe="job:1")
            await socket.say(unsubscribe={"a": 1})
            await socket.say(ping=1)
            assert (await socket.hear())["type"] == "ping"

    run(main())


def test_a_client_that_talks_nonsense_for_ever_is_closed(sqlite: None, run: Any, ada: Any) -> None:
    token = token_of(ada)

    async def main() -> None:
        async with Socket(token) as socket:
            for _ in range(consumers.MOST_ERRORS + 1):
                await socket.link.send_to(text_data="nonsense")
            assert await socket.hear_close() == 4400

    run(main())


def test_a_socket_holds_a_limited_number_of_topics(
    sqlite: None, run: Any, ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "MOST_TOPICS", 2)
    token, jobs = token_of(ada), [make_job(ada) for _ in range(3)]

    async def main() -> None:
        async with Socket(token) as socket:
            for job, kind in zip(jobs, ["snapshot", "snapshot", "error"], strict=True):
                await socket.say(subscribe=f"job:{job.pk}")
                message = await socket.hear("snapshot", "error")
                assert message["type"] == kind
            assert message["code"] == "too_many_topics"
            await socket.say(unsubscribe=f"job:{jobs[0].pk}")
            await socket.say(subscribe=f"job:{jobs[2].pk}")
            assert (await socket.hear("snapshot", "error"))["type"] == "snapshot"

    run(main())


def test_subscribing_again_begins_again_at_the_new_cursor(sqlite: None, run: Any, ada: Any) -> None:
    token, job = token_of(ada), make_job(ada)
    live_through(job.pk, 2)

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe=f"job:{job.pk}", after=0)
            assert seqs(await socket.hear_until_ended()) == [1, 2, 3, 4, 5]
            await socket.say(subscribe=f"job:{str(job.pk).upper()}", after=3)
            assert (await socket.hear("snapshot"))["topic"] == f"job:{job.pk}"
            assert seqs(await socket.hear_until_ended()) == [4, 5]

    run(main())


def test_after_unsubscribing_there_is_silence(any_database: str, run: Any, ada: Any) -> None:
    token, job = token_of(ada), make_job(ada)

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe=f"job:{job.pk}")
            await socket.hear("snapshot")
            await socket.say(unsubscribe=f"job:{job.pk}")
            await eventually(lambda: not get_tailer().jobs)
            await aside(live_through, job.pk)
            await socket.hear_nothing(1.2)

    run(main())


def test_a_watched_job_that_is_deleted_is_told_as_not_found(any_database: str, run: Any, ada: Any) -> None:
    token, job = token_of(ada), make_job(ada)
    live_through(job.pk)

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe=f"job:{job.pk}")
            await socket.hear("snapshot")
            await aside(retention.delete_job, job)
            message = await socket.hear("error")
            assert (message["code"], message["topic"]) == ("not_found", f"job:{job.pk}")

    run(main())


def test_nobody_watches_nothing_is_asked(any_database: str, run: Any, ada: Any) -> None:
    token, job = token_of(ada), make_job(ada)

    async def main() -> None:
        watching = get_tailer()
        async with Socket(token) as socket:
            await asyncio.sleep(1.2)
            assert watching.queries == 0  # an open socket alone is nobody
            await socket.say(subscribe=f"job:{job.pk}")
            await socket.hear("snapshot")
            assert watching.is_running
            await socket.say(unsubscribe=f"job:{job.pk}")
            await eventually(lambda: not watching.is_running)
            await asyncio.sleep(0.1)  # a query that was on its way
            asked = watching.queries
            await asyncio.sleep(1.2)
            assert watching.queries == asked

    run(main())


def test_a_hundred_watchers_cost_as_many_queries_as_one(any_database: str, run: Any, ada: Any) -> None:
    token, job = token_of(ada), make_job(ada)

    async def main() -> None:
        watching = get_tailer()
        sockets = [Socket(token) for _ in range(100)]
        try:
            for socket in sockets:
                await socket.link.connect(timeout=10)
                await socket.say(subscribe=f"job:{job.pk}", after=1)
                await socket.hear("snapshot")
            before = watching.queries
            begun = time.monotonic()
            await aside(live_through, job.pk, 10)
            for socket in sockets:
                assert seqs(await socket.hear_until_ended()) == list(range(2, 14))
            seconds = time.monotonic() - begun
            # At most: each event by itself, SQLite's poll, the look once a second, positions four times a second.
            assert watching.queries - before < 15 + seconds * 20
        finally:
            for socket in sockets:
                await socket.link.disconnect()

    run(main())


def test_the_server_pings(sqlite: None, run: Any, ada: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "PING_SECONDS", 0.5)
    token = token_of(ada)

    async def main() -> None:
        async with Socket(token) as socket:
            first = await socket.hear("ping")
            second = await socket.hear("ping")
            assert first["at"] < second["at"]

    run(main())
