"""What the event loop answers is what a thread would have answered; and whatever is not plain it leaves alone."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.utils import timezone
from rest_framework import serializers

from config.handler import Handler
from jobs import lifecycle
from jobs.api.fast_path import asker as asking
from jobs.api.fast_path.app import FastPath
from jobs.errors import Unavailable
from jobs.kinds import job_kind, registry
from jobs.models import Job, JobEvent
from jobs.tokens.models import ApiToken
from tests.api.conftest import KIND, claim, fail, finish, make_job
from tests.harness.tokens import token_of
from tests.harness.waiting import wait_until

#: A kind whose input is plain: no files, no code of its own.
PLAIN = "workload.do_nothing"
#: What differs from one answer to the next.
OF_THE_MOMENT = ("X-Request-ID", "RateLimit")


class PlainInput(serializers.Serializer):
    tags = serializers.DictField(child=serializers.CharField(max_length=3), default=dict)


class Answer:
    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = {name.decode().title(): value.decode() for name, value in headers}
        self.raw = body

    @property
    def body(self) -> Any:
        return json.loads(self.raw) if self.raw else None

    def comparable(self) -> Any:
        own = {name.title() for name in OF_THE_MOMENT}
        headers = {name: value for name, value in self.headers.items() if name not in own}
        body = self.body
        if isinstance(body, dict) and "as_of" in body:
            body = body | {"as_of": None, "eta": body["eta"] is not None}
            headers.pop("Content-Length")  # of times without a fraction of a second
        return self.status, headers, body


class Site:
    """A web process's two ways, on an event loop of their own."""

    def __init__(self) -> None:
        self.passed_on = 0
        self.handler = Handler()
        self.fast = FastPath(self._usual)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    async def _usual(self, scope: Any, receive: Any, send: Any) -> None:
        self.passed_on += 1
        await self.handler(scope, receive, send)

    def ask(self, application: Any, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        sent: list[dict[str, Any]] = []
        path, _, query = path.partition("?")
        if body:
            headers = {"Content-Type": "application/json"} | headers | {"Content-Length": str(len(body))}
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "scheme": "http", "server": ["127.0.0.1", 8000], "client": ["127.0.0.1", 9], "http_version": "1.1",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip
        pieces = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            return pieces.pop() if pieces else await asyncio.sleep(60)

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run_coroutine_threadsafe(application(scope, receive, send), self.loop).result(30)
        return Answer(sent[0]["status"], sent[0]["headers"], b"".join(one.get("body", b"") for one in sent[1:]))

    def close(self) -> None:
        if (pool := self.fast.asker._pool) is not None:
            asyncio.run_coroutine_threadsafe(pool.close(), self.loop).result(10)
        asyncio.run_coroutine_threadsafe(self.loop.shutdown_default_executor(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()
        for _ in range(20):
            self.handler.threads.submit(connections.close_all)
        self.handler.threads.shutdown()


@pytest.fixture
def site(postgresql: None) -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def as_ada(ada: Any) -> dict[str, str]:
    return {"Host": "127.0.0.1", "Authorization": f"Bearer {token_of(ada)}", "Accept": "application/json"}


@pytest.fixture
def both(site: Site, as_ada: dict[str, str]) -> Any:
    """A function that asks both ways, sees to it that they agree, and returns the fast answer and who gave it."""
    site.ask(site.handler, "GET", "/api/v1/kinds/", as_ada)  # the token's block of requests

    def ask(path: str, method: str = "GET", body: bytes = b"", **headers: str) -> tuple[Answer, bool]:
        named = as_ada | {name.replace("_", "-"): value for name, value in headers.items()}
        before = site.passed_on
        fast = site.ask(site.fast, method, path, named, body)
        usual = site.ask(site.handler, method, path, named, body)
        assert fast.comparable() == usual.comparable()
        return fast, site.passed_on == before

    return ask


def path_of(job: Job) -> str:
    return f"/api/v1/jobs/{job.pk}/"


# --- looks ----------------------------------------------------------------------------------------------------


def test_a_look_says_the_same_in_every_state(both, ada):
    queued = make_job(ada)
    assert both(path_of(queued))[0].body["position"] == 1
    behind = make_job(ada)
    assert both(path_of(behind))[0].body["waiting_sentence"]
    running = claim()
    answer, was_fast = both(path_of(running))
    assert (answer.body["state"], was_fast) == ("processing", True)
    lifecycle.retry_later(running, Unavailable("Away."), timedelta(hours=1))
    answer, was_fast = both(path_of(running))
    assert (answer.body["waiting_for"], was_fast) == ("retry", True)
    later = make_job(ada, run_after=timezone.now() + timedelta(hours=1))
    assert both(path_of(later))[0].body["waiting_for"] == "schedule"
    Job.objects.filter(pk__in=[behind.pk, running.pk]).delete()
    for job in (finish(ada), fail(ada)):
        answer, was_fast = both(path_of(job))
        assert (answer.body["state"], was_fast) == (job.state, True)


def test_a_client_that_has_it_gets_an_empty_304(both, ada):
    job = finish(ada)
    etag = both(path_of(job))[0].headers["Etag"]
    answer, was_fast = both(path_of(job), If_None_Match=f'"other", W/{etag}')
    assert (answer.status, answer.raw, was_fast) == (304, b"", True)
    assert both(path_of(job), If_None_Match='"other"')[0].status == 200


def test_large_values_are_read_in_a_thread(both, ada):
    job = finish(ada)
    Job.objects.filter(pk=job.pk).update(result={"a": "b" * 70_000})
    assert both(path_of(job))[1]  # which a description does not have
    Job.objects.filter(pk=job.pk).update(metadata={"a": "b" * 70_000})
    answer, was_fast = both(path_of(job))
    assert (len(answer.body["metadata"]["a"]), was_fast) == (70_000, False)


def test_a_table_that_was_changed_meanwhile(both, ada):
    """A migration adds a column, and takes it away again: plans of open connections are made anew."""
    job = finish(ada)
    assert both(path_of(job))[1]
    with connections["default"].cursor() as cursor:
        cursor.execute("ALTER TABLE jobs_job ALTER COLUMN worker TYPE text")
        try:
            for _ in range(3):
                last = both(path_of(job))[1]
            assert last
        finally:
            cursor.execute("ALTER TABLE jobs_job ALTER COLUMN worker TYPE varchar(150)")


def test_others_jobs_are_not_there(both, site, as_ada, ada, bob, staff):
    job = finish(bob)
    answer, was_fast = both(path_of(job))
    assert (answer.status, answer.body["code"], was_fast) == (404, "job_not_found", False)
    assert both(f"/api/v1/jobs/{uuid.uuid4()}/")[0].status == 404
    as_staff = as_ada | {"Authorization": f"Token {token_of(staff)}"}
    site.ask(site.handler, "GET", "/api/v1/kinds/", as_staff)
    before = site.passed_on
    assert site.ask(site.fast, "GET", path_of(job), as_staff).status == 200
    assert site.passed_on == before


def test_a_token_that_ends_ends_at_once(both, ada):
    job = finish(ada)
    assert both(path_of(job))[1]
    tokens = ApiToken.objects.filter(owner=ada)
    tokens.update(scopes=["submit"])
    assert both(path_of(job))[0].body["code"] == "insufficient_scope"
    tokens.update(scopes=["read"], expires_at=timezone.now() - timedelta(seconds=1))
    assert both(path_of(job))[0].body["code"] == "token_expired"
    tokens.update(expires_at=None, revoked_at=timezone.now())
    assert both(path_of(job))[0].body["code"] == "token_revoked"
    tokens.update(revoked_at=None)
    type(ada).objects.update(is_active=False)
    assert both(path_of(job))[0].body["code"] == "user_inactive"
    assert both(path_of(job), Authorization="Bearer nobody")[0].body["code"] == "token_unknown"
    assert both(path_of(job), Authorization="Basic YTpi")[0].status == 401


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"Accept": "text/html"}, ""),
        ({"Accept": ""}, ""),
        ({"Accept_Language": "en;q=0.9," * 20}, ""),
        ({"Accept": "application/json; indent=4"}, ""),
        ({"Prefer": "wait=1"}, ""),
        ({"Cookie": "sessionid=1"}, ""),
        ({"Host": "elsewhere.example"}, ""),
        ({}, "?format=api"),
    ],
)
def test_what_is_not_plain_goes_the_usual_way(both, ada, headers, query):
    assert not both(path_of(finish(ada)) + query, **headers)[1]


