"""A batch whose children are run again, cancelled or deleted still ends, once, with the right sum."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.db.models.functions import Now

from jobs import batches, files, lifecycle, retention
from jobs.errors import InvalidInput, Superseded
from jobs.lifecycle import Submission
from jobs.models import Job, JobFile
from jobs.states import State
from tests.engine.conftest import event_types
from tests.engine.playing import batch, claim, fail, fresh, succeed

pytestmark = pytest.mark.usefixtures("any_database")


def ended_batch() -> tuple[Job, Job]:
    """A batch that has succeeded with one failed child, and that child."""
    parent = batch(2)
    succeed()
    failed = fail()
    lifecycle.succeed(claim(), {"sum": 1})
    assert fresh(parent).state == State.SUCCEEDED
    return parent, failed


def test_a_child_that_is_run_again_takes_its_ended_batch_back_and_the_batch_sums_up_again():
    parent, child = ended_batch()
    fence = fresh(parent).fence
    assert lifecycle.requeue(child.pk, by="ada", reason="mended").state == State.QUEUED
    reopened = fresh(parent)
    assert (reopened.state, reopened.result, reopened.succeeded_at, reopened.progress) == ("pending", None, None, 50.0)
    assert reopened.fence == fence + 1
    event = parent.events.get(type="requeued")
    assert (event.state, event.data) == ("pending", {"by": "ada", "reason": "mended", "child": str(child.pk)})
    succeed()
    assert fresh(parent).state == State.QUEUED
    assert lifecycle.succeed(claim(), {"sum": 2}).result == {"sum": 2}
    moves = [type for type in event_types(parent) if type != "progress"]
    assert moves[-4:] == ["requeued", "queued", "started", "succeeded"]


def test_a_batch_that_succeeded_without_some_runs_those_again():
    parent, child = ended_batch()
    assert lifecycle.requeue(parent.pk).state == State.PENDING
    assert fresh(child).state == State.QUEUED
    assert Job.objects.filter(parent=parent, state=State.SUCCEEDED).count() == 1, "what is done stays done"
    succeed()
    assert fresh(parent).state == State.QUEUED


def test_what_succeeded_altogether_is_not_run_again(act):
    parent = batch(1)
    done = succeed()
    lifecycle.succeed(claim(), {})
    assert lifecycle.requeue(parent.pk) is None
    assert lifecycle.requeue(done.pk) is None
    assert fresh(parent).state == State.SUCCEEDED


@pytest.mark.parametrize("ending", [State.FAILED, State.CANCELLED])
def test_a_child_takes_back_a_batch_that_failed_or_was_cancelled(ending):
    parent = batch(2)
    child = fail()
    if ending == State.CANCELLED:
        lifecycle.cancel(parent.pk)
    else:
        succeed()
        lifecycle.fail(claim(), InvalidInput("cannot sum up"))
    lifecycle.requeue(child.pk)
    reopened = fresh(parent)
    assert (reopened.state, reopened.error_code, reopened.failed_at, reopened.cancelled_at) == (
        "pending",
        "",
        None,
        None,
    )
    succeed()
    assert fresh(parent).state == State.QUEUED


def test_a_child_that_is_run_again_supersedes_a_summing_up_that_is_under_way():
    parent = batch(2)
    child = fail()
    succeed()
    summing = claim()
    lifecycle.requeue(child.pk)
    with pytest.raises(Superseded):
        lifecycle.succeed(summing, {"sum": 0})
    assert fresh(parent).state == State.PENDING
    succeed()
    assert fresh(parent).state == State.QUEUED


def test_a_child_that_is_run_again_takes_a_batch_out_of_the_queue():
    parent = batch(2)
    child = fail()
    succeed()
    assert fresh(parent).state == State.QUEUED
    lifecycle.requeue(child.pk)
    assert fresh(parent).state == State.PENDING
    assert claim().pk == child.pk


def test_a_child_that_is_run_again_while_others_wait_leaves_the_batch_waiting():
    parent = batch(2)
    child = fail()
    lifecycle.requeue(child.pk)
    assert (fresh(parent).state, event_types(parent)) == ("pending", ["created"])


def test_what_a_batch_had_made_goes_when_it_is_taken_back_and_the_files_of_its_children_stay():
    parent, child = ended_batch()
    made = files.store(ContentFile(b"sum"), name="sum.csv", media_type="text/csv", role="output", job_id=parent.pk)
    files.attach([made], job_id=parent.pk, fence=1)
    sent = files.store(ContentFile(b"in"), name="a.txt", media_type="text/plain", role="input", job_id=child.pk)
    files.attach([sent], job_id=child.pk, fence=0)
    JobFile.objects.filter(pk=sent.pk).update(expires_at=Now())
    lifecycle.requeue(child.pk)
    assert JobFile.objects.get(pk=sent.pk).expires_at == fresh(child).expires_at
    assert JobFile.objects.get(pk=made.pk).job_id is None
    assert retention.prune() == {"jobs": 0, "files": 1, "deliveries": 0}


# --- cancelled --------------------------------------------------------------------------------------------------------


def test_cancelling_a_batch_of_many_takes_a_handful_of_statements(django_assert_max_num_queries):
    parent = batch(300)
    succeed()
    running = claim()
    with django_assert_max_num_queries(20):
        assert lifecycle.cancel(parent.pk, by="ada").state == State.CANCELLED
    assert batches.summary(parent.pk).counts == {"cancelled": 298, "processing": 1, "succeeded": 1}
    told = running.events.get(type="cancel_requested")
    assert (told.state, told.data["by"]) == ("processing", "ada")
    cancelled = Job.objects.filter(parent=parent, state=State.CANCELLED).first()
    assert (event_types(cancelled)[-1], cancelled.queue_position, cancelled.cancelled_at is None) == (
        "cancelled",
        0,
        False,
    )
    assert fresh(running).cancelled_at is None


def test_a_batch_that_was_cancelled_says_so_when_it_is_cancelled_again():
    parent = batch(2)
    assert lifecycle.cancel(parent.pk) is not None
    before = parent.events.count()
    assert lifecycle.cancel(parent.pk) is None
    assert parent.events.count() == before


def test_a_batch_past_its_deadline_fails_and_stops_its_children():
    parent = batch(3)
    running = claim()
    Job.objects.filter(pk=parent.pk).update(deadline_at=Now() - timedelta(seconds=1))
    assert lifecycle.fail_past_deadline() == 1
    assert (fresh(parent).state, fresh(parent).error_code) == ("failed", "deadline_exceeded")
    assert batches.summary(parent.pk).counts == {"cancelled": 2, "processing": 1}
    assert fresh(running).cancel_requested_at is not None


@pytest.mark.parametrize("how", ["cancelled", "past its deadline"])
def test_a_batch_that_is_run_again_while_it_is_being_stopped_runs_all_that_was_stopped(how):
    parent = batch(3)
    done, stopping = succeed(), claim()
    if how == "cancelled":
        lifecycle.cancel(parent.pk)
    else:
        Job.objects.filter(pk=parent.pk).update(deadline_at=Now() - timedelta(seconds=1))
        Job.objects.filter(parent=parent).update(deadline_at=Now() - timedelta(seconds=1))
        lifecycle.fail_past_deadline()
    assert batches.word_state(fresh(parent), batches.summary(parent.pk)) == State.PROCESSING, "one is still at work"
    assert lifecycle.requeue(parent.pk, by="ada").state == State.PENDING
    with pytest.raises(Superseded):
        lifecycle.acknowledge_cancel(stopping)
    assert batches.summary(parent.pk).counts == {"succeeded": 1, "queued": 2}
    assert fresh(done).attempt == 1
    succeed()
    succeed()
    assert fresh(parent).state == State.QUEUED


def test_an_attempt_that_holds_a_resource_keeps_it_until_it_has_stopped():
    parent = lifecycle.submit_batch(
        Submission("workload.sum_up"),
        [Submission("workload.use_gpu", {"act": "ok", "seconds": 0, "until_attempt": 0, "value": n}) for n in range(2)],
    )
    holder = claim()
    lifecycle.cancel(parent.pk)
    lifecycle.requeue(parent.pk)
    assert (fresh(holder).state, fresh(holder).slot) == ("processing", 0)


# --- deleted ----------------------------------------------------------------------------------------------------------


def test_a_child_that_is_deleted_while_queued_does_not_keep_its_batch_from_ending():
    parent = batch(2)
    first, second = parent.children.order_by("id")
    lifecycle.cancel(second.pk)
    retention.delete_job(fresh(second), by="ada")
    assert batches.summary(parent.pk).total == 1
    succeed()
    assert fresh(parent).state == State.QUEUED
    assert fresh(first).state == State.SUCCEEDED


def test_a_batch_whose_children_are_all_deleted_still_ends():
    parent = batch(2)
    for child in parent.children.all():
        lifecycle.cancel(child.pk)
        retention.delete_job(fresh(child))
    assert fresh(parent).state == State.QUEUED
    assert batches.summary(parent.pk).progress == 100.0
    lifecycle.succeed(claim(), {})


def test_a_batch_ends_when_its_last_unfinished_child_was_deleted_before_anybody_told_it(monkeypatch):
    parent = batch(1)
    with monkeypatch.context() as died:
        died.setattr(lifecycle, "tell_batch", lambda job: None)
        child = succeed()
    retention.delete_job(fresh(child))
    assert fresh(parent).state == State.QUEUED, "without waiting for a tick"
