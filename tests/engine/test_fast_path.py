"""The short way and the long way take the same steps: every column of the rows and of their events is compared."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from jobs import lifecycle
from jobs.engine import claiming, worker
from jobs.errors import JobError, Superseded
from jobs.fast_path import arrivals, prepared
from jobs.kinds import job_kind, registry
from jobs.models import Job, JobEvent, RateLimit, WebhookDelivery
from jobs.running import RunningJob
from jobs.webhooks import endpoints
from tests.engine.conftest import event_types
from tests.harness.threads import run_together

pytestmark = pytest.mark.usefixtures("postgresql")

QUIET = "workload.do_nothing"


class NobodyWatches:
    """In place of the thread that watches attempts: it would outlive the test."""

    name = "host:1:quiet"

    def guard(self, *_: Any) -> None:
        pass

    def leave(self) -> None:
        pass


@pytest.fixture
def long_way(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    return lambda: monkeypatch.setattr(prepared, "available", lambda: False)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The statements of the short way, as they are run."""
    seen: list[bytes] = []
    run = prepared.run

    def counting(sql: bytes, params: Any) -> Any:
        seen.append(sql)
        return run(sql, params)

    for module in ("jobs.fast_path.prepared", "jobs.fast_path.arrivals", "jobs.fast_path.turnover"):
        monkeypatch.setattr(f"{module}.run", counting)
    return seen


def finish(job: Job, result: Any = None, *, claim_next: bool = False) -> Job | None:
    return claiming.finish(RunningJob(job), result, claim_next=claim_next)[1]


def picture(jobs: list[Job]) -> list[Any]:
    """All that the tables say of these jobs, with numbers for their ids, and for times only whether there is one."""
    numbers = {job.pk: number for number, job in enumerate(jobs)}

    def plain(value: Any) -> Any:
        if hasattr(value, "tzinfo"):
            return "a time"
        return numbers.get(value, value) if value.__hash__ else value

    rows = []
    for job in jobs:
        row = Job.objects.filter(pk=job.pk).values().get()
        events = list(job.events.order_by("seq").values())
        rows.append({name: plain(value) for name, value in row.items()})
        rows += [{name: plain(value) for name, value in event.items() if name != "id"} for event in events]
    return rows


def a_day(ada: Any) -> list[Job]:
    """Jobs of two kinds and owners, each as far as it goes by short ways."""
    jobs = [
        lifecycle.submit(QUIET, owner=ada, user_id="u-1", session_id="s-1", metadata={"note": "é"}, priority=7),
        lifecycle.submit("workload.act_out", {"value": 1}, max_attempts=9, idempotency_key="once", owner=ada),
        lifecycle.submit(QUIET),
        lifecycle.submit("workload.use_gpu", {"value": 2}, priority=0),
        *lifecycle.submit_many([lifecycle.Submission(QUIET, priority=n, user_id=f"u-{n}") for n in (3, 5, 3)]),
        *lifecycle.submit_many([lifecycle.Submission("workload.use_gpu", {}, priority=0)] * 1),
    ]
    ended = 0
    job = claiming.claim("host:1:a")
    while job is not None and ended < 4:
        if ended == 1:
            job = lifecycle.progress(job, 30.5, "reading")
            job = lifecycle.progress(job, 12, data={"pages": 3})  # a lower number is not shown
        # One ends without a result, and one goes the long way between two that go the short one.
        following = finish(job, {"value": ended} if ended else None, claim_next=ended != 2)
        job, ended = following or claiming.claim("host:1:a"), ended + 1
    return jobs


def test_both_ways_leave_the_same_rows_and_events(ada, long_way, statements):
    short = picture(a_day(ada))
    assert len(statements) >= 8, "the short way was taken"
    JobEvent.objects.all().delete()
    Job.objects.all().delete()
    statements.clear()
    long_way()
    assert picture(a_day(ada)) == short
    assert not any(
        b"claimed AS" in sql or b"done AS" in sql or b"placed AS" in sql or b"moved AS" in sql for sql in statements
    )


def test_an_end_and_the_next_claim_are_one_statement(act, statements):
    first, second = lifecycle.submit(QUIET), lifecycle.submit(QUIET)
    job = claiming.claim("w")
    statements.clear()
    following = finish(job, claim_next=True)
    assert (job.pk, following.pk) == (first.pk, second.pk)
    assert len(statements) == 1
    assert event_types(first) == ["created", "started", "succeeded"]
    assert event_types(second) == ["created", "started"]
    assert following.worker == "w"
    assert following.fence == 1


