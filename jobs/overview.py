"""How everything stands at this moment, for one person: their jobs, all jobs in numbers, and what needs attention."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, Q, Value, When

from jobs import attention, history, queues
from jobs.attention import Concern, Waiting
from jobs.clock import database_now
from jobs.history import History
from jobs.models import ENDED_AT, Job
from jobs.positions import Resource, resources
from jobs.queues import Queue
from jobs.states import FINISHED, UNFINISHED, State

#: So many of one's unfinished jobs are shown; for the others there is a list.
MOST_JOBS = 8


@dataclass(frozen=True)
class Overview:
    """all_jobs, own_jobs: how many in each state; those that have ended only if it was since `since`.

    own_unfinished: the person's first ones, what is at work before what waits, batches without their parts; more: how
    many others there are.
    """

    as_of: datetime
    since: datetime
    all_jobs: dict[str, int]
    own_jobs: dict[str, int]
    own_unfinished: list[Job]
    more: int
    queues: list[Queue]
    resources: list[Resource]
    history: History
    attention: list[Concern]


def look(user: Any) -> Overview:
    """Look at everything, with what `user` may see of it. Takes about 20 queries, however many jobs there are."""
    now = database_now()
    since = history.begin_of_day(now)
    depths = queues.depths()
    described, shared, past = queues.describe(counts=depths), resources(), history.last_day(now)
    own = _Own(user, since)
    unfinished = _unfinished(user) if own.unfinished else []
    waiting = Waiting(Job.objects.filter(owner=user), own.queued, frozenset(own.kinds))
    if user.is_staff:
        waiting = Waiting(Job.objects.all(), queues.due_by_kind(depths), everybody=True)
    return Overview(
        as_of=now,
        since=since,
        all_jobs=_everybodys(described, past),
        own_jobs=own.by_state,
        own_unfinished=unfinished,
        more=max(0, own.unfinished - len(unfinished)),
        queues=described,
        resources=shared,
        history=past,
        attention=attention.find(waiting, described, shared, past, now),
    )


class _Own:
    """A person's jobs in numbers. queued: due ones, by queue and kind. kinds: of those that have not ended.

    unfinished: how many have not ended, batches without their parts.
    """

    def __init__(self, user: Any, since: datetime) -> None:
        self.by_state = dict.fromkeys(map(str, State), 0)
        self.queued: Counter[tuple[str, str]] = Counter()
        self.kinds: set[str] = set()
        self.unfinished = 0
        own = Job.objects.filter(owner=user).order_by()
        # Each part from an index of its own: in one query all that the person ever had would be read.
        for state in UNFINISHED:
            whole = Count("pk", filter=Q(parent=None))
            for row in own.filter(state=state).values("queue", "kind").annotate(jobs=Count("pk"), whole=whole):
                self.by_state[str(state)] += row["jobs"]
                self.kinds.add(row["kind"])
                self.unfinished += row["whole"]
                if state == State.QUEUED:
                    self.queued[row["queue"], row["kind"]] += row["jobs"]
        ended = own.alias(ended=ENDED_AT).filter(ended__gte=since)
        for ending, jobs in ended.values_list("state").annotate(jobs=Count("pk")):
            self.by_state[ending] += jobs


def _everybodys(described: list[Queue], past: History) -> dict[str, int]:
    counts: dict[str, int] = {
        State.PENDING: sum(queue.later for queue in described),
        State.QUEUED: sum(queue.waiting for queue in described),
        State.PROCESSING: sum(queue.running for queue in described),
    }
    counts |= {state: past.ended(state) for state in FINISHED}
    return {str(state): counts[state] for state in State}


def _unfinished(user: Any) -> list[Job]:
    own = Job.objects.unfinished().filter(owner=user, parent=None)
    # A batch waits for its parts; while they are worked on, so is it.
    begun = Case(When(Q(state=State.PROCESSING) | Q(progress__gt=0), then=Value(0)), default=Value(1))
    return list(own.order_by(begun, "-id")[:MOST_JOBS])
