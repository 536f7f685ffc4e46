"""Staff of three kinds, and jobs in the states that matter to them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db.models.functions import Now
from django.test import Client

from jobs import lifecycle
from jobs.errors import InvalidInput
from jobs.models import Job
from jobs.states import State

KIND = "jobs.prune_expired"  # the engine's own: the desk's tests need no app


def client_of(name: str, *permissions: str) -> Client:
    user = get_user_model().objects.create_user(name, password=name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


VIEW = (
    "view_job", "view_queuecontrol", "view_worker", "view_receipt", "view_ratelimit", "view_operationplan",
    "view_auditentry",
)  # fmt: skip
#: All that can be done at the desk.
OPERATE = (
    "requeue_job", "cancel_job", "repair_job", "take_resource", "forget_job", "pause_queue", "drain_queue",
    "reset_ratelimit", "operate_schedule",
)  # fmt: skip


@pytest.fixture
def viewer(db: None) -> Client:
    """May look at everything and change nothing."""
    return client_of("vera", *VIEW)


@pytest.fixture
def operator(db: None) -> Client:
    return client_of("oya", *VIEW, *OPERATE)


@pytest.fixture
def make_job(db: None) -> Callable[..., Job]:
    """A function that brings a new job into a state by the moves that lead there."""

    def make(state: str = "queued", **options: Any) -> Job:
        job = lifecycle.submit(KIND, **options)
        if state == "queued":
            return job
        if state == "cancelled":
            lifecycle.cancel(job.pk, by="test")
            job.refresh_from_db()
            return job
        running = lifecycle.start(
            Job.objects.filter(pk=job.pk),
            worker="w1",
            resource="",
            slot=None,
            lease=timedelta(seconds=30),
            require=lambda _: True,
        )
        assert running is not None
        if state == "failed":
            return lifecycle.fail(
                running, InvalidInput("It is empty.", code="empty_file"), traceback="Traceback: line 7"
            )
        if state == "succeeded":
            return lifecycle.succeed(running, {"done": True})
        if state == "stuck":
            Job.objects.filter(pk=job.pk).update(lease_expires_at=Now() - timedelta(minutes=5))
        job.refresh_from_db()
        assert job.state == (State.PROCESSING if state == "stuck" else state)
        return job

    return make


@pytest.fixture
def messages_of() -> Callable[[Any], str]:
    """A function that returns what a followed response told the operator."""
    return lambda response: "\n".join(str(message) for message in response.context["messages"])
