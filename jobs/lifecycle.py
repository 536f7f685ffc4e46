"""Every change of a job's state. Each is one guarded UPDATE plus its event, in one transaction.

The guard is the state the job must still be in and, for a running attempt, its fence. A transition that matches no
row did not happen: functions for running attempts then raise `Superseded`, the others return False or None.
Times come from the database: the clocks of hosts differ.
"""

from __future__ import annotations

import hashlib
import json
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Exists, F, Max, OuterRef, Subquery
from django.db.models.functions import Coalesce, Greatest, Least, Now
from django.utils import timezone

from jobs import batches, positions
from jobs.errors import InvalidInput, JobError, Superseded, TimedOut, WorkerLost
from jobs.kinds import registry
from jobs.live.events import announce_due, record, record_many
from jobs.merge import deep_merge
from jobs.models import EventType, Job, JobEvent, JobFile, QueueControl, new_id
from jobs.states import WAITING, State

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


class IdempotencyConflict(InvalidInput):
    """The key was used before, for another request."""

    code = "idempotency_key_reused"


@dataclass
class Submission:
    """What one new job needs; see `submit` for each field."""

    kind: str
    input: Mapping[str, Any] = field(default_factory=dict)
    priority: int | None = None
    user_id: str = ""
    session_id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    files: Iterable[JobFile] = ()
    run_after: datetime | None = None
    deadline_at: datetime | None = None
    max_attempts: int | None = None
    parent: Job | None = None
    is_batch: bool = False  # set by `submit_batch`
    id: uuid.UUID = field(default_factory=new_id)


# --- A job comes in -------------------------------------------------------------------------------------------


def submit(
    kind: str,
    input: Mapping[str, Any] | None = None,
    *,
    owner: Any = None,
    idempotency_key: str | None = None,
    **options: Any,
) -> Job:
    """Accept one job. It is durable when this returns and the surrounding transaction has committed.

    input: validated fields of the kind's serializer, JSON-able and without personal data. owner: a user or None.
    idempotency_key: the same key and request return the first job; `job.was_replayed` tells. Another request under
    the same key raises IdempotencyConflict. options: the other fields of Submission: priority 0–10, user_id,
    session_id, metadata, files (saved JobFile rows that have no job yet), run_after and deadline_at (aware
    datetimes), max_attempts, parent, id (when files were named after it). For a batch see `submit_batch`.
    Raises UnknownKind.
    """
    submission = Submission(kind=kind, input=input or {}, **options)
    digest = _digest(submission) if idempotency_key else ""
    if idempotency_key and (earlier := _find_replay(owner, idempotency_key, digest)):
        return earlier
    try:
        with transaction.atomic():
            return _create([submission], owner, idempotency_key=idempotency_key, digest=digest)[0]
    except IntegrityError:
        # Two requests with one key at the same moment: the other one won, and its job is the answer.
        if idempotency_key and (earlier := _find_replay(owner, idempotency_key, digest)):
            return earlier
        raise


def submit_many(submissions: Iterable[Submission], *, owner: Any = None) -> list[Job]:
    """Accept many jobs in one transaction: all of them or none."""
    with transaction.atomic():
        return _create(list(submissions), owner)


def submit_batch(parent: Submission, children: Iterable[Submission], *, owner: Any = None) -> Job:
    """Accept a parent and its children in one transaction. The parent's kind runs when all children have ended."""
    with transaction.atomic():
        parent.is_batch, parent.run_after = True, None  # its children decide when it runs
        (parent_job,) = _create([parent], owner)
        children = list(children)
        for child in children:
            child.parent = parent_job
        _create(children, owner)
        if not children:
            promote_parent(parent_job.pk)
        return parent_job