@pytest.mark.parametrize("headers", [{"Accept_Language": "tr"}, {"Accept": "*/*"}, {"X_Request_ID": "mine"}])
def test_headers_that_change_nothing_or_little(both, ada, headers):
    answer, was_fast = both(path_of(finish(ada)), **headers)
    assert was_fast
    assert answer.headers["X-Request-Id"] == headers.get("X_Request_ID", answer.headers["X-Request-Id"])


def test_requests_are_counted_once_whichever_way_they_go(site, as_ada, ada, settings):
    settings.API_REQUESTS_PER_MINUTE = 20  # blocks of one: every other request goes the usual way to fetch the next
    job = finish(ada)
    left = [
        int(site.ask(site.fast, "GET", path_of(job), as_ada).headers["Ratelimit"].split("r=")[1].split(";")[0])
        for _ in range(19)
    ]
    assert left == list(range(19, 0, -1))
    assert site.ask(site.fast, "GET", path_of(job), as_ada).status == 200
    assert site.ask(site.fast, "GET", path_of(job), as_ada).status == 429


# --- submissions ----------------------------------------------------------------------------------------------


def submission(**fields: Any) -> bytes:
    return json.dumps({"kind": PLAIN, "input": {}} | fields).encode()


@pytest.fixture
def send(site: Site, as_ada: dict[str, str]) -> Any:
    """A function that submits the fast way. Returns the answer and whether it went that way."""
    site.ask(site.handler, "GET", "/api/v1/kinds/", as_ada)

    def submit(body: bytes, **headers: str) -> tuple[Answer, bool]:
        named = as_ada | {name.replace("_", "-"): value for name, value in headers.items()}
        before = site.passed_on
        answer = site.ask(site.fast, "POST", "/api/v1/jobs/", named, body)
        return answer, site.passed_on == before

    return submit


