"""The last day in numbers: how many jobs ended and how, how many began and how long they had waited for it.

The Job rows are what is counted; there is no second table. A job counts where its latest attempt began and ended: one
that waits to be run again is in no number until it has begun again.

Steps that are over hardly change any more, so each is counted once for all who ask within `KEPT_SECONDS`; the rest is
counted each time. Both come from the index `job_ended`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db.models import Case, Count, DateTimeField, F, FloatField, Func, Max, Sum, When

from jobs.models import ENDED_AT, Job
from jobs.states import State

FINE, COARSE = timedelta(minutes=5), timedelta(hours=1)
FINE_STEPS, COARSE_STEPS = 12, 24
#: A retry, a deletion or the end of a retention period shows in a step that is over with this delay.
KEPT_SECONDS = 300
_UTC_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class _Step(Func):
    """The beginning of the step, so many seconds long, in which a time lies."""

    output_field = DateTimeField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = f"date_bin('{self.extra['seconds']} seconds', %(expressions)s, '1970-01-01 00:00:00+00')"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        number = "CAST(strftime('%%%%s', %(expressions)s) AS INTEGER) / {0} * {0}".format(self.extra["seconds"])
        return self.as_sql(compiler, connection, template=f"datetime({number}, 'unixepoch')", **context)


class _Seconds(Func):
    """From one time to a later one, in seconds. Django's own difference calls Python for each row on SQLite."""

    output_field = FloatField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "EXTRACT(EPOCH FROM (%(expressions)s))::float8"
        return self.as_sql(compiler, connection, template=template, arg_joiner=" - ", **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="86400.0 * (%(function)s(%(expressions)s))",
            function="julianday", arg_joiner=") - julianday(", **context,
        )  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Jobs alike. ended_at, started_at: the beginnings of the steps; None for what has not, or was put back since.

    waited: all their waits together, longest: the longest one, both in seconds.
    """

    state: str
    queue: str
    kind: str
    ended_at: datetime | None
    started_at: datetime | None
    jobs: int
    waited: float
    longest: float


@dataclass
class Bucket:
    """One step of time. waited: the waits of all that started in it together, longest: the longest one; in seconds."""

    begin: datetime
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    started: int = 0
    waited: float = 0.0
    longest: float = 0.0

    @property
    def average_wait(self) -> float | None:
        return self.waited / self.started if self.started else None


@dataclass(frozen=True)
class History:
    """hour: the last `FINE_STEPS` steps of five minutes; day: the last 24 hours, the first ones first.

    Both end with the step that now lies in, which is not over. recent, earlier: what ended in the steps of `hour`, and
    before them within the day.
    """

    hour: list[Bucket]
    day: list[Bucket]
    recent: list[Group]
    earlier: list[Group]

    def ended(self, state: str) -> int:
        """Return how many jobs ended so in the steps of `day`."""
        return sum(getattr(bucket, state) for bucket in self.day)


def begin_of_day(now: datetime) -> datetime:
    """Return when the first step of the last day begins."""
    return _floor(now, COARSE) - (COARSE_STEPS - 1) * COARSE


def last_day(now: datetime) -> History:
    """Count the last day. now: the database's."""
    hour_begins = _floor(now, FINE) - (FINE_STEPS - 1) * FINE
    over_before = _floor(hour_begins, COARSE)
    begin = begin_of_day(now)
    # What just ended may still be being committed: the last step that is over is not kept yet.
    fresh_from = _floor(now, FINE) - FINE
    closed = _closed(begin, over_before, COARSE)
    fresh = [*_closed(over_before, fresh_from, FINE), *_count_ended(fresh_from, None, FINE), *_count_unended(begin)]
    hour, day = _steps(hour_begins, FINE, FINE_STEPS), _steps(begin, COARSE, COARSE_STEPS)
    _put(day, COARSE, [*closed, *fresh])
    # What ended since `over_before` was counted in fine steps, whenever it began.
    _put(hour, FINE, fresh)
    recent = [group for group in fresh if group.ended_at is not None and group.ended_at >= hour_begins]
    earlier = [group for group in fresh if group.ended_at is not None and group.ended_at < hour_begins]
    return History(list(hour.values()), list(day.values()), recent, [*closed, *earlier])


def forget() -> None:
    """Count the steps that are over anew at the next call."""
    _count_step.cache_clear()


def _closed(since: datetime, before: datetime, step: timedelta) -> list[Group]:
    """Return what ended in steps that are over."""
    steps = [since + number * step for number in range((before - since) // step)]
    return [group for begin in steps for group in _count_step(begin, step, _period(begin, step))]


@lru_cache(maxsize=4 * COARSE_STEPS)
def _count_step(begin: datetime, step: timedelta, period: int) -> tuple[Group, ...]:
    """Count what ended in a step that is over. period: another number when what is kept has become too old."""
    return tuple(_count_ended(begin, begin + step, step))


def _period(begin: datetime, step: timedelta) -> int:
    # The steps grow old one after another, so that nobody who asks has to wait for all of them.
    late = (begin - _UTC_EPOCH) // step % COARSE_STEPS / COARSE_STEPS
    return int(time.monotonic() / KEPT_SECONDS + late)


def _count_ended(since: datetime, before: datetime | None, step: timedelta) -> Iterator[Group]:
    ended = Job.objects.alias(ended=ENDED_AT).filter(ended__gte=since)
    if before is not None:
        ended = ended.filter(ended__lt=before)
    return _group(ended.annotate(ended_at=_Step(ENDED_AT, seconds=_whole(step))), step, "ended_at")


def _count_unended(since: datetime) -> Iterator[Group]:
    """Those that run, and those whose attempt did not work and that wait for the next one."""
    for state in (State.PROCESSING, State.PENDING):
        yield from _group(Job.objects.filter(state=state, processing_at__gte=since), FINE)


def _group(jobs: Any, step: timedelta, *more: str) -> Iterator[Group]:
    # Of one that was put back into the queue since, the old attempt's wait is not known any more.
    began = Case(When(processing_at__gte=F("queued_at"), then=F("processing_at")), output_field=DateTimeField())
    wait = _Seconds(began, F("queued_at"))
    rows = (
        jobs.order_by()
        .annotate(began=_Step(began, seconds=_whole(step)))
        .values("state", "queue", "kind", "began", *more)
        .annotate(jobs=Count("pk"), waited=Sum(wait), longest=Max(wait))
    )
    for row in rows:
        yield Group(
            row["state"], row["queue"], row["kind"], row.get("ended_at"), row["began"], row["jobs"],
            row["waited"] or 0.0, row["longest"] or 0.0,
        )  # fmt: skip


def _put(steps: dict[datetime, Bucket], step: timedelta, groups: Iterable[Group]) -> None:
    """Add groups to the steps in which they ended and began; what lies in none is left out."""
    for group in groups:
        if group.ended_at is not None and (bucket := steps.get(_floor(group.ended_at, step))):
            setattr(bucket, group.state, getattr(bucket, group.state) + group.jobs)
        if group.started_at is not None and (bucket := steps.get(_floor(group.started_at, step))):
            bucket.started += group.jobs
            bucket.waited += group.waited
            bucket.longest = max(bucket.longest, group.longest)


def _steps(begin: datetime, step: timedelta, number: int) -> dict[datetime, Bucket]:
    return {begin + place * step: Bucket(begin + place * step) for place in range(number)}


def _floor(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - _UTC_EPOCH) % step


def _whole(step: timedelta) -> int:
    return int(step.total_seconds())
