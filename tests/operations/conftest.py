"""Jobs in the states that operators meet, staff who may do something about it, and workers who are alive or not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db.models.functions import Now

from jobs import lifecycle
from jobs.errors import InvalidInput
from jobs.models import Job, Worker

KIND = "workload.act_out"


@pytest.fixture
def staff(db: None) -> Callable[..., Any]:
    """A function that makes a user with these permissions."""

    def make(*permissions: str, name: str = "oya") -> Any:
        user = get_user_model().objects.create_user(name, is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        return user

    return make


@pytest.fixture
def alive(db: None) -> Callable[..., Worker]:
    """A function that lets a worker give a sign of life; seconds_ago: how long that is past."""

    def beat(name: str = "w1", *, queues: tuple[str, ...] = (), seconds_ago: float = 0) -> Worker:
        Worker.objects.update_or_create(
            name=name,
            defaults={
                "cluster": "sira",
                "queues": list(queues),
                "heartbeat_at": Now() - timedelta(seconds=seconds_ago),
            },
        )
        return Worker.objects.get(pk=name)

    return beat


def queued(**options: Any) -> Job:
    return lifecycle.submit(KIND, {"act": "ok"}, **options)


def running(job: Job | None = None, *, worker: str = "w1", slot: int | None = None, resource: str = "") -> Job:
    """Let a worker claim a job."""
    started = lifecycle.start(
        Job.objects.filter(pk=(job or queued()).pk),
        worker=worker,
        resource=resource,
        slot=slot,
        lease=timedelta(seconds=30),
        require=lambda _: True,
    )
    assert started is not None
    return started


def failed(**options: Any) -> Job:
    return lifecycle.fail(running(queued(**options)), InvalidInput("It is empty.", code="empty_file"))


def late(job: Job, seconds: float = 60) -> Job:
    """Let the lease of a running job run out so long ago."""
    Job.objects.filter(pk=job.pk).update(lease_expires_at=Now() - timedelta(seconds=seconds))
    job.refresh_from_db()
    return job
