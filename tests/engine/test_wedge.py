"""The canary: a cluster whose idle workers claim nothing although jobs are due ends itself, and no other does."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

import pytest
from django.conf import settings
from django.db.models.functions import Now

from jobs.engine import claiming, shutdown, ticker
from jobs.models import Job, Worker

pytestmark = pytest.mark.usefixtures("any_database")

HERE = f"{socket.gethostname()}:1:0"


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Filled when the cluster would have ended itself."""
    exits: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, signal: None)
    monkeypatch.setattr(shutdown, "kill_parent", lambda: None)
    monkeypatch.setattr(os, "_exit", exits.append)
    Worker.objects.create(name=HERE, cluster=settings.SIRA_CLUSTER_NAME)
    return exits


def watch_for_31_seconds(act: Any, monkeypatch: pytest.MonkeyPatch, *, claimed_by: str) -> None:
    """Let jobs be due for longer than a healthy cluster leaves them, while somebody claims and ends one."""
    canary = ticker.Ticker()
    act()
    act()
    canary._watch_for_wedge()
    if claimed_by:
        job = claiming.claim(claimed_by)
        assert job is not None
        Job.objects.filter(pk=job.pk).update(state="succeeded", lease_expires_at=None, worker="", slot=None)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + ticker.WEDGED_AFTER_SECONDS + 1)
    canary._watch_for_wedge()


def test_a_cluster_that_claims_nothing_ends_itself(act, ended, monkeypatch):
    watch_for_31_seconds(act, monkeypatch, claimed_by="")
    assert ended == [1]


def test_a_cluster_that_claims_goes_on(act, ended, monkeypatch):
    watch_for_31_seconds(act, monkeypatch, claimed_by=HERE)
    assert ended == []


def test_what_another_host_claims_says_nothing_of_this_one(act, ended, monkeypatch):
    watch_for_31_seconds(act, monkeypatch, claimed_by="elsewhere:1:0")
    assert ended == [1]


def test_what_was_claimed_before_the_jobs_were_due_says_nothing(act, ended, monkeypatch):
    act()
    job = claiming.claim(HERE)
    assert job is not None
    Job.objects.filter(pk=job.pk).update(state="succeeded", lease_expires_at=None, worker="", slot=None)
    watch_for_31_seconds(act, monkeypatch, claimed_by="")
    assert ended == [1]


def test_a_cluster_in_which_nobody_replaces_the_dead_ends_itself(ended, monkeypatch):
    Worker.objects.update(heartbeat_at=Now() - 5 * settings.SIRA_LEASE)
    monkeypatch.setattr(shutdown, "is_sibling", lambda pid: True)  # killed, and nobody has looked after it
    canary = ticker.Ticker()
    canary._forget_silent_workers()
    assert ended == []
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + ticker.UNBURIED_AFTER_SECONDS + 1)
    canary._forget_silent_workers()
    assert ended == [1]
