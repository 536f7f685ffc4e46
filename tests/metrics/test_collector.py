"""What /metrics says is what the tables say, and who may ask."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models.functions import Now
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from rest_framework.test import APIClient

from jobs import lifecycle
from jobs.errors import InvalidInput, Unavailable
from jobs.metrics import process
from jobs.metrics.models import Tally
from jobs.models import Job, WebhookDelivery, WebhookEndpoint, Worker
from jobs.providers import rates
from jobs.tokens.issuing import issue
from tests.metrics.conftest import TOKEN, read

KIND = "workload.act_out"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


def get(**headers: str) -> Any:
    process.database.forget()
    return APIClient().get("/metrics", headers=headers)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_jobs_and_queues_are_counted_as_they_are(any_database, act, claim, scrape):
    act()
    act()
    running = claim()
    act(run_after=None)
    lifecycle.pause_queue("gpu", by="ada")
    Job.objects.filter(state="queued").update(queued_at=Now() - timedelta(minutes=5))
    Worker.objects.create(name="here:1:a", cluster="sira", queues=["default"])
    samples = scrape()
    assert samples("sira_database_up") == 1
    assert samples("sira_jobs", kind=KIND, state="queued") == 2
    assert samples("sira_jobs", kind=KIND, state="processing") == 1
    assert samples("sira_jobs", kind="workload.do_nothing", state="queued") == 0
    assert samples("sira_queue_depth", queue=running.queue, state="queued") == 2
    assert samples("sira_queue_oldest_due_seconds", queue=running.queue) == pytest.approx(300, abs=5)
    assert samples("sira_queue_oldest_due_seconds", queue="gpu") == 0
    assert (samples("sira_queue_workers", queue="default"), samples("sira_queue_workers", queue="gpu")) == (1, 0)
    modes = {mode: samples("sira_queue_mode", queue="gpu", mode=mode) for mode in ("running", "paused", "draining")}
    assert modes == {"running": 0, "paused": 1, "draining": 0}


def test_leases_resources_limits_and_webhooks_are_there(any_database, act, claim, scrape, django_user_model):
    before = scrape()
    assert before("sira_lease_soonest_expiry_seconds") is None
    act(kind="workload.use_gpu")
    act(kind="workload.use_gpu")
    held = claim()
    assert held.resource
    rates.block("openai", timedelta(minutes=2))
    for _ in range(rates.BREAKER_THRESHOLD):
        rates.record_failure("ikas")
    ada = django_user_model.objects.create_user("ada")
    endpoint = WebhookEndpoint.objects.create(owner=ada, url="https://example.com/", sealed_secret="x")
    WebhookEndpoint.objects.create(
        owner=ada, url="https://example.org/", sealed_secret="x", disabled_at=Now(), disabled_because="failing"
    )
    for state in ("waiting", "waiting", "failed", "delivered"):
        WebhookDelivery.objects.create(endpoint=endpoint, type="webhook.test", occurred_at=Now(), state=state)
    samples = scrape()
    assert (samples("sira_leases"), samples("sira_leases_expired")) == (1, 0)
    assert 20 < samples("sira_lease_soonest_expiry_seconds") <= 30
    shared = {
        name: samples(f"sira_resource_{name}", resource=held.resource) for name in ("capacity", "held", "waiting")
    }
    assert shared == {"capacity": 1, "held": 1, "waiting": 1}
    assert samples("sira_limit_wait_seconds", limit="openai") == pytest.approx(120, abs=5)
    assert (samples("sira_breaker_open", limit="openai"), samples("sira_breaker_open", limit="ikas")) == (0, 1)
    assert samples("sira_breaker_failures", limit="ikas") == rates.BREAKER_THRESHOLD
    assert samples("sira_webhook_deliveries", state="waiting") == 2
    assert samples("sira_webhook_deliveries", state="failed") == 1
    assert samples("sira_webhook_endpoints_disabled", because="failing") == 1
    Job.objects.filter(pk=held.pk).update(lease_expires_at=Now() - timedelta(seconds=5))
    samples = scrape()
    assert samples("sira_leases_expired") == 1
    assert samples("sira_lease_soonest_expiry_seconds") < 0


def test_what_happened_is_told_as_counters_and_histograms(any_database, act, claim, scrape, count_all):
    act()
    lifecycle.succeed(claim(), {})
    act(max_attempts=2)
    lifecycle.retry_later(claim(), Unavailable("Away."), timedelta(seconds=-1))
    lifecycle.promote_due()
    lifecycle.fail(claim(), InvalidInput("Empty."))
    act()
    lost = claim()
    Job.objects.filter(pk=lost.pk).update(lease_expires_at=Now() - timedelta(seconds=5))
    lifecycle.rescue()
    lifecycle.cancel(lost.pk)
    count_all()
    samples = scrape()
    ended = {
        how: samples("sira_jobs_ended_total", kind=KIND, outcome=how) for how in ("succeeded", "failed", "cancelled")
    }
    assert ended == {"succeeded": 1, "failed": 1, "cancelled": 1}
    assert samples("sira_job_retries_total", kind=KIND) == 1
    assert samples("sira_job_rescues_total", kind=KIND) == 1
    assert samples("sira_job_wait_seconds_count", kind=KIND) == 4
    outcomes = ("succeeded", "retry_scheduled", "failed", "rescued")
    runs = [samples("sira_job_run_seconds_count", kind=KIND, outcome=outcome) for outcome in outcomes]
    assert runs == [1, 1, 1, 1]
    assert samples("sira_job_run_seconds_bucket", kind=KIND, outcome="succeeded", le="+Inf") == 1
    buckets = [samples("sira_job_wait_seconds_bucket", kind=KIND, le=le) for le in ("0.05", "10.0", "3600.0")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 4
    assert samples("sira_events_uncounted") == 0


def test_a_sum_does_not_depend_on_the_order_of_its_rows(any_database, scrape):
    """The last bits of a plain sum do: a row that is updated comes later, and the counter would fall."""
    seconds = {"0.05": 0.1, "0.1": 0.2, "0.25": 0.3}
    sums = set()
    for order in (seconds, reversed(seconds)):
        Tally.objects.all().delete()
        Tally.objects.bulk_create(
            Tally(measure=Tally.Measure.WAIT, kind=KIND, le=le, count=1, seconds=seconds[le]) for le in order
        )
        process.database.forget()
        sums.add(scrape()("sira_job_wait_seconds_sum", kind=KIND))
    assert len(sums) == 1


def test_a_request_is_counted_by_its_template_and_the_answer_names_it(db, scrape):
    before = scrape()
    labels = {"method": "GET", "route": "api/v1/jobs/<uuid:job_id>/", "status": "401"}
    response = APIClient().get("/api/v1/jobs/0198c0de-0000-7000-8000-000000000000/", headers={"X-Request-ID": "abc-1"})
    assert response["X-Request-ID"] == "abc-1"
    after = scrape()
    assert after("sira_http_requests_total", **labels) == (before("sira_http_requests_total", **labels) or 0) + 1
    assert after("sira_http_request_seconds_count", method="GET", route=labels["route"]) >= 1
    assert not any("0198c0de" in str(key) for key in after)


def test_without_the_database_metrics_token_still_sees_what_the_process_knows(db, scrape, monkeypatch):
    def away() -> Any:
        raise OperationalError("gone")

    monkeypatch.setattr("jobs.metrics.collector.database_now", away)
    samples = scrape()
    assert samples("sira_database_up") == 0
    assert samples("sira_tailer_lag_seconds") == 0
    assert samples("sira_jobs", kind=KIND, state="queued") is None


def test_a_second_scrape_within_a_moment_asks_the_database_nothing(db, scrape, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr("jobs.metrics.collector.KEPT_SECONDS", 60.0)
    scrape()
    with django_assert_num_queries(0):
        assert APIClient().get("/metrics", headers=bearer(TOKEN)).status_code == 200


@pytest.mark.parametrize(
    "accept", ["", "text/html", "application/openmetrics-text;version=1.0.0", "text/plain;version=x"]
)
def test_the_format_is_the_one_that_accept_asks_for(db, act, claim, count_all, accept):
    act()
    lifecycle.succeed(claim(), {})
    count_all()
    response = get(**bearer(TOKEN), Accept=accept)
    text = response.content.decode()
    if "openmetrics" in accept:
        assert response["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        assert "sira_jobs_ended" in {family.name for family in parse_openmetrics(text)}
    else:
        assert response["Content-Type"].startswith("text/plain; version=0.0.4")
        assert read(text)[0]("sira_jobs_ended_total", kind=KIND, outcome="succeeded") == 1


def test_strangers_and_people_who_are_no_staff_see_nothing(db, settings, django_user_model):
    user = django_user_model.objects.create_user("ada")
    _, token = issue(user, "scraper")
    for headers, status in (({}, 401), (bearer("wrong"), 401), (bearer(token), 403)):
        response = get(**headers)
        assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
        assert b"sira_jobs" not in response.content
    user.is_staff = True
    user.save()
    _, narrow = issue(user, "sender", ["submit"])
    assert get(**bearer(narrow)).status_code == 403
    assert get(**bearer(token)).status_code == 200
    settings.METRICS_TOKEN = ""
    assert get(Authorization="Bearer ").status_code == 401


def test_every_metric_is_in_the_page_and_the_page_names_no_other(any_database, act, claim, count_all):
    """With something to show of each kind: counters that never counted are not there."""
    act(max_attempts=2)
    lifecycle.retry_later(claim(), Unavailable("Away."), timedelta(seconds=-1))
    lifecycle.promote_due()
    job = claim()
    Job.objects.filter(pk=job.pk).update(lease_expires_at=Now() - timedelta(seconds=5))
    lifecycle.rescue()
    count_all()
    _, families = read(get(**bearer(TOKEN)).content.decode())
    exposed = {
        (family.name + ("_total" if family.type == "counter" else ""), family.type)
        for family in families
        if not family.name.endswith("_created")
    }
    documented = set(re.findall(r"^\| `(sira_\w+)` \| (\w+) \|", PAGE.read_text(), re.MULTILINE))
    assert documented == exposed
    named = set(re.findall(r"\bsira_\w+", PAGE.read_text())) - {"sira_alerts"}
    suffixes = re.compile(r"_(bucket|count|sum)$")
    assert {name for name in named if suffixes.sub("", name) not in {known for known, _ in exposed}} == set()