def without_its_own(answer: Answer, job: str) -> Any:
    """Return an answer without what every job has for itself."""
    status, headers, body = answer.comparable()
    times = ("created_at", "queued_at", "updated_at", "deadline_at", "expires_at", "position", "waiting_sentence")
    text = json.dumps([status, headers, body | dict.fromkeys(times)])
    return json.loads(text.replace(job, "its id"))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"priority": 9},
        {"user_id": "u", "session_id": "s", "metadata": {"a": [1, {"ğ": None}]}},
    ],
)
def test_a_submission_is_the_same_both_ways(site, as_ada, send, fields):
    usual = site.ask(site.handler, "POST", "/api/v1/jobs/", as_ada, submission(**fields))
    fast, was_fast = send(submission(**fields))
    assert was_fast
    assert (fast.status, fast.body["position"]) == (202, 2)
    assert without_its_own(fast, fast.body["id"]) == without_its_own(usual, usual.body["id"])
    one, other = (Job.objects.get(pk=answer.body["id"]) for answer in (usual, fast))
    own = {"id", "turn", "queue_position", *(field.name for field in Job._meta.fields if field.name.endswith("_at"))}
    for field in Job._meta.concrete_fields:
        if field.name not in own:
            assert getattr(one, field.attname) == getattr(other, field.attname), field.name
    assert list(JobEvent.objects.filter(job=other).values_list("seq", "type", "state")) == [(1, "created", "queued")]


def test_what_a_kind_declares_besides_its_input_changes_nothing(send):
    @job_kind("darkroom.keep_film", input=PlainInput, retention={"failed": timedelta(days=90)})
    def keep(job: Any, **given: Any) -> None:
        """Keep."""

    try:
        assert send(submission(kind="darkroom.keep_film", input={"tags": {"a": "b"}}))[1]
        assert send(submission(kind="darkroom.keep_film", input={"tags": {"a": 5 * "b"}}))[0].status == 400
    finally:
        registry.remove("darkroom.keep_film")


@pytest.mark.parametrize("key", ["", "ğ", "a b"])
def test_a_key_that_is_none_is_refused(send, key):
    answer, was_fast = send(submission(), **({"Idempotency_Key": key} if key != "ğ" else {"Idempotency_Key": "\xff"}))
    assert (answer.status, answer.body["code"], was_fast) == (400, "invalid_idempotency_key", False)


def test_a_stored_job_that_cannot_be_described_is_not_submitted_again(send, monkeypatch):
    monkeypatch.setattr("jobs.api.fast_path.app.describe", lambda *args, **options: 1 / 0)
    answer, was_fast = send(submission())
    assert (answer.status, answer.body["code"], was_fast) == (500, "internal_error", True)
    assert Job.objects.count() == 1


def test_a_fault_before_anything_was_stored_costs_nothing(send, monkeypatch):
    monkeypatch.setattr("jobs.api.fast_path.app.plain.checked", lambda body: 1 / 0)
    answer, was_fast = send(submission())
    assert (answer.status, was_fast) == (202, False)
    assert Job.objects.count() == 1


