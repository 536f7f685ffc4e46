"""/api/v1/schedules/: the desk's room of schedules for programs."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django_q.models import Schedule
from rest_framework.test import APIClient

from jobs import lifecycle
from jobs.engine.schedules import SUBMIT
from jobs.models import AuditEntry, Job
from tests.api.conftest import KIND, client_of

PATH = "/api/v1/schedules/"


@pytest.fixture
def row(db: None) -> Schedule:
    Schedule.objects.all().delete()
    return Schedule.objects.create(
        name="films", func=SUBMIT, args=repr((KIND,)), schedule_type=Schedule.MINUTES, minutes=60, repeats=-1
    )


def with_permissions(user: Any, *names: str) -> APIClient:
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    return client_of(user)


@pytest.fixture
def viewer(bob: Any) -> APIClient:
    bob.is_staff = True
    bob.save()
    return with_permissions(bob, "view_queuecontrol")


@pytest.fixture
def operator(staff: Any) -> APIClient:
    return with_permissions(staff, "view_queuecontrol", "operate_schedule")


def post(api: APIClient, row: Schedule, verb: str, **body: Any) -> Any:
    return api.post(f"{PATH}{row.pk}/{verb}/", body, format="json")


def test_viewers_see_when_each_runs_and_how_it_went(viewer: APIClient, row: Schedule) -> None:
    job = lifecycle.submit(KIND)
    answer = viewer.get(PATH).json()
    assert answer["is_kept"] is False
    (shown,) = answer["results"]
    assert (shown["name"], shown["kind"], shown["every_seconds"], shown["paused"]) == ("films", KIND, 3600, False)
    assert shown["last_job"]["id"] == str(job.pk)
    assert viewer.get(shown["links"]["self"]).json() == shown
    missing = viewer.get(f"{PATH}{row.pk + 1}/")
    assert (missing.status_code, missing.json()["code"]) == (404, "schedule_not_found")


def test_operators_pause_and_resume_on_record(operator: APIClient, staff: Any, row: Schedule) -> None:
    paused = post(operator, row, "pause", reason="the disk is full")
    assert (paused.status_code, paused.json()["paused"], paused.json()["next_run"]) == (200, True, None)
    again = post(operator, row, "pause", reason="x")
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_do")
    assert post(operator, row, "resume", reason="mended").json()["paused"] is False
    entries = AuditEntry.objects.filter(actor=staff, via="api", target_type="schedule").order_by("at", "id")
    assert [(entry.action, entry.reason) for entry in entries] == [
        ("switch_off_schedule", "the disk is full"),
        ("switch_on_schedule", "mended"),
    ]


def test_operators_run_one_now_and_only_once(operator: APIClient, row: Schedule) -> None:
    response = post(operator, row, "run", reason="now")
    job = Job.objects.get()
    assert (response.status_code, response["Location"]) == (202, f"/api/v1/jobs/{job.pk}/")
    assert post(operator, row, "run", reason="now").json()["code"] == "nothing_to_do"
    lifecycle.cancel(job.pk)
    lifecycle.drain_queue("darkroom", by="op")
    assert post(operator, row, "run", reason="now").status_code == 503
    assert Job.objects.count() == 1


def test_a_reason_is_needed_and_typos_are_told(operator: APIClient, row: Schedule) -> None:
    for body, field in (({}, "reason"), ({"reason": ""}, "reason"), ({"reason": "x", "reasn": 1}, "reasn")):
        response = post(operator, row, "pause", **body)
        assert (response.status_code, response.json()["errors"][0]["field"]) == (400, field)
    row.refresh_from_db()
    assert row.repeats == -1


def test_a_schedule_that_is_none_of_ours_can_be_paused_alone(operator: APIClient, row: Schedule) -> None:
    Schedule.objects.filter(pk=row.pk).update(func="math.sqrt", args="(")
    assert post(operator, row, "run", reason="x").json()["code"] == "not_runnable"
    assert post(operator, row, "pause", reason="x").json()["is_broken"] is True
    assert post(operator, row, "resume", reason="x").json()["code"] == "schedule_broken"


def test_others_neither_see_nor_touch_them(api: APIClient, viewer: APIClient, row: Schedule) -> None:
    assert (api.get(PATH).status_code, api.get(PATH).json()["code"]) == (403, "forbidden")
    assert api.get(f"{PATH}{row.pk}/").status_code == 403
    for verb in ("pause", "resume", "run"):
        assert post(viewer, row, verb, reason="x").status_code == 403
        assert post(APIClient(), row, verb, reason="x").status_code == 401
    assert not Job.objects.exists()
