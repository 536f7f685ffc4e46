"""Places in a queue: exact, however they are asked for, and found without looking at the whole queue for each."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs import lifecycle, places, positions
from jobs.engine import claiming
from jobs.fast_path import prepared
from jobs.kinds import job_kind, registry
from jobs.lifecycle import Submission
from jobs.models import Job, Worker
from jobs.states import State

pytestmark = pytest.mark.usefixtures("any_database")

KINDS = ["workload.act_out", "workload.act_briefly"]
ACT = {"act": "ok", "seconds": 0, "until_attempt": 0, "value": 0}


def crowd(chance: random.Random, count: int, **values: Any) -> list[Job]:
    """Write jobs of two queues in any state; few priorities and turns, so that many are level."""
    states = [*[State.QUEUED] * 6, State.PENDING, State.SUCCEEDED]
    return Job.objects.bulk_create(
        Job(
            kind=chance.choice(KINDS), queue=chance.choice(["default", "default", "gpu"]), state=chance.choice(states),
            priority=chance.choice([0, 4, 5, 5, 10]), turn=chance.choice([0, 0, 1, 2, 7, 2**40]), input=ACT, **values,
        )
        for _ in range(count)
    )  # fmt: skip


def sorted_plainly(queue: str) -> list[Job]:
    waiting = [job for job in Job.objects.all() if job.state == State.QUEUED and job.queue == queue]
    return sorted(waiting, key=lambda job: (-job.priority, job.turn, str(job.pk)))


@pytest.mark.parametrize("seed", range(4))
def test_places_are_those_of_a_plain_sort_for_one_for_some_and_for_all(seed):
    chance = random.Random(seed)
    jobs = crowd(chance, chance.choice([1, 40, 90]))
    true = {job.pk: n for queue in ("default", "gpu") for n, job in enumerate(sorted_plainly(queue), start=1)}
    waiting = [job for job in jobs if job.pk in true]
    assert positions.positions_of(waiting) == true
    some = chance.sample(waiting, k=len(waiting) // 3)
    assert positions.positions_of([*some, *some]) == {job.pk: true[job.pk] for job in some}
    assert all(positions.position(job) == true.get(job.pk, 0) for job in chance.sample(jobs, k=min(8, len(jobs))))
    assert positions.positions_of([]) == {}


@pytest.mark.parametrize("seed", range(2))
def test_jobs_that_arrive_together_are_told_the_places_that_they_then_have(seed, ada, ben):
    chance = random.Random(seed)
    crowd(chance, 40)
    for owner in (ada, ben):
        arrived = lifecycle.submit_many(
            [Submission(chance.choice(KINDS), ACT, priority=chance.choice([0, 5, 10])) for _ in range(12)], owner=owner
        )
        assert {job.pk: job.queue_position for job in arrived} == positions.positions_of(arrived)


def test_places_are_dense_unique_and_the_order_in_which_jobs_are_claimed(ada, ben):
    chance = random.Random(5)
    for _ in range(20):
        owner, priority = chance.choice([ada, ben, None]), chance.choice([0, 5, 10])
        lifecycle.submit(chance.choice(KINDS), ACT, owner=owner, priority=priority)
    for left in range(20, 0, -1):
        places_now = positions.positions_of(list(Job.objects.queued()))
        assert sorted(places_now.values()) == list(range(1, left + 1))
        claimed = claiming.claim("w")
        assert places_now[claimed.pk] == 1


def test_what_is_ahead_can_be_counted_for_one_kind():
    chance = random.Random(6)
    crowd(chance, 60)
    line = sorted_plainly("default")
    ranks = [places.rank_of(job) for job in line]
    for kind in KINDS:
        counted = places.count_before("default", ranks, kind)
        assert counted == {rank: sum(job.kind == kind for job in line[:n]) for n, rank in enumerate(ranks)}


def test_the_places_of_many_jobs_take_one_statement_that_reads_ranges_of_one_index(monkeypatch):
    jobs = [job for job in crowd(random.Random(7), 200) if (job.state, job.queue) == (State.QUEUED, "default")]
    asked: list[tuple[str, Any]] = []
    if connection.vendor == "postgresql":
        explain, bounds = ("EXPLAIN", "ROW(turn, id) >= ROW(piece.from_turn, piece.from_id)")
        run = prepared.run

        def noting(sql: bytes, values: Any) -> Any:
            asked.append((sql.decode(), values))
            return run(sql, values)

        monkeypatch.setattr(prepared, "run", noting)
        positions.positions_of(jobs)
        ((sql, values),) = asked
        plan = " ".join(row[0] for row in run(f"{explain} {sql}".encode(), values))
    else:
        explain, bounds = ("EXPLAIN QUERY PLAN", "(turn,id)>(?,?) AND (turn,id)<(?,?)")
        with CaptureQueriesContext(connection) as captured:
            positions.positions_of(jobs)
        assert len(captured) == 1
        with connection.cursor() as cursor:
            cursor.execute(f"{explain} {captured[0]['sql']}".replace("%", "%%"))
            plan = " ".join(str(row) for row in cursor.fetchall())
    assert "job_position" in plan, plan
    assert bounds in plan, plan


# --- when it may be done ----------------------------------------------------------------------------------------------
QUICK, SLOW, NEW, ELSEWHERE = "painter.draw_dot", "painter.draw_city", "painter.draw_dream", "painter.wash_brush"


@pytest.fixture
def painters(any_database: str) -> Iterator[None]:
    """Three kinds that share the gpu, one in their queue that does without it, and four workers for them all."""
    for name in (QUICK, SLOW, NEW):
        job_kind(name, queue="gpu", resource="gpu", timeout=timedelta(seconds=500))(lambda job: None)
    job_kind(ELSEWHERE, queue="gpu")(lambda job: None)
    for number in range(4):
        Worker.objects.create(name=f"w{number}", cluster="sira")
    yield
    for name in (QUICK, SLOW, NEW, ELSEWHERE):
        registry.remove(name)


def it_took(kind: str, seconds: float) -> None:
    end = timezone.now()
    Job.objects.create(
        kind=kind, state=State.SUCCEEDED, processing_at=end - timedelta(seconds=seconds), succeeded_at=end
    )


def eta_behind(*kinds: str) -> tuple[float, float]:
    """Return in how many seconds a quick job is done that waits behind these."""
    for kind in kinds:
        lifecycle.submit(kind)
    earliest, latest = positions.explain(lifecycle.submit(QUICK)).eta
    return (earliest - timezone.now()).total_seconds(), (latest - timezone.now()).total_seconds()


@pytest.fixture
def measured(painters: None) -> None:
    it_took(QUICK, 1)
    it_took(SLOW, 100)
    it_took(ELSEWHERE, 30)


@pytest.mark.usefixtures("measured")
def test_an_eta_gives_each_job_ahead_the_time_of_its_own_kind():
    assert eta_behind(SLOW, SLOW, QUICK) == pytest.approx((202, 202), abs=1), "one after another, whoever has workers"


@pytest.mark.usefixtures("measured")
def test_an_eta_of_a_shared_resource_is_as_quick_as_its_places(settings):
    settings.SIRA_RESOURCES = {"gpu": 2}
    assert eta_behind(SLOW, SLOW) == pytest.approx((101, 101), abs=1)


@pytest.mark.usefixtures("measured")
def test_what_comes_later_or_needs_no_resource_delays_nobody_at_the_earliest():
    first = lifecycle.submit(QUICK)
    earliest, latest = eta_behind(*[ELSEWHERE] * 8)
    assert (earliest, latest) == pytest.approx((2, 8 * 30 / 4 + 1 + 1 / 4), abs=1)
    lifecycle.submit(SLOW)
    assert (positions.explain(first).eta[1] - timezone.now()).total_seconds() < 3


@pytest.mark.usefixtures("measured")
def test_a_kind_that_has_never_run_ahead_makes_the_range_as_wide_as_its_time_limit():
    assert eta_behind(NEW) == pytest.approx((1, 501), abs=1)


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize(("gone", "left"), [(40, 60), (130, 370)], ids=["as usual", "longer than usual"])
def test_the_holder_of_the_resource_goes_on_for_what_is_left_of_its_time(gone, left):
    lifecycle.submit(SLOW)
    holder = claiming.claim("w0")
    Job.objects.filter(pk=holder.pk).update(processing_at=timezone.now() - timedelta(seconds=gone))
    assert eta_behind() == pytest.approx((1, left + 1), abs=1)


@pytest.mark.usefixtures("measured")
def test_resources_say_how_many_of_any_kind_wait_for_them():
    for kind in (QUICK, SLOW, SLOW, ELSEWHERE):
        lifecycle.submit(kind)
    claiming.claim("w0")
    (gpu,) = [resource for resource in positions.resources() if resource.name == "gpu"]
    assert (gpu.waiting, len(gpu.holders)) == (2, 1)
