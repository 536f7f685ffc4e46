"""/api/v1/jobs/ and what is below it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import partial
from typing import Any, cast

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from rest_framework.test import APIClient

from jobs import files, lifecycle
from jobs.engine import claiming
from jobs.models import AuditEntry, Job, JobFile, Receipt, Worker
from tests.api.conftest import KIND, claim, client_of, fail, finish, make_job
from tests.harness.threads import run_together
from tests.harness.tokens import token_of
from tests.harness.waiting import wait_until

CONTRACT = {
    "id", "kind", "title", "queue", "state", "status", "priority", "user_id", "session_id", "parent", "progress",
    "stage", "stages", "attempt", "max_attempts", "position", "waiting_for", "waiting_sentence", "waiting_until", "eta",
    "error", "cancel_requested", "created_at", "queued_at", "started_at", "finished_at", "run_after", "deadline_at",
    "expires_at",
    "updated_at", "as_of", "seq", "children", "files", "metadata", "links",
}  # fmt: skip


def film(content: bytes = b"negative", name: str = "film.raw") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def path(job: Job | str, tail: str = "") -> str:
    return f"/api/v1/jobs/{getattr(job, 'pk', job)}/{tail}"


# --- submit -------------------------------------------------------------------------------------------------------
def test_a_submitted_job_is_accepted_with_its_address_and_links(api: APIClient, ada: Any) -> None:
    body = {
        "kind": KIND, "input": {"speed": 800}, "priority": 9, "user_id": "u", "session_id": "s",
        "metadata": {"a": {"b": 1}},
    }  # fmt: skip
    response = api.post("/api/v1/jobs/", body, format="json")
    assert response.status_code == 202
    answer = response.json()
    job = Job.objects.get()
    assert set(answer) == CONTRACT
    assert response["Location"] == answer["links"]["self"] == path(job)
    assert response["Retry-After"] == "1"
    assert 'rel="cancel"' in response["Link"]
    assert (job.owner, job.input, job.priority) == (ada, {"title": "untitled", "speed": 800, "paper": "matt"}, 9)
    assert (job.user_id, job.session_id, job.metadata) == ("u", "s", {"a": {"b": 1}})
    assert (answer["state"], answer["position"], answer["title"]) == ("queued", 1, "Develop a film.")
    assert answer["stages"] == ["bath", "drying"]


def test_a_file_becomes_a_job_file_whose_id_takes_its_place(api: APIClient) -> None:
    body = {
        "kind": KIND, "film": film(), "title": "Sığacık", "speed": "50", "user_id": "u", "priority": "",
        "metadata": '{"a": 1}',
        "rolls": [film(b"1", "1.raw"), film(b"2", "2.raw")],
    }  # fmt: skip
    response = api.post("/api/v1/jobs/", body, format="multipart")
    assert response.status_code == 202, response.json()
    job = Job.objects.get()
    by_name = {file.name: file for file in job.files.all()}
    assert job.input["film"] == str(by_name["film.raw"].pk)
    assert job.input["rolls"] == [str(by_name["1.raw"].pk), str(by_name["2.raw"].pk)]
    assert (job.input["title"], job.input["speed"], job.metadata) == ("Sığacık", 50, {"a": 1})
    assert by_name["film.raw"].media_type == "image/x-film"
    with by_name["film.raw"].file.open("rb") as content:
        assert content.read() == b"negative"
    assert {file["role"] for file in response.json()["files"]} == {"input"}


def test_a_job_for_later_waits_until_then(api: APIClient) -> None:
    later = timezone.now() + timedelta(hours=1)
    answer = api.post("/api/v1/jobs/", {"kind": KIND, "run_after": later.isoformat()}, format="json").json()
    assert (answer["state"], answer["waiting_for"]) == ("pending", "schedule")
    assert answer["run_after"] == answer["waiting_until"]


BAD_SUBMISSIONS = [
    ({}, "invalid_input", "kind"),
    ({"kind": "darkroom.develop_fim"}, "unknown_kind", None),
    ({"kind": "darkroom.clean_up"}, "unknown_kind", None),
    ({"kind": KIND, "input": {"speed": 0}}, "invalid_input", "input.speed"),
    ({"kind": KIND, "input": {"sped": 100}}, "invalid_input", "input.sped"),
    ({"kind": KIND, "input": []}, "invalid_input", "input"),
    ({"kind": KIND, "input": {"film": "not a file"}}, "invalid_input", "input.film"),
    ({"kind": KIND, "inptu": {}}, "invalid_input", "inptu"),
    ({"kind": KIND, "priority": 11}, "invalid_input", "priority"),
    ({"kind": KIND, "user_id": "x" * 201}, "invalid_input", "user_id"),
    ({"kind": KIND, "run_after": "soon"}, "invalid_input", "run_after"),
    ({"kind": KIND, "metadata": 1}, "invalid_input", "metadata"),
    ({"kind": KIND, "metadata": {"a": ["\0"]}}, "unstorable_text", None),
    ({"kind": KIND, "metadata": {"a\0": 1}}, "unstorable_text", None),
    ({"kind": KIND, "session_id": "\ud800"}, "unstorable_text", None),
    ({"kind": KIND, "input": {"title": "a\0b"}}, "unstorable_text", None),
]  # fmt: skip


@pytest.mark.parametrize(("body", "code", "field"), BAD_SUBMISSIONS)
def test_a_submission_that_cannot_be_is_refused_and_says_why(
    api: APIClient, body: dict[str, Any], code: str, field: str | None
) -> None:
    import json

    response = api.post("/api/v1/jobs/", json.dumps(body), content_type="application/json")
    problem = response.json()
    assert (response.status_code, problem["code"]) == (400, code)
    assert response["Content-Type"] == "application/problem+json"
    if field is not None:
        assert field in [error["field"] for error in problem["errors"]]
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'"text"', b"1", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":NaN}', b'{"a":' * 100 + b"1"],
)
def test_a_body_that_is_no_json_object_is_refused(api: APIClient, body: bytes) -> None:
    response = api.post("/api/v1/jobs/", body, content_type="application/json")
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


def test_bad_files_have_their_own_status_and_leave_nothing_behind(api: APIClient, settings: Any, tmp_path: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 10
    large = api.post("/api/v1/jobs/", {"kind": KIND, "rolls": [film(b"1"), film(b"x" * 11)]}, format="multipart")
    assert (large.status_code, large.json()["code"]) == (413, "file_too_large")
    wrong = api.post("/api/v1/jobs/", {"kind": KIND, "film": film(name="a.exe")}, format="multipart")
    assert (wrong.status_code, wrong.json()["code"]) == (415, "unsupported_type")
    assert not JobFile.objects.exists()
    assert [entry for entry in (tmp_path / "files").rglob("*") if entry.is_file()] == []


def test_a_json_body_larger_than_allowed_is_refused(api: APIClient, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = api.post("/api/v1/jobs/", {"kind": KIND, "metadata": {"a": "x" * 1000}}, format="json")
    assert response.status_code == 413


# --- once and only once -------------------------------------------------------------------------------------------
def test_the_same_key_and_request_is_the_same_job(api: APIClient) -> None:
    key: dict[str, Any] = {"HTTP_IDEMPOTENCY_KEY": "k-1"}
    bodies = [{"kind": KIND, "film": film(), "speed": "50"} for _ in range(2)]
    first, again = (api.post("/api/v1/jobs/", body, format="multipart", **key) for body in bodies)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert JobFile.objects.count() == 1
    lifecycle.succeed(claim(), {})
    later = api.post("/api/v1/jobs/", {"kind": KIND, "film": film(), "speed": "50"}, format="multipart", **key)
    assert (later.status_code, later.json()["state"]) == (200, "succeeded")


@pytest.mark.parametrize(
    "other",
    [{"speed": "51"}, {"film": film(b"other")}, {"user_id": "u"}, {"priority": "1"}, {"metadata": '{"a":1}'}],
    ids=lambda other: next(iter(other)),
)
def test_the_same_key_for_another_request_is_refused(api: APIClient, other: dict[str, Any]) -> None:
    key: dict[str, Any] = {"HTTP_IDEMPOTENCY_KEY": "k-1"}
    body = {"kind": KIND, "film": film(), "speed": "50"}
    assert api.post("/api/v1/jobs/", body, format="multipart", **key).status_code == 202
    refused = api.post("/api/v1/jobs/", {**body, "film": film(), **other}, format="multipart", **key)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert (Job.objects.count(), JobFile.objects.count()) == (1, 1)


def test_keys_belong_to_their_user(api: APIClient, bob: Any) -> None:
    key: dict[str, Any] = {"HTTP_IDEMPOTENCY_KEY": "k-1"}
    for client in (api, client_of(bob)):
        assert "Idempotent-Replayed" not in client.post("/api/v1/jobs/", {"kind": KIND}, format="json", **key)
    assert Job.objects.count() == 2


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256])
def test_a_key_that_is_none_is_refused(api: APIClient, key: str) -> None:
    response = api.post("/api/v1/jobs/", {"kind": KIND}, format="json", HTTP_IDEMPOTENCY_KEY=key)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_idempotency_key")


def test_eight_requests_with_one_key_at_the_same_moment_make_one_job(any_database: str, ada: Any) -> None:
    clients = [client_of(ada) for _ in range(8)]

    def submit(client: APIClient) -> tuple[int, str, bool]:
        body = {"kind": KIND, "film": film()}
        response = client.post("/api/v1/jobs/", body, format="multipart", HTTP_IDEMPOTENCY_KEY="k")
        return response.status_code, response.json()["id"], "Idempotent-Replayed" in response

    answers = run_together([partial(submit, client) for client in clients])
    assert {status for status, _, _ in answers} == {202}
    assert len({job for _, job, _ in answers}) == 1
    assert sorted(replayed for _, _, replayed in answers) == [False] + [True] * 7
    assert (Job.objects.count(), JobFile.objects.count()) == (1, 1)


# --- wait ---------------------------------------------------------------------------------------------------------
def test_prefer_wait_answers_with_the_finished_job(any_database: str, ada: Any) -> None:
    api = client_of(ada)

    def work() -> None:
        job = wait_until(lambda: claiming.claim("worker"), timeout=20)
        lifecycle.succeed(job, {"pictures": 36})

    def ask() -> Any:
        return api.post("/api/v1/jobs/", {"kind": KIND}, format="json", HTTP_PREFER="respond-async, wait=20")

    response, _ = run_together([ask, work])
    assert (response.status_code, response.json()["state"]) == (200, "succeeded")
    assert response["Preference-Applied"] == "wait=20"


def test_prefer_wait_is_over_after_its_time(transactional_db: None, ada: Any) -> None:
    begun = timezone.now()
    response = client_of(ada).post("/api/v1/jobs/", {"kind": KIND}, format="json", HTTP_PREFER="wait=1")
    assert response.status_code == 202
    assert 1 <= (timezone.now() - begun).total_seconds() < 3


# --- look ---------------------------------------------------------------------------------------------------------
def test_the_status_has_a_tag_and_is_not_sent_twice(api: APIClient, ada: Any) -> None:
    job, before = make_job(ada), make_job(ada, priority=9)
    first = api.get(path(job))
    assert set(first.json()) == CONTRACT
    assert first["Retry-After"] == "1"
    again = api.get(path(job), HTTP_IF_NONE_MATCH=f'"other", W/{first["ETag"]}')
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    lifecycle.cancel(before.pk)  # no event of its own, but it moves up
    moved = api.get(path(job), HTTP_IF_NONE_MATCH=first["ETag"])
    assert (moved.status_code, moved.json()["position"]) == (200, 1)
    lifecycle.succeed(claim(), {})
    ended = api.get(path(job), HTTP_IF_NONE_MATCH=moved["ETag"])
    assert (ended.status_code, "Retry-After" in ended) == (200, False)


def test_the_list_has_own_jobs_newest_first_in_pages(api: APIClient, ada: Any, bob: Any, staff: Any) -> None:
    own = [str(make_job(ada).pk) for _ in range(5)]
    make_job(bob)
    seen, address, pages = [], "/api/v1/jobs/?limit=2&state=queued", 0
    while address:
        page = api.get(address).json()
        assert all(set(job) == CONTRACT for job in page["results"])
        seen += [job["id"] for job in page["results"]]
        address, pages = page["next"], pages + 1
    assert (seen, pages) == (own[::-1], 3)
    assert len(client_of(staff).get("/api/v1/jobs/").json()["results"]) == 6
    assert client_of(staff).get("/api/v1/jobs/?owner=me").json()["results"] == []


def test_the_list_is_filtered(api: APIClient, ada: Any) -> None:
    done = finish(ada, session_id="s1")
    waiting = make_job(ada, user_id="u1")
    moment = waiting.created_at.isoformat().replace("+", "%2B")
    for query, expected in [
        ("state=succeeded", [done]),
        ("state=succeeded,queued", [waiting, done]),
        ("state=failed", []),
        ("session_id=s1", [done]),
        ("user_id=u1", [waiting]),
        (f"kind={KIND}&queue=darkroom", [waiting, done]),
        ("queue=default", []),
        (f"created_before={moment}", [done]),
        (f"created_after={moment}", []),
    ]:
        found = api.get(f"/api/v1/jobs/?{query}").json()["results"]
        assert [job["id"] for job in found] == [str(job.pk) for job in expected], query


@pytest.mark.parametrize(
    "query",
    ["state=lost", "limit=0", "limit=x", "cursor=1", "created_after=x", "user_id=%00", "kind=%00"],
)
def test_a_query_that_makes_no_sense_is_refused(api: APIClient, query: str) -> None:
    assert api.get(f"/api/v1/jobs/?{query}").status_code == 400


def test_a_list_costs_the_same_number_of_queries_whatever_its_length(
    api: APIClient, ada: Any, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        make_job(ada)
    with django_assert_max_num_queries(16):
        api.get("/api/v1/jobs/")


# --- events and result --------------------------------------------------------------------------------------------
def test_events_come_after_a_cursor(api: APIClient, ada: Any) -> None:
    job = finish(ada)
    answer = api.get(path(job, "events/?after=1")).json()
    assert [event["type"] for event in answer["events"]] == ["started", "succeeded"]
    assert (answer["next_after"], answer["job_state"]) == (3, "succeeded")
    rest = api.get(path(job, "events/?after=3")).json()
    assert (rest["events"], rest["next_after"]) == ([], 3)
    assert [event["seq"] for event in api.get(path(job, "events/?limit=2")).json()["events"]] == [1, 2]
    for bad in ("-1", "x", "1e9", "99999999999999999999"):
        assert api.get(path(job, f"events/?after={bad}")).status_code == 400


def test_a_result_is_there_when_the_job_has_succeeded_and_a_conflict_before(api: APIClient, ada: Any) -> None:
    done = finish(ada)
    body = api.get(path(done, "result/")).json()
    assert (body["result"], body["state"], body["id"]) == ({"pictures": 36}, "succeeded", str(done.pk))
    failed = fail(ada)
    waiting = make_job(ada)
    answers = {job: api.get(path(job, "result/")) for job in (waiting, failed)}
    assert {answer.status_code for answer in answers.values()} == {409}
    assert (answers[waiting].json()["state"], answers[waiting]["Retry-After"]) == ("queued", "1")
    assert answers[failed].json()["error"] == {"code": "blank", "message": "The film is blank. Send another."}
    lifecycle.cancel(waiting.pk)
    assert api.get(path(waiting, "result/")).json()["code"] == "job_cancelled"


# --- act ----------------------------------------------------------------------------------------------------------
def test_cancelling_says_whether_it_has_happened_or_will(api: APIClient, ada: Any) -> None:
    waiting = make_job(ada)
    at_once = api.post(path(waiting, "cancel/"), {"reason": "changed my mind"}, format="json")
    assert (at_once.status_code, at_once.json()["state"]) == (200, "cancelled")
    assert waiting.events.latest("seq").data == {"by": "ada", "reason": "changed my mind"}
    assert api.post(path(waiting, "cancel/")).status_code == 409
    running = make_job(ada)
    claim()
    for _ in range(2):  # asking twice changes nothing
        soon = api.post(path(running, "cancel/"))
        assert (soon.status_code, soon.json()["cancel_requested"]) == (202, True)
    for reason in ("x" * 301, "\0"):
        assert api.post(path(running, "cancel/"), {"reason": reason}, format="json").status_code == 400


def test_retrying_is_for_failed_and_cancelled_jobs(api: APIClient, ada: Any) -> None:
    failed, done = fail(ada), finish(ada)
    again = api.post(path(failed, "retry/"))
    assert (again.status_code, again.json()["state"], again.json()["error"]) == (202, "queued", None)
    for job in (failed, done):
        refused = api.post(path(job, "retry/"))
        assert (refused.status_code, refused.json()["code"]) == (409, "job_not_retryable")


def test_deleting_leaves_a_receipt_and_nothing_else(api: APIClient, ada: Any) -> None:
    job = make_job(ada)
    refused = api.delete(path(job))
    assert (refused.status_code, refused.json()["code"]) == (409, "job_unfinished")
    lifecycle.cancel(job.pk)
    answer = api.delete(path(job))
    receipt = Receipt.objects.get()
    assert answer.status_code == 200
    assert answer.json()["job_id"] == str(job.pk)
    assert answer.json()["digest"] == receipt.digest
    assert answer.json()["deleted_at"]
    assert api.get(path(job)).status_code == 404
    assert api.delete(path(job)).status_code == 404


def test_a_file_is_downloaded_and_never_shown(api: APIClient, ada: Any) -> None:
    job_id = uuid.uuid4()
    stored = files.store(
        film(b"<script>", "Öz geçmiş.html"), name="Öz geçmiş.html", media_type="text/html", role="input", job_id=job_id
    )
    job = make_job(ada, files=[stored], id=job_id)
    (described,) = api.get(path(job)).json()["files"]
    response = api.get(described["url"], HTTP_ACCEPT="image/png")
    assert b"".join(cast(Any, response).streaming_content) == b"<script>"
    assert response["Content-Type"] == "application/octet-stream"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Disposition"] == "attachment; filename*=utf-8''%C3%96z%20ge%C3%A7mi%C5%9F.html"
    other = make_job(ada)
    assert api.get(path(other, f"files/{stored.pk}/")).json()["code"] == "file_not_found"
    stored.file.storage.delete(str(stored.file.name))
    assert api.get(described["url"]).status_code == 404


# --- who ----------------------------------------------------------------------------------------------------------
ENDPOINTS = [
    ("GET", ""), ("DELETE", ""), ("GET", "events/"), ("GET", "result/"), ("POST", "cancel/"), ("POST", "retry/"),
    ("GET", "files/00000000-0000-0000-0000-000000000000/"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "tail"), ENDPOINTS)
def test_a_job_of_another_user_does_not_exist(api: APIClient, bob: Any, method: str, tail: str) -> None:
    job = finish(bob)
    foreign = api.generic(method, path(job, tail))
    unknown = api.generic(method, path(str(uuid.uuid4()), tail))
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert foreign.json() | {"instance": ""} == unknown.json() | {"instance": ""}
    assert Job.objects.get() == job


@pytest.mark.parametrize(("method", "tail"), ENDPOINTS)
def test_staff_see_every_job_and_operators_alone_change_those_of_others_on_record(
    staff: Any, bob: Any, method: str, tail: str
) -> None:
    from django.contrib.auth.models import Permission

    needed = {("DELETE", ""): "forget_job", ("POST", "cancel/"): "cancel_job", ("POST", "retry/"): "requeue_job"}
    job = finish(bob)
    if method == "POST" and tail == "cancel/":
        job = make_job(bob)
    response = client_of(staff).generic(method, path(job, tail))
    if permission := needed.get((method, tail)):
        others = Permission.objects.filter(content_type__app_label="jobs").exclude(codename=permission)
        staff.user_permissions.set(others)
        response = client_of(type(staff).objects.get(pk=staff.pk)).generic(method, path(job, tail))
        assert (response.status_code, response.json()["code"]) == (403, "forbidden")
        assert Job.objects.get(pk=job.pk).state == job.state
        assert not AuditEntry.objects.exists()
        staff.user_permissions.add(Permission.objects.get(codename=permission))
        response = client_of(type(staff).objects.get(pk=staff.pk)).generic(method, path(job, tail))
        if response.status_code == 409:  # it cannot be retried, and nothing was done
            assert not AuditEntry.objects.exists()
        else:
            entry = AuditEntry.objects.get()
            assert (entry.actor, entry.via, entry.target) == (staff, "api", str(job.pk))
            assert entry.before["state"] == job.state
            assert entry.after["receipt" if method == "DELETE" else "state"]
    assert response.status_code in (200, 409) or response.json()["code"] == "file_not_found"


@pytest.mark.parametrize(
    ("method", "address"),
    [(method, path("00000000-0000-0000-0000-000000000000", tail)) for method, tail in ENDPOINTS]
    + [("GET", "/api/v1/jobs/"), ("POST", "/api/v1/jobs/"), ("GET", "/api/v1/queues/"), ("GET", "/api/v1/kinds/")],
)
def test_nothing_is_for_strangers(db: None, method: str, address: str) -> None:
    for header in ("", "Token wrong", "Bearer a b"):
        client = APIClient()
        client.credentials(**({"HTTP_AUTHORIZATION": header} if header else {}))
        response = client.generic(method, address)
        assert response.status_code == 401
        assert response["WWW-Authenticate"].startswith('Bearer realm="sira"')
        assert response["Content-Type"] == "application/problem+json"


def test_bearer_is_the_same_as_token_and_a_session_needs_its_csrf_token(ada: Any) -> None:
    token = token_of(ada)
    assert APIClient(HTTP_AUTHORIZATION=f"Bearer {token}").get("/api/v1/jobs/").status_code == 200
    client = APIClient(enforce_csrf_checks=True)
    client.login(username="ada", password="ada")
    assert client.get("/api/v1/jobs/").status_code == 200
    refused = client.post("/api/v1/jobs/", {"kind": KIND}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")


# --- queues and kinds ---------------------------------------------------------------------------------------------
def test_queues_are_numbers_for_everybody(api: APIClient, bob: Any) -> None:
    make_job(bob)
    make_job(bob)
    claim()
    Worker.objects.create(name="all", cluster="sira")
    Worker.objects.create(name="gpu", cluster="gpu", queues=["gpu"])
    lifecycle.pause_queue("darkroom", by="staff", reason="cleaning")
    queues = {queue["name"]: queue for queue in api.get("/api/v1/queues/").json()["results"]}
    darkroom = queues["darkroom"]
    assert darkroom["depth"] == {"pending": 0, "queued": 1, "processing": 1}
    assert (darkroom["paused"], darkroom["workers"]) == (True, 1)
    assert darkroom["oldest_due_at"] is not None
    assert darkroom["oldest_due_seconds"] >= 0
    assert "default" in queues


def test_kinds_say_what_they_take(api: APIClient) -> None:
    kinds = {kind["name"]: kind for kind in api.get("/api/v1/kinds/").json()["results"]}
    assert "darkroom.clean_up" not in kinds
    assert "jobs.prune_expired" not in kinds
    film_kind = kinds[KIND]
    assert (film_kind["title"], film_kind["stages"]) == ("Develop a film.", ["bath", "drying"])
    fields = {field["name"]: field for field in film_kind["input"]}
    assert fields["film"] == {"name": "film", "type": "file", "required": False, "help": ""}
    assert (fields["paper"]["choices"], fields["paper"]["default"]) == (["matt", "gloss"], "matt")
    assert (fields["speed"]["min_value"], fields["speed"]["max_value"]) == (1, 6400)
