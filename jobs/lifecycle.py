"""Every change of a job's state. Each is one guarded UPDATE plus its event, in one transaction.

The guard is the state the job must still be in and, for a running attempt, its fence. A transition that matches no
row did not happen: functions for running attempts then raise `Superseded`, the others return False or None.
Times come from the database: the clocks of hosts differ.

How a job comes into being is in `submission.py`, what an operator does to a queue in `queue_modes.py`; their names are
here as well, for those who drive jobs.

A batch's parent is locked before its children, by everyone who needs both: so the end of its last child and the
re-queueing of another take their turns, and nobody waits in a circle.
"""

from __future__ import annotations

import logging
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, Greatest, Least, Now

from jobs import batches, deadlines, expiry, positions
from jobs.clock import ClockNow
from jobs.errors import JobError, Superseded, WorkerLost
from jobs.fast_path import prepared as fast_path
from jobs.fast_path import steps
from jobs.kinds import Backoff, registry
from jobs.live.events import announce_due, has_mirror, record, record_many
from jobs.merge import deep_merge
from jobs.models import EventType, Job, JobEvent, JobFile
from jobs.queue_modes import drain_queue, pause_queue, resume_queue
from jobs.states import WAITING, State
from jobs.submission import IdempotencyConflict, Submission, submit, submit_batch, submit_many

# besides what is below
__all__ = [
    "IdempotencyConflict", "Submission", "drain_queue", "pause_queue", "resume_queue", "submit", "submit_batch",
    "submit_many",
]  # fmt: skip

logger = logging.getLogger(__name__)

#: How many rows one housekeeping statement takes; the next tick takes the rest.
SWEEP = 500

#: What every way out of `processing` sets: the lease, the worker and the slot are let go of together.
LET_GO: dict[str, Any] = {"lease_expires_at": None, "worker": "", "slot": None}

#: A job that comes back to the queue stands no later than the head is now: turns start again in an empty queue.
BACK_IN_TURN = Least(
    F("turn"),
    Coalesce(
        Subquery(
            Job.objects.queued()
            .filter(queue=OuterRef("queue"), priority=OuterRef("priority"))
            .order_by("turn")
            .values("turn")[:1]
        ),
        0,
    ),
)

NO_ERROR: dict[str, Any] = {"error_code": "", "error_message": "", "error_traceback": ""}


# --- A job becomes due and is claimed -------------------------------------------------------------------------


def promote_due(*, only: uuid.UUID | None = None) -> int:
    """Queue the pending jobs whose time has come. Returns how many."""
    ready = Job.objects.due() if only is None else Job.objects.due().filter(pk=only)
    with transaction.atomic():
        due = list(ready.unlocked().order_by("run_after").values_list("pk", flat=True)[:SWEEP])
        return _queue(Job.objects.filter(pk__in=due).due(), EventType.QUEUED) if due else 0


def promote_parent(parent_id: uuid.UUID) -> bool:
    """Queue a batch parent whose children have all ended."""
    unfinished = Job.objects.filter(parent_id=parent_id).unfinished()
    if unfinished.exists():  # so it is for all children but the last, who alone lock their parent
        return False
    with transaction.atomic():
        if _lock(parent_id) is None or unfinished.exists():  # one was re-queued a moment ago
            return False
        waiting = Job.objects.filter(pk=parent_id, state=State.PENDING, run_after__isnull=True)
        # Turn 0: the batch's own turn came long ago, with its first child.
        return bool(_queue(waiting, EventType.QUEUED, turn=0))


def _lock(job_id: uuid.UUID | None) -> Job | None:
    """Lock a row for the rest of the transaction and return it; None when there is none."""
    return None if job_id is None else Job.objects.select_for_update(no_key=True).filter(pk=job_id).first()


def follow_kinds() -> int:
    """Move waiting jobs along when a release gives their kind another queue or resource. Returns how many."""
    return sum(
        Job.objects.waiting()
        .filter(kind=kind.name)
        .exclude(queue=kind.queue, resource=kind.resource)
        .update(queue=kind.queue, resource=kind.resource, updated_at=Now())
        for kind in registry
    )


