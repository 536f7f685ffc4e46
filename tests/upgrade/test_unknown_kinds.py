"""A job whose kind no worker knows, because its app belongs to another release, waits; and everything shows it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from jobs import lifecycle, positions
from jobs.engine import claiming
from jobs.engine.watchdog import Watchdog
from jobs.kinds import registry
from jobs.models import Job, Worker
from tests.harness.tokens import token_of

GONE = "gone.with_release"
ACT = {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 0}


@pytest.fixture
def ada(db: None) -> Any:
    return get_user_model().objects.create_superuser("ada", password="ada")


@pytest.fixture
def client(ada: Any) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token_of(ada)}")
    return client


def submit(owner: Any = None, **values: Any) -> Job:
    return lifecycle.submit("workload.act_out", ACT | values, owner=owner)


def of_another_release(owner: Any = None, **columns: Any) -> Job:
    """Submit a job, then let its kind be one that this release has not."""
    job = submit(owner)
    Job.objects.filter(pk=job.pk).update(kind=GONE, **columns)
    job.refresh_from_db()
    return job


def hear_of(name: str = "w", **columns: Any) -> Worker:
    return Worker.objects.create(name=name, cluster="sira", **columns)


def test_it_stays_where_it_is_and_holds_nobody_up(any_database: str) -> None:
    unknown, known = of_another_release(), submit()
    claimed = claiming.claim("w")
    assert claimed is not None
    assert claimed.pk == known.pk
    lifecycle.succeed(claimed, {})
    with CaptureQueriesContext(connection) as queries:
        assert claiming.claim("w") is None
    # A look, and no attempt at it. On PostgreSQL it is a prepared statement, of which Django does not know.
    assert len(queries) == (0 if any_database == "postgresql" else 1)
    unknown.refresh_from_db()
    assert (unknown.state, unknown.attempt, unknown.fence) == ("queued", 0, 0)


def test_it_runs_once_a_worker_knows_it(db: None) -> None:
    job = submit()
    kind = registry.get(job.kind)
    registry.remove(kind.name)
    try:
        assert claiming.claim("w") is None
    finally:
        registry.add(kind)
    claimed = claiming.claim("w")
    assert claimed is not None
    assert claimed.pk == job.pk


def test_its_deadline_still_ends_it(db: None) -> None:
    job = of_another_release(deadline_at=Now())
    lifecycle.fail_past_deadline()
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "deadline_exceeded")
    assert "knew its kind" in job.error_message


def test_a_worker_tells_which_kinds_it_knows(db: None) -> None:
    Watchdog()._heartbeat()
    told = Worker.objects.get().kinds
    assert "workload.act_out" in told
    assert "workload.use_gpu" in told
    assert GONE not in told


@pytest.mark.parametrize(
    ("kind", "workers", "waits_for"),
    [
        (GONE, [["workload.act_out"]], "unknown_kind"),
        (GONE, [None], "unknown_kind"),  # of a release that did not say; then what we know counts
        (GONE, [], "unknown_kind"),
        (GONE, [["workload.act_out"], [GONE]], "worker"),  # the workers are newer than this web process
        ("workload.act_out", [[GONE]], "unknown_kind"),  # this web process is newer than the workers
        ("workload.act_out", [None], "worker"),
        ("workload.act_out", [], "no_worker"),
    ],
)
def test_why_it_waits_is_judged_by_the_workers_that_run(
    db: None, kind: str, workers: list[list[str] | None], waits_for: str
) -> None:
    job = of_another_release()
    Job.objects.filter(pk=job.pk).update(kind=kind)
    job.refresh_from_db()
    for number, kinds in enumerate(workers):
        hear_of(f"w{number}", kinds=kinds)
    assert positions.explain(job).waiting_for == waits_for


def concerns(client: APIClient) -> dict[str, Any]:
    return {concern["code"]: concern for concern in client.get("/api/v1/overview/").json()["attention"]}


def test_it_needs_attention_until_a_worker_knows_it(any_database: str, client: APIClient, ada: Any) -> None:
    hear_of(kinds=["workload.act_out"])
    submit(ada)
    assert "unknown_kind" not in concerns(client)
    of_another_release(ada)
    of_another_release(ada)
    found = concerns(client)["unknown_kind"]
    assert (found["subject"], found["count"], found["severity"]) == (GONE, 2, "bad")
    other = get_user_model().objects.create_user("ben")
    theirs = APIClient()
    theirs.credentials(HTTP_AUTHORIZATION=f"Token {token_of(other)}")
    assert "unknown_kind" not in concerns(theirs)
    of_another_release(other)
    assert concerns(theirs)["unknown_kind"]["count"] == 1
    hear_of("newer", kinds=[GONE])
    assert "unknown_kind" not in concerns(client)


def test_the_api_and_the_pages_show_it_in_every_state(client: APIClient, ada: Any) -> None:
    hear_of(kinds=[])
    client.force_login(ada)
    waiting = of_another_release(ada)
    of_another_release(ada)
    done = of_another_release(ada, state="succeeded", result={"answer": 42}, succeeded_at=Now(), queued_at=Now())
    failed = of_another_release(ada, state="failed", error_code="internal_error", failed_at=Now(), queued_at=Now())
    running = of_another_release(
        ada, state="processing", lease_expires_at=Now(), processing_at=Now(), worker="w", attempt=1, fence=1
    )
    for job in (waiting, done, failed, running):
        for path in ("", "events/", "result/"):
            answer = client.get(f"/api/v1/jobs/{job.pk}/{path}")
            assert answer.status_code in (200, 202, 409), (path, job.state, answer.content)
        assert client.get(reverse("admin:jobs_job_change", args=[job.pk])).status_code == 200
        assert client.get(reverse("pages:job", args=[job.pk])).status_code == 200
    described = client.get(f"/api/v1/jobs/{waiting.pk}/").json()
    assert described["kind"] == GONE
    assert described["waiting_for"] == "unknown_kind"
    for path in ("/api/v1/jobs/", f"/api/v1/jobs/?kind={GONE}", "/api/v1/overview/", "/healthz", "/admin/"):
        assert client.get(path).status_code == 200, path
    for page in (reverse("pages:jobs"), reverse("pages:home"), reverse("admin:jobs_job_changelist")):
        assert client.get(page).status_code == 200, page
    assert f"{GONE} wait" in client.get("/admin/").content.decode()
    assert client.post(f"/api/v1/jobs/{failed.pk}/retry/").status_code in (200, 202)
    failed.refresh_from_db()
    assert failed.state == "queued"
    assert client.post(f"/api/v1/jobs/{waiting.pk}/cancel/").status_code in (200, 202)
    lifecycle.rescue()
    running.refresh_from_db()
    assert running.state == "queued"
    assert client.delete(f"/api/v1/jobs/{done.pk}/").status_code in (200, 204)
