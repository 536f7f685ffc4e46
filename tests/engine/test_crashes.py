"""SIGKILL, everywhere. Every job ends, each result is committed once, a thawed worker writes nothing."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db.models.functions import Now

from jobs import lifecycle
from jobs.models import Job
from tests.engine.conftest import event_types
from tests.engine.test_workers import OWN_QUEUES, QUICK_LEASE, fresh, submit, wait_for
from tests.harness.proc import is_alive
from tests.harness.processes import ServerStack
from tests.harness.waiting import wait_until
from tests.workload.models import LedgerEntry

#: From SIGKILL of a worker to the end of its job, with the default lease of 30 s (issue: within 45 s).
RECOVERY_SECONDS = 45


def all_succeed_once(jobs: list[Job], *, timeout: float = 60) -> None:
    """Wait until every job has succeeded and see that each result was committed exactly once."""

    def states() -> Counter[str]:
        return Counter(Job.objects.filter(pk__in=[job.pk for job in jobs]).values_list("state", flat=True))

    wait_until(
        lambda: states() == {"succeeded": len(jobs)}, timeout=timeout, message=lambda: f"all succeed: {states()}"
    )
    entries = Counter(LedgerEntry.objects.values_list("job_id", flat=True))
    assert {job.pk: entries[job.pk] for job in jobs if entries[job.pk] != 1} == {}
    assert all(event_types(job).count("succeeded") == 1 for job in jobs)


def load(count: int, seconds: float = 0.2) -> list[Job]:
    return [submit("sleep", seconds=seconds, value=n) for n in range(count)]


def busy_pid(job: Job) -> int:
    return int(fresh(job).worker.split(":")[1])


def end_workers(stack: ServerStack) -> list[int]:
    return stack.children().workers


def test_a_job_of_a_killed_worker_is_done_within_45_seconds_under_the_default_lease(server_stack, postgresql_url):
    stack = server_stack(web=False, database_url=postgresql_url, env=OWN_QUEUES)
    with stack.database():
        job = submit("sleep", seconds=1.5)
        wait_for(job, "processing")
        killed_at = time.monotonic()
        os.kill(busy_pid(job), signal.SIGKILL)
        all_succeed_once([job], timeout=RECOVERY_SECONDS)
        assert time.monotonic() - killed_at < RECOVERY_SECONDS
        assert event_types(job) == ["created", "started", "rescued", "started", "succeeded"]
        assert fresh(job).attempt == 2


def test_a_cluster_survives_the_death_of_its_busy_workers(server_stack, any_database_url):
    stack = server_stack(web=False, database_url=any_database_url, env=QUICK_LEASE)
    with stack.database():
        jobs = load(12, seconds=0.5)
        for _ in range(3):
            running = wait_until(
                lambda: Job.objects.running().filter(processing_at__gt=Now() - timedelta(seconds=0.4)).first()
            )
            os.kill(busy_pid(running), signal.SIGKILL)
            time.sleep(1)
        all_succeed_once(jobs)


def test_a_cluster_goes_on_after_every_idle_worker_was_killed_four_times(server_stack, any_database_url):
    stack = server_stack(web=False, database_url=any_database_url, env=QUICK_LEASE)
    with stack.database():
        for _ in range(4):
            for pid in end_workers(stack):
                os.kill(pid, signal.SIGKILL)
            all_succeed_once(load(3, seconds=0), timeout=20)


@pytest.mark.parametrize("kind", ["workload.die_afterwards", "workload.die_counting"])
def test_a_worker_that_is_killed_while_it_reports_to_its_cluster_is_replaced(server_stack, kind):
    stack = server_stack(web=False, workers=1, env=QUICK_LEASE)
    (pid,) = end_workers(stack)
    with stack.database():
        wait_for(lifecycle.submit(kind, {}), "succeeded")
        wait_until(lambda: not is_alive(pid))
        all_succeed_once(load(3, seconds=0), timeout=20)
        (pid,) = end_workers(stack)
        os.kill(pid, signal.SIGKILL)  # and so is the one that took its place
        all_succeed_once(load(3, seconds=0), timeout=20)


@pytest.mark.parametrize("role", ["pusher", "monitor", "sentinel", "main"])
def test_every_job_ends_after_the_death_of_the(server_stack, any_database_url, role):
    stack = server_stack(web=False, database_url=any_database_url, env=QUICK_LEASE)
    with stack.database():
        jobs = load(8, seconds=0.5)
        wait_until(lambda: Job.objects.running().count() == 2)
        os.kill(getattr(stack.children(), role), signal.SIGKILL)
        if role in ("sentinel", "main"):
            service = stack.services["sira"]
            wait_until(lambda: service.reap() is not None, message="main ends too, for a supervisor to see")
            wait_until(lambda: not service.members(), timeout=30, message=lambda: f"no orphan: {service.members()}")
            stack.start("sira")
        jobs += load(3, seconds=0)
        all_succeed_once(jobs)


def test_every_job_ends_after_a_power_cut(server_stack, any_database_url):
    stack = server_stack(web=False, database_url=any_database_url, env=QUICK_LEASE)
    with stack.database():
        jobs = load(12, seconds=0.3)
        for _ in range(2):
            wait_until(lambda: Job.objects.running().count() == 2)
            time.sleep(0.2)
            stack.kill_whole("sira")
            stack.start("sira")
        all_succeed_once(jobs)


@pytest.mark.parametrize("how", ["immediate", "kill"])
def test_every_job_ends_after_the_database_was_restarted(server_stack, own_postgresql, how):
    from tests.harness.postgres import create_database

    url = create_database(own_postgresql.url(), "crashes")
    stack = server_stack(web=False, database_url=url, env=QUICK_LEASE)
    workers = end_workers(stack)
    with stack.database():
        jobs = load(16, seconds=0.4)
        wait_until(lambda: Job.objects.running().count() == 2)
    if how == "kill":
        own_postgresql.kill()
        time.sleep(3)
        own_postgresql.start()
    else:
        own_postgresql.restart(how)
    with stack.database():
        all_succeed_once(jobs)
        assert end_workers(stack) == workers, "no process of the cluster died of it"
        late = submit("ok")
        wait_for(late, "succeeded", timeout=5)


def test_a_worker_that_was_frozen_for_longer_than_its_lease_writes_nothing_when_it_thaws(
    server_stack, any_database_url
):
    stack = server_stack(web=False, database_url=any_database_url, env=QUICK_LEASE)
    with stack.database():
        job = submit("sleep", seconds=2)
        wait_for(job, "processing")
        time.sleep(0.5)
        frozen = busy_pid(job)
        os.kill(frozen, signal.SIGSTOP)
        try:
            done = wait_for(job, "succeeded", timeout=30)
            assert done.attempt == 2
        finally:
            os.kill(frozen, signal.SIGCONT)
        wait_until(lambda: "superseded" in event_types(job), message=lambda: str(event_types(job)))
        time.sleep(0.5)
        assert fresh(job).result == done.result
        assert fresh(job).attempt == 2
        all_succeed_once([job])
        after = submit("ok")
        wait_for(after, "succeeded")


def test_a_job_that_kills_its_worker_every_time_fails_and_takes_nobody_along(server_stack, any_database_url):
    stack = server_stack(web=False, database_url=any_database_url, env=QUICK_LEASE)
    with stack.database():
        killer: Any = submit("kill", max_attempts=2)
        others = load(6, seconds=0.1)
        failed = wait_for(killer, "failed", timeout=40)
        assert (failed.error_code, failed.attempt) == ("worker_lost", 2)
        all_succeed_once(others)


def test_two_clusters_lose_and_double_nothing_while_their_processes_are_killed(server_stack, any_database_url):
    stack = server_stack(web=False, database_url=any_database_url, cluster_names=("sira", "sira"), env=QUICK_LEASE)
    with stack.database():
        # A job that is killed three times fails by design; here every death is ours, so it may have more attempts.
        jobs = [submit("sleep", seconds=0.15, value=n, max_attempts=20) for n in range(60)]
        gpu = [submit("sleep", kind="workload.use_gpu", seconds=0.1, max_attempts=20) for _ in range(10)]
        for turn in range(6):
            time.sleep(0.7)
            roles = stack.children("sira" if turn % 2 else "sira-2")
            os.kill([roles.workers[0], roles.pusher, roles.workers[1]][turn % 3], signal.SIGKILL)
        all_succeed_once(jobs + gpu, timeout=90)
        spans = sorted((job.processing_at, job.succeeded_at) for job in map(fresh, gpu))
        assert [pair for pair in pairwise(spans) if pair[0][1] > pair[1][0]] == []
