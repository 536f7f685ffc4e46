"""What is told, to whom, and that it is bound to the job's own transaction."""

from __future__ import annotations

import json

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from jobs import lifecycle, retention
from jobs.lifecycle import Submission
from jobs.models import Job, JobEvent, NamedWebhook, WebhookDelivery, WebhookEndpoint
from jobs.webhooks import endpoints
from jobs.webhooks.addresses import UrlRefused
from jobs.webhooks.delivery import body_of
from jobs.webhooks.endpoints import WebhookRefused
from jobs.webhooks.events import DELIVER
from tests.webhooks.conftest import INPUT, KIND, claim, fail, fresh, submit, succeed, told

URL = "https://example.com/hook"


@pytest.fixture
def hook(ada):
    return endpoints.create(ada, URL)[0]


def sendings() -> list[str]:
    return [job.input["delivery"] for job in Job.objects.filter(kind=DELIVER).order_by("pk")]


@pytest.mark.usefixtures("any_database")
def test_each_way_to_end_is_one_event_and_one_sending(ada, hook):
    succeed(ada)
    fail(ada)
    lifecycle.cancel(submit(ada).pk)
    assert told() == ["job.succeeded", "job.failed", "job.cancelled"]
    assert sendings() == [str(delivery.pk) for delivery in WebhookDelivery.objects.order_by("pk")]
    assert set(Job.objects.filter(kind=DELIVER).values_list("owner", "queue")) == {(None, "webhooks")}


def test_what_is_told_is_how_the_job_stands_and_nothing_that_anybody_wrote(ada, hook):
    marked = {"user_id": "MARK-user", "session_id": "MARK-session", "metadata": {"MARK-key": "MARK-value"}}
    job = fail(ada, **marked)
    Job.objects.filter(pk=job.pk).update(result={"name": "MARK-result"})
    body = body_of(WebhookDelivery.objects.get())
    assert b"MARK" not in body
    assert b"Feride" not in body, "the message of an error is for those who may see the job"
    payload = json.loads(body)
    assert set(payload) == {"type", "timestamp", "data"}
    assert payload["type"] == "job.failed"
    assert payload["data"] == {
        "job_id": str(job.pk),
        "kind": KIND,
        "state": "failed",
        "status": "failed",
        "attempt": 1,
        "parent": None,
        "created_at": job.created_at.isoformat(),
        "finished_at": job.finished_at.isoformat(),
        "error_code": "not_a_number",
        "links": {
            "self": f"/api/v1/jobs/{job.pk}/",
            "result": f"/api/v1/jobs/{job.pk}/result/",
            "events": f"/api/v1/jobs/{job.pk}/events/",
        },
    }


def test_the_body_is_the_same_whatever_has_become_of_the_job(ada, hook):
    job = fail(ada)
    before = body_of(WebhookDelivery.objects.get())
    lifecycle.requeue(job.pk)
    assert body_of(WebhookDelivery.objects.get()) == before


def test_a_job_that_is_run_again_is_told_again(ada, hook):
    job = fail(ada)
    lifecycle.requeue(job.pk)
    lifecycle.succeed(claim(), {})
    assert told() == ["job.failed", "job.succeeded"]


def test_jobs_of_others_and_of_nobody_are_not_told(ben, hook):
    succeed(ben)
    succeed(None)
    assert told() == []


def test_the_filters_of_types_and_kinds_are_kept(ada, hook):
    endpoints.change(hook, event_types=["job.processing", "job.failed"], kinds=[KIND])
    fail(ada)
    succeed(ada)
    assert told() == ["job.processing", "job.failed", "job.processing"]
    endpoints.change(hook, kinds=["parsers.parse_cv"])
    fail(ada)
    assert len(told()) == 3


def test_a_disabled_endpoint_hears_nothing(ada, hook):
    endpoints.disable(hook, "owner")
    succeed(ada)
    assert told() == []


def test_an_end_that_is_rolled_back_is_not_told(any_database, ada, hook):
    submit(ada)
    running = claim()

    def refuse() -> None:
        assert told() == ["job.succeeded"], "it was written before"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lifecycle.succeed(running, {}, [refuse])
    assert (told(), sendings()) == ([], [])
    assert fresh(running).state == "processing"


def test_a_batch_and_its_parts_are_told_in_one_go(ada, hook):
    parent = lifecycle.submit_batch(
        Submission("workload.sum_up"), [Submission(KIND, INPUT) for _ in range(3)], owner=ada
    )
    lifecycle.cancel(parent.pk)
    assert told() == ["job.cancelled"] * 4
    assert {delivery.data["parent"] for delivery in WebhookDelivery.objects.all()} == {None, str(parent.pk)}


def test_all_of_a_large_batch_are_told(ada, hook, monkeypatch):
    monkeypatch.setattr("jobs.webhooks.events.AT_ONCE", 7)
    parent = lifecycle.submit_batch(
        Submission("workload.sum_up"), [Submission(KIND, INPUT) for _ in range(20)], owner=ada
    )
    lifecycle.cancel(parent.pk)
    assert len(told()) == 21


