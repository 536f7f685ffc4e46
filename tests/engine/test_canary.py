"""The canary of the ticker: a cluster ends itself when it is wedged, and only then."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db.models.functions import Now

from jobs import lifecycle
from jobs.engine import shutdown, ticker
from jobs.models import JobEvent, Worker

pytestmark = pytest.mark.django_db
LONG = ticker.WEDGED_AFTER_SECONDS + 1


class Ended(Exception):
    pass


@pytest.fixture
def worker() -> str:
    """The one worker of this cluster."""
    name = f"{socket.gethostname()}:{os.getpid()}:a"
    Worker.objects.create(name=name, cluster=settings.SIRA_CLUSTER_NAME)
    return name


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A function that lets the canary look at a moment, in seconds. Raises Ended when the cluster would end."""

    def end(status: int) -> None:
        raise Ended

    monkeypatch.setattr(ticker.os, "kill", lambda *_: None)
    monkeypatch.setattr(shutdown, "kill_parent", lambda: None)
    monkeypatch.setattr(ticker.os, "_exit", end)
    canary = ticker.Ticker()

    def look_at(moment: float) -> None:
        monkeypatch.setattr(ticker.time, "monotonic", lambda: moment)
        canary._watch_for_wedge()

    return look_at


def long_ago() -> None:
    JobEvent.objects.update(created_at=Now() - timedelta(seconds=LONG))


def test_a_worker_that_is_idle_for_long_while_work_is_due_ends_its_cluster(
    act: Any, worker: str, look: Callable[[float], None]
) -> None:
    act()
    look(1)
    look(LONG - 2)
    with pytest.raises(Ended):
        look(1 + LONG)


def test_a_worker_that_ends_a_long_job_has_time_to_claim_the_next(
    act: Any, claim: Any, worker: str, look: Callable[[float], None]
) -> None:
    act()
    running = claim(worker)
    act()  # waits for the one worker
    for moment in range(1, int(LONG)):
        look(moment)
    long_ago()
    lifecycle.succeed(running, {})
    look(LONG)  # between one job and the next
    look(LONG + 1)
    with pytest.raises(Ended):
        look(2 * LONG)