def _create(
    submissions: list[Submission], owner: Any, *, idempotency_key: str | None = None, digest: str = ""
) -> list[Job]:
    now = timezone.now()
    turns = _Turns(owner)
    jobs: list[Job] = []
    for submission in submissions:
        kind = registry.get(submission.kind)
        later = submission.is_batch or (submission.run_after is not None and submission.run_after > now)
        priority = kind.priority if submission.priority is None else submission.priority
        jobs.append(
            Job(
                id=submission.id,
                kind=kind.name,
                queue=kind.queue,
                resource=kind.resource,
                state=State.PENDING if later else State.QUEUED,
                pending_at=now,
                queued_at=None if later else now,
                priority=priority,
                turn=turns.take(kind.queue, priority),
                owner=owner if owner is not None and owner.pk else None,
                user_id=submission.user_id,
                session_id=submission.session_id,
                parent=submission.parent,
                input=dict(submission.input),
                metadata=dict(submission.metadata),
                max_attempts=submission.max_attempts or kind.backoff.max_attempts,
                run_after=submission.run_after,
                deadline_at=submission.deadline_at,
                expires_at=max(now, submission.run_after or now) + settings.SIRA_RETENTION,
                idempotency_key=idempotency_key,
                idempotency_digest=digest,
                created_at=now,
                updated_at=now,
                event_seq=1,
            )
        )
    if len(jobs) == 1 and jobs[0].state == State.QUEUED:
        jobs[0].queue_position = positions.position(jobs[0])
    elif jobs:
        positions.number(jobs)
    Job.objects.bulk_create(jobs)
    for job, submission in zip(jobs, submissions, strict=True):
        files = [file.pk for file in submission.files]
        if files:
            JobFile.objects.filter(pk__in=files, job__isnull=True).update(job=job, expires_at=job.expires_at)
    record_many([(job, EventType.CREATED, {"position": job.queue_position}) for job in jobs])
    for queue in {job.queue for job in jobs if job.state == State.QUEUED}:
        announce_due(queue)
    return jobs


class _Turns:
    """Fair queueing in one column.

    A new job's turn comes after the larger of the turn at the head of its queue and its owner's last waiting turn. So
    an owner's own jobs stay in order; an owner who arrives late waits for about one job of each other owner, not for
    all of theirs; and nobody starves, because while a turn is at the head, all that arrive come after it.
    """

    def __init__(self, owner: Any) -> None:
        self.owner_id = owner.pk if owner is not None else None
        self.next: dict[tuple[str, int], int] = {}

    def take(self, queue: str, priority: int) -> int:
        key = (queue, priority)
        if key not in self.next:
            queued = Job.objects.queued().filter(queue=queue, priority=priority)
            head = queued.order_by("turn", "id").values_list("turn", flat=True).first()
            mine = queued.filter(owner_id=self.owner_id).aggregate(last=Max("turn"))["last"]
            self.next[key] = max(-1 if head is None else head, -1 if mine is None else mine) + 1
        turn = self.next[key]
        self.next[key] += 1
        return turn


def _digest(submission: Submission) -> str:
    """A request's identity: what it asks for, with files by content, for the same upload is a new JobFile each time."""
    content = {str(file.pk): file.sha256 for file in submission.files}
    request = {
        "kind": submission.kind,
        "input": _with_content(submission.input, content),
        "priority": submission.priority,
        "user_id": submission.user_id,
        "session_id": submission.session_id,
        "metadata": submission.metadata,
        "run_after": submission.run_after,
        "files": list(content.values()),
    }
    return hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()


def _with_content(value: Any, content: Mapping[str, str]) -> Any:
    """Put the hash of a file in place of its id, wherever an input names it."""
    if isinstance(value, Mapping):
        return {key: _with_content(inner, content) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_content(inner, content) for inner in value]
    return content.get(value, value) if isinstance(value, str) else value


def _find_replay(owner: Any, key: str, digest: str) -> Job | None:
    job = Job.objects.filter(owner=owner, idempotency_key=key).first()
    if job is None:
        return None
    if job.idempotency_digest != digest:
        raise IdempotencyConflict(
            "This Idempotency-Key was already used for another request. Send a new key with a new request."
        )
    job.was_replayed = True  # type: ignore[attr-defined]
    return job


# --- A job becomes due and is claimed -------------------------------------------------------------------------


