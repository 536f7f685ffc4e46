"""Batches, idempotency and positions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.db.models.functions import Now

from jobs import batches, files, lifecycle, positions
from jobs.engine import claiming
from jobs.errors import InvalidInput, Unavailable
from jobs.fast_path.arrivals import COUNTED
from jobs.lifecycle import IdempotencyConflict, Submission
from jobs.models import Job, Worker
from jobs.states import State
from tests.engine.conftest import event_types
from tests.harness.threads import run_together

pytestmark = pytest.mark.usefixtures("any_database")


def child(value: int) -> Submission:
    return Submission("workload.act_out", {"act": "ok", "seconds": 0, "until_attempt": 0, "value": value})


def batch(size: int) -> Job:
    return lifecycle.submit_batch(Submission("workload.sum_up"), [child(n) for n in range(size)])


def test_a_batch_is_queued_when_its_last_child_has_ended():
    parent = batch(3)
    assert parent.state == State.PENDING
    jobs = [claiming.claim("w") for _ in range(3)]
    lifecycle.succeed(jobs[0], {"value": 0})
    lifecycle.fail(jobs[1], InvalidInput("broken"))
    parent.refresh_from_db()
    assert parent.state == State.PENDING
    lifecycle.succeed(jobs[2], {"value": 2})
    parent.refresh_from_db()
    assert parent.state == State.QUEUED
    summary = batches.summary(parent.pk)
    assert (summary.total, summary.ended, summary.succeeded, summary.failed) == (3, 3, 2, 1)


def test_children_that_end_at_the_same_moment_still_promote_their_parent_once():
    for _ in range(5):
        parent = batch(6)
        jobs = [claiming.claim("w") for _ in range(6)]
        run_together([lambda job=job: lifecycle.succeed(job, {}) for job in jobs])
        parent.refresh_from_db()
        assert parent.state == State.QUEUED
        assert event_types(parent).count("queued") == 1
        lifecycle.succeed(claiming.claim("w"), {})


def test_the_tick_promotes_a_batch_whose_last_worker_died_before_it_could(monkeypatch):
    parent = batch(1)
    monkeypatch.setattr(lifecycle, "tell_batch", lambda job: None)
    lifecycle.succeed(claiming.claim("w"), {})
    parent.refresh_from_db()
    assert parent.state == State.PENDING
    assert lifecycle.promote_finished_batches() == 1
    parent.refresh_from_db()
    assert parent.state == State.QUEUED


def test_an_empty_batch_runs_at_once():
    assert Job.objects.get(pk=batch(0).pk).state == State.QUEUED


def test_progress_of_a_batch_is_the_average_of_its_children_and_shown_on_the_parent():
    parent = batch(4)
    Job.objects.filter(pk=parent.pk).update(updated_at=Now() - timedelta(seconds=5))
    lifecycle.progress(claiming.claim("w"), 50)
    lifecycle.succeed(claiming.claim("w"), {})
    assert batches.summary(parent.pk).progress == pytest.approx(37.5)
    parent.refresh_from_db()
    assert parent.progress == pytest.approx(37.5)


def test_cancelling_a_batch_cancels_the_waiting_children_and_leaves_those_that_are_done():
    parent = batch(3)
    lifecycle.succeed(claiming.claim("w"), {})
    running = claiming.claim("w")
    assert lifecycle.cancel(parent.pk).state == State.CANCELLED
    states = sorted(Job.objects.filter(parent=parent).values_list("state", flat=True))
    assert states == ["cancelled", "processing", "succeeded"]
    assert lifecycle.renew_lease(running).cancel_requested_at is not None


def test_a_batch_that_is_run_again_waits_for_its_unsuccessful_children_first():
    parent = batch(2)
    lifecycle.succeed(claiming.claim("w"), {"value": 0})
    lifecycle.cancel(parent.pk)
    again = lifecycle.requeue(parent.pk, by="ada")
    assert again.state == State.PENDING
    states = sorted(Job.objects.filter(parent=parent).values_list("state", flat=True))
    assert states == ["queued", "succeeded"]
    lifecycle.succeed(claiming.claim("w"), {"value": 1})
    parent.refresh_from_db()
    assert parent.state == State.QUEUED


def test_several_batches_are_counted_in_one_query(django_assert_num_queries):
    first, second, empty = batch(3), batch(2), batch(0)
    lifecycle.progress(claiming.claim("w"), 60)  # the empty batch is due at once, but its turn came last
    with django_assert_num_queries(1):
        found = batches.summaries([first.pk, second.pk, empty.pk])
    assert (found[first.pk].progress, found[second.pk].total, found[second.pk].begun) == (20.0, 2, 0)
    assert (found[empty.pk].total, found[empty.pk].progress) == (0, 100.0)
    assert found[first.pk] == batches.summary(first.pk)


# --- members ----------------------------------------------------------------------------------------------------------


def with_files(values: list[int], suffix: str = "txt") -> list[Submission]:
    submissions = []
    for value in values:
        one = child(value)
        content = ContentFile(f"document {value}".encode())
        one.files = [
            files.store(content, name=f"{value}.{suffix}", media_type="text/plain", role="input", job_id=one.id)
        ]
        one.input = {**one.input, "file": str(one.files[0].pk)}
        submissions.append(one)
    return submissions


def test_members_are_the_children_in_order_with_names_states_and_what_was_asked_for_of_their_results():
    parent = lifecycle.submit_batch(Submission("workload.sum_up"), with_files([3, 1, 2]))
    lifecycle.succeed(claiming.claim("w"), {"final": "Public", "pages": 4, "evidence": ["long"]})
    lifecycle.progress(claiming.claim("w"), 30, "loaded")
    found = batches.members(parent.pk, result_keys=["final", "pages"])
    assert [(one.name, one.state, one.progress, one.stage) for one in found] == [
        ("3.txt", "succeeded", 100.0, ""),
        ("1.txt", "processing", 30.0, "loaded"),
        ("2.txt", "queued", 0.0, ""),
    ]
    assert [one.extra for one in found] == [{"final": "Public", "pages": 4}] + [{"final": None, "pages": None}] * 2
    assert [one.seq for one in found] == [3, 3, 1]
    assert [one.id for one in found] == list(parent.children.order_by("id").values_list("pk", flat=True))


def test_members_of_a_thousand_come_in_two_queries(django_assert_num_queries):
    parent = batch(1000)
    with django_assert_num_queries(2):
        assert len(batches.members(parent.pk, result_keys=["value"])) == 1000


def test_a_batch_of_many_is_submitted_in_a_transaction_of_few_statements(any_database, django_assert_max_num_queries):
    # SQLite takes some 20 rows a statement: its limit is on parameters.
    with django_assert_max_num_queries(25 if any_database == "postgresql" else 40):
        parent = lifecycle.submit_batch(Submission("workload.sum_up"), [child(n) for n in range(300)])
    assert batches.summary(parent.pk).counts == {"queued": 300}
    places = list(parent.children.order_by("id").values_list("queue_position", flat=True))
    counted = COUNTED if any_database == "postgresql" else 300
    assert places == [*range(1, counted + 1), *[0] * (300 - counted)]


def test_a_batch_whose_children_have_begun_is_being_worked_on():
    def word() -> State:
        return batches.word_state(Job.objects.get(pk=parent.pk), batches.summary(parent.pk))

    parent = lifecycle.submit_batch(
        Submission("workload.sum_up"),
        [child(1), Submission("workload.act_out", refused=InvalidInput("The file is empty.", code="empty_file"))],
    )
    assert word() == State.PENDING, "no worker has come yet"
    running = claiming.claim("w")
    assert word() == State.PROCESSING
    lifecycle.retry_later(running, Unavailable("down"), timedelta(hours=1))
    assert word() == State.PROCESSING
    lifecycle.cancel(running.pk)
    assert Job.objects.get(pk=parent.pk).state == State.QUEUED
    assert word() == State.PROCESSING, "its sum is missing"
    lifecycle.succeed(claiming.claim("w"), {})
    assert word() == State.SUCCEEDED


# --- idempotency ------------------------------------------------------------------------------------------------------


def test_the_same_key_and_request_return_the_first_job(act, ada, ben):
    first = act(owner=ada, idempotency_key="k", value=1)
    assert act(owner=ada, idempotency_key="k", value=1).pk == first.pk
    assert act(owner=ben, idempotency_key="k", value=1).pk != first.pk, "keys belong to their owner"


def test_the_same_key_for_another_request_is_refused(act, ada):
    act(owner=ada, idempotency_key="k", value=1)
    with pytest.raises(IdempotencyConflict):
        act(owner=ada, idempotency_key="k", value=2)


def test_the_same_key_with_another_time_limit_is_refused(act, ada):
    first = act(owner=ada, idempotency_key="k", timeout=timedelta(minutes=5))
    assert first.deadline_at is not None
    assert act(owner=ada, idempotency_key="k", timeout=timedelta(minutes=5)).pk == first.pk
    with pytest.raises(IdempotencyConflict):
        act(owner=ada, idempotency_key="k")


def test_requests_with_one_key_at_the_same_moment_make_one_job(act, ada):
    jobs = run_together([lambda: act(owner=ada, idempotency_key="k")] * 6)
    assert len({job.pk for job in jobs}) == 1
    assert Job.objects.count() == 1


def test_the_same_key_for_the_same_batch_returns_the_first_and_for_another_is_refused(ada):
    def send(values: list[int], suffix: str = "txt") -> Job:
        parent = Submission("workload.sum_up")
        return lifecycle.submit_batch(parent, with_files(values, suffix), owner=ada, idempotency_key="k")

    first = send([1, 2])
    again = send([1, 2])
    assert (again.pk, getattr(again, "was_replayed", False)) == (first.pk, True)
    for other in ([2, 1], [1], [1, 2, 3]):
        with pytest.raises(IdempotencyConflict):
            send(other)
    with pytest.raises(IdempotencyConflict):
        send([1, 2], "md")  # the same content under another name
    assert Job.objects.count() == 3


def test_batches_with_one_key_at_the_same_moment_are_one_batch(ada):
    def send() -> Job:
        return lifecycle.submit_batch(
            Submission("workload.sum_up"), [child(1), child(2)], owner=ada, idempotency_key="k"
        )

    jobs = run_together([send] * 4)
    assert len({job.pk for job in jobs}) == 1
    assert Job.objects.count() == 3


# --- positions --------------------------------------------------------------------------------------------------------


def ranks() -> list[int]:
    return [positions.position(job) for job in Job.objects.queued().in_claim_order()]


def test_positions_are_one_to_n_without_a_gap_and_in_claim_order(act, ada, ben):
    for n in range(12):
        act(owner=[ada, ben][n % 2], priority=[0, 5, 10][n % 3])
    lifecycle.submit_many([child(n) for n in range(5)], owner=ada)
    assert ranks() == list(range(1, 18))
    claimed = claiming.claim("w")
    assert positions.position(claimed) == 0
    assert ranks() == list(range(1, 17))


def test_a_position_given_at_submit_is_the_one_that_is_counted_afterwards(act, ada, ben):
    for n in range(4):
        act(owner=ada, priority=n)
    for job in lifecycle.submit_many([child(n) for n in range(3)], owner=ben):
        assert job.queue_position == positions.position(Job.objects.get(pk=job.pk))
    job = act(owner=ben, priority=3)
    assert job.queue_position == positions.position(job)


def heartbeat(**values) -> None:
    Worker.objects.update_or_create(name="w", defaults={"cluster": "sira", "heartbeat_at": Now()} | values)


def reason(job: Job) -> str:
    return positions.explain(Job.objects.get(pk=job.pk)).waiting_for


def test_a_waiting_job_says_why(act, claim):
    job = act()
    assert reason(job) == "no_worker"
    heartbeat()
    assert reason(job) == "worker"
    second = act()
    assert reason(second) == "turn"
    lifecycle.pause_queue("default", by="ada", reason="maintenance")
    explanation = positions.explain(job)
    assert (explanation.waiting_for, explanation.sentence) == (
        "queue_paused",
        "The queue was paused by ada: maintenance.",
    )
    lifecycle.resume_queue("default")
    Worker.objects.update(heartbeat_at=Now() - timedelta(minutes=5))
    assert reason(job) == "no_worker"


def test_a_job_that_waits_for_a_resource_a_limit_a_retry_or_its_children_says_so(act, claim):
    from jobs.errors import Unavailable
    from jobs.providers import rates

    heartbeat()
    act(kind="workload.use_gpu")
    claim()
    assert reason(act(kind="workload.use_gpu")) == "resource"
    limited = act(kind="workload.call_limited")
    rates.block("workload", timedelta(hours=1))
    assert reason(limited) == "rate_limit"
    retried = lifecycle.retry_later(_claim_kind(act), Unavailable("down"), timedelta(hours=1))
    assert reason(retried) == "retry"
    assert reason(batch(2)) == "children"


def _claim_kind(act) -> Job:
    act(priority=10)
    return claiming.claim("w")


def test_an_eta_comes_from_measured_runs(act, claim):
    heartbeat()
    job = act()
    assert positions.explain(job).eta is None, "nothing was measured yet"
    done = lifecycle.succeed(claim(), {})
    Job.objects.filter(pk=done.pk).update(processing_at=Now() - timedelta(seconds=10), succeeded_at=Now())
    waiting = act()
    earliest, latest = positions.explain(waiting).eta
    left = (earliest - Job.objects.annotate(now=Now()).values_list("now", flat=True)[0]).total_seconds()
    assert 9 < left < 11
    assert latest > earliest
