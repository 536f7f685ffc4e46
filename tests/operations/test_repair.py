"""What is stuck, the evidence, and the step: each in the words that an operator reads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from jobs import lifecycle
from jobs.lifecycle import Submission
from jobs.models import Job
from jobs.operations import carry_out_here, describe_plan, plan, say
from jobs.operations.repair import SHOWN_ALIKE, diagnose, find_stuck
from tests.operations.conftest import KIND, failed, late, queued, running

pytestmark = pytest.mark.django_db


def diagnosis(job: Job) -> tuple[str, str]:
    """Return the code of the step, "" for none, and the code of the evidence."""
    (found,) = diagnose([Job.objects.get(pk=job.pk)])
    assert say(found.evidence) != found.evidence["code"], "it has no sentence"
    return (found.step.code if found.step else ""), found.evidence["code"]


def stuck() -> list[Job]:
    ids, _alike = find_stuck(Job.objects.all())
    return list(Job.objects.filter(pk__in=ids).order_by("id"))


def repair(job: Job) -> Job:
    made = plan("repair", [job.pk], via="terminal", reason="it is stuck")
    carry_out_here(made)
    assert made.steps.get().outcome == "done"
    return Job.objects.get(pk=job.pk)


def change(job: Job, **values) -> Job:
    Job.objects.filter(pk=job.pk).update(**values)
    return job


# --- a worker that is lost ----------------------------------------------------------------------------------------
def test_a_job_whose_worker_is_gone_goes_back_into_the_queue():
    job = late(running())
    assert stuck() == [job]
    assert diagnosis(job) == ("rescue", "lease_expired")
    assert repair(job).state == "queued"


def test_a_worker_that_is_heard_of_but_renews_no_lease_may_still_write(alive):
    alive("w1")
    job = late(running())
    assert diagnosis(job) == ("rescue_from_living", "lease_expired_heard")
    words = describe_plan(diagnose([job])[0])
    assert (words.level, words.risk) == ("medium", "medium")
    assert "may still be at work on another host; whatever it writes is refused" in words.warning


def test_the_last_attempt_that_is_lost_is_a_failure():
    job = late(running(queued(max_attempts=1)))
    assert diagnosis(job) == ("rescue_last", "lease_expired")
    assert repair(job).error_code == "worker_lost"


def test_a_lost_job_that_was_to_stop_is_cancelled():
    job = running()
    lifecycle.cancel(job.pk)
    assert diagnosis(late(job)) == ("rescue_stopping", "lease_expired")
    assert repair(job).state == "cancelled"


def test_nothing_is_taken_from_a_silent_worker_before_its_lease_is_out(alive):
    alive("w1", seconds_ago=3600)
    job = running()
    assert stuck() == [job]
    assert diagnosis(job) == ("", "silent_worker")
    said = say(diagnose([job])[0].evidence)
    assert f"its lease runs until {timezone.localtime(job.lease_expires_at):%H:%M:%S}" in said
    assert lifecycle.rescue(only=job.pk) == []


def test_evidence_says_that_the_job_holds_what_others_need():
    job = late(running(slot=0, resource="gpu"))
    assert say(diagnose([job])[0].evidence).endswith("It holds the gpu.")


def test_an_attempt_past_its_time_whose_worker_lives_is_shown_and_not_taken(alive):
    alive("w1")
    job = change(running(), processing_at=Now() - timedelta(minutes=10))
    assert stuck() == [job]
    assert diagnosis(job) == ("", "over_time")


# --- what nobody moves on -----------------------------------------------------------------------------------------
def test_a_batch_whose_parts_have_all_ended_sums_up():
    parent = lifecycle.submit_batch(Submission("workload.sum_up"), [Submission(KIND, {"act": "ok"})])
    assert diagnosis(parent) == ("", "waits_for_parts")
    change(parent.children.get(), state="succeeded", succeeded_at=Now())
    assert parent in stuck()
    assert diagnosis(parent) == ("sum_up", "parts_ended")
    assert repair(parent).state == "queued"


def test_a_job_that_was_due_long_ago_is_queued():
    job = lifecycle.submit(KIND, {}, run_after=timezone.now() + timedelta(hours=1))
    assert diagnosis(job) == ("", "waits_for_time")
    assert stuck() == []
    change(job, run_after=Now() - timedelta(minutes=5))
    assert stuck() == [job]
    assert diagnosis(job) == ("promote", "due_unqueued")
    assert repair(job).state == "queued"


def test_a_job_that_waits_past_its_deadline_fails(alive):
    alive()
    job = change(queued(), deadline_at=Now() - timedelta(minutes=5))
    assert stuck() == [job]
    assert diagnosis(job) == ("expire", "past_deadline")
    assert repair(job).error_code == "deadline_exceeded"


# --- what needs something else than a step ------------------------------------------------------------------------
def test_a_queue_without_a_worker_says_what_to_start(alive):
    alive("gpu-1", queues=("gpu",))
    job = queued()
    assert stuck() == [job]
    assert diagnosis(job) == ("", "no_worker")
    assert "Start one: Q_CLUSTER_NAME or WORKER_QUEUES must name it." in say(diagnose([job])[0].evidence)
    alive("w1")
    assert stuck() == []
    assert diagnosis(job) == ("", "waits")


def test_a_paused_queue_says_who_paused_it_and_why(alive):
    alive()
    job = queued()
    lifecycle.pause_queue("default", by="oya", reason="the disk is full")
    assert diagnosis(job) == ("", "queue_paused")
    assert "paused by oya: the disk is full" in say(diagnose([job])[0].evidence)


def test_a_kind_that_this_release_does_not_know_is_said(alive):
    alive()
    job = change(queued(), kind="letters.count_words")
    assert stuck() == [job]
    assert diagnosis(job) == ("", "unknown_kind")


def test_a_job_behind_a_stuck_holder_names_the_holder(alive):
    alive()
    holder = running(lifecycle.submit("workload.use_gpu", {}), slot=0, resource="gpu", worker="w1")
    waiting = lifecycle.submit("workload.use_gpu", {})
    assert stuck() == []
    late(holder)
    assert {job.pk for job in stuck()} == {holder.pk, waiting.pk}
    assert diagnosis(waiting) == ("", "holder_stuck")
    assert str(holder.pk) in say(diagnose([waiting])[0].evidence)


def test_many_that_wait_for_the_same_are_shown_as_some_and_a_number():
    for _ in range(SHOWN_ALIKE + 3):
        queued()
    made = plan("repair", {}, via="terminal")
    assert made.steps.count() == SHOWN_ALIKE
    assert say(made.steps.last().evidence).endswith("3 more wait for the same.")


# --- what is not stuck --------------------------------------------------------------------------------------------
def test_what_is_at_work_or_has_ended_is_not_stuck(alive):
    alive()
    job, over = running(), failed()
    assert stuck() == []
    assert diagnosis(job) == ("", "at_work")
    assert diagnosis(over) == ("", "has_ended")


def test_a_filter_narrows_what_is_looked_for():
    mine, other = late(running(queued(session_id="s1"))), late(running(queued(session_id="s2")))
    made = plan("repair", {"session_id": "s1"}, via="terminal")
    assert [step.job_id for step in made.steps.all()] == [mine.pk]
    assert other.state == "processing"


def test_a_job_that_recovered_by_itself_is_left_alone_and_that_is_said(alive):
    job = late(running())
    made = plan("repair", [job.pk], via="terminal", reason="it is stuck")
    alive()
    lifecycle.rescue()  # a cluster came back and did it
    carry_out_here(made)
    step = made.steps.get()
    assert (step.outcome, step.why, step.after["state"]) == ("skipped", "recovered", "queued")
