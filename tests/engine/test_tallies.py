"""Every event that begins or ends an attempt is counted once: whoever counts, whatever is deleted or commits late."""

from __future__ import annotations

import random
import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from jobs import lifecycle, retention
from jobs.attempts import attempts_of
from jobs.engine import claiming
from jobs.engine.ticker import Ticker
from jobs.errors import InvalidInput, Unavailable
from jobs.metrics import tallies
from jobs.models import EventType, Job, JobEvent, Tally, TallyMark
from jobs.states import FINISHED
from tests.harness.waiting import wait_until

KIND = "workload.act_out"
SOON = timedelta(milliseconds=1)


def count_all() -> None:
    """Count until nothing is left, as the ticker does in its time."""
    counter = tallies.Counter()
    wait_until(lambda: counter.count_events() == 0 and tallies.behind() == 0, timeout=10)


def counted(measure: str) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for tally in Tally.objects.filter(measure=measure):
        found[tally.kind, tally.outcome] += tally.count
    return found


def one(measure: str) -> Tally:
    return Tally.objects.get(measure=measure)


def live_at_random(rng: random.Random) -> None:
    """Claim a job and let something happen to it, or to one that waits."""
    deed = rng.choice(["succeed", "fail", "retry", "snooze", "release", "rescue", "cancel waiting", "stop", "requeue"])
    if deed == "requeue":
        ended = Job.objects.filter(state__in=["failed", "cancelled"]).first()
        if ended is not None:
            lifecycle.requeue(ended.pk)
        return
    if deed == "cancel waiting":
        waiting = Job.objects.waiting().order_by("?").first()
        if waiting is not None:
            lifecycle.cancel(waiting.pk)
        return
    lifecycle.promote_due()
    job = claiming.claim("w")
    if job is None:
        return
    lifecycle.progress(job, 50, "half", {"n": 1})
    match deed:
        case "succeed":
            lifecycle.succeed(job, {})
        case "fail":
            lifecycle.fail(job, InvalidInput("The file is empty."))
        case "retry":
            lifecycle.retry_later(job, Unavailable("Away."), SOON)
        case "snooze":
            lifecycle.snooze(job, SOON, "limited")
        case "release":
            lifecycle.release(job)
        case "rescue":
            Job.objects.filter(pk=job.pk).update(lease_expires_at=Now() - timedelta(seconds=1))
            lifecycle.rescue()
        case "stop":
            lifecycle.cancel(job.pk)
            lifecycle.acknowledge_cancel(job)


def test_the_tallies_are_what_the_event_log_says(any_database, act):
    rng = random.Random(1)
    for _ in range(12):
        act(max_attempts=3)
    counter = tallies.Counter()
    for _ in range(60):
        live_at_random(rng)
        if rng.random() < 0.2:
            counter.count_events()
    count_all()
    attempts = [attempt for job in Job.objects.all() for attempt in attempts_of(job)]
    assert len({attempt.ending for attempt in attempts}) > 4, "the seed tries enough"
    assert sum(counted("wait").values()) == len(attempts)
    assert counted("run") == Counter((KIND, attempt.ending) for attempt in attempts if attempt.ending)
    endings = JobEvent.objects.filter(type__in=FINISHED).values_list("type", flat=True)
    assert counted("ended") == Counter((KIND, ending) for ending in endings)


def test_waits_and_runs_are_measured_in_seconds_and_put_into_their_buckets(any_database, act, claim):
    lifecycle.succeed(claim(), {}) if act() else None
    events = {event.type: event for event in JobEvent.objects.all()}
    begun = events[EventType.STARTED].created_at
    for type, when in ((EventType.CREATED, -timedelta(seconds=7)), (EventType.SUCCEEDED, timedelta(minutes=90))):
        JobEvent.objects.filter(type=type).update(created_at=begun + when)
    count_all()
    assert (one("wait").le, one("wait").count, one("wait").seconds) == ("10", 1, pytest.approx(7, abs=0.01))
    assert (one("run").le, one("run").outcome, one("run").seconds) == (
        "+Inf", "succeeded", pytest.approx(5400, abs=0.01),
    )  # fmt: skip


def test_an_event_that_commits_after_later_ones_were_seen_is_counted_when_it_comes(postgresql, act):
    written, commit = threading.Event(), threading.Event()
    first = act()

    def cancel_slowly() -> None:
        try:
            with transaction.atomic():
                lifecycle.cancel(first.pk)
                written.set()
                assert commit.wait(10)
        finally:
            connection.close()

    slow = threading.Thread(target=cancel_slowly)
    slow.start()
    try:
        assert written.wait(10)
        lifecycle.cancel(act().pk)  # its event has a greater id, and is there to be seen
        counter = tallies.Counter()
        for _ in range(5):
            counter.count_events()
        assert tallies.behind() > 0, "it must wait for the slow one"
    finally:
        commit.set()
        slow.join()
    count_all()
    assert counted("ended") == {(KIND, "cancelled"): 2}


def test_jobs_that_are_deleted_before_they_were_counted_are_counted_all_the_same_and_once(any_database, act, claim):
    act()
    done = lifecycle.succeed(claim(), {})
    retention.delete_job(done)
    assert counted("ended") == {(KIND, "succeeded"): 1}
    act()
    done = lifecycle.succeed(claim(), {})
    count_all()
    retention.delete_job(done)
    count_all()
    assert counted("ended") == {(KIND, "succeeded"): 2}
    assert counted("run") == {(KIND, "succeeded"): 2}
    assert counted("wait") == {(KIND, ""): 2}


def test_a_deletion_that_is_rolled_back_leaves_the_job_to_be_counted_once(any_database, act, claim):
    act()
    done = lifecycle.succeed(claim(), {})
    with transaction.atomic():
        retention.delete_job(done)
        transaction.set_rollback(True)
    count_all()
    assert counted("ended") == {(KIND, "succeeded"): 1}


def test_several_counters_at_once_count_nothing_twice(postgresql, act):
    for _ in range(10):
        lifecycle.cancel(act().pk)
    together = threading.Barrier(4)

    def count() -> None:
        try:
            together.wait()
            for counter in [tallies.Counter() for _ in range(5)]:
                counter.count_events()
                counter.count_events()
        finally:
            connection.close()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count_all()
    assert counted("ended") == {(KIND, "cancelled"): 10}


def test_what_is_far_behind_is_counted_in_pieces(any_database, act, monkeypatch):
    monkeypatch.setattr(tallies, "MOST_EVENTS", 7)
    for _ in range(10):
        lifecycle.cancel(act().pk)
    counter = tallies.Counter()
    before = TallyMark.objects.count()
    wait_until(lambda: counter.count_events() > 0, timeout=10)
    assert before <= 1
    assert tallies.behind() > 0
    count_all()
    assert counted("ended") == {(KIND, "cancelled"): 10}


def test_the_tick_counts(any_database, act):
    lifecycle.cancel(act().pk)
    ticker = Ticker()

    def all_counted() -> bool:
        ticker.tick()
        return tallies.behind() == 0

    wait_until(all_counted, timeout=10)
    assert counted("ended") == {(KIND, "cancelled"): 1}