def test_what_the_database_refuses_is_given_back(send, monkeypatch):
    async def refuse(self: Any, sql: bytes, values: Any) -> Any:
        raise psycopg.errors.InvalidTextRepresentation

    left = send(submission())[0].headers["Ratelimit"]
    monkeypatch.setattr(asking.Asker, "run", refuse)
    answer, was_fast = send(submission())
    assert (answer.status, was_fast) == (202, False)
    assert int(left.split("r=")[1].split(";")[0]) - 1 == int(answer.headers["Ratelimit"].split("r=")[1].split(";")[0])


def test_a_key_makes_one_job_of_two_requests(send):
    first, was_fast = send(submission(), Idempotency_Key="k-1")
    assert was_fast
    again, was_fast = send(submission(), Idempotency_Key="k-1")
    assert (again.body["id"], again.headers["Idempotent-Replayed"], was_fast) == (first.body["id"], "true", False)
    other, was_fast = send(submission(priority=1), Idempotency_Key="k-1")
    assert (other.status, other.body["code"], was_fast) == (422, "idempotency_key_reused", False)
    assert Job.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (submission(kind="nothing.known"), 400),
        (submission(input={"a": 1}), 400),
        (submission(colour="red"), 400),
        (submission(priority=99), 400),
        (submission(user_id="a\0"), 400),
        (submission(webhook_url="http://127.0.0.1/"), 400),
        (submission(run_after=(timezone.now() + timedelta(hours=1)).isoformat()), 202),
        (submission(kind=KIND, input={"speed": 50}), 202),
        (submission(metadata={"a": "x" * 70_000}), 202),
    ],
    ids=[
        "no_json",
        "no_object",
        "unknown_kind",
        "unknown_input",
        "unknown_field",
        "priority",
        "nul",
        "private_webhook",
        "later",
        "kind_with_files",
        "large",
    ],
)
def test_what_is_not_plain_or_not_right_is_judged_the_usual_way(send, body, status):
    answer, was_fast = send(body)
    assert (answer.status, was_fast) == (status, False)
    assert Job.objects.count() == (status == 202)


def test_queues_that_drain_or_are_paused(send, staff):
    lifecycle.pause_queue("default", by="staff", reason="cleaning")
    answer, was_fast = send(submission())
    assert (answer.body["waiting_for"], was_fast) == ("queue_paused", True)
    assert "cleaning" in answer.body["waiting_sentence"]
    lifecycle.resume_queue("default")
    assert send(submission())[0].body["waiting_for"] == "no_worker"
    lifecycle.drain_queue("default", by="staff")
    answer, was_fast = send(submission())
    assert (answer.status, answer.body["code"], was_fast) == (503, "queue_draining", False)
    assert Job.objects.count() == 2


def test_a_token_without_the_scope_submits_nothing(send, ada):
    ApiToken.objects.filter(owner=ada).update(scopes=["read"])
    answer, was_fast = send(submission())
    assert (answer.status, was_fast) == (403, False)
    assert not Job.objects.exists()


def test_an_answer_that_is_lost_is_not_asked_for_twice(send, monkeypatch):
    """The server goes away after it has stored the job: nobody may submit it again but the client, who is told."""
    run = asking.Asker.run

    async def lose(self: Any, sql: bytes, values: Any) -> Any:
        await run(self, sql, values)
        raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(asking.Asker, "run", lose)
    answer, was_fast = send(submission())
    assert (answer.status, answer.body["code"], was_fast) == (503, "database_unavailable", True)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert Job.objects.count() == 1


def test_connections_that_the_server_has_closed_are_not_used(site, send, as_ada):
    """As after a restart: neither a look nor a submission fails, or goes the usual way."""
    together = [threading.Thread(target=send, args=[submission()]) for _ in range(6)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with connections["default"].cursor() as cursor:
        cursor.execute(f"SELECT pg_terminate_backend(pid) {others}")
        closed = len(cursor.fetchall())
        assert closed

        def are_gone() -> bool:
            cursor.execute(f"SELECT count(*) {others}")
            return cursor.fetchone()[0] == 0

        wait_until(are_gone, timeout=10)
    before = Job.objects.count()
    for number in range(closed + 2):
        answer, was_fast = send(submission())
        assert (answer.status, was_fast) == (202, True), number
    assert Job.objects.count() == before + closed + 2


def test_without_connections_of_its_own_all_goes_the_usual_way(send, both, ada, monkeypatch):
    async def none(self: Any) -> Any:
        raise asking.CannotAsk

    monkeypatch.setattr(asking.Asker, "_open", none)
    answer, was_fast = send(submission())
    assert (answer.status, was_fast) == (202, False)
    assert both(path_of(finish(ada)))[0].status == 200