def promote_due() -> int:
    """Queue the pending jobs whose time has come. Returns how many."""
    with transaction.atomic():
        due = list(Job.objects.due().unlocked().order_by("run_after").values_list("pk", flat=True)[:SWEEP])
        return _queue(Job.objects.filter(pk__in=due).due(), EventType.QUEUED) if due else 0


def promote_parent(parent_id: uuid.UUID) -> bool:
    """Queue a batch parent whose children have all ended."""
    waiting = Job.objects.filter(pk=parent_id, state=State.PENDING, run_after__isnull=True)
    unfinished = Job.objects.filter(parent_id=parent_id).unfinished()
    if unfinished.exists():
        return False
    # Turn 0: the batch's own turn came long ago, with its first child.
    return bool(_queue(waiting, EventType.QUEUED, turn=0))


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
        record_many([(job, type, None) for job in moved])
        for queue in {job.queue for job in moved}:
            announce_due(queue)
    return len(moved)


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
            processing_at=Now(),
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


def _ended(job: Job) -> None:
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
    record(moved[0], type, data)
    if to == State.QUEUED or job.resource:
        announce_due(job.queue)  # the job itself, or the one that waits for the resource it held
    return moved[0]


def progress(job: Job, percent: float | None = None, stage: str = "", data: dict[str, Any] | None = None) -> Job:
    """Show how far the attempt is. percent: 0–100; a lower number than shown before is ignored. Raises Superseded."""
    values: dict[str, Any] = {}
    if percent is not None:
        values["progress"] = Greatest(F("progress"), min(max(float(percent), 0.0), 100.0))
    if stage:
        values["stage"] = stage
    with transaction.atomic():
        moved = _mine(job).update_returning(
            updated_at=Now(), lease_expires_at=Now() + settings.SIRA_LEASE, event_seq=F("event_seq") + 1, **values
        )
        if not moved:
            raise Superseded(f"attempt {job.attempt} of {job.kind} {job.pk}")
        record(moved[0], EventType.PROGRESS, data)
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
    _ended(done)
    return done


def fail(job: Job, error: JobError, *, traceback: str = "") -> Job:
    """End the job: it will not succeed by itself. Raises Superseded."""
    with transaction.atomic():
        done = _finish_attempt(
            job, State.FAILED, EventType.FAILED, {"code": error.code, "message": error.message},
            error_code=error.code, error_message=error.message, error_traceback=traceback,
        )  # fmt: skip
    _ended(done)
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


def release(job: Job) -> Job:
    """Give a running job and its attempt back to the queue, because the worker has to stop. Raises Superseded."""
    return _wait(job, State.QUEUED, EventType.RELEASED, attempt=F("attempt") - 1, fence=F("fence") + 1)


def _wait(job: Job, to: State, type: EventType, data: dict[str, Any] | None = None, **values: Any) -> Job:
    """Leave `processing` to run again later; a job that was told to stop is cancelled instead."""
    with transaction.atomic():
        moved = _finish_attempt(job, to, type, data, **values)
    _ended(moved)
    return moved


def acknowledge_cancel(job: Job) -> Job:
    """The running attempt has stopped as asked. Raises Superseded."""
    with transaction.atomic():
        done = _finish_attempt(job, State.CANCELLED, EventType.CANCELLED, **NO_ERROR)
    _ended(done)
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
        stopped = _cancel_one(job_id, by, reason)
        if stopped is not None:
            for child in Job.objects.filter(parent_id=job_id).unfinished().values_list("pk", flat=True):
                _cancel_one(child, by, reason)
    if stopped is None:
        return Job.objects.filter(pk=job_id, cancel_requested_at__isnull=False).running().first()
    _ended(stopped)
    return stopped


