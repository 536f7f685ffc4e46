"""What a client of /ws/live/ sees: every event once and in order, whatever is lost on the way to it."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.db import OperationalError
from django.test import override_settings
from django.utils import timezone

from jobs import lifecycle, retention
from jobs.errors import Unavailable
from jobs.live import callers, consumers, feeds, queries, tailer, watched
from jobs.live.tailer import get_tailer
from jobs.models import Job, Worker
from tests.harness.threads import run_together
from tests.harness.tokens import token_of
from tests.live.conftest import EVENT, Socket, aside, claim, eventually, live_through, make_job, seqs

LAYER = "jobs.live.layer.ProcessLayer"


# --- the stream ---------------------------------------------------------------------------------------------------
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
            slowest = 0.0
            for percent in range(5):
                begun = time.monotonic()
                running = await aside(lifecycle.progress, running, percent)
                await socket.hear("event")
                slowest = max(slowest, time.monotonic() - begun)
            assert slowest < 0.25

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


# --- loss ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("lost", ["all", "odd", "last"])
def test_dropped_group_messages_leave_no_gap_and_no_repeat(
    any_database: str, run: Any, ada: Any, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    token, job = token_of(ada), make_job(ada)

    async def main() -> None:
        layer = get_channel_layer()
        send, number = layer.group_send, iter(range(10_000))

        async def drop_some(group: str, message: dict[str, Any]) -> None:
            if message["type"] == "live.events":
                ended = message["events"][-1].type == "succeeded"
                if lost == "all" or (lost == "odd" and next(number) % 2) or (lost == "last" and ended):
                    return
            await send(group, message)

        monkeypatch.setattr(layer, "group_send", drop_some)
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
    import threading

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


# --- who may see what ---------------------------------------------------------------------------------------------
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


@pytest.mark.parametrize("lost", ["some", "more than is kept"])
def test_lost_messages_of_the_topic_jobs_come_later_or_as_a_new_snapshot(
    any_database: str, run: Any, ada: Any, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    monkeypatch.setattr(watched, "RING", 1000 if lost == "some" else 2)
    token = token_of(ada)

    async def main() -> None:
        layer = get_channel_layer()
        send = layer.group_send

        async def drop(group: str, message: dict[str, Any]) -> None:
            if message["type"] != "live.more":
                await send(group, message)

        async with Socket(token) as socket:
            await socket.say(subscribe="jobs")
            await socket.hear("snapshot")
            monkeypatch.setattr(layer, "group_send", drop)
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


def test_anonymous_clients_are_closed_with_4401(sqlite: None, run: Any, ada: Any) -> None:
    job, token = make_job(ada), token_of(ada)

    async def main() -> None:
        async with Socket() as socket:
            await socket.say(subscribe=f"job:{job.pk}")
            assert await socket.hear_close() == 4401
        async with Socket() as socket:
            await socket.say(authenticate="wrong")
            assert await socket.hear_close() == 4401
        async with Socket("wrong") as socket:
            assert await socket.hear_close() == 4401
        async with Socket(headers=[(b"authorization", b"Basic YTpi")]) as socket:
            assert await socket.hear_close() == 4401
        async with Socket() as socket:
            await socket.say(authenticate=token)
            assert await socket.hear() == {"type": "authenticated"}
            await socket.say(subscribe=f"job:{job.pk}")
            assert (await socket.hear())["type"] == "snapshot"

    run(main())


def test_an_anonymous_client_that_says_nothing_is_closed(
    sqlite: None, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "AUTHENTICATE_SECONDS", 0.5)

    async def main() -> None:
        async with Socket() as socket:
            assert await socket.hear_close() == 4401

    run(main())


def test_a_session_cookie_opens_a_socket_and_logging_out_closes_it(
    sqlite: None, run: Any, ada: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "REVALIDATE_SECONDS", 0.5)
    client.force_login(ada)
    cookie = f"sessionid={client.cookies['sessionid'].value}".encode()
    job = make_job(ada)

    async def main() -> None:
        async with Socket(headers=[(b"cookie", cookie), (b"origin", b"http://localhost:8000")]) as socket:
            await socket.say(subscribe=f"job:{job.pk}")
            assert (await socket.hear())["type"] == "snapshot"
            await asyncio.sleep(1.2)
            await aside(client.logout)
            assert await socket.hear_close() == 4401

    run(main())


@pytest.mark.parametrize("change", ["revoked", "expired", "deactivated"])
def test_a_token_that_is_no_longer_good_loses_its_socket(
    sqlite: None, run: Any, ada: Any, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(callers, "REVALIDATE_SECONDS", 0.5)
    token = token_of(ada)

    def take_away() -> None:
        if change == "revoked":
            ada.api_tokens.update(revoked_at=timezone.now())
        elif change == "expired":
            ada.api_tokens.update(expires_at=timezone.now())
        else:
            type(ada).objects.update(is_active=False)

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe="jobs")
            await socket.hear("snapshot")
            await aside(take_away)
            assert await socket.hear_close() == 4401

    run(main())


@pytest.mark.parametrize("says_it", ["in the header", "first of all"])
def test_a_token_that_may_not_look_or_has_spent_its_minute_opens_no_socket(
    sqlite: None, run: Any, ada: Any, says_it: str
) -> None:
    blind, quick = token_of(ada, ["submit", "operate"]), token_of(ada, requests_per_minute=1)

    async def open_with(token: str) -> Socket:
        socket = Socket(token if says_it == "in the header" else "")
        await socket.__aenter__()
        if says_it == "first of all":
            await socket.say(authenticate=token)
        return socket

    async def main() -> None:
        assert await (await open_with(blind)).hear_close() == 4403
        first = await open_with(quick)
        await first.say(subscribe="jobs")
        await first.hear("snapshot")
        assert await (await open_with(quick)).hear_close() == 4429
        await first.__aexit__(None, None, None)

    run(main())


def test_a_client_that_never_stops_asking_is_looked_at_as_well(
    sqlite: None, run: Any, ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "REVALIDATE_SECONDS", 0.2)
    monkeypatch.setattr(consumers, "TICK_SECONDS", 60.0)  # no tick finds it idle
    token, job = token_of(ada), make_job(ada)

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe=f"job:{job.pk}")
            await socket.hear("snapshot")
            await aside(lambda: ada.api_tokens.update(revoked_at=timezone.now()))
            await asyncio.sleep(0.3)
            await socket.say(subscribe="jobs")
            assert await socket.hear_close() == 4401

    run(main())


def test_a_new_snapshot_that_could_not_be_read_comes_later(
    any_database: str, run: Any, ada: Any, monkeypatch: pytest.MonkeyPatch
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
        layer = get_channel_layer()
        send = layer.group_send

        async def drop(group: str, message: dict[str, Any]) -> None:
            if message["type"] != "live.more":
                await send(group, message)

        async with Socket(token) as socket:
            await socket.say(subscribe="jobs")
            await socket.hear("snapshot")
            monkeypatch.setattr(layer, "group_send", drop)
            away[0] = True
            for _ in range(4):  # more than the ring holds
                await aside(make_job, ada)
            counted = 0
            while counted < 4:
                counted = (await socket.hear("snapshot"))["counts"]["queued"]

    run(main())


@pytest.mark.parametrize("says_it", ["in the header", "first of all"])
def test_who_cannot_be_recognised_now_is_told_to_come_again_and_not_that_the_token_is_bad(
    sqlite: None, run: Any, ada: Any, says_it: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(ada)

    def away(key: str) -> Any:
        raise OperationalError("the database is away")

    async def main() -> None:
        monkeypatch.setattr(consumers, "recognise", away)
        socket = Socket(token if says_it == "in the header" else "")
        await socket.__aenter__()
        if says_it == "first of all":
            await socket.say(authenticate=token)
        assert await socket.hear_close() == 1013

    run(main())


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://localhost.evil.example",
        "http://evil.example:8000/localhost",
        "null",
        "",
        "localhost",
    ],
)
@pytest.mark.parametrize("comes_with", ["a session", "a token"])
def test_a_page_of_another_site_may_not_open_a_socket(
    sqlite: None, run: Any, ada: Any, client: Any, comes_with: str, origin: str
) -> None:
    client.force_login(ada)
    cookie = (b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode())
    headers = [cookie] if comes_with == "a session" else []
    token = token_of(ada) if comes_with == "a token" else ""

    async def main() -> None:
        socket = Socket(token, headers=[*headers, (b"origin", origin.encode())])
        connected, _ = await socket.link.connect()
        assert not connected

    run(main())


def test_a_program_with_a_token_names_no_page_and_is_let_in(sqlite: None, run: Any, ada: Any) -> None:
    token = token_of(ada)

    async def main() -> None:
        async with Socket(token) as socket:
            await socket.say(subscribe="jobs")
            assert (await socket.hear())["type"] == "snapshot"

    run(main())


# --- bad input ----------------------------------------------------------------------------------------------------
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


# --- the tailer ---------------------------------------------------------------------------------------------------
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


# --- where a job stands -------------------------------------------------------------------------------------------
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
