"""Ends, retries and cancels of one batch at the same moment."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial

from django.db import connection, transaction

from jobs import batches, lifecycle
from jobs.engine import claiming
from jobs.errors import Superseded
from jobs.models import Job
from jobs.states import State
from tests.engine.playing import batch, claim, fail, fresh, succeed
from tests.harness.threads import run_together
from tests.harness.waiting import wait_until


def test_the_last_child_ends_while_another_is_run_again_and_the_batch_never_sums_up_too_early(any_database):
    for _ in range(15):
        parent = batch(2)
        child = fail()
        last = claim()
        run_together([partial(lifecycle.succeed, last, {"value": 1}), partial(lifecycle.requeue, child.pk)])
        assert fresh(child).state == State.QUEUED
        assert fresh(parent).state == State.PENDING, "it would sum up without the child that runs again"
        succeed()
        assert fresh(parent).state == State.QUEUED
        lifecycle.succeed(claim(), {})


def test_the_end_of_the_last_child_waits_for_a_retry_that_has_not_committed(postgresql):
    parent = batch(2)
    child = fail()
    last = claim()
    requeued, let_go = threading.Event(), threading.Event()

    def retry() -> None:
        with transaction.atomic():
            lifecycle.requeue(child.pk)
            requeued.set()
            assert let_go.wait(30)

    def end() -> None:
        assert requeued.wait(30)
        lifecycle.succeed(last, {"value": 1})

    def release_when_blocked() -> None:
        assert requeued.wait(30)
        wait_until(waits_for_a_lock, timeout=20)
        let_go.set()

    run_together([retry, end, release_when_blocked])
    assert fresh(parent).state == State.PENDING
    succeed()
    assert fresh(parent).state == State.QUEUED


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return cursor.fetchone()[0] > 0


def end_unless_shut_out(job: Job) -> None:
    with suppress(Superseded):  # it was told to stop, and then asked for again: this attempt counts no more
        lifecycle.succeed(job, {"value": 1})


def test_retries_cancels_and_endings_at_the_same_moment_leave_a_batch_that_ends(any_database):
    for _ in range(5):
        parent = batch(6)
        done = [fail(), fail()]
        running = [claim(), claim()]
        calls = [partial(lifecycle.cancel, parent.pk), partial(lifecycle.requeue, parent.pk)]
        calls += [partial(lifecycle.requeue, job.pk) for job in done]
        calls += [partial(end_unless_shut_out, job) for job in running]
        run_together(calls)
        while (job := claiming.claim("w")) is not None:
            lifecycle.succeed(job, {"value": 1})
        lifecycle.promote_finished_batches()
        while (job := claiming.claim("w")) is not None:
            lifecycle.succeed(job, {"value": 1})
        summary = batches.summary(parent.pk)
        assert summary.ended == summary.total == 6
        assert fresh(parent).is_finished