def promote_finished_batches() -> int:
    """Queue every batch parent whose children have all ended, whoever failed to do it before. Returns how many."""
    unfinished = Job.objects.filter(parent_id=OuterRef("pk")).unfinished()
    parents = Job.objects.filter(state=State.PENDING, run_after__isnull=True).exclude(Exists(unfinished))
    return sum(promote_parent(parent) for parent in parents.values_list("pk", flat=True)[:SWEEP])


#: A batch's progress is written at most this often, however many children end.
BATCH_PROGRESS_EVERY = timedelta(milliseconds=500)


def show_batch_progress(parent_id: uuid.UUID) -> bool:
    """Write the average progress of a batch's children to its parent, unless that was done a moment ago."""
    parent = Job.objects.filter(pk=parent_id, state=State.PENDING, updated_at__lt=Now() - BATCH_PROGRESS_EVERY)
    if not parent.exists():
        return False
    summary = batches.summary(parent_id)
    with transaction.atomic():
        moved = parent.update_returning(
            progress=Greatest(F("progress"), summary.progress), updated_at=Now(), event_seq=F("event_seq") + 1
        )
        record_many([(job, EventType.PROGRESS, {"children": summary.counts}) for job in moved])
    return bool(moved)


def _queue(jobs: Any, type: EventType, **values: Any) -> int:
    with transaction.atomic():
        moved = jobs.update_returning(
            state=State.QUEUED,
            queued_at=Now(),
            updated_at=Now(),
            run_after=None,
            event_seq=F("event_seq") + 1,
            **({"turn": BACK_IN_TURN} | values),
        )
        _enter_queue([(job, type, None) for job in moved])
    return len(moved)


def _enter_queue(steps: list[tuple[Job, EventType, dict[str, Any] | None]]) -> None:
    """Say where jobs that have just become queued stand, record it, and wake those who look for work."""
    places = positions.positions_of([job for job, _, _ in steps])
    for job, _, _ in steps:
        job.queue_position = places.get(job.pk, 0)
    Job.objects.bulk_update([job for job, _, _ in steps], ["queue_position"])
    record_many([(job, type, (data or {}) | {"position": job.queue_position}) for job, type, data in steps])
    for queue in {job.queue for job, _, _ in steps}:
        announce_due(queue)


def start(
    candidates: Any,
    *,
    worker: str,
    resource: str,
    slot: int | None,
    lease: timedelta,
    require: Callable[[Job], bool],
) -> Job | None:
    """Move the one candidate row to processing: the claim. Its choice is made in `engine/claiming.py`.

    candidates: a queryset of at most one queued row. resource, slot: what it will hold. require: a last look at the
    claimed row; when it says no, the claim is rolled back. Raises IntegrityError when another job took the slot in the
    same moment.
    """
    with transaction.atomic():
        claimed = candidates.update_returning(
            state=State.PROCESSING,
            processing_at=ClockNow(),
            updated_at=Now(),
            lease_expires_at=Now() + lease,
            worker=worker,
            slot=slot,
            resource=resource,
            fence=F("fence") + 1,
            attempt=F("attempt") + 1,
            queue_position=0,
            **NO_ERROR,
            event_seq=F("event_seq") + 1,
        )
        if not claimed:
            return None
        (job,) = claimed
        if not require(job):
            transaction.set_rollback(True)
            return None
        record(job, EventType.STARTED, {"worker": worker})
    return job


# --- A running attempt writes: every function here is guarded by its fence -------------------------------------


def _mine(job: Job) -> Any:
    return Job.objects.filter(pk=job.pk, state=State.PROCESSING, fence=job.fence)


def tell_batch(job: Job) -> None:
    """Tell the batch that one of its children has ended.

    This runs after the child's own transaction has committed, and whoever commits last sees all the others: so the
    last child always promotes the parent, without every child queueing up for a lock on the parent's row. Should the
    process die in between, the tick does it (`promote_finished_batches`).
    """
    if job.is_finished and job.parent_id is not None and not promote_parent(job.parent_id):
        show_batch_progress(job.parent_id)


