"""Operators pause, resume and drain queues over the API; what a draining queue tells those who knock."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from jobs import lifecycle
from jobs.models import AuditEntry, QueueControl
from tests.api.conftest import KIND, client_of, make_job


def allow(user: Any, *permissions: str) -> APIClient:
    """Make somebody staff who may do just this."""
    user.is_staff = True
    user.save()
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    return client_of(user)


@pytest.fixture
def operator(staff: Any) -> APIClient:
    return allow(staff, "pause_queue", "drain_queue")


def switch(client: APIClient, verb: str, queue: str = "darkroom", **body: Any) -> Any:
    return client.post(f"/api/v1/queues/{queue}/{verb}/", body or {"reason": "cleaning"}, format="json")


def queue_as_told(client: APIClient) -> dict[str, Any]:
    return next(row for row in client.get("/api/v1/queues/").json()["results"] if row["name"] == "darkroom")


def test_an_operator_drains_a_queue_and_everybody_is_told(operator, api, ada):
    make_job(ada)
    assert switch(operator, "drain").status_code == 200
    told = queue_as_told(api)
    assert (told["mode"], told["mode_by"], told["mode_reason"]) == ("draining", "staff", "cleaning")
    assert (told["accepts_jobs"], told["paused"], told["depth"]["queued"]) == (False, False, 1)
    assert told["mode_since"] is not None


def test_a_draining_queue_answers_503_with_what_to_do(api, ada):
    lifecycle.drain_queue("darkroom", by="staff", reason="cleaning")
    response = api.post("/api/v1/jobs/", {"kind": KIND}, format="json")
    problem = response.json()
    assert (response.status_code, problem["code"]) == (503, "queue_draining")
    assert "staff is emptying it (cleaning)" in problem["detail"]
    assert "/api/v1/queues/" in problem["detail"]
    assert int(response["Retry-After"]) >= 60


def test_an_operator_pauses_and_resumes_with_reasons_on_record(operator):
    assert switch(operator, "pause").json()["paused_reason"] == "cleaning"
    resumed = switch(operator, "resume", reason="it is clean").json()
    assert (resumed["mode"], resumed["accepts_jobs"], resumed["mode_by"]) == ("running", True, "")
    entries = AuditEntry.objects.order_by("id").values_list("action", "target", "via", "reason")
    assert list(entries) == [
        ("pause_queue", "darkroom", "api", "cleaning"),
        ("resume_queue", "darkroom", "api", "it is clean"),
    ]


@pytest.mark.parametrize("body", [{"reason": ""}, {"reason": "   "}, {"why": "x"}, {"reason": "x" * 301}])
def test_without_a_usable_reason_nothing_is_done(operator, body):
    response = switch(operator, "drain", **body)
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == ["reason"]
    assert not QueueControl.objects.filter(draining_at__isnull=False).exists()


def test_what_is_so_already_is_a_conflict(operator):
    switch(operator, "pause")
    response = switch(operator, "pause")
    assert (response.status_code, response.json()["code"], response.json()["mode"]) == (409, "nothing_to_do", "paused")


@pytest.mark.parametrize("verb", ["pause", "resume", "drain"])
def test_only_an_operator_may_switch_a_queue(api, verb):
    assert switch(api, verb).status_code == 403


def test_each_mode_has_a_permission_of_its_own(ada, bob, db):
    pauses, drains = allow(ada, "pause_queue"), allow(bob, "drain_queue")
    assert switch(pauses, "drain").status_code == 403
    assert switch(drains, "pause").status_code == 403
    assert switch(drains, "drain").status_code == 200
    for verb in ("pause", "resume"):  # both would end the drain
        assert switch(pauses, verb).status_code == 403
    assert switch(drains, "resume").status_code == 200


def test_a_queue_that_there_is_not_is_not_found(operator):
    response = switch(operator, "drain", queue="nowhere")
    assert (response.status_code, response.json()["code"]) == (404, "queue_not_found")
    assert "darkroom" in response.json()["detail"]