def test_who_was_superseded_ends_nothing_and_claims_nothing():
    mine, other = lifecycle.submit(QUIET), lifecycle.submit(QUIET)
    job = claiming.claim("w")
    Job.objects.filter(pk=mine.pk).update(fence=7)
    with pytest.raises(Superseded):
        finish(job, claim_next=True)
    other.refresh_from_db()
    assert other.state == "queued"
    assert event_types(mine) == ["created", "started"]


def test_who_was_superseded_shows_no_progress():
    lifecycle.submit(QUIET)
    job = claiming.claim("w")
    Job.objects.filter(pk=job.pk).update(fence=7)
    with pytest.raises(Superseded):
        lifecycle.progress(job, 50)
    assert Job.objects.get(pk=job.pk).progress == 0


def test_a_claim_along_with_an_end_keeps_to_order_pauses_and_limits(act):
    holder = lifecycle.submit(QUIET, priority=10)
    late, soon = lifecycle.submit(QUIET, priority=1), act(priority=6)
    job = claiming.claim("w")
    assert job.pk == holder.pk
    following = finish(job, claim_next=True)
    assert following.pk == soon.pk, "the better one, though of another kind"
    lifecycle.pause_queue("default", by="ada")
    assert finish(following, claim_next=True) is None
    lifecycle.resume_queue("default")
    assert claiming.claim("w").pk == late.pk


def test_a_kind_whose_limit_is_used_up_is_passed_over(act):
    limited = next(kind for kind in registry if kind.rate_limit and not kind.resource and not kind.mirror)
    held = lifecycle.submit_many([lifecycle.Submission(limited.name, _input_of(limited), priority=10)])[0]
    RateLimit.objects.update_or_create(
        key=limited.rate_limit,
        defaults={"theoretical_arrival_at": "2100-01-01T00:00Z", "ready_at": "2100-01-01T00:00Z"},
    )
    free = lifecycle.submit(QUIET)
    assert claiming.claim("w").pk == free.pk
    RateLimit.objects.all().delete()
    assert claiming.claim("w").pk == held.pk


def _input_of(kind: Any) -> dict[str, Any]:
    return {}  # the door is not what this is about


def test_a_job_that_needs_a_resource_holds_back_what_comes_after_it_and_is_claimed_with_its_slot(act):
    gpu = lifecycle.submit("workload.use_gpu", {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 0}, priority=9)
    lifecycle.submit(QUIET)
    claimed = claiming.claim("w")
    assert (claimed.pk, claimed.slot) == (gpu.pk, 0)
    second = lifecycle.submit("workload.use_gpu", {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 0})
    following = claiming.claim("w2")
    assert following.kind == QUIET, "the resource is held: others go on"
    ended, _ = claiming.finish(RunningJob(claimed), {}, claim_next=True)
    assert ended.state == "succeeded"
    assert claiming.claim("w").pk == second.pk


def test_who_asked_to_be_told_is_told(ada):
    endpoints.create(ada, "https://hooks.example.com/", event_types=["job.processing", "job.succeeded"])
    lifecycle.submit(QUIET, owner=ada)
    job = claiming.claim("w")
    finish(job, claim_next=True)
    assert set(WebhookDelivery.objects.values_list("type", flat=True)) == {"job.processing", "job.succeeded"}


def test_two_workers_turn_over_a_queue_and_run_each_job_once():
    jobs = lifecycle.submit_many(lifecycle.Submission(QUIET) for _ in range(120))
    ran: list[Any] = []

    def drain(name: str) -> None:
        job = claiming.claim(name)
        while job is not None:
            ran.append(job.pk)
            job = finish(job, claim_next=True) or claiming.claim(name)

    run_together([lambda name=f"w{n}": drain(name) for n in range(3)])
    assert sorted(ran) == sorted(job.pk for job in jobs)
    assert set(Job.objects.values_list("state", "fence", "event_seq")) == {("succeeded", 1, 3)}


def test_a_result_that_cannot_be_stored_leaves_nothing_behind():
    job = lifecycle.submit(QUIET)
    running = claiming.claim("w")
    for result in ({"value": object()}, {"text": "a\x00b"}):
        with pytest.raises(Exception, match=r"serializable|Unicode"):
            finish(running, result)
    assert event_types(job) == ["created", "started"]
    finish(running, {"value": 1})
    assert Job.objects.get(pk=job.pk).result == {"value": 1}


