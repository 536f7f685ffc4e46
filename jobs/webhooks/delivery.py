"""One delivery, sent: what a `jobs.deliver_webhook` job does, and what it learns about the endpoint."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from jobs import tracing
from jobs.errors import JobError, RateLimited, Unavailable
from jobs.kinds import Backoff
from jobs.models import Job
from jobs.providers.base import calling
from jobs.running import RunningJob
from jobs.states import State
from jobs.webhooks import endpoints, sender, signing
from jobs.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from jobs.webhooks.sealing import SecretLost

#: The waits that Standard Webhooks advises; with the first sending ten attempts in about three days.
RETRIES = Backoff(
    max_attempts=10,
    steps=(
        timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=5),
        timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(hours=24),
    ),
)  # fmt: skip
#: After so many failures in a row an endpoint gets a rest, so that one that hangs does not hold every worker …
REST_AFTER = 5
#: … for this long, doubled with every further failure up to the limit.
REST, LONGEST_REST = timedelta(seconds=30), timedelta(hours=1)
#: An endpoint that has only failed for so long, or that so many deliveries in a row were given up for, is disabled.
DISABLE_AFTER = timedelta(days=5)
DISABLE_AFTER_SPENT = 20

#: What the job that sends a delivery can return; a delivery's state is then the same.
DELIVERED, DROPPED = str(WebhookDelivery.State.DELIVERED), str(WebhookDelivery.State.DROPPED)

USER_AGENT = "Sira-Webhooks/1"
REPLAY_HEADER = "sira-webhook-replay"


def deliver(job: RunningJob, delivery_id: str, *, replay: bool) -> dict[str, Any]:
    """Send the delivery once and write down how it went; see `deliver_webhook` in `jobs/tasks.py`."""
    delivery = WebhookDelivery.objects.select_related("endpoint__owner").filter(pk=delivery_id).first()
    if delivery is None:
        return {"outcome": DROPPED, "why": "the job or the endpoint was deleted"}
    endpoint = delivery.endpoint
    if endpoint.disabled_at is not None or not endpoint.owner.is_active:
        return {"outcome": DROPPED, "why": "the endpoint is disabled"}
    _wait_for_rest(endpoint)
    with job.shielded():
        attempt = WebhookAttempt.objects.create(delivery=delivery, number=job.attempt, is_replay=replay)
    answer = _send(delivery, replay=replay)
    if not answer.error:
        job.save_with_result(lambda: _record(attempt, answer))
        job.save_with_result(lambda: _note_success(endpoint))
        return {"outcome": DELIVERED, "status": answer.status}
    with job.shielded(), transaction.atomic():
        _record(attempt, answer)
        _note_failure(endpoint, answer, is_last=job.attempt >= job.job.max_attempts)
    raise _error(answer)


def body_of(delivery: WebhookDelivery) -> bytes:
    """Return what is sent, the same at every attempt."""
    from jobs.api.serializers import links, utc

    data = dict(delivery.data)
    if delivery.job_id is not None:
        all_links = links(Job(pk=delivery.job_id))
        data["links"] = {name: all_links[name] for name in ("self", "result", "events")}
    payload = {"type": delivery.type, "timestamp": utc(delivery.occurred_at), "data": data}
    return json.dumps(payload, separators=(",", ":")).encode()


def mirror(jobs: list[Job]) -> None:
    """Keep each delivery level with the job that sends it, however that ends: by itself, killed, or cancelled."""
    standing: dict[tuple[str, datetime | None], list[str]] = defaultdict(list)
    for job in jobs:
        standing[_state_for(job), job.run_after].append(job.input["delivery"])
    for (state, next_attempt_at), deliveries in standing.items():
        WebhookDelivery.objects.filter(pk__in=deliveries).update(state=state, next_attempt_at=next_attempt_at)


def _state_for(job: Job) -> str:
    if job.state == State.SUCCEEDED:
        return str(dict(job.result or {})["outcome"])
    return WebhookDelivery.State.FAILED if job.is_finished else WebhookDelivery.State.WAITING


def _send(delivery: WebhookDelivery, *, replay: bool) -> sender.Answer:
    body = body_of(delivery)
    try:
        keys = endpoints.secrets_of(delivery.endpoint)
    except SecretLost:
        return sender.Answer(WebhookAttempt.Error.SECRET_LOST, 0.0)
    headers = signing.headers(keys, delivery.message_id, int(time.time()), body)
    headers |= {"content-type": "application/json", "user-agent": USER_AGENT}
    if replay:
        headers[REPLAY_HEADER] = "true"
    with calling("webhook") as call:
        answer = sender.post(delivery.endpoint.url, headers | tracing.headers(), body)
        if answer.error:
            call.failed(answer.error)
    return answer


def _wait_for_rest(endpoint: WebhookEndpoint) -> None:
    if endpoint.resting_until is not None and endpoint.resting_until > timezone.now():
        raise RateLimited(
            "The receiver fails or asked to be left alone for a while; it is tried again after that.",
            code="webhook_resting",
            retry_after=endpoint.resting_until - timezone.now(),
        )


def _record(attempt: WebhookAttempt, answer: sender.Answer) -> None:
    WebhookAttempt.objects.filter(pk=attempt.pk).update(
        seconds=answer.seconds, status=answer.status, error=answer.error
    )


def _note_success(endpoint: WebhookEndpoint) -> None:
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        successes=F("successes") + 1, last_success_at=Now(), failures_in_row=0, spent_in_row=0, failing_since=None,
        resting_until=None, last_error="",
    )  # fmt: skip


def _note_failure(endpoint: WebhookEndpoint, answer: sender.Answer, *, is_last: bool) -> None:
    """Count it, let the endpoint rest, and disable one that is gone or has failed for too long."""
    row = WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk=endpoint.pk).first()
    if row is None:
        return
    now = timezone.now()
    row.failures += 1
    row.failures_in_row += 1
    row.spent_in_row += is_last
    row.failing_since = row.failing_since or now
    row.last_failure_at, row.last_error = now, answer.error
    row.resting_until = now + max(_rest(row.failures_in_row), answer.retry_after or timedelta())
    row.save(
        update_fields=[
            "failures", "failures_in_row", "spent_in_row", "failing_since", "last_failure_at", "last_error",
            "resting_until",
        ]
    )  # fmt: skip
    if answer.error == WebhookAttempt.Error.GONE:
        endpoints.disable(row, WebhookEndpoint.Because.GONE)
    elif now - row.failing_since >= DISABLE_AFTER or row.spent_in_row >= DISABLE_AFTER_SPENT:
        endpoints.disable(row, WebhookEndpoint.Because.FAILING)


def _rest(failures: int) -> timedelta:
    if failures < REST_AFTER:
        return timedelta()
    return min(REST * 2 ** min(failures - REST_AFTER, 10), LONGEST_REST)


def _error(answer: sender.Answer) -> JobError:
    if answer.error == WebhookAttempt.Error.GONE:
        return JobError("The receiver answered 410: it is gone for good, and was disabled.", code="webhook_gone")
    status = f" (HTTP {answer.status})" if answer.status else ""
    return Unavailable(
        f"The receiver did not take the event: {answer.error}{status}. It is sent again later.",
        code="webhook_failed",
        retry_after=answer.retry_after,
    )
