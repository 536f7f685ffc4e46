"""Each move of the state table, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from jobs import lifecycle
from jobs.engine import claiming
from jobs.errors import InvalidInput, Superseded, Unavailable
from jobs.kinds import UnknownKind
from jobs.models import Job, JobEvent, Worker
from jobs.states import FINISHED, MOVES, UNFINISHED, State
from tests.engine.conftest import event_types, expire_lease
from tests.harness.threads import run_together

pytestmark = pytest.mark.usefixtures("any_database")


def test_a_submitted_job_is_queued_with_a_first_event_and_a_position(act):
    job = Job.objects.get(pk=act().pk)
    assert (job.state, job.queue_position, job.event_seq) == (State.QUEUED, 1, 1)
    assert job.queued_at is not None
    assert event_types(job) == ["created"]
    assert act().queue_position == 2


def test_a_job_for_later_stays_pending_until_it_is_due(act):
    job = act(run_after=timezone.now() + timedelta(hours=1))
    assert job.state == State.PENDING
    assert lifecycle.promote_due() == 0
    Job.objects.update(run_after=Now() - timedelta(seconds=1))
    assert lifecycle.promote_due() == 1
    job.refresh_from_db()
    assert (job.state, job.run_after) == (State.QUEUED, None)
    assert event_types(job) == ["created", "queued"]


def test_a_claim_sets_lease_worker_attempt_and_fence(act, claim):
    act()
    job = claim("me")
    job.refresh_from_db()
    assert (job.state, job.worker, job.attempt, job.fence, job.queue_position) == ("processing", "me", 1, 1, 0)
    lease_left = (
        Job.objects.filter(pk=job.pk).values_list("lease_expires_at", flat=True).get() - timezone.now()
    ).total_seconds()
    assert 25 < lease_left <= 30.5


def test_success_stores_result_and_domain_rows_or_neither(act, claim):
    act()
    job = claim()

    def bad_save():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lifecycle.succeed(job, {"a": 1}, [lambda: Worker.objects.create(name="row") and None, bad_save])
    job.refresh_from_db()
    assert (job.state, job.result, Worker.objects.count()) == ("processing", None, 0)
    lifecycle.succeed(job, {"a": 1}, [lambda: Worker.objects.create(name="row") and None])
    job.refresh_from_db()
    assert (job.state, job.result, job.progress, Worker.objects.count()) == ("succeeded", {"a": 1}, 100, 1)
    assert job.lease_expires_at is None
    assert job.seconds_processing is not None


def test_a_retry_waits_in_pending_and_keeps_the_reason(act, claim):
    act()
    job = lifecycle.retry_later(claim(), Unavailable("down"), timedelta(seconds=90))
    assert (job.state, job.attempt, job.error_code) == ("pending", 1, "unavailable")
    assert 80 < (job.run_after - timezone.now()).total_seconds() < 91
    assert claiming.claim("w") is None


def test_a_retry_without_attempts_left_fails(act, claim):
    act(max_attempts=1)
    job = lifecycle.retry_later(claim(), Unavailable("down"), timedelta(seconds=1))
    assert (job.state, job.error_code, job.error_message) == ("failed", "unavailable", "down")


def test_a_snooze_gives_the_attempt_back(act, claim):
    act()
    job = lifecycle.snooze(claim(), timedelta(seconds=5), "rate_limited")
    assert (job.state, job.attempt, job.fence) == ("pending", 0, 1)


def test_a_release_gives_the_attempt_back_and_moves_the_fence(act, claim):
    act()
    running = claim()
    job = lifecycle.release(running)
    assert (job.state, job.attempt, job.fence, job.worker) == ("queued", 0, 2, "")
    with pytest.raises(Superseded):
        lifecycle.succeed(running, {})


def test_a_rescued_job_refuses_every_write_of_its_late_attempt_and_says_so(act, claim):
    act()
    late = claim("frozen")
    expire_lease(late)
    (rescued,) = lifecycle.rescue()
    assert (rescued.state, rescued.attempt, rescued.fence) == ("queued", 1, 2)
    fresh = claim("other")
    for write in (
        lambda: lifecycle.progress(late, 50),
        lambda: lifecycle.renew_lease(late),
        lambda: lifecycle.succeed(late, {"late": True}, [lambda: Worker.objects.create(name="late") and None]),
        lambda: lifecycle.fail(late, InvalidInput("x")),
        lambda: lifecycle.retry_later(late, Unavailable("x"), timedelta(0)),
        lambda: lifecycle.snooze(late, timedelta(0), "x"),
        lambda: lifecycle.release(late),
        lambda: lifecycle.acknowledge_cancel(late),
    ):
        with pytest.raises(Superseded):
            write()
    assert not Worker.objects.exists()
    lifecycle.note_superseded(late)
    lifecycle.succeed(fresh, {"late": False})
    late.refresh_from_db()
    assert (late.state, late.result) == ("succeeded", {"late": False})
    assert event_types(late) == ["created", "started", "rescued", "started", "superseded", "succeeded"]


def test_a_lease_that_was_renewed_in_time_is_not_rescued(act, claim):
    act()
    job = claim()
    expire_lease(job)
    lifecycle.renew_lease(job)
    assert lifecycle.rescue() == []


def test_a_job_whose_workers_keep_dying_fails_when_its_attempts_are_spent(act, claim):
    job = act()
    for _ in range(3):
        expire_lease(claim())
        lifecycle.rescue()
    job.refresh_from_db()
    assert (job.state, job.error_code, job.attempt) == ("failed", "worker_lost", 3)


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_is_told_to_stop(act, claim):
    waiting = lifecycle.cancel(act().pk, by="ada", reason="typo")
    assert waiting.state == State.CANCELLED
    assert waiting.events.last().data == {"by": "ada", "reason": "typo"}
    act()
    running = claim()
    assert lifecycle.cancel(running.pk).state == State.PROCESSING
    assert lifecycle.renew_lease(running).cancel_requested_at is not None
    assert lifecycle.acknowledge_cancel(running).state == State.CANCELLED
    assert lifecycle.cancel(running.pk) is None


def test_a_job_that_was_to_be_cancelled_when_its_worker_died_is_cancelled_not_run_again(act, claim):
    act()
    job = claim()
    lifecycle.cancel(job.pk)
    expire_lease(job)
    assert [rescued.state for rescued in lifecycle.rescue()] == [State.CANCELLED]


def test_a_person_can_run_a_failed_job_again_with_its_history_kept(act, claim):
    act()
    failed = lifecycle.fail(claim(), InvalidInput("x"))
    job = lifecycle.requeue(failed.pk, by="ada", reason="mended")
    assert (job.state, job.attempt, job.error_code, job.fence) == ("queued", 0, "", 2)
    assert event_types(job) == ["created", "started", "failed", "requeued"]
    assert lifecycle.requeue(job.pk) is None, "a queued job is not requeued"


def test_a_waiting_job_past_its_deadline_fails(act):
    job = act(deadline_at=timezone.now() - timedelta(seconds=1))
    assert lifecycle.fail_past_deadline() == 1
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "deadline_exceeded")


def test_progress_never_goes_back_and_extends_the_lease(act, claim):
    act()
    job = claim()
    expire_lease(job)
    assert lifecycle.progress(job, 40, "half").progress == 40
    assert lifecycle.progress(job, 30).progress == 40
    assert lifecycle.progress(job, 400).progress == 100
    assert lifecycle.rescue() == []


def test_event_numbers_have_no_gap_when_many_write_at_once(act, claim):
    job = act()
    run_together([lambda n=n: lifecycle.merge_metadata(job.pk, {f"k{n}": n}) for n in range(8)])
    assert list(job.events.order_by("seq").values_list("seq", flat=True)) == list(range(1, 10))


def test_concurrent_metadata_updates_lose_nothing_and_merge_deeply(act):
    job = act(metadata={"deep": {"old": 1}, "keep": True})
    run_together([lambda n=n: lifecycle.merge_metadata(job.pk, {"deep": {f"k{n}": n}}) for n in range(8)])
    job.refresh_from_db()
    assert job.metadata == {"deep": {"old": 1} | {f"k{n}": n for n in range(8)}, "keep": True}


def test_a_job_is_ended_by_exactly_one_of_many_threads(act, claim):
    act()
    job = claim()

    def finish():
        try:
            lifecycle.succeed(job, {})
            return 1
        except Superseded:
            return 0

    assert sum(run_together([finish] * 6)) == 1
    assert event_types(job).count("succeeded") == 1


def test_an_unknown_kind_is_refused_with_the_nearest_name():
    with pytest.raises(UnknownKind, match=r"workload.act_outt.*did you mean 'workload.act_out'"):
        lifecycle.submit("workload.act_outt")


def test_submit_many_accepts_all_or_none():
    good = lifecycle.Submission("workload.do_nothing")
    with pytest.raises(UnknownKind):
        lifecycle.submit_many([good, lifecycle.Submission("no.such_kind")])
    assert not Job.objects.exists()
    jobs = lifecycle.submit_many(
        [good, lifecycle.Submission("workload.do_nothing"), lifecycle.Submission("workload.act_out")]
    )
    assert [job.queue_position for job in jobs] == [1, 2, 3]


def test_a_rolled_back_request_leaves_no_job(act):
    def request() -> None:
        with transaction.atomic():
            act()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        request()
    assert not Job.objects.exists()
    assert not JobEvent.objects.exists()


@pytest.mark.parametrize("again", ["retry", "snooze", "release"])
def test_a_cancel_that_was_accepted_is_not_lost_when_the_attempt_ends_to_run_again(act, claim, again):
    act()
    job = claim()
    lifecycle.cancel(job.pk)
    match again:
        case "retry":
            ended = lifecycle.retry_later(job, Unavailable("down"), timedelta(hours=1))
        case "snooze":
            ended = lifecycle.snooze(job, timedelta(hours=1), "rate_limited")
        case "release":
            ended = lifecycle.release(job)
    assert (ended.state, ended.error_code) == (State.CANCELLED, "")


def test_a_job_that_cannot_be_moved_does_not_keep_others_from_being_rescued(act, claim):
    act(priority=10)
    poisoned = claim()
    act()
    healthy = claim()
    expire_lease(poisoned)
    expire_lease(healthy)
    # Its next event number is taken already: the rescue of this one cannot be recorded.
    JobEvent.objects.create(job=poisoned, seq=poisoned.event_seq + 1, type="progress", state="processing")
    assert [job.pk for job in lifecycle.rescue()] == [healthy.pk]


def test_jobs_follow_their_kind_when_a_release_gives_it_another_queue(act):
    job = act()
    Job.objects.filter(pk=job.pk).update(queue="old", resource="old")
    assert claiming.claim("w") is None
    assert lifecycle.follow_kinds() == 1
    assert claiming.claim("w").pk == job.pk


def test_a_returning_job_stands_no_later_than_the_head(act, claim):
    job = act()
    Job.objects.filter(pk=job.pk).update(turn=999)
    failed = lifecycle.fail(claim(), InvalidInput("x"))
    assert lifecycle.requeue(failed.pk).turn == 0


# --- what the database keeps by itself ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"state": "sleeping"},
        {"priority": 11},
        {"progress": 101},
        {"state": "processing"},  # without a lease
        {"slot": 0},  # not processing
    ],
)
def test_the_database_refuses_a_row_that_cannot_be(act, values):
    job = act()
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(**values)


def test_every_event_type_leads_where_the_table_of_moves_allows():
    assert set(MOVES) == set(State)
    assert MOVES[State.SUCCEEDED] == {State.PENDING}, "only a batch leaves success, to wait for its children again"
    assert set(FINISHED) | set(UNFINISHED) == set(State)
    assert State.PROCESSING not in MOVES[State.PENDING], "only a queued job may be claimed"
