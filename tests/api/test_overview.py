"""The overview: true numbers, nobody else's jobs, and what needs attention for as long as it does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from jobs import attention, history, lifecycle, overview
from jobs.lifecycle import Submission
from jobs.models import Job, JobEvent, RateLimit, Worker
from jobs.providers import rates
from jobs.states import State
from tests.api.conftest import KIND, claim, client_of, fail, finish, make_job

QUEUE = "darkroom"
GPU_KIND = "workload.use_gpu"
LIMITED_KIND = "workload.call_limited"
ACT = {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 0}


@pytest.fixture(autouse=True)
def _count_anew() -> None:
    history.forget()


@pytest.fixture
def see(staff: Any) -> Callable[..., dict[str, Any]]:
    """Read the overview, as staff if nobody else is named."""

    def read(user: Any = None) -> dict[str, Any]:
        answer = client_of(user or staff).get("/api/v1/overview/")
        assert answer.status_code == 200
        return answer.json()

    return read


@pytest.fixture
def concerns(see: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, dict[str, Any]]]:
    """What needs attention, by its code."""
    return lambda user=None: {concern["code"]: concern for concern in see(user)["attention"]}


@pytest.fixture
def worker(db: None) -> Worker:
    return Worker.objects.create(name="w", cluster="sira")


def shift(job: Job, **times: timedelta) -> Job:
    """Let something have happened so long ago."""
    Job.objects.filter(pk=job.pk).update(**{name: Now() - ago for name, ago in times.items()})
    return job


def only(steps: dict[str, Any], *names: str) -> list[tuple[Any, ...]]:
    """Return these numbers of the steps in which any of them is not 0."""
    rows = [tuple(step[name] for name in names) for step in steps["steps"]]
    return [row for row in rows if any(row)]


# --- numbers ------------------------------------------------------------------------------------------------------
def test_jobs_are_counted_by_state_own_and_all(any_database: str, ada: Any, bob: Any, see: Any) -> None:
    finish(ada)
    finish(bob)
    fail(bob)
    lifecycle.cancel(make_job(ada).pk)
    make_job(ada)
    claim()
    make_job(ada)
    make_job(bob, run_after=timezone.now() + timedelta(hours=1))
    seen = see(ada)
    assert seen["all"] == {
        "pending": 1, "queued": 1, "processing": 1, "succeeded": 2, "failed": 1, "cancelled": 1,
    }  # fmt: skip
    assert seen["mine"]["jobs"] == {
        "pending": 0, "queued": 1, "processing": 1, "succeeded": 1, "failed": 0, "cancelled": 1,
    }  # fmt: skip


def test_the_last_hour_tells_what_ended_and_how_long_what_began_had_waited(
    any_database: str, ada: Any, see: Any
) -> None:
    for waited, ago in ((10, 60), (30, 60)):
        job = finish(ada)
        moment = timedelta(seconds=ago)
        shift(job, queued_at=moment + timedelta(seconds=waited), processing_at=moment, succeeded_at=moment)
    make_job(ada)
    shift(claim(), queued_at=timedelta(seconds=140), processing_at=timedelta(seconds=60))
    seen = see()
    for span, seconds, number in (("hour", 300, 12), ("day", 3600, 24)):
        assert (seen[span]["step_seconds"], len(seen[span]["steps"])) == (seconds, number)
        ((succeeded, started, average, longest),) = only(
            seen[span], "succeeded", "started", "average_wait_seconds", "longest_wait_seconds"
        )
        assert (succeeded, started) == (2, 3)
        assert average == pytest.approx(40, abs=0.1)
        assert longest == pytest.approx(80, abs=0.1)


def test_what_ended_hours_ago_is_in_the_day_alone_and_what_ended_before_it_in_neither(
    any_database: str, ada: Any, see: Any
) -> None:
    for hours in (0, 3, 20, 25):
        ago = timedelta(hours=hours)
        shift(finish(ada), queued_at=ago, processing_at=ago, succeeded_at=ago)
    seen = see(ada)
    assert only(seen["hour"], "succeeded", "started") == [(1, 1)]
    assert only(seen["day"], "succeeded", "started") == [(1, 1)] * 3
    assert seen["all"]["succeeded"] == seen["mine"]["jobs"]["succeeded"] == 3


def test_steps_begin_at_whole_five_minutes_and_hours_and_the_last_one_is_now(any_database: str, see: Any) -> None:
    seen = see()
    now = datetime.fromisoformat(seen["as_of"])
    for span in ("hour", "day"):
        begins = [datetime.fromisoformat(step["begin"]) for step in seen[span]["steps"]]
        step = timedelta(seconds=seen[span]["step_seconds"])
        assert {(later - sooner) for sooner, later in pairwise(begins)} == {step}
        assert begins[-1] <= now < begins[-1] + step
        assert begins[0].timestamp() % step.total_seconds() == 0


def test_a_job_that_was_run_again_counts_where_it_ended_at_last(any_database: str, ada: Any, see: Any) -> None:
    failed = fail(ada)
    assert only(see()["hour"], "failed", "succeeded") == [(1, 0)]
    lifecycle.requeue(failed.pk)
    history.forget()
    assert only(see()["hour"], "failed", "succeeded", "started") == []
    lifecycle.succeed(claim(), {})
    assert only(see()["hour"], "failed", "succeeded", "started") == [(0, 1, 1)]


def test_a_job_that_is_cancelled_while_it_waits_to_run_again_has_not_begun(
    any_database: str, ada: Any, see: Any
) -> None:
    again = lifecycle.requeue(fail(ada).pk) or pytest.fail("it was not queued again")
    lifecycle.cancel(again.pk)
    assert only(see()["hour"], "cancelled", "failed", "started") == [(1, 0, 0)]


def test_steps_that_are_over_are_counted_once_for_all_who_ask(
    ada: Any, see: Any, django_assert_max_num_queries: Any
) -> None:
    see()
    with django_assert_max_num_queries(32):
        see(ada)


def test_many_jobs_cost_no_more_queries_than_few(ada: Any, django_assert_max_num_queries: Any) -> None:
    overview.look(ada)
    for _ in range(30):
        make_job(ada)
    with django_assert_max_num_queries(24):
        overview.look(ada)


# --- whose --------------------------------------------------------------------------------------------------------
def test_others_learn_numbers_and_never_whose(any_database: str, ada: Any, bob: Any, see: Any, worker: Worker) -> None:
    told = []
    for kind in (KIND, GPU_KIND):
        data = {"speed": 100} if kind == KIND else ACT
        for _ in range(2):
            job = lifecycle.submit(kind, data, owner=ada, session_id="secret-session", user_id="secret-user")
            told.append(str(job.pk))
    lifecycle.pause_queue(QUEUE, by="staff")
    held = claim()
    text = client_of(bob).get("/api/v1/overview/").content.decode()
    for private in (*told, "ada", "secret"):
        assert private not in text, private
    seen = see(bob)
    assert seen["all"]["queued"] == 3
    assert seen["mine"]["unfinished"] == seen["attention"] == []
    (gpu,) = [resource for resource in seen["resources"] if resource["name"] == "gpu"]
    assert (gpu["holders"][0]["mine"], gpu["holders"][0]["job"], gpu["waiting"]) == (False, None, 1)
    (told_staff,) = [resource for resource in see()["resources"] if resource["name"] == "gpu"]
    assert (told_staff["holders"][0]["owner"], told_staff["holders"][0]["job"]) == ("ada", str(held.pk))


def test_strangers_learn_nothing(client: Any, db: None) -> None:
    assert client.get("/api/v1/overview/").status_code == 401


def test_ones_unfinished_jobs_come_with_what_is_at_work_first_and_batches_without_their_parts(
    any_database: str, ada: Any, bob: Any, see: Any
) -> None:
    at_work = make_job(ada)
    claim()
    batch = lifecycle.submit_batch(
        Submission(KIND, {}), [Submission(KIND, {"speed": 100}) for _ in range(3)], owner=ada
    )
    waiting = [make_job(ada) for _ in range(9)]
    make_job(bob)
    finish(ada, priority=10)
    seen = see(ada)["mine"]
    shown = [job["id"] for job in seen["unfinished"]]
    assert shown[0] == str(at_work.pk)
    assert shown[1:] == [str(job.pk) for job in reversed(waiting)][:7]
    assert seen["more"] == 3  # two that wait, and the batch
    Job.objects.filter(pk=batch.pk).update(progress=1)
    assert see(ada)["mine"]["unfinished"][0]["id"] == str(batch.pk)
    assert seen["jobs"]["queued"] == 12


# --- what needs attention -----------------------------------------------------------------------------------------
def test_nothing_needs_attention_when_all_is_well(any_database: str, ada: Any, worker: Worker, concerns: Any) -> None:
    finish(ada)
    fail(ada)
    make_job(ada)
    claim()
    make_job(ada)
    assert concerns() == {}


def test_a_job_whose_lease_ran_out_is_stuck_until_it_is_taken_back(
    any_database: str, ada: Any, bob: Any, worker: Worker, concerns: Any
) -> None:
    make_job(ada)
    job = claim()
    Job.objects.filter(pk=job.pk).update(lease_expires_at=Now() - timedelta(minutes=1))
    assert concerns()["stuck"]["count"] == concerns(ada)["stuck"]["count"] == 1
    assert concerns()["stuck"]["severity"] == "bad"
    assert concerns(bob) == {}
    lifecycle.rescue()
    assert concerns() == {}


def test_a_queue_with_work_and_without_a_worker_is_told_until_one_comes(
    any_database: str, ada: Any, bob: Any, concerns: Any
) -> None:
    assert concerns() == {}  # no worker, but no work either
    make_job(ada)
    Worker.objects.create(name="other", cluster="gpu", queues=["gpu"])
    assert (concerns()["no_worker"]["subject"], concerns()["no_worker"]["count"]) == (QUEUE, 1)
    assert "no_worker" in concerns(ada)
    assert concerns(bob) == {}
    Worker.objects.create(name="w", cluster="sira")
    assert concerns() == {}


def test_a_paused_queue_is_told_when_work_waits_in_it(
    any_database: str, ada: Any, bob: Any, worker: Worker, concerns: Any
) -> None:
    lifecycle.pause_queue(QUEUE, by="staff", reason="paper is out")
    assert concerns() == {}
    make_job(ada)
    make_job(bob)
    assert concerns()["queue_paused"]["count"] == 2
    assert concerns(bob)["queue_paused"]["count"] == 1
    worker.delete()
    assert set(concerns()) == {"queue_paused"}  # one cause is enough
    Worker.objects.create(name="w", cluster="sira")
    lifecycle.resume_queue(QUEUE)
    assert concerns() == {}


def test_a_kind_that_fails_more_than_usual_is_told(
    any_database: str, ada: Any, bob: Any, worker: Worker, concerns: Any
) -> None:
    for _ in range(attention.MANY_FAILURES - 1):
        fail(ada)
    assert concerns() == {}
    last = fail(ada)
    finish(ada)
    told = concerns()["kind_failing"]
    assert (told["subject"], told["count"], told["total"]) == (KIND, 5, 6)
    assert told["title"] == "Develop a film."
    assert concerns(ada) == concerns(bob) == {}  # nothing of theirs can fail next
    make_job(bob)
    assert set(concerns(bob)) == {"kind_failing"}
    lifecycle.requeue(last.pk)
    assert concerns() == {}


def test_a_kind_that_always_fails_that_often_is_no_news(
    any_database: str, ada: Any, worker: Worker, concerns: Any
) -> None:
    for hours in (0, 3):
        for _ in range(attention.MANY_FAILURES):
            shift(fail(ada), failed_at=timedelta(hours=hours))
            shift(finish(ada), succeeded_at=timedelta(hours=hours))
    assert concerns() == {}


def test_a_queue_grows_when_more_comes_than_leaves_and_waits(
    any_database: str, ada: Any, bob: Any, worker: Worker, concerns: Any
) -> None:
    jobs = [make_job(ada) for _ in range(attention.LONG_QUEUE)]
    assert concerns() == {}  # nobody has waited for long yet
    shift(jobs[0], queued_at=timedelta(minutes=2))
    told = concerns()["queue_growing"]
    assert (told["subject"], told["count"], told["arrived"], told["left"]) == (QUEUE, 20, 20, 0)
    assert concerns(bob) == {}
    for _ in range(16):
        finish(ada, priority=10)
    assert (concerns()["queue_growing"]["arrived"], concerns()["queue_growing"]["left"]) == (36, 16)
    lifecycle.cancel(jobs[-1].pk)
    assert concerns() == {}


def test_a_long_queue_of_old_jobs_does_not_grow(any_database: str, ada: Any, worker: Worker, concerns: Any) -> None:
    # Their ids say that they came an hour ago.
    first = attention.first_id_at(timezone.now() - timedelta(hours=1)).int
    for number in range(attention.LONG_QUEUE):
        job = make_job(ada)
        JobEvent.objects.filter(job=job).delete()
        Job.objects.filter(pk=job.pk).update(id=type(job.pk)(int=first + number), queued_at=Now() - timedelta(hours=1))
    assert concerns() == {}


def test_a_resource_that_is_held_for_long_is_told_to_those_who_wait_for_it(
    any_database: str, ada: Any, bob: Any, staff: Any, worker: Worker, concerns: Any
) -> None:
    holder = lifecycle.submit(GPU_KIND, ACT, owner=ada)
    claim()
    lifecycle.submit(GPU_KIND, ACT, owner=bob)
    assert concerns() == {}
    shift(holder, processing_at=timedelta(minutes=2))
    lifecycle.warn_of_long_holders()
    assert (concerns()["resource_held"]["subject"], concerns()["resource_held"]["count"]) == ("gpu", 1)
    assert set(concerns(bob)) == {"resource_held"}
    assert "ada" not in str(concerns(bob))
    lifecycle.succeed(Job.objects.get(pk=holder.pk), {})
    assert concerns() == {}


def test_an_open_breaker_is_told_until_it_closes(
    any_database: str, ada: Any, bob: Any, worker: Worker, concerns: Any
) -> None:
    for _ in range(rates.BREAKER_THRESHOLD):
        rates.record_failure("workload")
    assert (concerns()["breaker_open"]["subject"], concerns()["breaker_open"]["count"]) == ("workload", 5)
    assert concerns(ada) == {}
    lifecycle.submit(LIMITED_KIND, ACT, owner=ada)
    assert set(concerns(ada)) == {"breaker_open"}
    assert concerns(bob) == {}
    rates.record_success("workload")
    assert concerns() == {}


def test_a_limit_is_told_when_it_opens_late(any_database: str, worker: Worker, concerns: Any) -> None:
    rates.block("workload", timedelta(seconds=10))
    assert concerns() == {}
    rates.block("workload", timedelta(minutes=2))
    assert concerns()["rate_limited"]["subject"] == "workload"
    RateLimit.objects.update(ready_at=Now())
    assert concerns() == {}


def test_the_worst_comes_first_and_each_says_what_it_means(any_database: str, ada: Any, see: Any) -> None:
    lifecycle.submit(GPU_KIND, ACT, owner=ada)
    lifecycle.pause_queue("gpu", by="staff")
    make_job(ada)
    told = see()["attention"]
    assert [concern["code"] for concern in told] == ["no_worker", "queue_paused"]
    assert [concern["severity"] for concern in told] == ["bad", "warning"]
    assert all(concern["meaning"].endswith(".") for concern in told)
    assert State.QUEUED not in {concern["subject"] for concern in told}
