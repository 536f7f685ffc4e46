"""Counting what happened, exactly: every event that begins or ends an attempt counts once, whoever is killed when.

The ticker counts, a second or two behind; the claims and endings of jobs do nothing for it. Events are counted in the
order of their ids, and a mark says how far. It moves in the transaction that adds to the tallies.

On PostgreSQL ids do not appear in order: a transaction may commit an event after others with greater ids were seen. So
an id is counted up to only when every transaction that could still commit a smaller one is over. Each of those had
its transaction id before it took an event's (a job's row is written first), hence: read the newest event, take a
transaction id, and wait until no older transaction is left. On SQLite there is one writer at a time.

Deleted jobs take their events along: those that were not counted yet are counted in the transaction that deletes them.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from jobs.attempts import ENDINGS
from jobs.metrics.models import INFINITE, Tally, TallyMark
from jobs.models import EventType, Job, JobEvent
from jobs.states import FINISHED

#: Upper bounds of the buckets of waits and runs, in seconds.
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
#: Events counted in one transaction; the next tick counts the rest.
MOST_EVENTS = 20_000
#: Events whose ids are named in one statement.
NAMED = 500

_COUNTED = (EventType.STARTED, *sorted(ENDINGS))
#: What the time of a counted event is measured from: a job becomes due, is claimed, ends.
_MEASURED_FROM = (EventType.CREATED, EventType.QUEUED, *_COUNTED)

Key = tuple[str, str, str, str]  # measure, kind, outcome, le


class Counter:
    """Counts for one ticker; several may do it, one after the other."""

    def __init__(self) -> None:
        self._horizon: tuple[int, int] | None = None  # an event's id, and a transaction id taken after it was seen

    def count_events(self) -> int:
        """Count what can be counted by now. Returns how many events the mark has passed."""
        newest = JobEvent.objects.aggregate(newest=Max("id"))["newest"] or 0
        mark, _ = TallyMark.objects.get_or_create(pk=1)
        if newest <= mark.event_id:
            self._horizon = None
            return 0
        if connection.vendor != "postgresql":
            return _count_up_to(newest)
        counted = 0
        if self._horizon is not None and _all_over_before(self._horizon[1]):
            counted = _count_up_to(self._horizon[0])
            self._horizon = None
        if self._horizon is None:
            self._horizon = newest, _own_transaction_id()
        return counted


def behind() -> int:
    """Return how many ids the mark is behind the newest event."""
    newest = JobEvent.objects.aggregate(newest=Max("id"))["newest"] or 0
    mark = TallyMark.objects.filter(pk=1).first()
    return max(0, newest - (mark.event_id if mark else 0))


def count_before_deletion(jobs: Iterable[uuid.UUID]) -> None:
    """Count the events of jobs that are about to be deleted. In that transaction, when the rows are locked."""
    jobs = list(jobs)
    mark, _ = TallyMark.objects.get_or_create(pk=1)
    events = JobEvent.objects.filter(job__in=jobs, type__in=_COUNTED)
    if not events.filter(id__gt=mark.event_id).exists():  # the mark only grows: what it has passed is counted
        return
    mark = TallyMark.objects.select_for_update().get(pk=1)
    ids = list(events.filter(id__gt=mark.event_id).values_list("id", flat=True))
    for place in range(0, len(ids), NAMED):
        some = ids[place : place + NAMED]
        _add(_count(f"event.id IN ({', '.join(['%s'] * len(some))})", some))


def _count_up_to(horizon: int) -> int:
    with transaction.atomic():
        mark = TallyMark.objects.select_for_update(
            skip_locked=connection.features.has_select_for_update_skip_locked
        ).first()
        if mark is None or mark.event_id >= horizon:  # another ticker counts, or has counted
            return 0
        ahead = JobEvent.objects.filter(id__gt=mark.event_id, id__lte=horizon).order_by("id").values_list("id")
        last = ahead[MOST_EVENTS - 1 : MOST_EVENTS].first()
        upto = horizon if last is None else last[0]
        _add(_count("event.id > %s AND event.id <= %s", [mark.event_id, upto]))
        passed = upto - mark.event_id
        mark.event_id = upto
        mark.save(update_fields=["event_id"])
    return passed


def _count(condition: str, params: Sequence[Any]) -> dict[Key, tuple[int, float]]:
    """Return what the events that match `condition` add up to."""
    totals: dict[Key, tuple[int, float]] = defaultdict(lambda: (0, 0.0))

    def add(measure: str, kind: str, outcome: str, le: str, count: int, seconds: float) -> None:
        counted, so_far = totals[measure, kind, outcome, le]
        totals[measure, kind, outcome, le] = counted + count, so_far + seconds

    with connection.cursor() as cursor:
        cursor.execute(_statement(condition), [*_MEASURED_FROM, *params, *_COUNTED])
        for kind, type, ran, le, count, seconds in cursor.fetchall():
            if type == EventType.STARTED and le:
                add(Tally.Measure.WAIT, kind, "", le, count, seconds)
            if ran:
                add(Tally.Measure.RUN, kind, type, le, count, seconds)
            if type in FINISHED:  # these types are the states that they lead to
                add(Tally.Measure.ENDED, kind, type, "", count, 0.0)
    return totals


def _statement(condition: str) -> str:
    """Each counted event with the time since the one that it is measured from, in groups.

    ran: whether an attempt ended with it; a job that is cancelled while it waits ends without one.
    """
    event, job = (connection.ops.quote_name(model._meta.db_table) for model in (JobEvent, Job))
    if connection.vendor == "postgresql":
        seconds = "EXTRACT(EPOCH FROM (event.created_at - earlier.created_at))::float8"
    else:
        seconds = "86400.0 * (julianday(event.created_at) - julianday(earlier.created_at))"
    bucket = " ".join(f"WHEN seconds <= {bound} THEN '{bound:g}'" for bound in BUCKETS)
    return f"""
        WITH happened AS (
            SELECT job.kind, event.type, earlier.type = '{EventType.STARTED}' AS ran, {seconds} AS seconds
            FROM {event} AS event
            JOIN {job} AS job ON job.id = event.job_id
            LEFT JOIN {event} AS earlier ON earlier.job_id = event.job_id AND earlier.seq = (
                SELECT max(before.seq) FROM {event} AS before
                WHERE before.job_id = event.job_id AND before.seq < event.seq
                AND before.type IN ({", ".join(["%s"] * len(_MEASURED_FROM))})
            )
            WHERE {condition} AND event.type IN ({", ".join(["%s"] * len(_COUNTED))})
        ), grouped AS (
            SELECT kind, type, ran, CASE {bucket} WHEN seconds IS NULL THEN '' ELSE '{INFINITE}' END AS le, seconds
            FROM happened
        )
        SELECT kind, type, coalesce(ran, false), le, count(*),
            coalesce(sum(CASE WHEN seconds > 0 THEN seconds END), 0)
        FROM grouped GROUP BY kind, type, ran, le
    """


def _add(totals: dict[Key, tuple[int, float]]) -> None:
    """Add to the tallies. The mark's lock is held, or two of us would wait for each other's rows."""
    if not totals:
        return
    table = connection.ops.quote_name(Tally._meta.db_table)
    rows = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(totals))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} AS tally (measure, kind, outcome, le, count, seconds) VALUES {rows} "
            "ON CONFLICT (measure, kind, outcome, le) DO UPDATE "
            "SET count = tally.count + excluded.count, seconds = tally.seconds + excluded.seconds",
            [value for key, total in totals.items() for value in (*key, *total)],
        )


def _own_transaction_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        return cursor.fetchone()[0]


def _all_over_before(transaction_id: int) -> bool:
    """Return whether every transaction with a smaller id has ended. In another statement than what then looks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= %s", [transaction_id])
        return cursor.fetchone()[0]