def test_the_last_part_of_a_batch_wakes_its_parent():
    parent = lifecycle.submit_batch(
        lifecycle.Submission(QUIET), [lifecycle.Submission("workload.act_out", {"value": n}) for n in range(2)]
    )
    job = claiming.claim("w")
    job = finish(job, claim_next=True)
    assert Job.objects.get(pk=parent.pk).state == "pending"
    finish(job)
    assert Job.objects.get(pk=parent.pk).state == "queued"


def test_a_queue_that_drains_takes_no_new_job_either_way():
    lifecycle.drain_queue("default", by="ada")
    with pytest.raises(JobError, match="takes no new jobs"):
        lifecycle.submit(QUIET)
    with pytest.raises(JobError, match="takes no new jobs"):
        lifecycle.submit_many([lifecycle.Submission(QUIET)] * 2)
    assert not Job.objects.exists()


def test_one_key_at_the_same_moment_makes_one_job(ada):
    run_together([lambda: lifecycle.submit(QUIET, owner=ada, idempotency_key="k")] * 4)
    assert Job.objects.count() == 1


def test_places_are_counted_up_to_a_limit_and_never_guessed():
    first = lifecycle.submit_many(lifecycle.Submission(QUIET) for _ in range(arrivals.COUNTED + 20))
    assert [job.queue_position for job in first[: arrivals.COUNTED]] == list(range(1, arrivals.COUNTED + 1))
    assert {job.queue_position for job in first[arrivals.COUNTED :]} == {0}
    late = lifecycle.submit(QUIET)
    assert late.queue_position == 0
    assert late.events.get().data == {}
    assert lifecycle.submit(QUIET, priority=9).queue_position == 1


def test_what_a_worker_claimed_without_hearing_of_it_is_run_by_it(monkeypatch):
    """The connection breaks after the commit: the end is recorded, and the next job is this worker's already."""
    first, second = lifecycle.submit(QUIET), lifecycle.submit(QUIET)
    watchdog: Any = NobodyWatches()
    job = claiming.claim(watchdog.name)
    run = prepared.run
    broken = threading.Event()

    def break_once(sql: bytes, params: Any) -> Any:
        rows = run(sql, params)
        if not broken.is_set():
            broken.set()
            connection.close()
            from django.db import OperationalError

            raise OperationalError("the answer is lost")
        return rows

    monkeypatch.setattr("jobs.fast_path.turnover.run", break_once)
    assert worker.run(job, watchdog, lambda: True) is None
    assert broken.is_set()
    assert Job.objects.get(pk=first.pk).state == "succeeded"
    assert Job.objects.get(pk=second.pk).state == "processing"
    found = worker._next_job(watchdog.name, True)
    assert found.pk == second.pk
    assert worker._next_job(watchdog.name, True) is None
    worker.run(found, watchdog)
    assert set(Job.objects.values_list("state", "fence")) == {("succeeded", 1)}


def test_a_kind_that_is_declared_later_is_claimed(monkeypatch):
    assert claiming.claim("w") is None
    with suppress(ValueError):
        job_kind("workload.come_late")(lambda job: None)
    try:
        lifecycle.submit("workload.come_late")
        assert claiming.claim("w").kind == "workload.come_late"
    finally:
        registry.remove("workload.come_late")


def test_a_lease_is_as_long_as_the_setting_says(settings):
    settings.SIRA_LEASE = timedelta(seconds=77)
    lifecycle.submit(QUIET)
    job = claiming.claim("w")
    assert (job.lease_expires_at - job.updated_at) == timedelta(seconds=77)


def test_a_worker_of_a_queue_that_no_kind_has_finds_nothing(settings):
    lifecycle.submit(QUIET)
    settings.SIRA_WORKER_QUEUES = ["moved_away"]
    assert claiming.claim("w") is None


def test_what_cannot_be_claimed_does_not_fail_the_job_that_has_ended():
    good, broken = lifecycle.submit(QUIET), lifecycle.submit(QUIET)
    job = claiming.claim("w")
    JobEvent.objects.create(job=broken, seq=2, type="progress", state="queued")  # a restore that was not whole
    assert finish(job, {"value": 1}, claim_next=True) is None
    good.refresh_from_db()
    assert (good.state, good.result) == ("succeeded", {"value": 1})
    assert Job.objects.get(pk=broken.pk).state == "queued"


