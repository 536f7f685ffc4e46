"""/api/v1/jobs/cancel/, retry/ and delete/: the same to all jobs that a filter fits."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from jobs import lifecycle
from jobs.api import operations as api_operations
from jobs.kinds import registry
from jobs.lifecycle import Submission
from jobs.models import AuditEntry, Job, OperationPlan, Receipt
from jobs.running import RunningJob
from tests.api.conftest import KIND, claim, client_of, fail, finish, make_job


def post(api: APIClient, verb: str, **body: Any) -> Any:
    return api.post(f"/api/v1/jobs/{verb}/", body, format="json")


def states(user: Any) -> list[str]:
    return sorted(Job.objects.filter(owner=user).values_list("state", flat=True))


@pytest.fixture
def operator(staff: Any) -> APIClient:
    wanted = ("cancel_job", "requeue_job")
    staff.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    return client_of(staff)


def test_people_cancel_all_of_their_own_jobs_that_fit_and_nobody_elses(api: APIClient, ada: Any, bob: Any) -> None:
    fail(ada)
    for _ in range(3):
        make_job(ada)
    make_job(bob)
    answer = post(api, "cancel", filter={"state": ["queued", "failed"], "kind": KIND}, reason="wrong film").json()
    assert (answer["matched"], answer["planned"], answer["done"], answer["to_do"]) == (4, 3, 3, 0)
    assert [(row["code"], row["count"]) for row in answer["left_alone"]] == [("has_ended", 1)]
    assert states(ada) == ["cancelled"] * 3 + ["failed"]
    assert states(bob) == ["queued"]
    assert AuditEntry.objects.filter(actor=ada, action="cancel", via="api", reason="wrong film").count() == 3
    again = post(api, "cancel", all=True).json()
    assert (again["planned"], again["done"], again["plan"]) == (0, 0, None)
    assert OperationPlan.objects.count() == 1


def test_a_dry_run_says_what_would_be_done_and_does_nothing(api: APIClient, ada: Any) -> None:
    finish(ada)
    failed = fail(ada)
    answer = post(api, "retry", all=True, dry_run=True).json()
    assert (answer["matched"], answer["planned"]) == (2, 1)
    assert [(row["id"], row["step"]) for row in answer["samples"]] == [(str(failed.pk), "requeue")]
    assert "blank" in answer["samples"][0]["why"]
    assert [(row["code"], row["count"]) for row in answer["left_alone"]] == [("not_unsuccessful", 1)]
    assert states(ada) == ["failed", "succeeded"]
    assert not OperationPlan.objects.exists()
    assert post(api, "retry", all=True).json()["done"] == 1
    assert states(ada) == ["queued", "succeeded"]


def test_ended_jobs_are_deleted_with_receipts(api: APIClient, ada: Any) -> None:
    finish(ada)
    waits = make_job(ada)
    answer = post(api, "delete", all=True).json()
    assert (answer["done"], answer["left_alone"][0]["code"]) == (1, "not_ended")
    assert list(Job.objects.filter(owner=ada)) == [waits]
    assert Receipt.objects.get().deleted_by == "ada"


BAD = [
    ({}, "filter_missing"),
    ({"filter": {}}, "filter_missing"),
    ({"filter": {"stat": "failed"}}, "invalid_input"),
    ({"filter": {"state": "done"}}, "invalid_input"),
    ({"filter": {"state": ""}}, "invalid_input"),
    ({"filter": {"owner": "bob"}}, "invalid_input"),
    ({"filter": "failed"}, "invalid_input"),
    ({"all": True, "dryrun": True}, "invalid_input"),
    ({"all": True, "reason": "x" * 301}, "invalid_input"),
]


@pytest.mark.parametrize(("body", "code"), BAD)
def test_what_is_asked_wrongly_is_refused_before_anything_is_done(
    api: APIClient, ada: Any, bob: Any, body: Any, code: str
) -> None:
    make_job(ada)
    response = post(api, "cancel", **body)
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert states(ada) == ["queued"]


def test_operators_do_it_to_jobs_of_others_and_say_why(operator: APIClient, ada: Any, bob: Any) -> None:
    make_job(ada)
    make_job(bob)
    assert post(operator, "cancel", all=True).json()["errors"][0]["field"] == "reason"
    assert post(operator, "cancel", filter={"owner": "ada"}, reason="disk").json()["done"] == 1
    assert (states(ada), states(bob)) == (["cancelled"], ["queued"])


def test_staff_without_the_permission_do_it_to_their_own_alone(staff: Any, ada: Any) -> None:
    make_job(ada)
    make_job(staff)
    desk = client_of(staff)
    refused = post(desk, "cancel", all=True, reason="x")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert post(desk, "cancel", filter={"owner": "me"}).json()["done"] == 1
    assert (states(ada), states(staff)) == (["queued"], ["cancelled"])


def test_a_batch_goes_with_its_parts_in_one_step(api: APIClient, ada: Any) -> None:
    parent = lifecycle.submit_batch(Submission("workload.sum_up"), [Submission(KIND) for _ in range(3)], owner=ada)
    answer = post(api, "cancel", all=True).json()
    assert (answer["matched"], answer["with_their_batch"], answer["planned"], answer["done"]) == (4, 3, 1, 1)
    assert states(ada) == ["cancelled"] * 4
    assert post(api, "retry", all=True).json()["done"] == 1
    parent.refresh_from_db()
    assert (parent.state, states(ada)) == ("pending", ["pending"] + ["queued"] * 3)


def test_more_than_a_client_waits_for_are_done_by_a_job(api: APIClient, ada: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(api_operations, "MOST_AT_ONCE", 2)
    jobs = [make_job(ada) for _ in range(3)]
    response = post(api, "cancel", filter={"kind": KIND})
    answer = response.json()
    assert (response.status_code, answer["done"], answer["to_do"]) == (202, 0, 3)
    assert response["Location"] == answer["links"]["job"]
    carrier = claim()
    assert (str(carrier.pk), carrier.owner) == (answer["job"], ada)
    later = make_job(ada)
    Job.objects.filter(pk=jobs[0].pk).update(owner=None)  # as if it had never been theirs
    result = registry.get(carrier.kind).run(RunningJob(carrier), **carrier.input)
    assert (result["done"], result["skipped"]) == (2, 1)
    later.refresh_from_db()
    assert later.state == "queued", "what comes later is not touched"


def test_nobody_without_a_token(db: None) -> None:
    for verb in ("cancel", "retry", "delete"):
        assert post(APIClient(), verb, all=True).status_code == 401