def _finish_attempt(job: Job, to: State, type: EventType, data: dict[str, Any] | None = None, **values: Any) -> Job:
    """Leave `processing` by one of the ways out. Must run in a transaction. Raises Superseded."""
    mine = _mine(job)
    if to in WAITING:  # an attempt that was told to stop is not made again
        mine = mine.filter(cancel_requested_at__isnull=True)
    moved = mine.update_returning(
        state=to,
        **{f"{to}_at": Now()},
        updated_at=Now(),
        event_seq=F("event_seq") + 1,
        **LET_GO,
        **values,
    )
    if not moved and to in WAITING:
        return _finish_attempt(job, State.CANCELLED, EventType.CANCELLED, **NO_ERROR)
    if not moved:
        raise Superseded(f"attempt {job.attempt} of {job.kind} {job.pk}")
    if to == State.QUEUED:
        _enter_queue([(moved[0], type, data)])
        return moved[0]
    record(moved[0], type, data)
    if job.resource:
        announce_due(job.queue)  # for the one that waits for the resource it held
    return moved[0]


def progress(
    job: Job,
    percent: float | None = None,
    stage: str = "",
    data: dict[str, Any] | None = None,
    save: Callable[[], None] | None = None,
) -> Job:
    """Show how far the attempt is. percent: 0–100; a lower number than shown before is ignored.

    save: what else to write in the same transaction. Raises Superseded.
    """
    shown = None if percent is None else min(max(float(percent), 0.0), 100.0)
    if save is None and fast_path.available() and not has_mirror(job):
        written = steps.progress(job, shown, stage, data, settings.SIRA_LEASE)
        if written is None:
            raise Superseded(f"attempt {job.attempt} of {job.kind} {job.pk}")
        return written
    values: dict[str, Any] = {}
    if shown is not None:
        values["progress"] = Greatest(F("progress"), shown)
    if stage:
        values["stage"] = stage
    with transaction.atomic():
        moved = _mine(job).update_returning(
            updated_at=Now(), lease_expires_at=Now() + settings.SIRA_LEASE, event_seq=F("event_seq") + 1, **values
        )
        if not moved:
            raise Superseded(f"attempt {job.attempt} of {job.kind} {job.pk}")
        record(moved[0], EventType.PROGRESS, data)
        if save is not None:
            save()
    return moved[0]


def renew_lease(job: Job) -> Job:
    """Say that the attempt is alive. Returns the row, which tells whether a cancel was asked for. Raises Superseded."""
    moved = _mine(job).update_returning(lease_expires_at=Now() + settings.SIRA_LEASE)
    if not moved:
        raise Superseded(f"attempt {job.attempt} of {job.kind} {job.pk}")
    return moved[0]


def find_attempt(job: Job) -> Job | None:
    """Return the row as it is now if this attempt still holds it, else None."""
    return _mine(job).first()


def succeed(job: Job, result: Any, saves: Iterable[Callable[[], None]] = ()) -> Job:
    """Store the result and run `saves` (the kind's domain rows) in one transaction. Raises Superseded."""
    kind = registry.find(job.kind)
    last: dict[str, Any] = {"stage": kind.stages[-1]} if kind is not None and kind.stages else {}
    with transaction.atomic():
        done = _finish_attempt(
            job, State.SUCCEEDED, EventType.SUCCEEDED, result=result, progress=100.0, **last, **NO_ERROR
        )
        for save in saves:
            save()
    tell_batch(done)
    return done


def fail(job: Job, error: JobError, *, traceback: str = "") -> Job:
    """End the job: it will not succeed by itself. Raises Superseded."""
    with transaction.atomic():
        done = _finish_attempt(
            job, State.FAILED, EventType.FAILED, {"code": error.code, "message": error.message},
            error_code=error.code, error_message=error.message, error_traceback=traceback,
        )  # fmt: skip
    tell_batch(done)
    return done


