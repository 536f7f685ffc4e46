"""Who is next: priority, fairness, arrival; resources, rate limits, pauses."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from jobs import lifecycle
from jobs.engine import claiming
from jobs.errors import JobError, RateLimited, Unavailable
from jobs.kinds import registry
from jobs.models import Job, RateLimit
from jobs.providers import rates
from jobs.states import State
from tests.engine.conftest import expire_lease
from tests.harness.threads import run_together

pytestmark = pytest.mark.usefixtures("any_database")


def drain() -> list[Job]:
    """Claim and finish until nothing is left; the jobs in the order they were claimed."""
    order = []
    while (job := claiming.claim("w")) is not None:
        order.append(job)
        lifecycle.succeed(job, {})
    return order


def values(jobs: list[Job]) -> list[int]:
    return [job.input["value"] for job in jobs]


def test_priority_comes_first_then_arrival(act):
    for value, priority in enumerate([0, 5, 10, 5, 10]):
        act(value=value, priority=priority)
    assert values(drain()) == [2, 4, 1, 3, 0]


def test_the_order_holds_across_kinds(act):
    for value, kind in enumerate(
        ["workload.act_out", "workload.act_briefly", "workload.act_out", "workload.act_briefly"]
    ):
        act(value=value, kind=kind)
    assert values(drain()) == [0, 1, 2, 3]


def test_a_kind_stands_in_line_with_its_best_job_not_with_its_oldest(act):
    act(value=0, kind="workload.act_out", priority=0)
    act(value=1, kind="workload.act_briefly", priority=5)
    act(value=2, kind="workload.act_out", priority=10)
    assert values(drain()) == [2, 1, 0]


def test_an_owner_of_many_jobs_does_not_keep_another_waiting_behind_all_of_them(act, ada, ben):
    for value in range(20):
        act(owner=ada, value=value)
    act(owner=ben, value=100)
    act(owner=ben, value=101)
    order = values(drain())
    assert order.index(100) == 2
    assert order.index(101) == 4
    assert [value for value in order if value < 100] == list(range(20)), "one owner's jobs stay in order"


def test_an_owner_who_comes_late_comes_after_the_head_not_before_it(act, ada, ben):
    for value in range(6):
        act(owner=ada, value=value)
    for _ in range(3):
        lifecycle.succeed(claiming.claim("w"), {})
    act(owner=ben, value=100)
    assert values(drain()) == [3, 4, 100, 5]


def test_nobody_starves_while_others_always_have_one_job_waiting(act, ada, ben, django_user_model):
    cem = django_user_model.objects.create_user("cem")
    for value in range(3):
        act(owner=ada, value=value)
    for value, owner in ((100, ben), (200, cem)):
        act(owner=owner, value=value)
    served = []
    for _ in range(14):
        job = claiming.claim("w")
        served.append(job.input["value"])
        lifecycle.succeed(job, {})
        if job.owner_id != ada.pk:
            act(owner=job.owner, value=job.input["value"])
    assert [value for value in served if value < 100] == [0, 1, 2]


def test_a_bulk_submit_is_fair_too(ada, ben, act):
    lifecycle.submit_many(
        [
            lifecycle.Submission("workload.act_out", {"act": "ok", "seconds": 0, "until_attempt": 0, "value": n})
            for n in range(50)
        ],
        owner=ada,
    )
    act(owner=ben, value=100)
    assert values(drain()).index(100) == 2


def test_many_claimers_never_get_the_same_job(act):
    for value in range(24):
        act(value=value)

    def claim_some() -> list[str]:
        mine = []
        while (job := claiming.claim("w")) is not None:
            mine.append(str(job.pk))
        return mine

    claimed = [pk for mine in run_together([claim_some] * 6) for pk in mine]
    assert len(claimed) == 24
    assert len(set(claimed)) == 24
    assert set(Job.objects.values_list("fence", flat=True)) == {1}


def test_a_resource_is_held_by_one_and_its_waiters_leave_the_others_alone(act, settings):
    settings.SIRA_RESOURCES = {"gpu": 1}
    for value in range(3):
        act(kind="workload.use_gpu", priority=10, value=value)
    act(value=100, priority=0)
    first = claiming.claim("w1")
    assert (first.kind, first.slot) == ("workload.use_gpu", 0)
    assert claiming.claim("w2").input["value"] == 100, "a lower job of another kind runs instead of waiting"
    assert claiming.claim("w3") is None


@pytest.mark.parametrize("way_out", ["succeed", "fail", "retry", "snooze", "release", "cancel", "rescue"])
def test_every_way_out_of_processing_lets_go_of_the_resource(act, way_out):
    from jobs.errors import InvalidInput, Unavailable

    act(kind="workload.use_gpu", value=0)
    act(kind="workload.use_gpu", value=1)
    job = claiming.claim("w")
    assert claiming.claim("w") is None
    match way_out:
        case "succeed":
            lifecycle.succeed(job, {})
        case "fail":
            lifecycle.fail(job, InvalidInput("x"))
        case "retry":
            lifecycle.retry_later(job, Unavailable("x"), timedelta(hours=1))
        case "snooze":
            lifecycle.snooze(job, timedelta(hours=1), "x")
        case "release":
            lifecycle.release(job)
        case "cancel":
            lifecycle.cancel(job.pk)
            lifecycle.acknowledge_cancel(job)
        case "rescue":
            expire_lease(job)
            lifecycle.rescue()
    assert claiming.claim("w") is not None
    assert Job.objects.running().filter(slot__isnull=False).count() == 1


def test_a_resource_of_capacity_two_is_held_by_two(act, settings):
    settings.SIRA_RESOURCES = {"gpu": 2}
    for value in range(3):
        act(kind="workload.use_gpu", value=value)
    assert {claiming.claim("w").slot, claiming.claim("w").slot} == {0, 1}
    assert claiming.claim("w") is None


def test_threads_that_race_for_a_resource_get_it_once(act):
    for value in range(8):
        act(kind="workload.use_gpu", value=value)
    claimed = run_together([lambda: claiming.claim("w")] * 8)
    assert sum(job is not None for job in claimed) == 1


def test_a_resource_held_for_over_thirty_seconds_is_warned_of_once_per_holder(act, claim, caplog):
    act(kind="workload.use_gpu")
    job = claim()
    assert lifecycle.warn_of_long_holders() == 0
    Job.objects.filter(pk=job.pk).update(processing_at=Now() - timedelta(seconds=31))
    assert lifecycle.warn_of_long_holders() == 1
    assert lifecycle.warn_of_long_holders() == 0
    assert "gpu is held by job" in caplog.text


def test_a_paused_queue_gives_nothing_until_it_is_resumed(act):
    act()
    lifecycle.pause_queue("default", by="ada", reason="maintenance")
    assert claiming.claim("w") is None
    assert lifecycle.resume_queue("default") is True
    assert lifecycle.resume_queue("default") is False
    assert claiming.claim("w") is not None


def test_a_cluster_claims_only_from_the_queues_it_serves(act, settings):
    act(value=1)
    act(kind="workload.use_gpu", value=2)
    settings.SIRA_WORKER_QUEUES = ["gpu"]
    assert values(drain()) == [2]


def test_a_job_of_an_unknown_kind_waits_instead_of_failing(act):
    job = act(kind="workload.act_briefly")
    kind = registry.get("workload.act_briefly")
    registry.remove(kind.name)
    try:
        assert claiming.claim("w") is None
    finally:
        registry.add(kind)
    assert claiming.claim("w").pk == job.pk


# --- rate limits ------------------------------------------------------------------------------------------------------


def test_a_rate_limit_lets_a_burst_pass_and_then_says_how_long_to_wait():
    rate = rates.Rate(requests=2, per=timedelta(seconds=1), burst=3)
    for _ in range(3):
        rates.take("api", rate)
    with pytest.raises(RateLimited) as refused:
        rates.take("api", rate)
    assert 0.3 < refused.value.retry_after.total_seconds() <= 0.51


def test_a_rate_limit_is_never_passed_by_more_than_it_allows_however_many_ask():
    rate = rates.Rate(requests=1, per=timedelta(hours=1), burst=4)
    rates._row("api")

    def take() -> int:
        try:
            rates.take("api", rate)
            return 1
        except RateLimited:
            return 0

    assert sum(run_together([take] * 10)) == 4


def test_jobs_that_need_a_used_up_rate_limit_are_not_claimed(act):
    act(kind="workload.call_limited", value=1)
    act(value=2)
    rates.block("workload", timedelta(hours=1))
    assert values(drain()) == [2]
    Job.objects.all()  # the limited one still waits, without a worker and without an attempt
    waiting = Job.objects.get(kind="workload.call_limited")
    assert (waiting.state, waiting.attempt) == (State.QUEUED, 0)


def test_the_breaker_opens_after_repeated_failures_and_closes_with_a_success():
    for _ in range(rates.BREAKER_THRESHOLD - 1):
        rates.record_failure("api")
    rates.check_breaker("api")
    rates.record_failure("api")
    with pytest.raises(RateLimited, match="given a rest"):
        rates.check_breaker("api")
    rates.record_success("api")
    rates.check_breaker("api")


def test_after_the_rest_one_caller_tries_and_the_others_wait_for_how_it_went():
    rate = rates.Rate(requests=100, per=timedelta(seconds=1), burst=100)

    def call(outcome: Exception | None = None) -> str:
        try:
            with rates.guarded("api", rate):
                if outcome is not None:
                    raise outcome
                tried.append(1)
                return "answered"
        except JobError as error:
            return error.code

    def rest_is_over() -> None:
        RateLimit.objects.filter(key="api").update(ready_at=Now() - timedelta(seconds=1))

    for _ in range(rates.BREAKER_THRESHOLD):
        call(Unavailable("away"))
    assert call() == "circuit_open"
    rest_is_over()
    assert call(Unavailable("still away")) == "unavailable"
    row = RateLimit.objects.get(key="api")
    assert (row.failures, row.reason) == (rates.BREAKER_THRESHOLD + 1, rates.OPEN)
    assert row.ready_at > timezone.now() + 1.5 * rates.BREAKER_OPEN, "twice as long as before"
    rest_is_over()
    tried: list[int] = []
    barrier = threading.Barrier(6)

    def probe_slowly() -> str:
        barrier.wait(10)
        try:
            return "probe" if rates.check_breaker("api") else "closed"
        except RateLimited as error:
            return error.code

    assert sorted(run_together([probe_slowly] * 6)) == ["circuit_open"] * 5 + ["probe"]
    rates.record_success("api")
    assert call() == "answered"
    assert tried == [1]
