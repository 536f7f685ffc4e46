from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs import lifecycle
from jobs.engine import claiming
from jobs.models import Job


@pytest.fixture
def ada(django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("ada")


@pytest.fixture
def ben(django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("ben")


@pytest.fixture
def act() -> Callable[..., Job]:
    """Submit a job of the default queue that ends as told."""

    def submit(act: str = "ok", *, owner: Any = None, kind: str = "workload.act_out", **options: Any) -> Job:
        values = {key: options.pop(key) for key in ("seconds", "until_attempt", "value") if key in options}
        input = {"act": act, "seconds": 0, "until_attempt": 0, "value": 0} | values
        return lifecycle.submit(kind, input, owner=owner, **options)

    return submit


@pytest.fixture
def claim() -> Callable[..., Job]:
    """Claim the next job, which must exist."""

    def claim_one(worker: str = "worker-1") -> Job:
        job = claiming.claim(worker)
        assert job is not None, "nothing was claimable"
        return job

    return claim_one


def event_types(job: Job) -> list[str]:
    return list(job.events.order_by("seq").values_list("type", flat=True))


def expire_lease(job: Job) -> None:
    """Let time pass: the job's lease ran out a second ago."""
    from datetime import timedelta

    from django.db.models.functions import Now

    Job.objects.filter(pk=job.pk).update(lease_expires_at=Now() - timedelta(seconds=1))