def retry_later(job: Job, error: JobError, delay: timedelta) -> Job:
    """Wait `delay` and try again; without attempts left, fail. Raises Superseded."""
    if job.attempt >= job.max_attempts:
        return fail(job, error)
    return _wait(
        job, State.PENDING, EventType.RETRY_SCHEDULED,
        {"code": error.code, "message": error.message, "delay_seconds": round(delay.total_seconds(), 1)},
        run_after=Now() + delay, error_code=error.code, error_message=error.message,
    )  # fmt: skip


def snooze(job: Job, delay: timedelta, reason: str) -> Job:
    """Wait `delay` through nobody's fault: the attempt is given back. reason: a code. Raises Superseded."""
    return _wait(
        job, State.PENDING, EventType.SNOOZED, {"reason": reason, "delay_seconds": round(delay.total_seconds(), 1)},
        run_after=Now() + delay, attempt=F("attempt") - 1,
    )  # fmt: skip


def release(job: Job, reason: str = "draining") -> Job:
    """Give a running job and its attempt back to the queue, because the worker cannot go on. Raises Superseded.

    reason: a code; by default the worker has to stop.
    """
    return _wait(
        job, State.QUEUED, EventType.RELEASED, {"reason": reason}, attempt=F("attempt") - 1, fence=F("fence") + 1
    )


def _wait(job: Job, to: State, type: EventType, data: dict[str, Any] | None = None, **values: Any) -> Job:
    """Leave `processing` to run again later; a job that was told to stop is cancelled instead."""
    with transaction.atomic():
        moved = _finish_attempt(job, to, type, data, **values)
    tell_batch(moved)
    return moved


def acknowledge_cancel(job: Job) -> Job:
    """The running attempt has stopped as asked. Raises Superseded."""
    with transaction.atomic():
        done = _finish_attempt(job, State.CANCELLED, EventType.CANCELLED, **NO_ERROR)
    tell_batch(done)
    return done


def note_superseded(job: Job) -> None:
    """Leave a trace that people can see: a late attempt came to write and was refused."""
    with transaction.atomic():
        moved = Job.objects.filter(pk=job.pk).update_returning(event_seq=F("event_seq") + 1, updated_at=Now())
        if moved:
            record(moved[0], EventType.SUPERSEDED, {"fence": job.fence, "attempt": job.attempt, "worker": job.worker})


# --- People and the tick act on jobs that are not theirs --------------------------------------------------------


def cancel(job_id: uuid.UUID, *, by: str = "", reason: str = "") -> Job | None:
    """Stop a job. A waiting one is cancelled at once; a running one is told to and stops within two seconds.

    A batch takes its unfinished children with it, in one transaction; those that have ended stay as they are.
    Returns the job, or None when it has already ended (or never was).
    """
    with transaction.atomic():
        stopped = _cancel(Job.objects.filter(pk=job_id), by, reason)
        if stopped:
            _cancel(Job.objects.filter(parent_id=job_id), by, reason)
    if not stopped:
        return Job.objects.filter(pk=job_id, cancel_requested_at__isnull=False).running().first()
    tell_batch(stopped[0])
    return stopped[0]


def _cancel(jobs: Any, by: str, reason: str) -> list[Job]:
    """Cancel those that wait and tell those that run, in one UPDATE: none can slip from one state to the other between.

    Must run in a transaction. Returns those that had neither ended nor been told before.
    """
    waits = Q(state__in=WAITING)
    moved = jobs.filter(waits | Q(state=State.PROCESSING, cancel_requested_at__isnull=True)).update_returning(
        state=Case(When(waits, then=Value(State.CANCELLED)), default=F("state")),
        cancelled_at=Case(When(waits, then=Now()), default=None),
        cancel_requested_at=Now(), run_after=None, queue_position=0, updated_at=Now(), event_seq=F("event_seq") + 1,
        **NO_ERROR,
    )  # fmt: skip
    data = {"by": by, "reason": reason}
    record_many([(job, EventType.CANCELLED if job.is_finished else EventType.CANCEL_REQUESTED, data) for job in moved])
    return moved


class ResourceTaken(JobError):
    """Staff took the resource from the running attempt."""

    code = "resource_taken"


