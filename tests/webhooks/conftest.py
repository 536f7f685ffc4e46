"""An owner with an endpoint, a receiver that listens, and jobs that end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from jobs import lifecycle
from jobs.engine import claiming, worker
from jobs.errors import InvalidInput
from jobs.models import Job, WebhookDelivery, WebhookEndpoint
from jobs.webhooks import endpoints
from jobs.webhooks.events import DELIVER
from tests.standins.webhook_receiver import WebhookReceiver

KIND = "workload.act_out"
INPUT = {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 1}


@pytest.fixture
def receiver(settings: Any) -> Iterator[WebhookReceiver]:
    """A receiver on this machine, where webhooks may go for once."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with WebhookReceiver() as running:
        yield running


@pytest.fixture
def ada(db: None, django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("ada")


@pytest.fixture
def ben(db: None, django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("ben")


@pytest.fixture
def endpoint(ada: Any, receiver: WebhookReceiver) -> WebhookEndpoint:
    """Ada's; `secret` is on it."""
    made: Any
    made, secret = endpoints.create(ada, receiver.url)
    made.secret = secret
    return made


def submit(owner: Any, **options: Any) -> Any:
    return lifecycle.submit(KIND, INPUT, owner=owner, **options)


def claim() -> Job:
    """Claim the next job that is no sending."""
    job = lifecycle.start(
        Job.objects.queued().filter(pk=Job.objects.queued().exclude(kind=DELIVER).in_claim_order()[0].pk),
        worker="w", resource="", slot=None, lease=timedelta(minutes=1), require=lambda _: True,
    )  # fmt: skip
    assert job is not None
    return job


def succeed(owner: Any, **options: Any) -> Job:
    submit(owner, **options)
    return lifecycle.succeed(claim(), {"value": 1})


def fail(owner: Any, **options: Any) -> Job:
    submit(owner, **options)
    return lifecycle.fail(claim(), InvalidInput("Feride Yılmaz is not a number.", code="not_a_number"))


def fresh(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


def told() -> list[str]:
    return list(WebhookDelivery.objects.order_by("pk").values_list("type", flat=True))


def make_due() -> None:
    """Let time pass: what was to be tried again later is tried again now."""
    WebhookEndpoint.objects.update(resting_until=None)
    Job.objects.filter(kind=DELIVER, state="pending").update(run_after=Now() - timedelta(seconds=1))
    lifecycle.promote_due()


class _NoWatchdog:
    def guard(self, *_: Any) -> None:
        """Nothing runs for long here."""

    leave = guard


@pytest.fixture
def deliver() -> Callable[[], int]:
    """A function that runs every sending that is due, as a worker does, and returns how many ran."""

    def run() -> int:
        ran = 0
        while job := claiming.claim("w"):
            assert job.kind == DELIVER
            worker.run(job, _NoWatchdog())
            ran += 1
        return ran

    return run
