"""A job comes in: one, many, or a batch; each with its files and first event, in one transaction.

What becomes of it afterwards is in `lifecycle.py`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import zip_longest
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Max
from django.db.models.base import ModelState
from django.utils import timezone

from jobs import expiry, files, places, positions, tracing
from jobs.deadlines import deadline_of
from jobs.errors import JobError
from jobs.fast_path import arrivals
from jobs.fast_path import prepared as fast_path
from jobs.idempotency import IdempotencyConflict, digest_of, find_replay, keys_of, was_replayed
from jobs.kinds import registry
from jobs.live.events import announce_created, announce_due, record_many
from jobs.models import EventType, Job, JobFile, new_id
from jobs.queue_modes import refuse_new
from jobs.states import State
from jobs.webhooks import endpoints as webhooks

__all__ = ["IdempotencyConflict"]  # besides what is below


@dataclass
class Submission:
    """What one new job needs; see `submit` for each field.

    refused: why it can never succeed, seen at the door. Such a job is kept, failed, so that a batch tells of every
    file that was sent.
    """

    kind: str
    input: Mapping[str, Any] = field(default_factory=dict)
    priority: int | None = None
    user_id: str = ""
    session_id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    files: Iterable[JobFile] = ()
    run_after: datetime | None = None
    deadline_at: datetime | None = None
    timeout: timedelta | None = None  # the same, counted from when it is due
    max_attempts: int | None = None
    parent: Job | None = None
    waits_for_children: bool = False  # set by `submit_batch`
    refused: JobError | None = None
    webhook_url: str = ""
    id: uuid.UUID = field(default_factory=new_id)


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
    session_id, metadata, files (JobFiles of `files.store` that have no job yet), run_after and deadline_at (aware
    datetimes), timeout (the deadline, counted from when it is due; see `deadlines.py`), max_attempts, parent,
    webhook_url (told how the job ended; `job.webhook` then names the endpoint), id (when files were named
    after it). For a batch see `submit_batch`.
    Raises UnknownKind, QueueDraining, and InvalidInput for a webhook_url to which nothing is sent.
    """
    submission = Submission(kind=kind, input=input or {}, **options)
    return _submit_plain(submission, owner, idempotency_key) or _submit_once([submission], owner, idempotency_key)


def submit_many(
    submissions: Iterable[Submission], *, owner: Any = None, idempotency_key: str | None = None
) -> list[Job]:
    """Accept many jobs in one transaction: all of them or none. Returns them in order.

    idempotency_key: as for `submit`; the request is all of them, in their order. Of an earlier request those jobs are
    returned that are still there.
    """
    submissions = list(submissions)

    def create(keys: Sequence[str], digest: str) -> list[Job]:
        return _create(submissions, owner, timezone.now(), keys=keys, digest=digest)

    return _once(submissions, owner, keys_of(idempotency_key, len(submissions)), create)


def submit_batch(
    parent: Submission, children: Iterable[Submission], *, owner: Any = None, idempotency_key: str | None = None
) -> Job:
    """Accept a parent and its children in one transaction, and return the parent.

    The parent's kind runs when all children have ended; at once when none is left to run. idempotency_key: as for
    `submit`; the request is the parent and all its children, in their order.
    """
    children = list(children)
    parent.run_after = None  # its children decide when it runs
    parent.waits_for_children = any(child.refused is None for child in children)
    return _submit_once([parent, *children], owner, idempotency_key)


def _submit_plain(submission: Submission, owner: Any, key: str | None) -> Job | None:
    """Create a job that is due and brings nothing along, in one statement. None: it is not as plain as that."""
    if not fast_path.available() or connection.in_atomic_block:
        return None  # what the database refuses would break the caller's transaction: that needs a savepoint
    job = plan_plain(submission, owner, key)
    if job is None or was_replayed(job):
        return job
    with _traced([submission]):
        job.trace = tracing.carry()
        try:
            return job if arrivals.insert(job) else None  # its queue drains
        except IntegrityError:
            if job.idempotency_key is None:
                raise
            return None  # two requests with one key at the same moment