def take_resource(job_id: uuid.UUID, *, by: str, reason: str = "") -> Job | None:
    """Take the resource from whoever holds it: the attempt is shut out and made again later, as after an error.

    Nothing that the old attempt writes counts any more, and its worker stops it within two seconds; until then its
    lock on the device (`engine/devices.py`) keeps the next job off it. Without attempts left the job fails; one that
    was told to stop is cancelled. Returns the job as it is then, or None when it holds nothing.
    """
    held = Job.objects.filter(pk=job_id, slot__isnull=False).running()
    with transaction.atomic():
        job = held.select_for_update(no_key=True).first()
        if job is None:
            return None
        kind = registry.find(job.kind)
        delay = (kind.backoff if kind else Backoff()).delay(job.attempt)
        error = ResourceTaken(f"The {job.resource} was taken from this job by the operators.")
        failure: dict[str, Any] = {"error_code": error.code, "error_message": error.message}
        data: dict[str, Any] = {
            "code": error.code, "message": error.message, "resource": job.resource, "by": by, "reason": reason,
        }  # fmt: skip
        if job.cancel_requested_at is not None:
            to, type, values = State.CANCELLED, EventType.CANCELLED, NO_ERROR
        elif job.attempt >= job.max_attempts:
            to, type, values = State.FAILED, EventType.FAILED, failure
        else:
            to, type, values = State.PENDING, EventType.RETRY_SCHEDULED, failure | {"run_after": Now() + delay}
            data["delay_seconds"] = round(delay.total_seconds(), 1)
        (moved,) = held.update_returning(
            state=to, **{f"{to}_at": Now()}, updated_at=Now(), fence=F("fence") + 1, event_seq=F("event_seq") + 1,
            **LET_GO, **values,
        )  # fmt: skip
        record(moved, type, data)
        announce_due(moved.queue)  # for the one that waits for it
    logger.warning("%s took the %s from job %s (%s): now %s", by, job.resource, job.pk, job.worker, moved.state)
    tell_batch(moved)
    return moved


UNSUCCESSFUL = (State.FAILED, State.CANCELLED)


def requeue(job_id: uuid.UUID, *, by: str = "", reason: str = "") -> Job | None:
    """Run a failed or cancelled job again: error cleared, attempts afresh, history kept.

    Returns None when there is nothing to run again: it is neither, or its file was refused when it was sent.
    A batch runs its unsuccessful children again and waits for them before it sums up once more; so does one that
    succeeded without them. A child takes its batch back, whatever had become of it: it has to sum up again.
    """
    data = {"by": by, "reason": reason}
    parent_id = Job.objects.filter(pk=job_id).values_list("parent_id", flat=True).first()
    with transaction.atomic():
        parent, job = _lock(parent_id), _lock(job_id)
        if job is None or not job.is_finished:
            return None
        if _requeue(Job.objects.filter(parent_id=job_id), data):
            again = _reopen(job, data)
        elif requeued := _requeue(Job.objects.filter(pk=job_id), data):
            again = requeued[0]
        else:
            return None
        if parent is not None:
            _reopen(parent, data | {"child": str(job_id)})
    return again


def _requeue(jobs: Any, data: dict[str, Any]) -> list[Job]:
    """Queue those that failed or were cancelled, but not those whose file was refused: there is nothing to run.

    An attempt that is still being stopped is shut out by its fence, or it would end a job that was asked for again;
    not so one that holds a resource: the next holder would start beside it. Must run in a transaction. Returns them.
    """
    refused = JobFile.objects.filter(job=OuterRef("pk"), role=JobFile.Role.INPUT, file="")
    told_to_stop = Q(cancel_requested_at__isnull=False) | Q(deadline_at__lte=Now())
    stopping = Q(state=State.PROCESSING, slot__isnull=True) & told_to_stop
    moved = jobs.filter(Q(state__in=UNSUCCESSFUL) | stopping, ~Exists(refused)).update_returning(
        state=State.QUEUED, queued_at=Now(), progress=0.0, turn=BACK_IN_TURN, **LET_GO, **_afresh()
    )
    _keep_files(moved)
    _enter_queue([(job, EventType.REQUEUED, data) for job in moved])
    return moved


