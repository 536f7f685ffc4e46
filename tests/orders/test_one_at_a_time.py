"""The shop sees one request at a time, evenly spaced, whatever the workers do."""

from __future__ import annotations

import itertools
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from jobs.errors import RateLimited, Unavailable
from jobs.models import RateLimit
from jobs.providers import rates

pytestmark = pytest.mark.django_db(transaction=True)

KEY, INTERVAL, LONGEST = "shop", timedelta(seconds=0.1), timedelta(seconds=1)


def call() -> None:
    with rates.one_at_a_time(KEY, INTERVAL, longest=LONGEST):
        pass


def seconds_to_wait() -> float:
    row = RateLimit.objects.annotate(now=Now()).get(key=KEY)
    return (row.ready_at - row.now).total_seconds()


def test_many_threads_are_never_inside_together_nor_closer_than_the_interval(any_database: str) -> None:
    times: list[tuple[float, float]] = []
    until = time.monotonic() + 2

    def work() -> None:
        try:
            while time.monotonic() < until:
                try:
                    with rates.one_at_a_time(KEY, INTERVAL, longest=LONGEST):
                        begun = time.monotonic()
                        time.sleep(0.02)
                        times.append((begun, time.monotonic()))
                except RateLimited:
                    time.sleep(0.01)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times.sort()
    assert len(times) > 5
    gaps = [after[0] - before[1] for before, after in itertools.pairwise(times)]
    assert min(gaps) >= 0.095, gaps  # SQLite's clock has milliseconds


def test_whoever_comes_too_early_is_told_to_wait(any_database: str) -> None:
    call()
    with pytest.raises(RateLimited) as raised:
        call()
    assert raised.value.retry_after == INTERVAL


def test_somebody_who_died_in_the_middle_holds_the_others_up_for_as_long_as_a_request_may_take(
    any_database: str,
) -> None:
    died = rates.one_at_a_time(KEY, INTERVAL, longest=LONGEST)
    died.__enter__()
    with pytest.raises(RateLimited):
        call()
    assert 0.5 < seconds_to_wait() <= 1
    RateLimit.objects.filter(key=KEY).update(ready_at=Now())
    call()


def test_a_wait_that_the_provider_asked_for_outlasts_the_interval(any_database: str) -> None:
    with pytest.raises(RateLimited), rates.one_at_a_time(KEY, INTERVAL, longest=LONGEST):
        raise RateLimited("Wait.", retry_after=timedelta(seconds=30))
    assert 29 < seconds_to_wait() <= 30


def test_repeated_failures_open_the_breaker_and_one_probe_closes_it(any_database: str) -> None:
    for _ in range(rates.BREAKER_THRESHOLD):
        RateLimit.objects.filter(key=KEY).update(ready_at=Now())
        with pytest.raises(Unavailable), rates.one_at_a_time(KEY, INTERVAL, longest=LONGEST):
            raise Unavailable("Down.")
    assert seconds_to_wait() > 25
    with pytest.raises(RateLimited) as raised:
        call()
    assert raised.value.code == "circuit_open"
    RateLimit.objects.filter(key=KEY).update(ready_at=Now())
    with rates.one_at_a_time(KEY, INTERVAL, longest=LONGEST), pytest.raises(RateLimited):
        call()
    assert 0 < seconds_to_wait() <= 0.11, "after the probe the interval holds again"


def test_an_error_of_ours_lets_go(any_database: str) -> None:
    with pytest.raises(ZeroDivisionError), rates.one_at_a_time(KEY, INTERVAL, longest=LONGEST):
        raise ZeroDivisionError
    assert seconds_to_wait() <= 0.11
