"""Every job ends within its deadline, and one that waited too long says what for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from jobs import deadlines, lifecycle
from jobs.errors import InvalidInput, Unavailable
from jobs.kinds import job_kind, registry
from jobs.lifecycle import Submission
from jobs.models import Job, RateLimit, Worker
from jobs.positions import Explanation

pytestmark = pytest.mark.django_db
WEEK = timedelta(days=7)


def left(job: Job) -> timedelta:
    job.refresh_from_db()
    assert job.deadline_at is not None
    return job.deadline_at - timezone.now()


def about(expected: timedelta) -> Any:
    return pytest.approx(expected.total_seconds(), abs=30)


def overdue(job: Job) -> Job:
    Job.objects.filter(pk=job.pk).update(deadline_at=Now() - timedelta(seconds=1))
    return job


def why_it_failed(job: Job) -> str:
    assert lifecycle.fail_past_deadline() == 1
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "deadline_exceeded")
    return job.error_message


@pytest.fixture
def worker() -> None:
    Worker.objects.create(name="host:1:a", cluster="sira", queues=[])


def test_every_job_has_a_deadline_that_is_counted_from_when_it_is_due(act):
    assert left(act()).total_seconds() == about(WEEK)
    later = timezone.now() + timedelta(days=10)
    assert left(act(run_after=later)).total_seconds() == about(timedelta(days=17))
    minute = timedelta(minutes=1)
    assert left(act(timeout=minute)).total_seconds() == about(minute)
    assert left(act(timeout=minute, run_after=later)).total_seconds() == about(timedelta(days=10) + minute)


def test_a_batch_does_not_end_before_its_parts_have_to():
    @job_kind("workload.take_ages", deadline=timedelta(days=20))
    def take_ages(job: Any) -> None:
        """Take ages."""

    try:
        parent = lifecycle.submit_batch(Submission("workload.sum_up"), [Submission("workload.take_ages")])
        assert parent.deadline_at == parent.children.get().deadline_at
        assert left(parent).total_seconds() == about(20 * timedelta(1))
        job = parent.children.get()
        lifecycle.cancel(job.pk)
        assert lifecycle.requeue(job.pk)
        assert left(job).total_seconds() == about(20 * timedelta(1))
    finally:
        registry.remove("workload.take_ages")


def test_whoever_runs_a_job_again_gives_it_a_new_deadline(act, claim):
    job = act(timeout=timedelta(minutes=1))
    lifecycle.fail(claim(), InvalidInput("x"))
    assert lifecycle.requeue(overdue(job).pk)
    assert left(job).total_seconds() == about(WEEK)
    assert lifecycle.fail_past_deadline() == 0


def test_a_job_that_nobody_worked_on_says_so(act):
    assert "No worker served its queue." in why_it_failed(overdue(act()))


def test_a_job_of_a_paused_queue_says_so(act, worker):
    job = overdue(act())
    lifecycle.pause_queue("default", by="ada", reason="private")
    message = why_it_failed(job)
    assert "Its queue was paused." in message
    assert "private" not in message
    assert job.events.order_by("seq").last().data == {"code": "deadline_exceeded", "message": message}


def test_a_job_that_waits_for_a_resource_says_so(act, claim, worker):
    act(kind="workload.use_gpu")
    claim()
    assert "in use by other jobs" in why_it_failed(overdue(act(kind="workload.use_gpu")))


def test_a_job_that_waits_for_a_rate_limit_says_so(act, worker):
    later = timezone.now() + timedelta(hours=1)
    RateLimit.objects.create(key="workload", theoretical_arrival_at=later, ready_at=later)
    assert "A rate limit held it back." in why_it_failed(overdue(act(kind="workload.call_limited")))


def test_a_job_of_a_busy_queue_says_so(act, worker):
    assert "All workers were busy" in why_it_failed(overdue(act()))


def test_a_job_of_an_unknown_kind_says_so(act):
    job = overdue(act())
    Job.objects.filter(pk=job.pk).update(kind="gone.with_release")
    assert "knew its kind" in why_it_failed(job)


def test_a_job_between_two_attempts_says_so(act, claim):
    job = act()
    lifecycle.retry_later(claim(), Unavailable("x"), timedelta(hours=1))
    assert "the next one was still to come" in why_it_failed(overdue(job))


def test_a_batch_whose_parts_have_not_ended_says_so_and_takes_them_along():
    parent = lifecycle.submit_batch(Submission("workload.sum_up"), [Submission("workload.do_nothing")])
    assert "Some of its parts had not ended." in why_it_failed(overdue(parent))
    assert parent.children.get().state == "cancelled"


def test_jobs_that_waited_for_different_things_are_ended_in_one_go(act, worker):
    for job in (act(), act(kind="workload.use_gpu"), act(run_after=timezone.now() + timedelta(hours=1))):
        overdue(job)
    lifecycle.pause_queue("gpu", by="ada")
    assert lifecycle.fail_past_deadline() == 3
    assert len(set(Job.objects.values_list("error_message", flat=True))) == 3


def test_every_reason_to_wait_has_its_sentence():
    codes = (Explanation.__doc__ or "").split("programs: ")[1].split(";")[0].replace("\n", " ").split(",")
    assert {code.strip() for code in codes} - {"turn"} == set(deadlines.WHY)


def test_what_a_lost_worker_left_behind_is_ended_when_somebody_asks(act, claim):
    job = act()
    claim()
    assert not lifecycle.settle_overdue(overdue(job)), "its worker may be alive"
    Job.objects.filter(pk=job.pk).update(lease_expires_at=Now() - timedelta(seconds=1))
    job.refresh_from_db()
    assert lifecycle.settle_overdue(job)
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "deadline_exceeded")


def test_the_tick_finds_overdue_jobs_by_an_index(any_database: str):
    if any_database == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off")
    plan = Job.objects.past_deadline().order_by("deadline_at")[: lifecycle.SWEEP].explain()
    assert "job_deadline" in plan