def test_the_end_of_a_job_that_nobody_watches_costs_one_query_and_of_nobodys_job_none(ada):
    def queries(owner, name) -> list[str]:
        submit(owner)
        running = claim()
        with CaptureQueriesContext(
            connection,
        ) as seen:
            lifecycle.succeed(running, {})
        return [query["sql"] for query in seen if name in query["sql"].lower()]

    assert len(queries(ada, "webhook")) == 1
    assert queries(None, "webhook") == []


# --- webhook_url with one submission --------------------------------------------------------------------------------
def test_a_job_can_name_its_own_webhook(any_database, ada):
    job = submit(ada, webhook_url="https://Example.com/hook")
    assert job.webhook.secret.startswith("whsec_")
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.url, endpoint.named_only, endpoint.owner) == (URL, True, ada)
    lifecycle.succeed(claim(), {})
    succeed(ada)
    assert [(row.type, row.job_id) for row in WebhookDelivery.objects.all()] == [("job.succeeded", job.pk)]


def test_a_second_job_uses_the_same_webhook_and_gets_no_secret(ada):
    first, second = submit(ada, webhook_url=URL), submit(ada, webhook_url=URL)
    assert second.webhook.endpoint == first.webhook.endpoint
    assert second.webhook.secret is None


def test_a_url_is_its_owners(ada, ben):
    submit(ada, webhook_url=URL)
    assert submit(ben, webhook_url=URL).webhook.secret is not None
    assert WebhookEndpoint.objects.count() == 2


def test_an_endpoint_that_hears_all_and_is_named_as_well_is_told_once_and_of_every_end(ada, hook):
    endpoints.change(hook, event_types=["job.failed"], kinds=["parsers.parse_cv"])
    succeed(ada, webhook_url=URL)
    assert told() == ["job.succeeded"], "it was named: its filters do not matter"
    endpoints.change(hook, event_types=["job.succeeded"], kinds=[])
    succeed(ada, webhook_url=URL)
    assert told() == ["job.succeeded"] * 2


def test_the_same_request_sent_twice_names_it_once(ada):
    first = submit(ada, webhook_url=URL, idempotency_key="k")
    again = submit(ada, webhook_url=URL, idempotency_key="k")
    assert (again.pk, NamedWebhook.objects.count()) == (first.pk, 1)
    with pytest.raises(lifecycle.IdempotencyConflict):
        submit(ada, webhook_url="https://example.com/other", idempotency_key="k")


def test_no_job_is_accepted_with_a_webhook_that_cannot_be_told(ada, hook):
    with pytest.raises(UrlRefused):
        submit(ada, webhook_url="https://localhost/")
    with pytest.raises(WebhookRefused, match="owner"):
        submit(None, webhook_url=URL)
    endpoints.disable(hook, "gone")
    with pytest.raises(WebhookRefused, match="disabled"):
        submit(ada, webhook_url=URL)
    assert not Job.objects.exists()


def test_what_a_named_endpoint_missed_while_it_was_disabled_is_in_its_log(ada):
    submit(ada, webhook_url=URL)
    endpoints.disable(WebhookEndpoint.objects.get(), "owner")
    lifecycle.succeed(claim(), {})
    assert WebhookDelivery.objects.get().state == "dropped"
    assert sendings() == []


def test_a_file_that_is_refused_at_the_door_is_told(ada, hook):
    from jobs.errors import InvalidInput

    lifecycle.submit_batch(
        Submission("workload.sum_up"),
        [Submission(KIND, INPUT), Submission(KIND, INPUT, refused=InvalidInput("It is empty.", code="empty_file"))],
        owner=ada,
    )
    assert WebhookDelivery.objects.get().data["error_code"] == "empty_file"


# --- forgetting -----------------------------------------------------------------------------------------------------
def test_a_deleted_job_takes_its_deliveries_along(any_database, ada, hook):
    job = succeed(ada, webhook_url=URL)
    retention.delete_job(job)
    assert not WebhookDelivery.objects.exists()
    assert not NamedWebhook.objects.exists()
    kept = [json.dumps(row, default=str) for row in Job.objects.values("input", "metadata", "result")]
    kept += [json.dumps(row, default=str) for row in JobEvent.objects.values("data")]
    assert kept
    assert not any(str(job.pk) in row or job.pk.hex in row for row in kept), "not in the job that sends it either"


def test_an_endpoint_that_is_deleted_while_a_job_ends_does_not_undo_the_end(any_database, ada, hook):
    submit(ada)
    running = claim()
    with transaction.atomic():
        lifecycle.succeed(running, {})
        WebhookEndpoint.objects.filter(pk=hook.pk)._raw_delete("default")  # as another connection would, in between
    assert fresh(running).state == "succeeded"
