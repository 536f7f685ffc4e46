"""A queue runs, is paused or drains; draining takes nothing new and works off what is there."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.db import IntegrityError
from django.db.models.functions import Now

from jobs import lifecycle, positions, queue_modes
from jobs.engine import claiming, schedules, worker
from jobs.errors import Unavailable
from jobs.lifecycle import Submission
from jobs.models import AuditEntry, Job, QueueControl, Worker
from jobs.queue_modes import QueueDraining
from tests.engine.playing import batch, claim, fail, fresh, succeed

pytestmark = pytest.mark.django_db


@pytest.fixture
def draining(act):
    """A job that waits in a queue which then drains."""
    job = act()
    lifecycle.drain_queue("default", by="ada", reason="the disk is changed")
    return job


def test_a_draining_queue_takes_nothing_new_and_says_who_and_why(draining, act):
    with pytest.raises(QueueDraining, match=r"ada is emptying it \(the disk is changed\)") as refused:
        act()
    assert refused.value.code == "queue_draining"
    assert Job.objects.count() == 1


def test_a_draining_queue_works_off_what_is_there_until_nothing_is_left(draining):
    succeed()
    assert claiming.claim("w") is None
    assert fresh(draining).state == "succeeded"
    assert not Job.objects.unfinished().filter(queue="default").exists()


def test_other_queues_take_jobs_while_one_drains(draining, act):
    assert act(kind="workload.use_gpu").queue == "gpu"


def test_many_jobs_are_refused_as_one_if_one_of_them_may_not_come_in(draining):
    gpu = Submission("workload.use_gpu", {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 0})
    with pytest.raises(QueueDraining):
        lifecycle.submit_many([gpu, Submission("workload.act_out", gpu.input)])
    assert Job.objects.count() == 1


def test_a_batch_is_refused_whole(draining):
    with pytest.raises(QueueDraining):
        batch(3)
    assert Job.objects.count() == 1


def test_a_batch_is_refused_whole_if_its_parts_may_not_come_in_though_it_may(draining):
    gpu = Submission("workload.use_gpu", {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 0})
    with pytest.raises(QueueDraining):
        lifecycle.submit_batch(gpu, [Submission("workload.act_out", gpu.input)])
    assert Job.objects.count() == 1


def test_a_batch_that_was_accepted_goes_on_and_takes_more_parts(draining):
    queue_modes.resume_queue("default")
    parent = batch(2)
    queue_modes.drain_queue("default", by="ada")
    lifecycle.submit("workload.act_out", draining.input, parent=parent)
    for _ in range(4):  # the waiting job and three parts
        succeed()
    assert claim().pk == parent.pk


def test_a_job_inside_is_retried_and_re_queued_by_a_person(draining):
    failed = fail()
    assert lifecycle.requeue(failed.pk, by="ada").state == "queued"
    lifecycle.retry_later(claim(), Unavailable("away"), delay=-queue_modes.ASK_AGAIN_AFTER)
    assert lifecycle.promote_due() == 1
    assert claim().pk == draining.pk


def test_what_a_running_job_submits_to_its_own_queue_is_part_of_what_is_there(draining, act):
    with queue_modes.at_work_in("default"):
        follow_up = act()
    with queue_modes.at_work_in("gpu"), pytest.raises(QueueDraining):
        act()
    assert follow_up.state == "queued"


def test_a_worker_runs_each_job_as_one_of_its_queue(act, monkeypatch):
    job = act()
    inside: list[str] = []

    class Watchdog:
        name = "w"
        guard = leave = staticmethod(lambda *_: None)

    @contextmanager
    def note(queue):
        inside.append(queue)
        yield

    monkeypatch.setattr(worker, "at_work_in", note)
    worker.run(claim(), Watchdog())
    assert (inside, fresh(job).state) == (["default"], "succeeded")


def test_the_same_request_again_is_answered_with_its_job_while_the_queue_drains(act, ada):
    job = act(owner=ada, idempotency_key="k")
    lifecycle.drain_queue("default", by="ada")
    assert act(owner=ada, idempotency_key="k").pk == job.pk


def test_a_schedule_submits_nothing_to_a_draining_queue(db):
    lifecycle.drain_queue("default", by="ada")
    assert schedules.submit_recurring("jobs.prune_expired") == ""
    lifecycle.resume_queue("default")
    assert schedules.submit_recurring("jobs.prune_expired") != ""


def test_a_job_in_a_draining_queue_waits_for_what_it_waited_for_before(draining):
    Worker.objects.create(name="w", cluster="sira")
    assert positions.explain(draining).waiting_for == "worker"


def test_a_queue_is_in_one_mode_at_a_time(db):
    lifecycle.pause_queue("default", by="ada", reason="first")
    control = lifecycle.drain_queue("default", by="ben", reason="second")
    assert (control.mode, control.paused_at, control.by, control.reason) == ("draining", None, "ben", "second")
    assert lifecycle.pause_queue("default", by="cem").mode == "paused"
    assert lifecycle.resume_queue("default") is True
    assert queue_modes.mode_of("default").mode == "running"
    assert lifecycle.resume_queue("default") is False


def test_the_database_refuses_two_modes_at_once(db):
    with pytest.raises(IntegrityError):
        QueueControl.objects.create(queue="default", paused_at=Now(), draining_at=Now())


def test_a_switch_is_recorded_with_how_it_was_before_and_after(ada):
    queue_modes.switch("default", "pause", actor=ada, via=AuditEntry.Via.DESK, reason="one")
    queue_modes.switch("default", "drain", actor=ada, via=AuditEntry.Via.DESK, reason="two")
    entry = AuditEntry.objects.get(action="drain_queue")
    assert (entry.target_type, entry.target, entry.actor_name, entry.reason) == ("queue", "default", "ada", "two")
    assert entry.before == {"mode": "paused", "by": "ada", "reason": "one"}
    assert entry.after == {"mode": "draining", "by": "ada", "reason": "two"}


def test_a_switch_to_the_same_mode_does_nothing_and_keeps_the_first_reason(ada):
    queue_modes.switch("default", "drain", actor=ada, via=AuditEntry.Via.DESK, reason="one")
    assert queue_modes.switch("default", "drain", actor=ada, via=AuditEntry.Via.DESK, reason="two") is None
    assert queue_modes.mode_of("default").reason == "one"
    assert AuditEntry.objects.count() == 1


def test_a_switch_that_cannot_be_recorded_does_not_happen(ada, monkeypatch):
    def broken(*_args, **_options):
        raise RuntimeError("no room")

    monkeypatch.setattr("jobs.audit.record", broken)
    with pytest.raises(RuntimeError):
        queue_modes.switch("default", "drain", actor=ada, via=AuditEntry.Via.DESK, reason="one")
    assert queue_modes.mode_of("default").mode == "running"
