"""Rate limits and circuit breakers that all workers of all hosts share: one row each, one UPDATE to pass.

The limit is GCRA: one timestamp says when the bucket will be empty again. Jobs of a kind with a
`rate_limit` are not claimed before that row's `ready_at`, so they wait without a worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import DateTimeField, ExpressionWrapper, F
from django.db.models.functions import Greatest, Now

from jobs.errors import RateLimited, Unavailable
from jobs.models import RateLimit
from jobs.providers.base import calling

#: The breaker opens after so many failures in a row …
BREAKER_THRESHOLD = 5
#: … for this long, doubled with every further failure up to the limit.
BREAKER_OPEN = timedelta(seconds=30)
BREAKER_LIMIT = timedelta(minutes=10)
#: After that one request tries whether the provider is back; should nobody hear how it went, another one may.
PROBE_WITHIN = timedelta(seconds=60)

OPEN, PROBED, UNDER_WAY = "breaker_open", "breaker_probed", "under_way"


@dataclass(frozen=True)
class Rate:
    """At most `requests` in each `per`, evenly spaced, with up to `burst` at once."""

    requests: int
    per: timedelta
    burst: int = 1

    @property
    def interval(self) -> timedelta:
        return self.per / self.requests

    @property
    def tolerance(self) -> timedelta:
        """How far ahead of the even spacing a request may come."""
        return self.interval * (self.burst - 1)


def _row(key: str) -> RateLimit:
    long_ago = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
    row, _ = RateLimit.objects.get_or_create(
        key=key, defaults={"theoretical_arrival_at": long_ago, "ready_at": long_ago}
    )
    return row


def take(key: str, rate: Rate) -> None:
    """Take one request of the limit. Raises RateLimited, with the time to wait, when none may go out now."""
    _row(key)
    arrival = ExpressionWrapper(
        Greatest(F("theoretical_arrival_at"), Now()) + rate.interval, output_field=DateTimeField()
    )
    passed = RateLimit.objects.filter(
        key=key, theoretical_arrival_at__lte=Now() + rate.tolerance, ready_at__lte=Now()
    ).update(
        theoretical_arrival_at=arrival,
        ready_at=ExpressionWrapper(arrival - rate.tolerance, output_field=DateTimeField()),
        reason="",
    )
    if not passed:
        raise RateLimited("The rate limit is used up; the job waits for its turn.", retry_after=_wait(key))


def _wait(key: str) -> timedelta:
    row = RateLimit.objects.annotate(now=Now()).get(key=key)
    return max(row.ready_at - row.now, timedelta(milliseconds=50))


def block(key: str, wait: timedelta, reason: str = "told_to_wait") -> None:
    """Hold everything back for `wait`: the other side said so (429 with retry-after)."""
    _row(key)
    RateLimit.objects.filter(key=key).update(
        ready_at=Greatest(F("ready_at"), Now() + wait, output_field=DateTimeField()), reason=reason
    )


def record_failure(key: str) -> None:
    """Count a failure; after the threshold the breaker opens: nothing is sent for a while, then it is tried again."""
    _row(key)
    # While it is open, what was under way before fails too: that is one outage, and counts once.
    counted = RateLimit.objects.filter(key=key).exclude(reason=OPEN, ready_at__gt=Now())
    if not counted.update(failures=F("failures") + 1):
        return
    failures = RateLimit.objects.values_list("failures", flat=True).get(key=key)
    if failures >= BREAKER_THRESHOLD:
        doublings = min(failures - BREAKER_THRESHOLD, 10)
        RateLimit.objects.filter(key=key, reason=PROBED).update(ready_at=Now())  # the probe has been answered
        block(key, min(BREAKER_OPEN * 2**doublings, BREAKER_LIMIT), reason=OPEN)


def record_success(key: str) -> None:
    """Close the breaker: nobody waits for it any more."""
    RateLimit.objects.filter(key=key, reason__in=[OPEN, PROBED]).update(ready_at=Now(), reason="")
    RateLimit.objects.filter(key=key, failures__gt=0).update(failures=0)


def check_breaker(key: str) -> bool:
    """Raise RateLimited while the breaker is open: the job waits, and its attempt is given back.

    When its time is over, one caller passes and finds out whether the provider is back; the others wait for that.
    Returns whether this caller is the one.
    """
    if not RateLimit.objects.filter(key=key, reason__in=[OPEN, PROBED]).exists():
        return False
    over = RateLimit.objects.filter(key=key, reason__in=[OPEN, PROBED], ready_at__lte=Now())
    if over.update(reason=PROBED, ready_at=Now() + PROBE_WITHIN):
        return True
    raise RateLimited(
        "The provider failed repeatedly and is given a rest; the job is tried again later.",
        code="circuit_open",
        retry_after=_wait(key),
    )


@contextmanager
def guarded(key: str, rate: Rate | None = None) -> Iterator[None]:
    """Call a provider in this block: within its limit, through its breaker, and heeding its own 429."""
    is_probe = check_breaker(key)
    if rate is not None and not is_probe:  # after the breaker's rest the limit is not used up
        take(key, rate)
    try:
        with calling(key):
            yield
    except RateLimited as limited:
        if limited.retry_after is not None:
            block(key, limited.retry_after)
        raise
    except Unavailable:
        record_failure(key)
        raise
    record_success(key)


@contextmanager
def one_at_a_time(key: str, interval: timedelta, *, longest: timedelta) -> Iterator[None]:
    """Call a provider in this block as `guarded` does, but one request after another, `interval` apart as it sees them.

    A request goes out `interval` after the answer to the one before it, so however late a packet is, no stretch of
    time sees more of them. longest: how long a request may take; whoever dies in the middle holds up the others for
    this. Raises RateLimited when it is not one's turn.
    """
    is_probe = check_breaker(key)
    if not is_probe:
        _row(key)
        until = ExpressionWrapper(Now() + longest, output_field=DateTimeField())
        if not RateLimit.objects.filter(key=key, ready_at__lte=Now()).update(ready_at=until, reason=UNDER_WAY):
            raise RateLimited("The rate limit is used up; the job waits for its turn.", retry_after=interval)
    try:
        with calling(key):
            yield
    except RateLimited as limited:
        _answered(key, interval)
        if limited.retry_after is not None:
            block(key, limited.retry_after)
        raise
    except Unavailable:
        _answered(key, interval)
        record_failure(key)
        raise
    except BaseException:
        _answered(key, interval)
        raise
    _answered(key, interval)
    record_success(key)
    if is_probe:  # its success let everybody go on at once
        block(key, interval, reason="")


def _answered(key: str, interval: timedelta) -> None:
    RateLimit.objects.filter(key=key, reason=UNDER_WAY).update(
        ready_at=ExpressionWrapper(Now() + interval, output_field=DateTimeField()), reason=""
    )


def reset(key: str) -> RateLimit:
    """Forget failures and let the next request go out at once; a person said so. Returns the row as it is then."""
    RateLimit.objects.filter(key=key).update(theoretical_arrival_at=Now(), ready_at=Now(), failures=0, reason="")
    return RateLimit.objects.get(key=key)