def plan_plain(submission: Submission, owner: Any, key: str | None) -> Job | None:
    """Return the job that `arrivals.insert` stores, or that of the earlier request with this key (`was_replayed`).

    None: it is not due, or brings something along. Raises UnknownKind, IdempotencyConflict.
    """
    if registry.get(submission.kind).mirror is not None:
        return None
    if submission.files or submission.webhook_url or submission.parent or submission.refused:
        return None
    keys = keys_of(key, 1)
    digest = digest_of([submission]) if keys else ""
    if earlier := find_replay(owner, keys, digest):
        return earlier[0]
    now = timezone.now()
    if _first_state(submission, now) != State.QUEUED:
        return None
    return _new_jobs([submission], owner, now, "", keys, digest)[0]


def _submit_once(family: list[Submission], owner: Any, key: str | None) -> Job:
    """Create a job and its children, or return the earlier job of the same key and request."""

    def create(keys: Sequence[str], digest: str) -> list[Job]:
        _refuse_new(family[1:])  # before they have a parent, and may come in
        now = timezone.now()  # one moment for all: they have one deadline
        # A batch outlives its parts.
        family[0].deadline_at = max(_deadline(submission, now) for submission in family)
        (job,) = _create(family[:1], owner, now, keys=keys, digest=digest)
        for child in family[1:]:
            child.parent = job
        _create(family[1:], owner, now)
        return [job]

    return _once(family, owner, keys_of(key, 1), create)[0]


def _once(
    family: list[Submission], owner: Any, keys: list[str], create: Callable[[Sequence[str], str], list[Job]]
) -> list[Job]:
    """Create jobs in one transaction, or return those of the earlier request with the same keys."""
    digest = digest_of(family) if keys else ""
    if earlier := find_replay(owner, keys, digest):
        return earlier
    try:
        with transaction.atomic():
            return create(keys, digest)
    except IntegrityError:
        # Two requests with one key at the same moment: the other one won, and its job is the answer.
        if earlier := find_replay(owner, keys, digest):
            return earlier
        raise


def _refuse_new(submissions: Iterable[Submission]) -> None:
    """Raise QueueDraining if one of these would come into a queue that drains. Parts of an accepted batch may."""
    refuse_new(registry.get(submission.kind).queue for submission in submissions if submission.parent is None)


def _create(submissions: Sequence[Submission], owner: Any, now: datetime, **once: Any) -> list[Job]:
    if not submissions:
        return []
    with _traced(submissions):
        return _insert(submissions, owner, now, trace=tracing.carry(), **once)


def _traced(submissions: Sequence[Submission]) -> AbstractContextManager[Any]:
    kind = registry.get(submissions[0].kind)
    about: dict[str, Any] = {
        "messaging__destination__name": kind.queue,
        "sira__kind": kind.name,
        "sira__jobs": len(submissions),
    }
    return tracing.span(f"submit {kind.name}", tracing.PRODUCER, messaging__system="sira", **about)


def _insert(
    submissions: Sequence[Submission],
    owner: Any,
    now: datetime,
    *,
    trace: str,
    keys: Sequence[str] = (),
    digest: str = "",
) -> list[Job]:
    jobs = _new_jobs(submissions, owner, now, trace, keys, digest)
    fast = fast_path.available() and all(
        job.state == State.QUEUED and registry.get(job.kind).mirror is None for job in jobs
    )
    if fast and len(jobs) == 1 and jobs[0].parent_id is None and arrivals.insert(jobs[0]):
        _attach(jobs, submissions, owner)
        return jobs  # else its queue drains, or did a moment ago
    _refuse_new(submissions)
    turns = _Turns(owner)
    for job in jobs:
        job.turn = 0 if job.state == State.FAILED else turns.take(job.queue, job.priority)
    if fast:
        positions.number(sorted(jobs, key=places.rank_of)[: arrivals.COUNTED])
        arrivals.insert_many(jobs)
        _attach(jobs, submissions, owner)
        announce_created(jobs)
    else:
        positions.number(jobs)
        Job.objects.bulk_create(jobs)
        _attach(jobs, submissions, owner)
        _record(jobs)
    for queue in {job.queue for job in jobs if job.state == State.QUEUED}:
        announce_due(queue)
    return jobs


