"""What needs somebody's attention: found by looking, never stored, so it is gone as soon as its cause is.

    stuck           the lease of running jobs ran out, and nobody has taken them back
    no_worker       jobs are due in a queue that no living worker serves
    unknown_kind    jobs are due of a kind that no living worker knows: it belongs to an older or a newer release
    kind_failing    of one kind more fails than usual
    queue_paused    jobs are due in a queue that somebody paused
    queue_growing   more comes into a queue than leaves it, and those who are in it wait
    resource_held   a job has held a resource for long
    breaker_open    something outside failed repeatedly and is given a rest
    rate_limited    something outside told us to wait, and for long

Staff see all of it; others what holds up their own jobs, in numbers of their own jobs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from django.db.models import Count, Min
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from jobs.history import Group, History
from jobs.kinds import registry
from jobs.models import Job, JobQuerySet, RateLimit
from jobs.places import first_id_at
from jobs.positions import Resource, live_workers
from jobs.providers.rates import OPEN, PROBED
from jobs.queues import Queue, unknown_kinds
from jobs.states import State

#: A tick takes back what has run out every second; what is older has been seen by none.
RESCUED_WITHIN = timedelta(seconds=5)
#: A few failures are no trend: so many of one kind within the hour …
MANY_FAILURES = 5
#: … and this share of what ended …
LARGE_SHARE = 0.2
#: … and so many times the share of the day before.
TIMES_THE_USUAL = 2
#: A queue grows when so many wait …
LONG_QUEUE = 20
#: … the first of them for so long …
LONG_WAIT = timedelta(minutes=1)
#: … and this share of them is what came in the last steps and did not leave.
GROWTH = 1 / 3
GROWTH_STEPS = 3
#: A limit that opens sooner is how limits work.
LONG_LIMIT = timedelta(seconds=30)

#: What each means, for people.
MEANINGS = {
    "stuck": _(
        "Their workers stopped answering, and nobody has taken the jobs back yet. They are safe: as soon as a worker "
        "runs they go back to the queue."
    ),
    "no_worker": _("The jobs are safe and wait. They start as soon as a worker for this queue runs."),
    "unknown_kind": _("The jobs are safe and wait. They start as soon as a worker runs whose release knows this kind."),
    "kind_failing": _("More of this kind fails than usual. Something that it needs may be broken."),
    "queue_paused": _("Nothing new starts in this queue until somebody resumes it."),
    "queue_growing": _("More comes in than leaves, so the wait grows. More workers would shorten it."),
    "resource_held": _("Whoever needs it too waits until the job that holds it has ended."),
    "breaker_open": _("Nothing is sent to it for a while. Jobs that need it wait, and go on by themselves."),
    "rate_limited": _("It told us to wait. Jobs that need it go on by themselves then."),
}
#: In these cases somebody has to do something.
BAD = frozenset({"stuck", "no_worker", "unknown_kind", "kind_failing"})


@dataclass(frozen=True)
class Concern:
    """One thing that needs attention.

    code: a key of MEANINGS. subject: the queue, kind, resource or limit; "" for stuck jobs. count: of jobs concerned;
    for a breaker, failures in a row. total: of how many, for a kind. since, until: when it began, and may be over.
    arrived, left: of a queue that grows, in the last minutes.
    """

    code: str
    subject: str = ""
    count: int = 0
    total: int = 0
    since: datetime | None = None
    until: datetime | None = None
    arrived: int = 0
    left: int = 0

    @property
    def is_bad(self) -> bool:
        return self.code in BAD


@dataclass(frozen=True)
class Waiting:
    """Whose jobs are looked at. jobs: those; due: how many of them are due, by queue and kind.

    kinds: of the unfinished ones. everybody: they are everybody's, and all is told.
    """

    jobs: JobQuerySet
    due: Counter[tuple[str, str]]
    kinds: frozenset[str] = field(default_factory=frozenset)
    everybody: bool = False

    @cached_property
    def by_queue(self) -> Counter[str]:
        """How many are due in each queue."""
        counts: Counter[str] = Counter()
        for (queue, _kind), jobs in self.due.items():
            counts[queue] += jobs
        return counts


def find(
    waiting: Waiting, queues: list[Queue], resources: list[Resource], history: History, now: datetime
) -> list[Concern]:
    """Return what needs attention, the worst first. queues, resources, history: as they are at `now`."""
    found = [
        *_stuck(waiting),
        *_standing(waiting, queues),
        *_unknown(waiting, queues),
        *_failing(waiting, history),
        *_growing(waiting, queues, history, now),
        *_held(waiting, resources),
        *_limited(waiting, now),
    ]
    return sorted(found, key=lambda concern: (not concern.is_bad, list(MEANINGS).index(concern.code), -concern.count))


def _stuck(waiting: Waiting) -> Iterator[Concern]:
    stuck = waiting.jobs.running().filter(lease_expires_at__lt=Now() - RESCUED_WITHIN)
    seen = stuck.aggregate(jobs=Count("pk"), since=Min("lease_expires_at"))
    if seen["jobs"]:
        yield Concern("stuck", count=seen["jobs"], since=seen["since"])


def _standing(waiting: Waiting, queues: Iterable[Queue]) -> Iterator[Concern]:
    """Return the queues in which nothing moves."""
    for queue in queues:
        count = waiting.by_queue[queue.name]
        if count and queue.paused:
            yield Concern("queue_paused", queue.name, count, since=queue.control.paused_at)
        elif count and not queue.workers:
            yield Concern("no_worker", queue.name, count, since=queue.oldest)


def _unknown(waiting: Waiting, queues: Iterable[Queue]) -> Iterator[Concern]:
    served = {queue.name for queue in queues if queue.workers and not queue.paused}
    counts = Counter({due: jobs for due, jobs in waiting.due.items() if due[0] in served})
    for kind, jobs in unknown_kinds(counts, live_workers() if counts else []).items():
        yield Concern("unknown_kind", kind, jobs)


def _failing(waiting: Waiting, history: History) -> Iterator[Concern]:
    failed, ended = _by_kind(history.recent)
    failed_before, ended_before = _by_kind(history.earlier)
    for kind, count in failed.items():
        share, usual = count / ended[kind], failed_before[kind] / max(1, ended_before[kind])
        unusual = count >= MANY_FAILURES and share >= max(LARGE_SHARE, TIMES_THE_USUAL * usual)
        if unusual and (waiting.everybody or kind in waiting.kinds):
            yield Concern("kind_failing", kind, count, total=ended[kind])


def _by_kind(groups: Iterable[Group]) -> tuple[Counter[str], Counter[str]]:
    """Return how many of each kind failed, and how many ended by themselves."""
    failed: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    for group in groups:
        if group.state != State.CANCELLED:
            ended[group.kind] += group.jobs
        if group.state == State.FAILED:
            failed[group.kind] += group.jobs
    return failed, ended


def _growing(waiting: Waiting, queues: Iterable[Queue], history: History, now: datetime) -> Iterator[Concern]:
    long = [
        queue
        for queue in queues
        if queue.waiting >= LONG_QUEUE and waiting.by_queue[queue.name] and queue.workers and not queue.paused
        and queue.oldest is not None and now - queue.oldest >= LONG_WAIT
    ]  # fmt: skip
    if not long:
        return
    since = history.hour[-GROWTH_STEPS].begin
    left: Counter[str] = Counter()
    for group in history.recent:
        if group.ended_at is not None and group.ended_at >= since:
            left[group.queue] += group.jobs
    # Ids are in the order of time, and they have an index.
    came = Job.objects.filter(pk__gte=first_id_at(since), queue__in=[queue.name for queue in long])
    arrived = dict(came.order_by().values_list("queue").annotate(Count("pk")))
    for queue in long:
        came_in, gone = arrived.get(queue.name, 0), left[queue.name]
        if came_in - gone >= GROWTH * queue.waiting:
            yield Concern("queue_growing", queue.name, queue.waiting, since=since, arrived=came_in, left=gone)


def _held(waiting: Waiting, resources: Iterable[Resource]) -> Iterator[Concern]:
    needed = {kind.resource for kind in registry if kind.name in waiting.kinds}
    for resource in resources:
        if not waiting.everybody and resource.name not in needed:
            continue
        long = [holder.since for holder in resource.holders if holder.held_long]
        if long:
            yield Concern("resource_held", resource.name, resource.waiting, since=min(long))


def _limited(waiting: Waiting, now: datetime) -> Iterator[Concern]:
    needed = {kind.rate_limit for kind in registry if kind.name in waiting.kinds}
    for limit in RateLimit.objects.filter(ready_at__gt=Now()):
        if not waiting.everybody and limit.key not in needed:
            continue
        if limit.reason in (OPEN, PROBED):
            yield Concern("breaker_open", limit.key, limit.failures, until=limit.ready_at)
        elif limit.ready_at - now >= LONG_LIMIT:
            yield Concern("rate_limited", limit.key, until=limit.ready_at)
