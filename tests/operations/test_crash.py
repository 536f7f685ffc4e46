"""A plan whose worker is killed goes on where it stopped, and does nothing twice."""

from __future__ import annotations

import os
import signal
from datetime import timedelta

import pytest
from django.db.models import Count
from django.utils import timezone

from jobs import lifecycle
from jobs.lifecycle import Submission
from jobs.models import AuditEntry, Job, JobEvent, OperationPlan
from jobs.operations import carry_out, counts, plan
from tests.harness.waiting import wait_until
from tests.operations.conftest import KIND

QUICK = {"HEARTBEAT_SECONDS": "1", "LEASE_SECONDS": "3", "WORKER_QUEUES": "default"}
JOBS = 600


def test_a_plan_survives_the_death_of_its_worker_and_does_nothing_twice(server_stack, any_database_url):
    stack = server_stack(workers=1, web=False, database_url=any_database_url, env=QUICK)
    tomorrow = timezone.now() + timedelta(days=1)
    with stack.database():
        lifecycle.submit_many(Submission(KIND, {"act": "ok"}, run_after=tomorrow) for _ in range(JOBS))
        made = plan("cancel", {"kind": KIND}, via="terminal", reason="they were sent twice")
        (killed,) = stack.children().workers
        job = carry_out(made)
        wait_until(lambda: counts(made)["done"] > JOBS // 20, timeout=30, message=lambda: str(counts(made)))
        os.kill(killed, signal.SIGKILL)
        midway = counts(made)["done"]
        assert midway < JOBS, "the plan was over before the worker was killed"

        wait_until(lambda: Job.objects.get(pk=job.pk).is_finished, timeout=60, message=lambda: str(counts(made)))
        job = Job.objects.get(pk=job.pk)
        assert (job.state, job.attempt) == ("succeeded", 2)
        assert counts(made) | {"excluded": 0} == {
            "jobs": JOBS, "planned": JOBS, "done": JOBS, "skipped": 0, "excluded": 0, "nothing": 0, "to_do": 0,
        }  # fmt: skip
        of_each = AuditEntry.objects.filter(action="cancel").values("target").annotate(n=Count("pk")).order_by()
        assert (of_each.count(), set(of_each.values_list("n", flat=True))) == (JOBS, {1})
        events = JobEvent.objects.filter(type="cancelled").values("job").annotate(n=Count("pk")).order_by()
        assert (events.count(), set(events.values_list("n", flat=True))) == (JOBS, {1})
        assert OperationPlan.objects.get().job == job


@pytest.mark.parametrize("name", ["cancel", "requeue"])
def test_ten_times_a_hundred_jobs_by_filter_take_few_statements_each(postgresql, name, django_assert_max_num_queries):
    tomorrow = timezone.now() + timedelta(days=1)
    lifecycle.submit_many(Submission(KIND, {"act": "ok"}, run_after=tomorrow) for _ in range(1000))
    if name == "requeue":
        Job.objects.update(state="failed", failed_at=timezone.now(), run_after=None)
    with django_assert_max_num_queries(40):
        made = plan(name, {"kind": KIND}, via="terminal", reason="they were sent twice")
    assert counts(made)["planned"] == 1000