def _attach(jobs: Sequence[Job], submissions: Sequence[Submission], owner: Any) -> None:
    """Give new jobs their files, and their webhooks the names of their jobs."""
    together = list(zip(jobs, submissions, strict=True))
    files.attach_inputs([(file, job) for job, given in together for file in given.files])
    webhooks.name([(job, given.webhook_url) for job, given in together if given.webhook_url], owner)


def _new_jobs(
    submissions: Sequence[Submission], owner: Any, now: datetime, trace: str, keys: Sequence[str], digest: str
) -> list[Job]:
    """Return the rows to be, without turns and positions."""
    alike: dict[tuple[Any, ...], Job] = {}
    jobs: list[Job] = []
    for submission, key in zip_longest(submissions, keys):
        own = {
            "id": submission.id,
            "user_id": submission.user_id,
            "session_id": submission.session_id,
            "input": dict(submission.input),
            "metadata": dict(submission.metadata),
            "idempotency_key": key,
        }
        common = (
            submission.kind, submission.priority, submission.run_after, submission.deadline_at, submission.timeout,
            submission.max_attempts, id(submission.parent), submission.waits_for_children, id(submission.refused),
        )  # fmt: skip
        if (first := alike.get(common)) is not None:
            jobs.append(_like(first, own))
            continue
        kind = registry.get(submission.kind)
        state = _first_state(submission, now)
        first = alike[common] = _like(
            _blank(),
            own
            | {
                "kind": kind.name,
                "queue": kind.queue,
                "resource": kind.resource,
                "state": state,
                "pending_at": now,
                "queued_at": now if state == State.QUEUED else None,
                "failed_at": now if state == State.FAILED else None,
                "error_code": submission.refused.code if submission.refused else "",
                "error_message": submission.refused.message if submission.refused else "",
                "priority": kind.priority if submission.priority is None else submission.priority,
                "max_attempts": submission.max_attempts or kind.backoff.max_attempts,
                "run_after": submission.run_after,
                "deadline_at": _deadline(submission, now),
                "expires_at": max(now, submission.run_after or now) + expiry.retention_of(kind),
                "idempotency_digest": digest,
                "created_at": now,
                "updated_at": now,
                "trace": trace,
                "event_seq": 2 if state == State.FAILED else 1,
            },
        )
        first.owner = owner if owner is not None and owner.pk else None
        first.parent = submission.parent
        jobs.append(first)
    return jobs


@cache
def _blank() -> Job:
    return Job()


def _like(job: Job, own: Mapping[str, Any]) -> Job:
    """Return another new job like this one but for `own`. Django takes longer to set 46 fields than to insert them."""
    other = Job.__new__(Job)
    other.__dict__.update(job.__dict__, **own)
    other._state = ModelState()
    other._state.fields_cache = dict(job._state.fields_cache)
    return other


def _deadline(submission: Submission, now: datetime) -> datetime:
    return submission.deadline_at or deadline_of(
        submission.kind, now=now, run_after=submission.run_after, timeout=submission.timeout
    )


def _first_state(submission: Submission, now: datetime) -> State:
    if submission.refused is not None:
        return State.FAILED
    later = submission.waits_for_children or (submission.run_after is not None and submission.run_after > now)
    return State.PENDING if later else State.QUEUED


def _record(jobs: list[Job]) -> None:
    """Write the first events. A job that was refused at the door has two: it was created, and it failed."""
    refused = [job for job in jobs if job.state == State.FAILED]
    for job in refused:
        job.state, job.event_seq = State.PENDING, 1
    record_many([(job, EventType.CREATED, {"position": job.queue_position}) for job in jobs])
    for job in refused:
        job.state, job.event_seq = State.FAILED, 2
    record_many([(job, EventType.FAILED, {"code": job.error_code, "message": job.error_message}) for job in refused])


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
