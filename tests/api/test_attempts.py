"""What a page of one job asks the API for: its attempts and its input, and what of them is for staff only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from jobs import attempts, lifecycle
from jobs.api.serializers import describe_event
from jobs.engine import claiming
from jobs.errors import JobError, Unavailable
from jobs.models import Job
from tests.harness.waiting import wait_until

TRACEBACK = '  File "tasks.py", line 1, in act_out\nbuiltins.ZeroDivisionError'


@pytest.fixture
def ada(db: None, django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("ada")


@pytest.fixture
def staff(db: None, django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("staff", is_staff=True)


def client_of(user: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def claim() -> Job:
    job = claiming.claim("host-7.4242")
    assert job is not None
    return job


def live_through(ada: Any) -> Job:
    """Return a job that was not to be had twice, was given back once, and hit a bug at last."""
    job = lifecycle.submit("workload.act_out", {"act": "bug", "value": 7}, owner=ada)
    lifecycle.retry_later(claim(), Unavailable("The provider is down."), timedelta())
    wait_until(lifecycle.promote_due, timeout=5)
    lifecycle.release(claim())
    lifecycle.fail(claim(), JobError("An error of ours.", code="internal_error"), traceback=TRACEBACK)
    job.refresh_from_db()
    return job


def test_attempts_are_told_newest_first_with_how_each_ended(ada):
    job = live_through(ada)
    found = client_of(ada).get(f"/api/v1/jobs/{job.pk}/attempts/").json()["results"]
    assert [(row["attempt"], row["ending"]) for row in found] == [
        (2, "failed"),
        (2, "released"),
        (1, "retry_scheduled"),
    ]
    assert found[0]["error"] == {"code": "internal_error", "message": "An error of ours."}
    assert found[1]["error"] is None
    assert found[2]["error"]["code"] == "unavailable"
    assert all(row["started_at"] <= row["ended_at"] for row in found)
    assert len({row["seq"] for row in found}) == 3


def test_an_attempt_that_runs_has_no_ending(ada):
    job = lifecycle.submit("workload.act_out", {"act": "ok"}, owner=ada)
    claim()
    (row,) = client_of(ada).get(f"/api/v1/jobs/{job.pk}/attempts/").json()["results"]
    assert (row["ending"], row["ended_at"], row["error"]) == (None, None, None)


def test_staff_learn_the_worker_and_administrators_the_traceback(ada, staff):
    job = live_through(ada)
    path = f"/api/v1/jobs/{job.pk}/attempts/"
    newest, *others = client_of(staff).get(path).json()["results"]
    assert (newest["worker"], newest["traceback"]) == ("host-7.4242", None)
    staff.groups.set(Group.objects.filter(name="administrator"))
    newest, *others = client_of(type(staff).objects.get(pk=staff.pk)).get(path).json()["results"]
    assert newest["traceback"] == TRACEBACK
    assert {row["traceback"] for row in others} == {None}
    for row in client_of(ada).get(path).json()["results"]:
        assert (row["worker"], row["traceback"]) == (None, None)


def test_nothing_that_the_api_tells_its_owner_has_a_worker_or_a_traceback_in_it(ada):
    job = live_through(ada)
    client = client_of(ada)
    for path in ("", "events/", "attempts/", "input/", "result/"):
        told = client.get(f"/api/v1/jobs/{job.pk}/{path}").content.decode()
        assert "host-7" not in told, path
        assert "ZeroDivisionError" not in told, path
    assert all("worker" not in describe_event(event, job.kind)["data"] for event in job.events.all())


def test_a_job_that_was_put_off_thousands_of_times_tells_of_its_latest_attempts(ada):
    job = lifecycle.submit("workload.act_out", {"act": "ok"}, owner=ada)
    for _ in range(5):
        lifecycle.snooze(claim(), timedelta(), "rate_limited")
        wait_until(lifecycle.promote_due, timeout=5)
    latest = attempts.attempts_of(job, most=2)
    assert [attempt.ending for attempt in latest] == ["snoozed", "snoozed"]
    assert latest[0].seq > latest[1].seq > attempts.attempts_of(job)[2].seq


def test_the_input_is_told_to_those_who_may_see_the_job(ada, django_user_model):
    job = lifecycle.submit("workload.act_out", {"act": "ok", "value": 7}, owner=ada)
    path = client_of(ada).get(f"/api/v1/jobs/{job.pk}/").json()["links"]["input"]
    assert client_of(ada).get(path).json()["input"] == {"act": "ok", "value": 7}
    bob = client_of(django_user_model.objects.create_user("bob"))
    assert bob.get(path).status_code == 404
    assert bob.get(f"/api/v1/jobs/{job.pk}/attempts/").status_code == 404