def test_a_column_that_a_migration_widens_disturbs_nobody_who_is_at_work():
    for _ in range(12):  # the statements are prepared
        lifecycle.submit(QUIET)
    job = claiming.claim("w")
    for _ in range(8):
        job = finish(job, claim_next=True)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE jobs_job ALTER COLUMN stage TYPE varchar(60)")
    try:
        job = lifecycle.progress(job, 10, "reading")
        job = finish(job, claim_next=True)
        assert job.state == "processing"
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE jobs_job ALTER COLUMN stage TYPE varchar(50)")


def while_held(job: Job, deed: Callable[[], Any], meanwhile: Callable[[], Any] | None = None) -> Any:
    """Do something while another transaction holds a job's row, for 0.3 s or until the deed is done."""
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Job.objects.select_for_update(no_key=True).get(pk=job.pk)
            held.set()
            let_go.wait(0.3)
        connection.close()

    def aside() -> None:
        assert meanwhile is not None
        meanwhile()
        connection.close()

    def act() -> Any:
        held.wait(10)
        if meanwhile is not None:
            threading.Timer(0.1, aside).start()
        try:
            return deed()
        finally:
            let_go.set()

    return run_together([hold, act])[1]


def test_a_row_that_somebody_holds_is_waited_for_and_what_is_claimed_then_is_chosen_then(statements):
    lifecycle.submit(QUIET)
    second = lifecycle.submit(QUIET)
    job = claiming.claim("w")
    statements.clear()
    urgent: list[Job] = []
    following = while_held(
        job,
        lambda: finish(job, claim_next=True),
        meanwhile=lambda: urgent.append(lifecycle.submit(QUIET, priority=9)),
    )
    assert Job.objects.get(pk=job.pk).state == "succeeded"
    assert following.pk == urgent[0].pk
    assert Job.objects.get(pk=second.pk).state == "queued"
    ends = [sql for sql in statements if b"succeeded_at" in sql and b"claimed" in sql]
    assert len(ends) == 2, "tried at once, and again when the row was free: the long way was not needed"


@pytest.mark.parametrize("kind", ["workload.use_gpu", "workload.call_limited"])  # of another queue, of the same
def test_after_a_head_that_somebody_has_nothing_overtakes_what_may_be_held_back_and_it_is_not_locked(kind):
    """Two such jobs wait behind a plain one; whoever may run them gets the first, whatever other workers look at."""
    given = {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 0}
    lifecycle.submit(QUIET)
    job = claiming.claim("w")
    head = lifecycle.submit(QUIET)
    held_back, later = (lifecycle.submit(kind, given) for _ in range(2))
    behind = lifecycle.submit(QUIET)
    locked: list[bool] = []

    def look() -> None:
        with transaction.atomic():
            free = Job.objects.select_for_update(skip_locked=True).filter(pk=held_back.pk)
            locked.append(not free.exists())

    def end_and_look() -> Job | None:
        with transaction.atomic():  # as if its commit took long
            following = finish(job, claim_next=True)
            run_together([look])
        return following

    assert while_held(head, end_and_look) is None
    assert locked == [False]
    assert {row.state for row in Job.objects.filter(pk__in=[head.pk, held_back.pk, later.pk, behind.pk])} == {"queued"}
    assert [claiming.claim(f"w{number}").pk for number in range(2)] == [head.pk, held_back.pk]


def test_while_the_head_of_a_queue_may_be_held_back_an_end_and_a_claim_stay_one_statement(statements):
    gpu = {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 0}
    plain = [lifecycle.submit(QUIET, priority=9) for _ in range(2)]
    lifecycle.submit("workload.use_gpu", gpu)
    painting = lifecycle.submit("workload.use_gpu", gpu, priority=10)
    assert claiming.claim("painter").pk == painting.pk
    jobs = [claiming.claim("w") for _ in plain]
    plain += [lifecycle.submit(QUIET) for _ in range(3)]  # behind a picture that has to wait for the GPU
    assert finish(jobs[0], claim_next=True) is None
    following = claiming.claim("w")
    statements.clear()
    assert finish(following, claim_next=True).pk == plain[3].pk
    assert len(statements) == 1


def test_a_batch_that_cannot_be_told_keeps_nobody_from_the_next_job(monkeypatch):
    lifecycle.submit(QUIET), lifecycle.submit(QUIET)
    job = claiming.claim("w")

    def fail(job: Job) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(lifecycle, "tell_batch", fail)
    assert finish(job, claim_next=True).state == "processing"


def test_what_the_database_refuses_leaves_the_callers_transaction_whole():
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            lifecycle.submit(QUIET, priority=99)
        lifecycle.submit(QUIET)
    assert Job.objects.count() == 1