def _reopen(parent: Job, data: dict[str, Any]) -> Job:
    """Let a batch wait for its children once more, if it does not. Its row must be locked. Returns it."""
    if parent.state == State.PENDING:
        return parent
    (moved,) = Job.objects.filter(pk=parent.pk, state=parent.state).update_returning(
        state=State.PENDING, pending_at=Now(), progress=batches.summary(parent.pk).progress, result=None,
        succeeded_at=None, **LET_GO, **_afresh(),
    )  # fmt: skip
    # What it had made is no longer so; the next prune deletes it.
    JobFile.objects.filter(job=parent, role=JobFile.Role.OUTPUT).update(job=None, expires_at=Now())
    _keep_files([moved])
    record(moved, EventType.REQUEUED, data)
    if parent.state == State.PROCESSING and parent.resource:
        announce_due(parent.queue)
    return moved


def _afresh() -> dict[str, Any]:
    """What a job that starts over has in common, whatever it was before. The fence shuts out an attempt that runs."""
    return {
        "attempt": 0,
        "fence": F("fence") + 1,
        "stage": "",
        "cancel_requested_at": None,
        "run_after": None,
        "deadline_at": deadlines.afresh(),
        "failed_at": None,
        "cancelled_at": None,
        "expires_at": expiry.afresh(),
        "updated_at": Now(),
        "event_seq": F("event_seq") + 1,
        **NO_ERROR,
    }


def _keep_files(jobs: list[Job]) -> None:
    """Let the files of these jobs live as long as the jobs."""
    expiry = Job.objects.filter(pk=OuterRef("job_id")).values("expires_at")
    JobFile.objects.filter(job__in=[job.pk for job in jobs]).update(expires_at=Subquery(expiry))


def rescue(*, only: uuid.UUID | None = None, by: str = "", reason: str = "") -> list[Job]:
    """Take jobs back from workers that died or froze: leases that ran out. Returns them as they are now."""
    lost = Job.objects.lease_expired().order_by("lease_expires_at")
    if only is not None:
        lost = lost.filter(pk=only)
    rescued = []
    for job in lost[:SWEEP]:
        try:
            taken = _rescue_one(job, by, reason)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # one row that cannot be moved must not keep the others waiting
            logger.exception("job %s (%s) could not be rescued", job.pk, job.kind)
            continue
        if taken is not None:
            rescued.append(taken)
    return rescued


def _rescue_one(job: Job, by: str, reason: str) -> Job | None:
    error = WorkerLost("The worker that ran this job stopped answering. It was tried as often as allowed.")
    common: dict[str, Any] = {"fence": F("fence") + 1, "updated_at": Now(), "event_seq": F("event_seq") + 1, **LET_GO}
    data: dict[str, Any] = {"worker": job.worker, "fence": job.fence} | ({"by": by, "reason": reason} if by else {})
    if job.cancel_requested_at is not None:
        type, common = EventType.CANCELLED, common | {"state": State.CANCELLED, "cancelled_at": Now()}
    elif job.attempt >= job.max_attempts:
        data |= {"code": error.code, "message": error.message}
        type, common = EventType.FAILED, common | {
            "state": State.FAILED, "failed_at": Now(), "error_code": error.code, "error_message": error.message,
        }  # fmt: skip
    else:
        type, common = EventType.RESCUED, common | {"state": State.QUEUED, "queued_at": Now()}
    with transaction.atomic():
        # The same lease must still be expired: its worker may have come back between our look and now.
        still_lost = Job.objects.filter(pk=job.pk, fence=job.fence).lease_expired()
        if not list(still_lost.unlocked().values_list("pk")):
            return None
        moved = still_lost.update_returning(**common)
        if not moved:
            return None
        if moved[0].state == State.QUEUED:
            _enter_queue([(moved[0], type, data)])
        else:
            record(moved[0], type, data)
            announce_due(moved[0].queue)  # for the one that waits for the resource it held
    logger.warning("rescued job %s (%s) from worker %s: now %s", job.pk, job.kind, job.worker, moved[0].state)
    tell_batch(moved[0])
    return moved[0]


