"""Real clusters: how attempts end, how they are stopped, how workers leave."""

from __future__ import annotations

import os
import signal
import time
from itertools import pairwise
from typing import Any

import pytest

from jobs import lifecycle
from jobs.models import Job
from tests.engine.conftest import event_types
from tests.harness.waiting import wait_until
from tests.workload.models import LedgerEntry

#: The queues of tests.workload: workers that serve no other have no CV parser to load.
OWN_QUEUES = {"WORKER_QUEUES": "default,gpu"}
#: Leases short enough that a test can wait for one to run out.
QUICK_LEASE = OWN_QUEUES | {"LEASE_SECONDS": "4", "HEARTBEAT_SECONDS": "1"}


def submit(act: str, *, kind: str = "workload.act_out", **values: Any) -> Job:
    options = {key: values.pop(key) for key in ("priority", "owner", "max_attempts") if key in values}
    return lifecycle.submit(kind, {"act": act, "seconds": 0, "until_attempt": 0, "value": 0} | values, **options)


def fresh(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def wait_for(job: Job, *states: str, timeout: float = 20) -> Job:
    return wait_until(
        lambda: (found := fresh(job)).state in states and found,
        timeout=timeout,
        message=lambda: f"{states}, but it is {fresh(job).state}: {event_types(job)}",
    )


def test_each_way_an_attempt_can_end(server_stack, any_database_url):
    stack = server_stack(web=False, database_url=any_database_url, env=QUICK_LEASE)
    with stack.database():
        ok = submit("ok", value=7)
        bug = submit("bug", value=4711)
        invalid = submit("invalid")
        flaky = submit("unavailable", until_attempt=3)
        down = submit("unavailable")
        limited = submit("limited", until_attempt=2, seconds=0.2)
        unstorable = submit("unstorable")
        steps = submit("steps", seconds=1)
        assert wait_for(ok, "succeeded").result == {"value": 7, "attempt": 1}
        failed = wait_for(bug, "failed")
        assert (failed.error_code, failed.attempt) == ("internal_error", 1)
        assert "ZeroDivisionError" in failed.error_traceback
        assert "tasks.py" in failed.error_traceback
        assert "4711" not in failed.error_message + failed.error_traceback, "a message may quote a document"
        failed = wait_for(invalid, "failed")
        assert (failed.error_code, failed.attempt, failed.error_traceback) == ("empty_file", 1, "")
        assert wait_for(flaky, "succeeded").attempt == 3
        assert event_types(flaky).count("retry_scheduled") == 2
        failed = wait_for(down, "failed")
        assert (failed.error_code, failed.attempt) == ("unavailable", 3)
        assert wait_for(limited, "succeeded").attempt == 1, "a rate limit costs no attempt"
        assert wait_for(unstorable, "failed").error_code == "internal_error"
        done = wait_for(steps, "succeeded")
        assert [event.stage for event in done.events.filter(type="progress")] == [f"step{n}" for n in range(10)]
        assert LedgerEntry.objects.filter(job_id=unstorable.pk).count() == 0, "result and rows are stored together"
        assert LedgerEntry.objects.filter(job_id=ok.pk).count() == 1


def test_what_a_kind_needs_is_loaded_once_and_inherited_by_every_worker(server_stack):
    stack = server_stack(web=False, workers=1, env=QUICK_LEASE)
    roles = stack.children()
    with stack.database():
        result = wait_for(lifecycle.submit("workload.tell_loader", {}), "succeeded").result
        assert result == {"loaded_in": [roles.sentinel], "ran_in": roles.workers[0]}
        os.kill(roles.workers[0], signal.SIGKILL)
        result = wait_for(lifecycle.submit("workload.tell_loader", {}), "succeeded").result
        assert result["loaded_in"] == [roles.sentinel]
        assert result["ran_in"] != roles.workers[0]


def test_a_running_job_stops_within_two_seconds_of_a_cancel_even_inside_c_code(server_stack, any_database_url):
    stack = server_stack(web=False, database_url=any_database_url, env=OWN_QUEUES)
    workers = stack.children().workers
    with stack.database():
        for act in ("sleep", "stuck"):
            job = submit(act, seconds=40)
            wait_for(job, "processing")
            time.sleep(0.3)
            asked = time.monotonic()
            lifecycle.cancel(job.pk)
            wait_for(job, "cancelled", timeout=10)
            assert time.monotonic() - asked < 2.5, act  # two seconds and the time to see it
            assert LedgerEntry.objects.filter(job_id=job.pk).count() == 0
        after = submit("ok")
        wait_for(after, "succeeded")
        assert len(set(stack.children().workers) & set(workers)) == 1, "the worker that was stuck was replaced"


def test_an_attempt_that_takes_too_long_is_ended_and_tried_again(server_stack, any_database_url):
    stack = server_stack(web=False, database_url=any_database_url, env=OWN_QUEUES)
    with stack.database():
        slow = submit("sleep", kind="workload.act_briefly", seconds=30, max_attempts=2)
        stuck = submit("stuck", kind="workload.act_briefly", seconds=30, max_attempts=1)
        for job, attempts in ((slow, 2), (stuck, 1)):
            failed = wait_for(job, "failed", timeout=30)
            assert (failed.error_code, failed.attempt) == ("timed_out", attempts)
            assert "1 seconds" in failed.error_message


@pytest.mark.parametrize("whole_group", [False, True], ids=["main alone", "whole group"])
def test_a_drain_lets_short_jobs_finish_and_gives_long_ones_back(server_stack, any_database_url, whole_group):
    stack = server_stack(web=False, database_url=any_database_url, env=OWN_QUEUES | {"DRAIN_GRACE_SECONDS": "3"})
    with stack.database():
        short, long = submit("sleep", seconds=2), submit("sleep", seconds=60)
        wait_for(short, "processing")
        wait_for(long, "processing")
        waiting = [submit("ok") for _ in range(3)]
        if whole_group:
            os.killpg(stack.pid("sira"), signal.SIGTERM)
        began = time.monotonic()
        assert stack.stop("sira", timeout=20) == [], "nothing had to be killed"
        assert time.monotonic() - began < 10
        assert fresh(short).state == "succeeded"
        given_back = fresh(long)
        assert (given_back.state, given_back.attempt) == ("queued", 0)
        assert event_types(long)[-1] == "released"
        assert {fresh(job).state for job in waiting} == {"queued"}
        stack.start("sira")
        for job in waiting:
            wait_for(job, "succeeded")
        wait_for(long, "processing")


def test_sixty_two_jobs_of_mixed_priority_run_in_order_over_two_workers(server_stack, any_database_url):
    stack = server_stack(web=False, database_url=any_database_url, env=OWN_QUEUES)
    with stack.database():
        lifecycle.pause_queue("default", by="test")
        jobs = [submit("sleep", seconds=0.02, priority=(n * 7) % 11, value=n) for n in range(62)]
        lifecycle.resume_queue("default")
        wait_until(lambda: not Job.objects.filter(kind="workload.act_out").unfinished().exists(), timeout=60)
        claimed = sorted((fresh(job) for job in jobs), key=lambda job: job.processing_at)
        violations = [
            (first.priority, second.priority) for first, second in pairwise(claimed) if first.priority < second.priority
        ]
        assert violations == []
        assert LedgerEntry.objects.count() == 62
        assert len(set(LedgerEntry.objects.values_list("worker", flat=True))) == 2, "both workers took part"


def test_a_resource_is_never_held_twice_over_two_clusters_and_waiters_occupy_no_worker(server_stack, any_database_url):
    stack = server_stack(web=False, database_url=any_database_url, cluster_names=("sira", "sira"), env=OWN_QUEUES)
    with stack.database():
        held = [submit("sleep", kind="workload.use_gpu", seconds=0.3, priority=10) for _ in range(10)]
        others = [submit("ok", priority=0) for _ in range(20)]
        for job in others:
            wait_for(job, "succeeded")
        for job in held:
            wait_for(job, "succeeded")
        spans = sorted(job.result["ran"] for job in map(fresh, held))
        overlaps = [pair for pair in pairwise(spans) if pair[0][1] > pair[1][0]]
        assert overlaps == []
        last_held = max(job.processing_at for job in map(fresh, held) if job.processing_at)
        meanwhile = [job for job in map(fresh, others) if job.processing_at < last_held]
        assert len(meanwhile) >= 10, "jobs that wait for the gpu held up the others"


def test_a_named_cluster_serves_its_own_queue_alone(server_stack, any_database_url):
    stack = server_stack(web=False, database_url=any_database_url, cluster_names=("gpu",))
    with stack.database():
        default, gpu = submit("ok"), submit("ok", kind="workload.use_gpu")
        wait_for(gpu, "succeeded")
        time.sleep(1)
        assert fresh(default).state == "queued"


def test_a_batch_spreads_over_workers_and_sums_up_at_the_end(server_stack, any_database_url):
    stack = server_stack(web=False, database_url=any_database_url, env=OWN_QUEUES)
    with stack.database():
        parent = lifecycle.submit_batch(
            lifecycle.Submission("workload.sum_up"),
            [
                lifecycle.Submission(
                    "workload.act_out", {"act": "sleep", "seconds": 0.1, "until_attempt": 0, "value": n}
                )
                for n in range(10)
            ],
        )
        assert wait_for(parent, "succeeded").result == {"sum": 45, "children": 10}
        workers = set(LedgerEntry.objects.exclude(job_id=parent.pk).values_list("worker", flat=True))
        assert len(workers) == 2


def test_a_limited_provider_is_never_asked_more_often_than_allowed(server_stack, any_database_url):
    stack = server_stack(web=False, database_url=any_database_url, env=OWN_QUEUES)
    with stack.database():
        began = time.monotonic()
        jobs = [submit("ok", kind="workload.call_limited") for _ in range(12)]
        for job in jobs:
            wait_for(job, "succeeded")
        took = time.monotonic() - began
        # Two at once, then five a second: the twelfth may go two seconds after the first.
        assert took >= 1.9
        attempts = [fresh(job).fence for job in jobs]
        assert sum(attempts) < 3 * len(jobs), "waiting jobs are not claimed over and over"


def test_a_shower_of_signals_stops_a_cluster_like_one(server_stack):
    stack = server_stack(web=False, env=OWN_QUEUES)
    for _ in range(20):
        os.kill(stack.pid("sira"), signal.SIGTERM)
        os.kill(stack.pid("sira"), signal.SIGINT)
        time.sleep(0.005)
    assert stack.stop("sira", timeout=30) == [], "nothing had to be killed"
