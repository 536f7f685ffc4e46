"""How a delivery goes: sent by a job of the engine's own, logged, tried again, given up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from jobs import lifecycle, retention
from jobs.models import Job, Receipt, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from jobs.webhooks import delivery as deliveries
from jobs.webhooks import endpoints, sender
from jobs.webhooks.events import DELIVER
from tests.standins.webhook_receiver import drops, garbage, hangs, redirect, status
from tests.webhooks.conftest import claim, fresh, make_due, submit, succeed


def attempts() -> list[tuple[int, int | None, str]]:
    return list(WebhookAttempt.objects.order_by("pk").values_list("number", "status", "error"))


def test_an_event_is_delivered_signed_and_logged(any_database, ada, endpoint, receiver, deliver):
    job = succeed(ada)
    assert deliver() == 1
    (message,) = receiver.messages
    delivery = WebhookDelivery.objects.get()
    assert message.is_signed_with(endpoint.secret)
    assert message.id == f"msg_{delivery.pk.hex}"
    assert message.headers["content-type"] == "application/json"
    assert abs(int(message.headers["webhook-timestamp"]) - timezone.now().timestamp()) < 30
    assert (message.payload["type"], message.payload["data"]["job_id"]) == ("job.succeeded", str(job.pk))
    assert "sira-webhook-replay" not in message.headers
    assert delivery.state == "delivered"
    assert attempts() == [(1, 204, "")]
    row = fresh(endpoint)
    assert (row.successes, row.failures, row.last_success_at is not None) == (1, 0, True)


def test_the_end_of_a_sending_is_not_told(ada, endpoint, receiver, deliver):
    endpoints.change(endpoint, event_types=["job.processing", "job.succeeded", "job.failed"])
    succeed(ada)
    deliver()
    assert WebhookDelivery.objects.count() == len(receiver.messages) == 2
    assert deliver() == 0


def test_every_failure_is_tried_again_with_the_same_id_and_body(ada, endpoint, receiver, deliver, monkeypatch):
    answers = [status(500), redirect("https://example.com/"), hangs(), drops(), garbage(), status(404)]
    receiver.will(*answers)
    succeed(ada)
    for number in range(len(answers)):
        # Short where nobody answers, and nowhere else: this machine may be a slow one.
        with monkeypatch.context() as patch:
            if number == 2:
                patch.setattr(sender, "ANSWER_SECONDS", 0.3)
            assert deliver() == 1, number
        assert WebhookDelivery.objects.get().state == "waiting"
        make_due()
    deliver()
    assert WebhookDelivery.objects.get().state == "delivered"
    assert [error for _, _, error in attempts()] == [
        "status", "redirected", "timed_out", "unreachable", "bad_answer", "status", "",
    ]  # fmt: skip
    assert [number for number, _, _ in attempts()] == list(range(1, 8))
    assert len(receiver.ids) == 1
    assert len({message.body for message in receiver.messages}) == 1
    assert all(message.is_signed_with(endpoint.secret) for message in receiver.messages)
    row = fresh(endpoint)
    assert (row.successes, row.failures, row.failures_in_row, row.failing_since) == (1, 6, 0, None)


def test_the_waits_are_those_of_the_specification():
    waits = [deliveries.RETRIES.delay(attempt) for attempt in range(1, 10)]
    expected = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    for wait, seconds in zip(waits, expected, strict=True):
        assert abs(wait.total_seconds() - seconds) <= seconds * 0.1
    assert deliveries.RETRIES.max_attempts == 10


def test_the_next_attempt_is_shown(ada, endpoint, receiver, deliver):
    receiver.will(status(500))
    succeed(ada)
    deliver()
    wait = WebhookDelivery.objects.get().next_attempt_at - timezone.now()
    assert timedelta(seconds=3) < wait < timedelta(seconds=6)


def test_a_receiver_that_asks_for_time_gets_it_for_all_that_waits(ada, endpoint, receiver, deliver):
    receiver.will(status(429, retry_after="1000"))
    succeed(ada)
    succeed(ada)
    deliver()
    assert len(receiver.messages) == 1, "the second one was not sent meanwhile"
    waits = [job.run_after - timezone.now() for job in Job.objects.filter(kind=DELIVER)]
    assert all(timedelta(seconds=990) < wait < timedelta(seconds=1001) for wait in waits)
    assert sorted(Job.objects.filter(kind=DELIVER).values_list("attempt", flat=True)) == [0, 1], "it cost no attempt"


def test_410_disables_the_endpoint_and_says_so(ada, endpoint, receiver, deliver):
    receiver.will(status(410))
    succeed(ada)
    succeed(ada)
    deliver()
    assert len(receiver.messages) == 1
    row = fresh(endpoint)
    assert (row.disabled_because, row.disabled_at is not None) == ("gone", True)
    assert sorted(WebhookDelivery.objects.values_list("state", flat=True)) == ["dropped", "failed"]
    assert set(Job.objects.filter(kind=DELIVER).values_list("error_code", flat=True)) == {"", "webhook_gone"}


def test_a_delivery_is_given_up_when_its_attempts_are_spent(ada, endpoint, receiver, deliver):
    receiver.will(*[status(500)] * 10)
    succeed(ada)
    for _ in range(10):
        deliver()
        make_due()
    assert deliver() == 0
    assert len(receiver.messages) == 10
    assert WebhookDelivery.objects.get().state == "failed"
    assert fresh(endpoint).spent_in_row == 1


def test_an_endpoint_that_fails_in_a_row_gets_a_rest(ada, endpoint, receiver, deliver):
    receiver.will(*[status(500)] * 20)
    for _ in range(8):
        succeed(ada)
    deliver()
    assert len(receiver.messages) == deliveries.REST_AFTER, "the others wait, without a worker"
    rest = fresh(endpoint).resting_until - timezone.now()
    assert timedelta(seconds=25) < rest <= timedelta(seconds=30)
    WebhookEndpoint.objects.update(resting_until=None, failures_in_row=30)
    make_due()
    deliver()
    assert fresh(endpoint).resting_until - timezone.now() <= deliveries.LONGEST_REST


def test_an_endpoint_that_failed_for_five_days_is_disabled(ada, endpoint, receiver, deliver):
    receiver.will(status(500), status(500))
    succeed(ada)
    deliver()
    assert fresh(endpoint).disabled_at is None
    WebhookEndpoint.objects.update(failing_since=Now() - deliveries.DISABLE_AFTER)
    make_due()
    deliver()
    assert fresh(endpoint).disabled_because == "failing"


def test_an_endpoint_for_which_many_deliveries_were_given_up_is_disabled(ada, endpoint, receiver, deliver):
    receiver.will(status(500), status(500))
    WebhookEndpoint.objects.update(spent_in_row=deliveries.DISABLE_AFTER_SPENT - 1)
    succeed(ada)
    Job.objects.filter(kind=DELIVER).update(attempt=9)
    deliver()
    assert fresh(endpoint).disabled_because == "failing"


def test_an_enabled_endpoint_starts_afresh(ada, endpoint, receiver, deliver):
    receiver.will(status(410))
    succeed(ada)
    deliver()
    assert endpoints.enable(endpoint)
    assert not endpoints.enable(endpoint), "it is enabled already"
    succeed(ada)
    deliver()
    assert fresh(endpoint).successes == 1


def test_during_a_rotation_both_secrets_sign_and_after_a_day_only_the_new_one(ada, endpoint, receiver, deliver):
    new = endpoints.rotate_secret(endpoint)
    succeed(ada)
    deliver()
    WebhookEndpoint.objects.update(old_secret_until=F("old_secret_until") - timedelta(hours=24))
    succeed(ada)
    deliver()
    during, after = receiver.messages
    assert (during.is_signed_with(endpoint.secret), during.is_signed_with(new)) == (True, True)
    assert (after.is_signed_with(endpoint.secret), after.is_signed_with(new)) == (False, True)
    assert len(during.headers["webhook-signature"].split(" ")) == 2


def test_a_replay_has_the_same_id_and_is_marked(ada, endpoint, receiver, deliver):
    succeed(ada)
    delivery = WebhookDelivery.objects.get()
    assert not endpoints.replay(delivery), "it is under way"
    deliver()
    assert endpoints.replay(delivery)
    assert fresh(delivery).state == "waiting"
    deliver()
    first, second = receiver.messages
    assert (second.id, second.body) == (first.id, first.body)
    assert second.headers["sira-webhook-replay"] == "true"
    assert (fresh(delivery).state, fresh(delivery).replays) == ("delivered", 1)
    assert list(WebhookAttempt.objects.order_by("pk").values_list("is_replay", flat=True)) == [False, True]


def test_the_owner_of_a_closed_account_is_told_nothing(ada, endpoint, receiver, deliver):
    succeed(ada)
    ada.is_active = False
    ada.save()
    deliver()
    assert receiver.messages == []
    assert WebhookDelivery.objects.get().state == "dropped"


def test_a_job_that_was_deleted_before_its_end_was_told_is_not_told(ada, endpoint, receiver, deliver):
    retention.delete_job(succeed(ada))
    assert deliver() == 1
    assert receiver.messages == []
    assert Job.objects.get(kind=DELIVER).result["outcome"] == "dropped"


def test_a_secret_that_cannot_be_read_any_more_is_a_failure_that_says_so(ada, endpoint, receiver, deliver, settings):
    succeed(ada)
    settings.SECRET_KEY = "another-key-of-at-least-forty-characters-0123456789"
    deliver()
    assert receiver.messages == []
    assert attempts() == [(1, None, "secret_lost")]


def test_an_address_that_has_become_private_is_not_called(ada, endpoint, receiver, deliver, settings):
    succeed(ada)
    settings.WEBHOOK_ALLOW_PRIVATE = False
    deliver()
    assert receiver.messages == []
    assert attempts() == [(1, None, "address_refused")]


def test_an_attempt_that_was_cut_off_stays_visible(ada, endpoint, receiver):
    succeed(ada)
    WebhookAttempt.objects.create(delivery=WebhookDelivery.objects.get(), number=1)
    assert "cut off" in WebhookAttempt.objects.get().outcome


def test_a_sending_that_an_operator_cancels_is_given_up_and_one_that_is_run_again_waits(ada, endpoint):
    succeed(ada)
    sending = Job.objects.get(kind=DELIVER)
    lifecycle.cancel(sending.pk)
    assert WebhookDelivery.objects.get().state == "failed"
    lifecycle.requeue(sending.pk)
    assert WebhookDelivery.objects.get().state == "waiting"


def test_old_deliveries_their_sendings_and_unused_endpoints_are_pruned(ada, endpoint, receiver, deliver):
    named = submit(ada, webhook_url=receiver.url + "/other").webhook.endpoint
    lifecycle.succeed(claim(), {})
    deliver()
    assert retention.prune() == {"jobs": 0, "files": 0, "deliveries": 0}
    past = Now() - timedelta(days=31)
    WebhookDelivery.objects.update(occurred_at=past)
    WebhookEndpoint.objects.update(created_at=past)
    Job.objects.filter(kind=DELIVER).update(expires_at=past)
    assert retention.prune()["deliveries"] == 2
    assert not Job.objects.filter(kind=DELIVER).exists()
    assert not Receipt.objects.exists(), "there was nothing of anybody's in them"
    assert WebhookEndpoint.objects.filter(pk=named.pk).exists(), "a job still names it"
    Job.objects.all().delete()
    retention.prune()
    assert list(WebhookEndpoint.objects.all()) == [endpoint]


def test_what_still_waits_is_not_pruned(ada, endpoint):
    succeed(ada)
    WebhookDelivery.objects.update(occurred_at=Now() - timedelta(days=31))
    assert retention.prune()["deliveries"] == 0
    assert WebhookDelivery.objects.get().state == "waiting"


@pytest.mark.parametrize("attempt", [1, 5, 9, 30])
def test_a_list_of_waits_ends_with_its_last(attempt):
    wait = deliveries.RETRIES.steps[min(attempt, 9) - 1]
    assert abs(deliveries.RETRIES.delay(attempt) - wait) <= wait * 0.1
