"""`Cancel-After`: by when a job has to have ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.test import APIClient

from jobs import lifecycle
from jobs.models import Job
from tests.api.conftest import KIND, claim, make_job


def submit(api: APIClient, after: str, **body: Any) -> Any:
    return api.post("/api/v1/jobs/", {"kind": KIND, **body}, format="json", HTTP_CANCEL_AFTER=after)


@pytest.mark.parametrize(
    ("after", "seconds"),
    [("90s", 90), ("90", 90), ("1m", 60), ("2h", 7200), ("1h30m", 5400), ("1h30m5s", 5405), ("2D", 172_800)],
)
def test_a_job_ends_within_the_time_that_its_sender_gives_it(api: APIClient, after: str, seconds: int) -> None:
    response = submit(api, after)
    assert response.status_code == 202, response.json()
    deadline = parse_datetime(response.json()["deadline_at"])
    assert deadline is not None
    assert (deadline - timezone.now()).total_seconds() == pytest.approx(seconds, abs=10)


@pytest.mark.parametrize("after", ["", "0", "0s", "soon", "-5s", "5 minutes", "s", "1.5h", "30s5m", "400d", "9" * 40])
def test_what_is_no_time_is_refused(api: APIClient, after: str) -> None:
    response = submit(api, after)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_cancel_after")
    assert "90s" in response.json()["detail"]
    assert not Job.objects.exists()


def test_the_time_is_counted_from_when_a_job_is_due(api: APIClient) -> None:
    later = timezone.now() + timedelta(days=1)
    deadline = parse_datetime(submit(api, "1h", run_after=later.isoformat()).json()["deadline_at"])
    assert deadline == later + timedelta(hours=1)


def test_many_jobs_of_one_request_have_one_time(api: APIClient) -> None:
    body = {"jobs": [{"kind": KIND}] * 2}
    assert api.post("/api/v1/jobs/bulk/", body, format="json", HTTP_CANCEL_AFTER="1m").status_code == 202
    assert all(job.deadline_at - timezone.now() < timedelta(minutes=1) for job in Job.objects.all())


def test_the_same_key_with_another_time_is_another_request(api: APIClient) -> None:
    for after, status in (("1m", 202), ("60s", 202), ("2m", 422)):
        key = {"HTTP_CANCEL_AFTER": after, "HTTP_IDEMPOTENCY_KEY": "k"}
        assert api.post("/api/v1/jobs/", {"kind": KIND}, format="json", **key).status_code == status


def test_a_job_past_its_deadline_has_failed_for_whoever_asks_also_when_no_cluster_is_alive(
    api: APIClient, ada: Any
) -> None:
    job = make_job(ada)
    Job.objects.filter(pk=job.pk).update(deadline_at=Now() - timedelta(seconds=1))
    answer = api.get(f"/api/v1/jobs/{job.pk}/").json()
    assert (answer["state"], answer["error"]["code"]) == ("failed", "deadline_exceeded")
    assert "No worker served its queue." in answer["error"]["message"]


def test_a_running_job_past_its_deadline_is_left_to_its_worker(api: APIClient, ada: Any) -> None:
    make_job(ada)
    job = claim()
    Job.objects.filter(pk=job.pk).update(deadline_at=Now() - timedelta(seconds=1))
    assert api.get(f"/api/v1/jobs/{job.pk}/").json()["state"] == "processing"
    lifecycle.succeed(job, {})
