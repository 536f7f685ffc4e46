"""Which job next? One probe for each kind, then a guarded claim of the best.

Kinds are probed one by one because they differ in resource and rate limit, and because one range of an index is read
in microseconds where a sort over several takes milliseconds. A kind that nobody here declares is never
claimed: its jobs wait for a release that knows it.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, connection
from django.db.models import Subquery

from jobs import lifecycle
from jobs.engine import devices
from jobs.fast_path import prepared as fast_path
from jobs.fast_path import turnover
from jobs.kinds import JobKind, registry
from jobs.models import CLAIM_ORDER, Job, QueueControl, RateLimit
from jobs.positions import DEVICE_BUSY, capacity, device_limit, limits_of
from jobs.providers import rates
from jobs.states import State

if TYPE_CHECKING:
    from jobs.running import RunningJob

logger = logging.getLogger(__name__)

#: Jobs whose wait for a device was warned of: once for each.
_warned: set[uuid.UUID] = set()


@dataclass(frozen=True, order=True)
class Head:
    """The best claimable job of one kind. Heads compare in claim order."""

    rank: tuple[int, int, uuid.UUID]  # (-priority, turn, id)
    kind: str


def served_queues() -> frozenset[str] | None:
    """Return the queues that this process serves; None for all."""
    return frozenset(settings.SIRA_WORKER_QUEUES) or None


def claim(worker: str) -> Job | None:
    """Claim the best due job that this process may run, or None when there is none.

    Several workers may look at the same moment; each takes a different row (SKIP LOCKED on PostgreSQL, one writer at a
    time on SQLite). A worker that got a lesser row of its kind, because the head was just being taken, lets
    it go again when another kind has something better.
    """
    if fast_path.available():
        turn = _turnstile(worker).claim()
        if turn.claimed is not None or not turn.more:
            return turn.claimed
    heads = claimable_heads(registry.in_queues(served_queues()))
    while heads:
        best, *others = heads
        kind = registry.get(best.kind)
        job = _claim_of_kind(kind, worker, no_worse_than=others[0].rank if others else None)
        if isinstance(job, Job):
            return job
        heads = sorted([*others, Head(job, best.kind)]) if job is not None else others
    return None


def finish(running: RunningJob, result: Any, *, claim_next: bool) -> tuple[Job, Job | None]:
    """Store the result of an attempt and, where that costs nothing, claim the next job with it.

    Returns the job as it has ended, and the next one. Raises Superseded.
    """
    job = running.job
    kind = registry.find(job.kind)
    if running.saves or not fast_path.available() or kind is None or not turnover.is_plain(kind) or job.resource:
        return lifecycle.succeed(job, result, running.saves), None
    try:
        turn = _turnstile(job.worker).succeed(job, result, kind.stages[-1] if kind.stages else None, claim=claim_next)
    except (OperationalError, InterfaceError):
        raise
    except DatabaseError as error:
        # Of this job, or of the one that was to be claimed? Nothing was written; by itself the end tells.
        logger.warning("job %s (%s): no claim along with its end (%s)", job.pk, job.kind, type(error).__name__)
        return lifecycle.succeed(job, result), None
    if not turn.done:  # superseded, held by somebody at this moment, or somebody wants to be told
        return lifecycle.succeed(job, result), None
    job.state = State.SUCCEEDED
    _tell_batch(job)
    return job, turn.claimed


def _tell_batch(job: Job) -> None:
    """Tell the batch of a job that has ended. The next one is claimed already: nothing here may get in its way."""
    try:
        lifecycle.tell_batch(job)
    except Exception:  # the tick does it (`lifecycle.promote_finished_batches`)
        logger.exception("job %s (%s): its batch was not told", job.pk, job.kind)
        connection.close()


def find_unanswered(worker: str, besides: Collection[uuid.UUID]) -> Job | None:
    """Return the job that this worker has claimed without learning of it: the answer was lost with a connection."""
    return next((job for job in Job.objects.running().filter(worker=worker) if job.pk not in besides), None)


def _turnstile(worker: str) -> turnover.Turnstile:
    return _turnstile_of(worker, registry.version, served_queues(), settings.SIRA_LEASE, _capacities())


def _capacities() -> tuple[tuple[str, int], ...]:
    return tuple(sorted(settings.SIRA_RESOURCES.items()))


@lru_cache(maxsize=1)
def _turnstile_of(
    worker: str, version: int, queues: frozenset[str] | None, lease: timedelta, capacities: tuple[tuple[str, int], ...]
) -> turnover.Turnstile:
    """Return the statements of one worker. version, capacities: what stands in them; when it changes, they do."""
    return turnover.Turnstile(registry.in_queues(queues), worker, lease)


def claimable_heads(kinds: Iterable[JobKind], limit: int = 1) -> list[Head]:
    """Return up to `limit` claimable jobs of each kind, best first.

    Claimable: due, its queue not paused, its resource free, its rate limit open.
    """
    kinds = list(kinds)
    if not kinds:
        return []
    if connection.vendor == "postgresql":
        key = tuple(kind.name for kind in kinds), limit, registry.version, _capacities()
        rows = fast_path.run(_heads_statement(*key), ())
        return sorted(Head((-priority, turn, id), kind) for kind, priority, turn, id in rows)
    probes, params = [], []
    for kind in kinds:
        sql, values = _probe(kind, limit)
        probes.append(sql)
        params += values
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(probes), params)
        rows = cursor.fetchall()
    return sorted(Head((-priority, turn, _as_uuid(id)), kind) for id, kind, priority, turn in rows)


@lru_cache(maxsize=16)
def _heads_statement(names: tuple[str, ...], limit: int, version: int, capacities: object) -> bytes:
    return turnover.heads_statement([registry.get(name) for name in names], limit)


def _probe(kind: JobKind, limit: int) -> tuple[str, list[Any]]:
    """SQLite: the question for one kind. On PostgreSQL one statement asks for all (`fast_path/turnover.py`)."""
    job, control, rate = (connection.ops.quote_name(model._meta.db_table) for model in (Job, QueueControl, RateLimit))
    now = "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')"
    conditions = [
        f"state = '{State.QUEUED}' AND queue = %s AND kind = %s",
        f"NOT EXISTS (SELECT 1 FROM {control} WHERE queue = %s AND paused_at IS NOT NULL)",
    ]
    params: list[Any] = [kind.queue, kind.name, kind.queue]
    if kind.resource:
        at_work = f"SELECT count(*) FROM {job} WHERE resource = %s AND state = '{State.PROCESSING}'"
        conditions.append(f"({at_work}) < %s")
        params += [kind.resource, capacity(kind.resource)]
    for key in limits_of(kind):
        conditions.append(f"NOT EXISTS (SELECT 1 FROM {rate} WHERE key = %s AND ready_at > {now})")
        params.append(key)
    # A subquery of its own: SQLite allows no ORDER BY inside a compound SELECT.
    return (
        f"SELECT * FROM (SELECT id, kind, priority, turn FROM {job} WHERE {' AND '.join(conditions)} "
        "ORDER BY priority DESC, turn, id LIMIT %s) AS head",
        [*params, limit],
    )


Rank = tuple[int, int, uuid.UUID]


def _claim_of_kind(kind: JobKind, worker: str, no_worse_than: Rank | None) -> Job | Rank | None:
    """Claim the kind's best unlocked job; None if none is left. Returns its rank when another kind has a better one."""
    slot = None
    if kind.resource:
        slot = _free_slot(kind.resource)
        if slot is None:
            return None
    queued = Job.objects.queued().filter(queue=kind.queue, kind=kind.name).order_by(*CLAIM_ORDER)
    if connection.features.has_select_for_update_skip_locked:
        queued = queued.select_for_update(skip_locked=True)
    refused: list[Rank] = []

    def good_enough(job: Job) -> bool:
        rank = (-job.priority, job.turn, job.pk)
        if no_worse_than is not None and rank > no_worse_than:
            refused.append(rank)
            return False
        return True

    try:
        job = lifecycle.start(
            # "=", not "IN": PostgreSQL may run a subquery of IN several times and lock, and claim, a row each time.
            Job.objects.filter(pk=Subquery(queued.values("pk")[:1]), state=State.QUEUED),
            worker=worker,
            resource=kind.resource,
            slot=slot,
            lease=settings.SIRA_LEASE,
            require=good_enough,
        )
    except IntegrityError:
        return None  # another worker took the slot in the same moment
    return refused[0] if refused else job


def _free_slot(resource: str) -> int | None:
    """Return a slot that no job holds, and whose device no earlier process holds on this host; None without one.

    Should there be such processes only, the resource is left alone for a moment: those who wait for it stay where they
    are in the queue, and cost neither a worker nor an attempt.
    """
    free = _free_slots(resource)
    for slot in free:
        if devices.is_free(resource, slot):
            return slot
    if free and free == _free_slots(resource):  # else a job was claimed, and took the lock, while we looked
        rates.block(device_limit(resource), devices.TRY_AGAIN_AFTER, reason=DEVICE_BUSY)
        first = Job.objects.queued().filter(resource=resource).in_claim_order().values_list("pk", flat=True).first()
        if first is not None and first not in _warned:
            _warned.add(first)
            holder = devices.read_holder(resource, free[0])
            logger.warning("job %s waits: an earlier attempt still holds the %s here (%s)", first, resource, holder)
    return None


def _free_slots(resource: str) -> list[int]:
    held = set(Job.objects.running().filter(resource=resource).values_list("slot", flat=True))
    return [slot for slot in range(capacity(resource)) if slot not in held]


def _as_uuid(value: object) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(str(value))
