"""An operator's hand on a queue. It is in one mode at a time:

    running    jobs come in and are claimed
    paused     jobs come in and wait; none is claimed
    draining   none comes in; what is there is worked off

What is there: whatever waits or runs, its retries (a person's as well), the parts of a batch that was accepted, and
what a running job of the queue submits to the same queue. A submission that began before the drain may still
commit a moment after it; it is worked off like the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from jobs import audit
from jobs.compiled import Compiled
from jobs.errors import Unavailable
from jobs.live.events import announce_due
from jobs.models import QueueControl

Mode = QueueControl.Mode

#: What staff do to a queue, and the mode that it is in afterwards.
VERBS = {"pause": Mode.PAUSED, "resume": Mode.RUNNING, "drain": Mode.DRAINING}
#: Whoever begins or ends a mode needs its permission.
PERMISSIONS = {Mode.PAUSED: "jobs.pause_queue", Mode.DRAINING: "jobs.drain_queue"}
#: When a client that was turned away should ask again: drains take minutes, and a person ends them.
ASK_AGAIN_AFTER = timedelta(minutes=1)

#: The queue of the job that runs here; "" outside a worker's attempt.
_at_work_in: ContextVar[str] = ContextVar("at_work_in", default="")


class QueueDraining(Unavailable):
    """The queue takes nothing new. 503 at the door; a job that met it in another queue is tried again."""

    code = "queue_draining"

    def __init__(self, control: QueueControl) -> None:
        why = f" ({control.reason})" if control.reason else ""
        super().__init__(
            f"The queue {control.queue} takes no new jobs: {control.draining_by or 'an operator'} is emptying it{why}. "
            "Nothing was stored. Send the request again later; /api/v1/queues/ says when it takes jobs again.",
            retry_after=ASK_AGAIN_AFTER,
        )


@contextmanager
def at_work_in(queue: str) -> Iterator[None]:
    """Run a job of `queue` in this block: what it submits to its own queue is part of what is there."""
    token = _at_work_in.set(queue)
    try:
        yield
    finally:
        _at_work_in.reset(token)


def refuse_new(queues: Iterable[str]) -> None:
    """Let no new job into a queue that drains: the one place that every submission passes. Raises QueueDraining."""
    for queue in sorted(set(queues) - {_at_work_in.get()}):  # nearly always one
        if (control := _DRAINING.first(queue=queue)) is not None:
            raise QueueDraining(control)


_DRAINING = Compiled(
    lambda queue: QueueControl.objects.filter(queue=queue, draining_at__isnull=False),
    queue=(QueueControl._meta.get_field("queue"), "a queue"),
)


def pause_queue(queue: str, *, by: str, reason: str = "") -> QueueControl:
    """Stop claiming from a queue. Running jobs go on, new ones are accepted and wait."""
    return _set(queue, paused_at=timezone.now(), paused_by=by, reason=reason)


def drain_queue(queue: str, *, by: str, reason: str = "") -> QueueControl:
    """Take nothing new into a queue and work off what is there. One that was paused is claimed from again."""
    with transaction.atomic():
        control = _set(queue, draining_at=timezone.now(), draining_by=by, reason=reason)
        announce_due(queue)
    return control


def resume_queue(queue: str) -> bool:
    """Take jobs in and claim them again. False if the queue did so already."""
    with transaction.atomic():
        resumed = QueueControl.objects.filter(queue=queue).exclude(paused_at=None, draining_at=None).exists()
        if resumed:
            _set(queue)
            announce_due(queue)
    return resumed


def _set(queue: str, **values: Any) -> QueueControl:
    nothing = {"paused_at": None, "paused_by": "", "draining_at": None, "draining_by": "", "reason": ""}
    return QueueControl.objects.update_or_create(queue=queue, defaults=nothing | values)[0]


def mode_of(queue: str) -> QueueControl:
    """Return how a queue stands; a row that is not stored for one that nobody ever touched."""
    return QueueControl.objects.filter(queue=queue).first() or QueueControl(queue=queue)


def permissions_needed(before: str, after: str) -> list[str]:
    """Return what a person needs who takes a queue from one mode to another: the permissions of both."""
    return sorted({PERMISSIONS[Mode(mode)] for mode in (before, after) if mode != Mode.RUNNING})


def switch(queue: str, verb: str, *, actor: Any, via: str, reason: str) -> QueueControl | None:
    """Do what staff asked for and record it, in one transaction. None when the queue is in that mode already.

    verb: one of VERBS. via: of AuditEntry. The caller has checked the permissions.
    """
    with transaction.atomic():
        QueueControl.objects.get_or_create(queue=queue)
        before = QueueControl.objects.select_for_update().get(queue=queue)
        if before.mode == VERBS[verb]:
            return None
        by = actor.get_username()
        if verb == "pause":
            pause_queue(queue, by=by, reason=reason)
        elif verb == "drain":
            drain_queue(queue, by=by, reason=reason)
        else:
            resume_queue(queue)
        after = QueueControl.objects.get(queue=queue)
        audit.record(
            f"{verb}_queue",
            "queue",
            queue,
            actor=actor,
            via=via,
            reason=reason,
            before=_standing(before),
            after=_standing(after),
        )
    return after


def _standing(control: QueueControl) -> dict[str, Any]:
    told = {"mode": control.mode, "by": control.by, "reason": control.reason}
    return {name: str(value) for name, value in told.items() if value}
