"""Every error has one shape, and none of them tells what went on inside."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import TooManyFieldsSent
from django.db import OperationalError
from django.test import Client
from rest_framework import exceptions
from rest_framework.test import APIClient

from jobs.api import health
from jobs.api.problems import as_problem
from jobs.errors import InvalidInput, RateLimited, Unavailable
from jobs.kinds import UnknownKind
from jobs.lifecycle import IdempotencyConflict
from jobs.models import Job, Worker
from tests.api.conftest import KIND, make_job


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidInput("Empty."), 400, "invalid_input"),
        (InvalidInput("Empty.", code="empty_file"), 400, "empty_file"),
        (InvalidInput("Large.", code="file_too_large"), 413, "file_too_large"),
        (InvalidInput("Odd.", code="unsupported_type"), 415, "unsupported_type"),
        (InvalidInput("Odd.", code="type_mismatch"), 415, "type_mismatch"),
        (IdempotencyConflict("Used."), 422, "idempotency_key_reused"),
        (UnknownKind("unknown kind 'a.b_c'."), 400, "unknown_kind"),
        (Unavailable("Down."), 503, "unavailable"),
        (RateLimited("Slow.", retry_after=timedelta(seconds=2.5)), 429, "rate_limited"),
        (exceptions.Throttled(wait=3.2), 429, "throttled"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (exceptions.NotAcceptable(), 406, "not_acceptable"),
        (exceptions.UnsupportedMediaType("text/csv"), 415, "unsupported_media_type"),
        (TooManyFieldsSent("a secret"), 400, "too_many_fields"),
        (Job.DoesNotExist("a secret"), 404, "not_found"),
        (OperationalError("secret host"), 503, "database_unavailable"),
        (ZeroDivisionError("a secret"), 500, "internal_error"),
    ],
)
def test_each_exception_has_its_status_and_code(error: Exception, status: int, code: str) -> None:
    problem = as_problem(error)
    body = problem.body("/api/v1/jobs/")
    assert (body["status"], body["code"], body["type"]) == (status, code, f"urn:sira:problem:{code}")
    assert set(body) == {"type", "title", "status", "detail", "instance", "code"}
    assert "secret" not in str(body)
    if status in (429, 503):
        assert int(problem.headers["Retry-After"]) > 0


def test_errors_of_nested_fields_are_a_flat_list(api: APIClient) -> None:
    body = {"kind": KIND, "priority": "x", "run_after": "x"}
    problem = api.post("/api/v1/jobs/", body, format="json").json()
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [
        ("priority", "invalid"), ("run_after", "invalid"),
    ]  # fmt: skip
    assert all(error["message"] for error in problem["errors"])


@pytest.mark.parametrize("address", ["/api/", "/api/v2/", "/api/v1/nothing", "/api/v1/jobs", "/api/v1/jobs/1/"])
def test_an_unknown_address_of_the_api_is_a_problem(db: None, address: str) -> None:
    response = Client().get(address, HTTP_ACCEPT="text/html")
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
    assert response.json()["instance"] == address


def test_the_name_of_a_field_is_quoted_without_signs_that_turn_a_sentence_round(api: APIClient) -> None:
    for body in ({"ki\u202end\x07": "x", "kind": KIND}, {"kind": KIND, "input": {"\u2069ti\u200btle": "a\0"}}):
        detail = api.post("/api/v1/jobs/", body, format="json").json()["detail"]
        assert detail.isprintable()
        assert "kind" in detail or "input.title" in detail


def test_a_method_that_is_not_there_and_a_type_that_is_not_read(api: APIClient, ada: Any) -> None:
    job = make_job(ada)
    wrong = api.put(f"/api/v1/jobs/{job.pk}/", {}, format="json")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in wrong["Allow"]
    odd = api.post("/api/v1/jobs/", "kind,input", content_type="text/csv")
    assert (odd.status_code, odd.json()["code"]) == (415, "unsupported_media_type")
    picky = api.get(f"/api/v1/jobs/{job.pk}/", HTTP_ACCEPT="image/png")
    assert (picky.status_code, picky["Content-Type"]) == (406, "application/problem+json")
    broken = api.post("/api/v1/jobs/", b"--x\r\nnonsense", content_type="multipart/form-data; boundary=y")
    assert broken.status_code == 400


def test_a_bug_of_ours_is_logged_and_says_nothing(
    api: APIClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(*_: Any) -> None:
        raise ZeroDivisionError("a secret detail")

    monkeypatch.setattr("jobs.api.submissions._find", explode)
    response = api.get(f"/api/v1/jobs/{uuid.uuid4()}/")
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "secret" not in response.content.decode()
    assert "a secret detail" in caplog.text


def test_a_database_that_is_away_is_503_with_a_time_to_come_again(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("connection to 10.0.0.1 refused")

    monkeypatch.setattr(Job.objects, "visible_to", away)
    response = api.get("/api/v1/jobs/")
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "10.0.0.1" not in response.content.decode()


# --- /healthz -----------------------------------------------------------------------------------------------------
def test_healthz_counts_workers_and_the_oldest_due_job(any_database: str, ada: Any) -> None:
    Worker.objects.create(name="w", cluster="sira")
    job = make_job(ada)
    Job.objects.filter(pk=job.pk).update(queued_at=job.created_at - timedelta(seconds=90))
    response = Client().get("/healthz")
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    body = response.json()
    assert 90 <= body.pop("oldest_due_seconds") < 100
    assert body == {"status": "ok", "database": "ok", "workers": 1}


def test_healthz_is_503_when_the_database_is_away(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("refused")

    monkeypatch.setattr(health, "live_workers", away)
    response = Client().get("/healthz")
    assert (response.status_code, response.json()) == (503, {"status": "unavailable", "database": "unavailable"})


def test_healthz_does_not_wait_for_a_database_that_hangs(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading
    import time

    answer = threading.Event()
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(health, "live_workers", lambda: answer.wait(10) and [])
    monkeypatch.setattr(health, "oldest_due_seconds", lambda: 0)
    begun = time.monotonic()
    assert [Client().get("/healthz").status_code for _ in range(3)] == [503] * 3
    assert time.monotonic() - begun < 2
    answer.set()
    assert health._looking is not None
    health._looking.result(5)
    assert Client().get("/healthz").status_code == 200
