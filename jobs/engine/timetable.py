"""The schedules of django-q2 as the desk shows and changes them. What they do is in `schedules.py`.

django-q2 handles all due schedules in one transaction: one row whose arguments cannot be read rolls back every other,
every time. So nobody edits rows here: each deed sets what it is about, validated, and puts the arguments right.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_q.models import Failure, Schedule

from jobs import audit, lifecycle
from jobs.engine.schedules import SUBMIT
from jobs.kinds import JobKind, registry
from jobs.models import Job
from jobs.positions import live_workers
from jobs.states import State

#: django-q2 keeps minutes in a small integer: 22 days is the longest.
LONGEST_INTERVAL = timedelta(minutes=32_767)
#: django-q2 looks every 30 s; a schedule that is later than this is not only waiting for that.
OVERDUE_AFTER = timedelta(minutes=2)
SHOWN_FAILURES = 5


@dataclass(frozen=True)
class Entry:
    """One schedule. kind: what it submits, None for one that is not ours. every: None if it is not in minutes.

    is_broken: its arguments cannot be read, so no due schedule runs while it is on. last: the kind's newest job.
    next_run: None for one that is off.
    """

    id: int
    name: str
    kind: JobKind | None
    every: timedelta | None
    is_on: bool
    is_broken: bool
    next_run: datetime | None
    last: Job | None

    @property
    def is_overdue(self) -> bool:
        return self.next_run is not None and self.next_run < timezone.now() - OVERDUE_AFTER


@dataclass(frozen=True)
class FailedCall:
    """A schedule's call that raised: when, of which schedule, and what."""

    at: datetime
    name: str
    problem: str


def entries(*, with_jobs: bool = True) -> list[Entry]:
    """Return every schedule, ours first, by name. with_jobs: whether `last` is looked up as well."""
    found = [_entry(row, with_jobs) for row in Schedule.objects.order_by("name", "id")]
    return sorted(found, key=lambda entry: entry.kind is None)


def find(id: int) -> Entry | None:
    row = Schedule.objects.filter(pk=id).first()
    return _entry(row) if row is not None else None


def is_kept() -> bool:
    """Whether a cluster is alive that runs schedules: the main one does, named ones do not."""
    return any(worker.cluster == settings.Q_CLUSTER["name"] for worker in live_workers())


def failed_calls() -> list[FailedCall]:
    """Return the latest calls of schedules that raised."""
    rows = Failure.objects.filter(func=SUBMIT).order_by("-stopped")[:SHOWN_FAILURES]
    return [FailedCall(row.stopped, row.group or row.name, str(row.result).strip().split("\n")[-1]) for row in rows]


class NothingToDo(Exception):
    """It is so already, or the schedule is not one that this can be done to. The message is for the operator."""


def run_now(id: int, *, actor: Any, via: str, reason: str) -> Job:
    """Submit a job of the schedule's kind at once; its times stay as they are.

    Raises NothingToDo when one waits or runs already, QueueDraining.
    """
    with transaction.atomic():
        row, kind = _locked(id)
        running = Job.objects.filter(kind=kind.name).unfinished().first()
        if running is not None:
            raise NothingToDo(f"job {running.pk}")
        job = lifecycle.submit(kind.name)
        _record("run_schedule", row, actor, via, reason, {}, {"job": str(job.pk)})
    return job


def switch(id: int, on: bool, *, actor: Any, via: str, reason: str) -> None:
    """Switch a schedule on or off. One whose time has passed runs with django-q2's next look. Raises NothingToDo."""
    with transaction.atomic():
        row = Schedule.objects.select_for_update().get(pk=id)
        if (row.repeats != 0) == on:
            raise NothingToDo("on" if on else "off")
        before = _standing(row)
        row.repeats = -1 if on else 0
        _put_right(row)
        row.save()
        _record("switch_on_schedule" if on else "switch_off_schedule", row, actor, via, reason, before, _standing(row))


def change_interval(id: int, every: timedelta, *, actor: Any, via: str, reason: str) -> None:
    """Run a schedule this often, for the first time when so much time has passed. every: whole minutes.

    Raises NothingToDo when it is so already.
    """
    if every < timedelta(minutes=1) or every > LONGEST_INTERVAL or every % timedelta(minutes=1):
        raise ValueError(f"{every} is not a number of whole minutes from 1 to {LONGEST_INTERVAL}")
    with transaction.atomic():
        row, _kind = _locked(id)
        minutes = every // timedelta(minutes=1)
        if (row.schedule_type, row.minutes) == (Schedule.MINUTES, minutes):
            raise NothingToDo("interval")
        before = _standing(row)
        row.schedule_type, row.minutes, row.cron = Schedule.MINUTES, minutes, None
        row.next_run = timezone.now() + every
        _put_right(row)
        row.save()
        _record("change_schedule", row, actor, via, reason, before, _standing(row))


def _locked(id: int) -> tuple[Schedule, JobKind]:
    row = Schedule.objects.select_for_update().get(pk=id)
    kind = _kind_of(row)
    if kind is None:
        raise NothingToDo("not ours")
    return row, kind


def _entry(row: Schedule, with_job: bool = True) -> Entry:
    kind = _kind_of(row)
    is_on = row.repeats != 0
    in_minutes = row.schedule_type == Schedule.MINUTES and row.minutes
    return Entry(
        id=row.pk,
        name=row.name or f"#{row.pk}",
        kind=kind,
        every=timedelta(minutes=row.minutes) if in_minutes else None,
        is_on=is_on,
        is_broken=not _can_be_read(row),
        next_run=row.next_run if is_on else None,
        last=_newest_job(kind.name) if kind is not None and with_job else None,
    )


def _kind_of(row: Schedule) -> JobKind | None:
    """Return the kind that a schedule of ours submits: from its arguments or, should they be broken, its name."""
    if row.func != SUBMIT:
        return None
    for kind in registry:
        if row.args == repr((kind.name,)):
            return kind
    try:
        (name,) = ast.literal_eval(row.args or "()")
    except (SyntaxError, ValueError, TypeError):
        name = row.name or ""
    return registry.find(str(name))


def _can_be_read(row: Schedule) -> bool:
    """Whether django-q2 can read the arguments; the keyword ones it leaves out when it cannot."""
    if not row.args:
        return True
    try:
        ast.literal_eval(row.args)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return False
    return True


def _put_right(row: Schedule) -> None:
    """Give a schedule of ours the arguments that it should have, whatever stands there."""
    kind = _kind_of(row)
    if kind is not None:
        row.args, row.kwargs, row.hook = repr((kind.name,)), None, None


def _newest_job(kind: str) -> Job | None:
    """Return the kind's newest job: one look into an index for each state, however many jobs there are."""
    heads = [Job.objects.filter(kind=kind, state=state).order_by("-id").first() for state in State]
    return max((job for job in heads if job is not None), key=lambda job: job.pk, default=None)


def _standing(row: Schedule) -> dict[str, Any]:
    return {
        "on": row.repeats != 0,
        "minutes": row.minutes if row.schedule_type == Schedule.MINUTES else None,
        "next_run": row.next_run.isoformat(timespec="seconds") if row.next_run else None,
    }


def _record(
    action: str, row: Schedule, actor: Any, via: str, reason: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    audit.record(
        action, "schedule", row.name or row.pk, actor=actor, via=via, reason=reason, before=before, after=after
    )  # fmt: skip
