"""Stuck jobs: which they are, the evidence, and the step that gets each going again, if one can.

What the engine's tick does by itself every second is done here on demand: without a living cluster nobody ticks.
Nothing is taken from a worker before its lease is out.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from jobs import audit, lifecycle
from jobs.clock import database_now
from jobs.kinds import registry
from jobs.models import Job, JobQuerySet, QueueControl, Worker
from jobs.operations.base import Operation, Plan, Risk, Step, evidence
from jobs.positions import capacity, live_workers
from jobs.states import State

#: What is due for longer than some ticks was forgotten by all of them.
FORGOTTEN_AFTER = timedelta(seconds=10)
#: The watchdog ends an attempt at its time limit, at the latest a lease later.
OVER_TIME_AFTER = timedelta(minutes=1)
#: Of jobs that wait for the same thing a plan shows so many; the rest is a number.
SHOWN_ALIKE = 20

RESCUE = Step(
    "rescue",
    _("Taken from its worker and put into the queue again."),
    Risk.LOW,
    _("What the lost attempt did outside may happen twice."),
)
RESCUE_FROM_LIVING = Step(
    "rescue_from_living",
    _("Taken from its worker and put into the queue again."),
    Risk.MEDIUM,
    _("Its worker may still be at work on another host; whatever it writes is refused."),
)
RESCUE_LAST = Step(
    "rescue_last",
    _("Failed: the attempt that was lost was its last."),
    Risk.MEDIUM,
    _("Its owner is told that it failed. It can be run again."),
)
RESCUE_STOPPING = Step(
    "rescue_stopping",
    _("Cancelled, as was asked for before its worker was lost."),
    Risk.LOW,
    _("None: it was to end anyway."),
)
PROMOTE = Step("promote", _("Put into the queue, as is due."), Risk.LOW, _("None: the engine does the same by itself."))
SUM_UP = Step(
    "sum_up", _("Put into the queue, to sum up its parts."), Risk.LOW, _("None: the engine does the same by itself.")
)
EXPIRE = Step(
    "expire",
    _("Failed: its deadline has passed."),
    Risk.MEDIUM,
    _("Its owner is told that it failed. It can be run again, with a new deadline."),
)


# --- which are stuck --------------------------------------------------------------------------------------------
def find_stuck(jobs: JobQuerySet) -> tuple[list[uuid.UUID], Mapping[uuid.UUID, int]]:
    """Return the ids of those of `jobs` that are stuck; and of some, how many more wait for the same as they.

    Jobs that wait because of their queue (paused, without a worker, of an unknown kind, behind a stuck holder) can be
    many: the first of each queue and kind stand for the others.
    """
    found = list(jobs.filter(_can_be_moved() | _lost_its_worker()).order_by("id").values_list("pk", flat=True))
    alike: dict[uuid.UUID, int] = {}
    scene = Scene()
    for queue, kind in jobs.queued().order_by("queue", "kind").values_list("queue", "kind").distinct():
        if scene.why_nothing_starts(queue, kind) is None:
            continue
        waiting = jobs.queued().filter(queue=queue, kind=kind)
        shown = list(waiting.in_claim_order().exclude(pk__in=found).values_list("pk", flat=True)[:SHOWN_ALIKE])
        found += shown
        if shown and (more := waiting.exclude(pk__in=found).count()):
            alike[shown[-1]] = more
    return found, alike


def _can_be_moved() -> Q:
    now = database_now()
    children = Job.objects.filter(parent_id=OuterRef("pk"))
    all_ended = Exists(children) & ~Exists(children.unfinished())
    return (
        Q(state=State.PROCESSING, lease_expires_at__lt=now)
        | Q(state=State.PENDING, run_after__lt=now - FORGOTTEN_AFTER)
        | Q(state__in=[State.PENDING, State.QUEUED], deadline_at__lt=now)
        | (Q(state=State.PENDING, run_after__isnull=True) & all_ended)
    )


def _lost_its_worker() -> Q:
    now = database_now()
    lost = Q(state=State.PROCESSING) & ~Q(worker__in=[worker.pk for worker in live_workers()])
    for kind in registry:
        since = now - kind.timeout - OVER_TIME_AFTER
        lost |= Q(state=State.PROCESSING, kind=kind.name, processing_at__lt=since)
    return lost


# --- why, and what can be done ----------------------------------------------------------------------------------
class Scene:
    """What is looked up once for all jobs of a plan: who is alive, what is paused, who holds what."""

    def __init__(self) -> None:
        self.now: datetime = database_now()
        self._why: dict[tuple[str, str], dict[str, Any] | None] = {}

    @cached_property
    def alive(self) -> list[Worker]:
        return live_workers()

    @cached_property
    def heartbeats(self) -> dict[str, datetime]:
        return {worker.pk: worker.heartbeat_at for worker in self.alive}

    @cached_property
    def paused(self) -> dict[str, QueueControl]:
        return {control.queue: control for control in QueueControl.objects.filter(paused_at__isnull=False)}

    @cached_property
    def holders(self) -> dict[str, list[Job]]:
        found: dict[str, list[Job]] = {}
        for job in Job.objects.running().filter(slot__isnull=False).order_by("processing_at"):
            found.setdefault(job.resource, []).append(job)
        return found

    def why_nothing_starts(self, queue: str, kind: str) -> dict[str, Any] | None:
        """Return the evidence that no job of this queue and kind can start; None when they can."""
        if (queue, kind) not in self._why:
            self._why[queue, kind] = self._look(queue, kind)
        return self._why[queue, kind]

    def _look(self, queue: str, name: str) -> dict[str, Any] | None:
        kind = registry.find(name)
        if kind is None:
            return evidence("unknown_kind")
        if control := self.paused.get(queue):
            return evidence("queue_paused", queue=queue, by=control.paused_by, reason=control.reason or "–")
        if not any(not worker.queues or queue in worker.queues for worker in self.alive):
            return evidence("no_worker", queue=queue)
        held = self.holders.get(kind.resource, []) if kind.resource else []
        if held and len(held) >= capacity(kind.resource) and all(self.is_stuck(holder) for holder in held):
            return evidence("holder_stuck", resource=kind.resource, holder=str(held[0].pk))
        return None

    def is_stuck(self, running: Job) -> bool:
        assert running.lease_expires_at is not None  # a constraint: processing has a lease
        return (
            running.lease_expires_at < self.now or running.worker not in self.heartbeats or self.is_over_time(running)
        )

    def is_over_time(self, running: Job) -> bool:
        kind = registry.find(running.kind)
        if kind is None or running.processing_at is None:
            return False
        return running.processing_at + kind.timeout + OVER_TIME_AFTER < self.now


def diagnose(jobs: list[Job]) -> list[Plan]:
    """Say of each job whether it is stuck, by what evidence, and what gets it going again."""
    scene = Scene()
    parts = _counts_of_parts([job.pk for job in jobs if job.state == State.PENDING and job.run_after is None])
    return [_diagnose(job, scene, parts) for job in jobs]


def _counts_of_parts(parents: list[uuid.UUID]) -> dict[uuid.UUID, Counter[bool]]:
    counts: dict[uuid.UUID, Counter[bool]] = {}
    for parent, state in Job.objects.filter(parent__in=parents).values_list("parent_id", "state"):
        counts.setdefault(parent, Counter())[state in (State.SUCCEEDED, State.FAILED, State.CANCELLED)] += 1
    return counts


def _diagnose(job: Job, scene: Scene, parts: Mapping[uuid.UUID, Counter[bool]]) -> Plan:
    if job.is_finished:
        return Plan(job, None, evidence("has_ended", state=job.state))
    if job.state == State.PROCESSING:
        return _diagnose_running(job, scene)
    if job.deadline_at is not None and job.deadline_at < scene.now:
        return Plan(job, EXPIRE, evidence("past_deadline", at=job.deadline_at))
    if job.state == State.QUEUED:
        why = scene.why_nothing_starts(job.queue, job.kind)
        return Plan(job, None, why or evidence("waits"))
    if job.run_after is not None:
        if job.run_after < scene.now - FORGOTTEN_AFTER:
            return Plan(job, PROMOTE, evidence("due_unqueued", at=job.run_after))
        return Plan(job, None, evidence("waits_for_time"))
    ended = parts.get(job.pk, Counter())
    if ended[True] and not ended[False]:
        return Plan(job, SUM_UP, evidence("parts_ended", count=ended[True]))
    return Plan(job, None, evidence("waits_for_parts"))


def _diagnose_running(job: Job, scene: Scene) -> Plan:
    assert job.lease_expires_at is not None  # a constraint: processing has a lease
    heard = scene.heartbeats.get(job.worker)
    held = {"resource": job.resource} if job.slot is not None else {}
    if job.lease_expires_at < scene.now:
        why = evidence(
            "lease_expired_heard" if heard else "lease_expired",
            at=job.lease_expires_at,
            worker=job.worker,
            attempt=job.attempt,
            most=job.max_attempts,
            **({"heartbeat": heard} if heard else {}),
            **held,
        )
        if job.cancel_requested_at is not None:
            return Plan(job, RESCUE_STOPPING, why)
        if job.attempt >= job.max_attempts:
            return Plan(job, RESCUE_LAST, why)
        return Plan(job, RESCUE_FROM_LIVING if heard else RESCUE, why)
    if heard is None:
        return Plan(job, None, evidence("silent_worker", worker=job.worker, until=job.lease_expires_at, **held))
    if scene.is_over_time(job):
        limit = int(registry.get(job.kind).timeout.total_seconds())
        return Plan(job, None, evidence("over_time", at=job.processing_at, limit=limit, **held))
    return Plan(job, None, evidence("at_work", worker=job.worker, until=job.lease_expires_at))


# --- the steps --------------------------------------------------------------------------------------------------
def _repair(job: Job, by: str, reason: str) -> dict[str, Any] | None:
    step = diagnose([job])[0].step
    if step is None or not _MOVES[step.code](job, by, reason):
        return None
    return audit.standing(Job.objects.get(pk=job.pk))


_MOVES: Mapping[str, Callable[[Job, str, str], Any]] = {
    **{
        step.code: lambda job, by, reason: lifecycle.rescue(only=job.pk, by=by, reason=reason)
        for step in (RESCUE, RESCUE_FROM_LIVING, RESCUE_LAST, RESCUE_STOPPING)
    },
    PROMOTE.code: lambda job, by, reason: lifecycle.promote_due(only=job.pk),
    SUM_UP.code: lambda job, by, reason: lifecycle.promote_parent(job.pk),
    EXPIRE.code: lambda job, by, reason: lifecycle.fail_past_deadline(only=job.pk),
}

REPAIR_JOBS = Operation(
    "repair",
    _("Repair stuck jobs"),
    _("Get these jobs going again?"),
    is_dangerous=False,
    permission="jobs.repair_job",
    steps=(RESCUE, RESCUE_FROM_LIVING, RESCUE_LAST, RESCUE_STOPPING, PROMOTE, SUM_UP, EXPIRE),
    plan=diagnose,
    perform=_repair,
)