def _cancel_one(job_id: uuid.UUID, by: str, reason: str) -> Job | None:
    moved = Job.objects.filter(pk=job_id).waiting().update_returning(
        state=State.CANCELLED, cancelled_at=Now(), updated_at=Now(), cancel_requested_at=Now(), run_after=None,
        queue_position=0, event_seq=F("event_seq") + 1, **NO_ERROR,
    )  # fmt: skip
    type = EventType.CANCELLED
    if not moved:
        moved = Job.objects.filter(pk=job_id, cancel_requested_at__isnull=True).running().update_returning(
            cancel_requested_at=Now(), updated_at=Now(), event_seq=F("event_seq") + 1
        )  # fmt: skip
        type = EventType.CANCEL_REQUESTED
    if not moved:
        return None
    record(moved[0], type, {"by": by, "reason": reason})
    return moved[0]


def requeue(job_id: uuid.UUID, *, by: str = "", reason: str = "") -> Job | None:
    """Run a failed or cancelled job again: error cleared, attempts afresh, history kept. None if it is neither.

    A batch runs its unsuccessful children again and waits for them before it sums up once more.
    """
    with transaction.atomic():
        again = [State.FAILED, State.CANCELLED]
        children = list(Job.objects.filter(parent_id=job_id, state__in=again).values_list("pk", flat=True))
        parent = _requeue_one(job_id, by, reason, State.PENDING if children else State.QUEUED)
        if parent is not None:
            for child in children:
                _requeue_one(child, by, reason, State.QUEUED)
    return parent


def _requeue_one(job_id: uuid.UUID, by: str, reason: str, to: State) -> Job | None:
    moved = Job.objects.filter(pk=job_id, state__in=[State.FAILED, State.CANCELLED]).update_returning(
        state=to, **{f"{to}_at": Now()}, updated_at=Now(), fence=F("fence") + 1, attempt=0, progress=0.0, stage="",
        turn=BACK_IN_TURN, cancel_requested_at=None, run_after=None, deadline_at=None, failed_at=None,
        cancelled_at=None, expires_at=Greatest(F("expires_at"), Now() + settings.SIRA_RETENTION),
        event_seq=F("event_seq") + 1, **NO_ERROR,
    )  # fmt: skip
    if not moved:
        return None
    JobFile.objects.filter(job_id=job_id).update(expires_at=moved[0].expires_at)
    record(moved[0], EventType.REQUEUED, {"by": by, "reason": reason})
    announce_due(moved[0].queue)
    return moved[0]


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
        record(moved[0], type, data)
        announce_due(moved[0].queue)
    logger.warning("rescued job %s (%s) from worker %s: now %s", job.pk, job.kind, job.worker, moved[0].state)
    _ended(moved[0])
    return moved[0]


def fail_past_deadline() -> int:
    """Fail waiting jobs whose deadline has passed. Running ones are ended by their worker. Returns how many."""
    error = TimedOut(
        "The job could not be finished before its deadline. Submit it again with a later one.", code="deadline"
    )
    with transaction.atomic():
        late = list(Job.objects.past_deadline().unlocked().values_list("pk", flat=True)[:SWEEP])
        if not late:
            return 0
        moved = Job.objects.filter(pk__in=late).past_deadline().update_returning(
            state=State.FAILED, failed_at=Now(), updated_at=Now(), run_after=None, queue_position=0,
            error_code=error.code, error_message=error.message, event_seq=F("event_seq") + 1,
        )  # fmt: skip
        record_many([(job, EventType.FAILED, {"code": error.code, "message": error.message}) for job in moved])
    for job in moved:
        for child in Job.objects.filter(parent=job).unfinished().values_list("pk", flat=True):
            cancel(child, reason="the batch's deadline passed")
        _ended(job)
    return len(moved)


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


def pause_queue(queue: str, *, by: str, reason: str = "") -> QueueControl:
    """Stop claiming from a queue. Running jobs go on."""
    control, _ = QueueControl.objects.update_or_create(
        queue=queue, defaults={"paused_at": timezone.now(), "paused_by": by, "reason": reason}
    )
    return control


def resume_queue(queue: str) -> bool:
    """Claim from the queue again. False if it was not paused."""
    with transaction.atomic():
        resumed = QueueControl.objects.filter(queue=queue, paused_at__isnull=False).update(
            paused_at=None, paused_by="", reason=""
        )
        if resumed:
            announce_due(queue)
    return bool(resumed)
