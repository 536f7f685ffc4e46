"""/api/v1/jobs/bulk/: many jobs in one request, all of them or none."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from jobs import lifecycle
from jobs.api.bulk import MOST_AT_ONCE
from jobs.models import Job, JobEvent, NamedWebhook
from jobs.webhooks.endpoints import MOST_ENDPOINTS
from tests.api.conftest import KIND, client_of
from tests.harness.threads import run_together

PATH = "/api/v1/jobs/bulk/"


def many(count: int, **more: Any) -> dict[str, Any]:
    return {"jobs": [{"kind": KIND, "input": {"speed": number + 1}} | more for number in range(count)]}


def send(api: APIClient, body: Any, key: str = "") -> Any:
    return api.post(PATH, body, format="json", **({"HTTP_IDEMPOTENCY_KEY": key} if key else {}))


def test_many_jobs_are_accepted_in_the_order_given_each_as_if_it_came_alone(api: APIClient, ada: Any) -> None:
    body = many(3)
    body["jobs"][1] |= {"priority": 9, "user_id": "u", "session_id": "s", "metadata": {"a": 1}}
    response = send(api, body)
    assert response.status_code == 202, response.json()
    assert response["Retry-After"] == "1"
    answer = response.json()
    assert answer["count"] == 3
    jobs = [Job.objects.get(pk=row["id"]) for row in answer["jobs"]]
    assert [job.input["speed"] for job in jobs] == [1, 2, 3]
    assert {job.owner_id for job in jobs} == {ada.pk}
    assert (jobs[1].priority, jobs[1].user_id, jobs[1].session_id, jobs[1].metadata) == (9, "u", "s", {"a": 1})
    assert [job.queue_position for job in jobs] == [2, 1, 3]
    assert answer["jobs"][0]["state"] == "queued"
    assert api.get(answer["jobs"][2]["links"]["self"]).json()["id"] == str(jobs[2].pk)
    assert JobEvent.objects.filter(type="created").count() == 3


BAD = [
    ({}, ["jobs"]),
    ({"jobs": []}, ["jobs"]),
    ({"jobs": "x"}, ["jobs"]),
    ({"jobs": [1]}, ["jobs.0"]),
    ({"jbos": []}, ["jbos"]),
    ({"jobs": [{"kind": KIND}, {"kind": KIND, "input": {"speed": 0}}]}, ["jobs.1.input.speed"]),
    ({"jobs": [{"kind": KIND, "input": {"sped": 1}}, {"kind": KIND, "inptu": {}}]}, ["jobs.1.inptu"]),
    ({"jobs": [{"kind": KIND, "input": {"sped": 1}}, {"kind": "no.such_kind"}]}, ["jobs.0.input.sped", "jobs.1.kind"]),
    ({"jobs": [{"kind": "darkroom.clean_up"}]}, ["jobs.0.kind"]),
    ({"jobs": [{"kind": KIND}, {"kind": KIND, "priority": 11}, {"input": {}}]}, ["jobs.1.priority", "jobs.2.kind"]),
    ({"jobs": [{"kind": KIND, "input": {"film": "not a file"}}]}, ["jobs.0.input.film"]),
]


@pytest.mark.parametrize(("body", "fields"), BAD)
def test_what_is_wrong_with_one_is_named_by_its_number_and_none_is_kept(
    api: APIClient, body: Any, fields: list[str]
) -> None:
    response = send(api, body)
    problem = response.json()
    assert (response.status_code, problem["code"]) == (400, "invalid_input")
    assert response["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in problem["errors"] if "." in error["field"] or len(fields) == 1] == fields
    assert not Job.objects.exists()


def test_more_jobs_than_one_request_takes_are_refused(api: APIClient) -> None:
    problem = send(api, many(MOST_AT_ONCE + 1)).json()
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [("jobs", "max_length")]
    assert not Job.objects.exists()


def test_a_queue_that_drains_takes_none_of_them(api: APIClient) -> None:
    lifecycle.drain_queue("darkroom", by="op")
    response = send(api, {"jobs": [{"kind": "workload.do_nothing"}, {"kind": KIND}]})
    assert (response.status_code, response.json()["code"]) == (503, "queue_draining")
    assert not Job.objects.exists()


def test_nobody_submits_without_a_token(db: None) -> None:
    assert send(APIClient(), many(1)).status_code == 401


def test_the_same_key_and_request_are_the_same_jobs_and_another_request_is_refused(api: APIClient, bob: Any) -> None:
    first = send(api, many(3), "k" * 255)
    again = send(api, many(3), "k" * 255)
    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    for other in (many(2), many(4), {"jobs": list(reversed(many(3)["jobs"]))}):
        refused = send(api, other, "k" * 255)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    alone = api.post("/api/v1/jobs/", many(1)["jobs"][0], format="json", HTTP_IDEMPOTENCY_KEY="k" * 255)
    assert alone.status_code == 422
    assert Job.objects.count() == 3
    assert send(client_of(bob), many(3), "k" * 255).json() != first.json()


def test_a_request_of_which_jobs_were_deleted_since_is_answered_with_those_that_are_there(api: APIClient) -> None:
    first = send(api, many(3), "k").json()["jobs"]
    Job.objects.filter(pk=first[0]["id"]).delete()
    again = send(api, many(3), "k")
    assert again.status_code == 202
    assert [row["id"] for row in again.json()["jobs"]] == [row["id"] for row in first[1:]]


def test_two_requests_with_one_key_at_the_same_moment_are_one(any_database: str, ada: Any) -> None:
    clients = [client_of(ada), client_of(ada)]
    answers = run_together([partial(send, client, many(5), "k") for client in clients])
    assert {answer.status_code for answer in answers} == {202}
    assert answers[0].json() == answers[1].json()
    assert Job.objects.count() == 5


def test_jobs_name_their_webhooks_and_each_new_secret_is_told_once(api: APIClient) -> None:
    body = many(4)
    for number, job in enumerate(body["jobs"][:3]):
        job["webhook_url"] = f"https://hooks.example.com/{number % 2}"
    answer = send(api, body).json()
    assert len(answer["webhooks"]) == 2
    assert all(named["secret"].startswith("whsec_") for named in answer["webhooks"])
    assert NamedWebhook.objects.count() == 3
    assert all("secret" not in named for named in send(api, body).json()["webhooks"])
    too_many = many(MOST_ENDPOINTS + 1)
    for number, job in enumerate(too_many["jobs"]):
        job["webhook_url"] = f"https://hooks.example.com/many/{number}"
    assert send(api, too_many).json()["errors"][0]["code"] == "too_many_webhooks"


def test_a_thousand_jobs_take_no_more_statements_than_ten(postgresql: None, ada: Any) -> None:
    api = client_of(ada)
    send(api, many(1, webhook_url="https://hooks.example.com/"))
    counts = []
    for count in (10, 1_000):
        with CaptureQueriesContext(connection) as statements:
            answer = send(api, many(count, webhook_url="https://hooks.example.com/"), f"k{count}")
        assert answer.json()["count"] == count
        counts.append(len(statements))
    assert counts[0] == counts[1] < 30


def test_what_the_database_kept_though_its_answer_was_lost_counts_once(api: APIClient, monkeypatch: Any) -> None:
    submit_many = lifecycle.submit_many

    def lose_the_answer(*args: Any, **options: Any) -> list[Job]:
        submit_many(*args, **options)
        raise OperationalError("the connection was lost")

    with monkeypatch.context() as patch:
        patch.setattr(lifecycle, "submit_many", lose_the_answer)
        lost = send(api, many(2), "k")
    assert (lost.status_code, lost.json()["code"], lost["Retry-After"]) == (503, "database_unavailable", "5")
    again = send(api, many(2), "k")
    assert (again.status_code, again["Idempotent-Replayed"]) == (202, "true")
    assert Job.objects.count() == 2