def fail_past_deadline(*, only: uuid.UUID | None = None) -> int:
    """Fail waiting jobs whose deadline has passed. Running ones are ended by their worker. Returns how many."""
    overdue = Job.objects.past_deadline() if only is None else Job.objects.past_deadline().filter(pk=only)
    moved: list[Job] = []
    with transaction.atomic():
        late = list(overdue.unlocked().order_by("deadline_at")[:SWEEP])
        for why, group in _by_reason(late).items():
            error = deadlines.DeadlineExceeded(why)
            moved += Job.objects.filter(pk__in=group).past_deadline().update_returning(
                state=State.FAILED, failed_at=Now(), updated_at=Now(), run_after=None, queue_position=0,
                error_code=error.code, error_message=error.message, event_seq=F("event_seq") + 1,
            )  # fmt: skip
        record_many([(job, EventType.FAILED, {"code": job.error_code, "message": job.error_message}) for job in moved])
    if not moved:
        return 0
    with transaction.atomic():
        _cancel(Job.objects.filter(parent__in=[job.pk for job in moved]), "", "the batch's deadline passed")
    for job in {job.parent_id or job.pk: job for job in moved}.values():  # one of each batch
        tell_batch(job)
    return len(moved)


def _by_reason(overdue: list[Job]) -> dict[str, list[uuid.UUID]]:
    grouped: dict[str, list[uuid.UUID]] = defaultdict(list)
    for job_id, why in deadlines.reasons(overdue).items():
        grouped[why].append(job_id)
    return grouped


def settle_overdue(job: Job) -> bool:
    """End one job whose deadline has passed, when no cluster is there that would. Returns whether it was moved.

    What a living worker runs is left to it; a lost one's is taken back first.
    """
    taken = job.state == State.PROCESSING and bool(rescue(only=job.pk))
    return bool(fail_past_deadline(only=job.pk)) or taken


#: A resource held for longer is worth a warning (seed 002, requirement 2.5).
RESOURCE_WARNING_AFTER = timedelta(seconds=30)


def warn_of_long_holders() -> int:
    """Record a warning, once per holder, for each resource held for over 30 s. Returns how many."""
    held_long = (
        Job.objects.running()
        .filter(slot__isnull=False, processing_at__lt=Now() - RESOURCE_WARNING_AFTER)
        .exclude(
            Exists(
                JobEvent.objects.filter(
                    job=OuterRef("pk"),
                    type=EventType.RESOURCE_HELD_LONG,
                    created_at__gte=OuterRef("processing_at"),  # of this holder, not of an earlier attempt
                )
            )
        )
    )
    warned = 0
    for job in held_long:
        with transaction.atomic():
            if not list(_mine(job).unlocked().values_list("pk")):
                continue
            moved = _mine(job).update_returning(event_seq=F("event_seq") + 1, updated_at=Now())
            if not moved:
                continue
            record(moved[0], EventType.RESOURCE_HELD_LONG, {"resource": job.resource, "worker": job.worker})
        logger.warning("%s is held by job %s (%s) since %s", job.resource, job.pk, job.worker, job.processing_at)
        warned += 1
    return warned


# --- Around the job -------------------------------------------------------------------------------------------


def merge_metadata(job_id: uuid.UUID, patch: Mapping[str, Any]) -> Job:
    """Deep-merge `patch` into the job's metadata under the row lock: unknown keys survive, no update is lost.

    Raises Job.DoesNotExist.
    """
    with transaction.atomic():
        job = Job.objects.select_for_update().get(pk=job_id)
        (moved,) = Job.objects.filter(pk=job_id).update_returning(
            metadata=deep_merge(job.metadata, patch), updated_at=Now(), event_seq=F("event_seq") + 1
        )
        record(moved, EventType.METADATA, {"keys": sorted(patch)})
    return moved
