"""Where a job stands, why it waits, and when it may be done."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from statistics import quantiles
from typing import Any

from django.conf import settings
from django.db.models import Exists, Min, OuterRef
from django.db.models.functions import Now
from django.utils import timezone

from jobs import batches
from jobs.compiled import Compiled
from jobs.kinds import JobKind, registry
from jobs.models import EventType, Job, JobEvent, QueueControl, RateLimit, Worker
from jobs.places import count_before, rank_of, waiting_kinds
from jobs.states import State

#: An ETA is made from the last runs of a kind; more would remember a slower machine for too long.
MEASURED_RUNS = 50
#: Reasons for which no end can be foreseen.
NO_END_IN_SIGHT = frozenset({"no_worker", "queue_paused", "unknown_kind"})
#: An end that is nearer than this is due now; to tell of it would be to count with the clock.
SOON = timedelta(seconds=1)
#: Why a job was given back: an earlier attempt's process is still on the device.
DEVICE_BUSY = "device_busy"
#: Two looks whether the device is free at last are not further apart.
BETWEEN_LOOKS = timedelta(seconds=2)
#: A worker that has not been heard of for three heartbeats is not alive.
MISSED_HEARTBEATS = 3


#: How long a kind's runs take, of `measured_seconds`.
Measured = tuple[float, float] | None


def position(job: Job) -> int:
    """Return a queued job's place in its queue, 1 for the next to be claimed; 0 for a job that is not queued."""
    if job.state != State.QUEUED:
        return 0
    return count_before(job.queue, [rank_of(job)])[rank_of(job)] + 1


def number(jobs: list[Job]) -> None:
    """Set `queue_position` on new jobs that are not in the table yet: behind those that wait, and among each other."""
    for queue, arrivals in _by_queue(job for job in jobs if job.state == State.QUEUED).items():
        before = count_before(queue, map(rank_of, arrivals))
        for place, job in enumerate(sorted(arrivals, key=rank_of)):
            job.queue_position = before[rank_of(job)] + place + 1


def positions_of(queued: Iterable[Job]) -> dict[uuid.UUID, int]:
    """Return the places of queued jobs, with one statement for each queue."""
    places: dict[uuid.UUID, int] = {}
    for queue, jobs in _by_queue(queued).items():
        before = count_before(queue, map(rank_of, jobs))
        places |= {job.pk: before[rank_of(job)] + 1 for job in jobs}
    return places


def _by_queue(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    by_queue: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        by_queue[job.queue].append(job)
    return by_queue


@lru_cache(maxsize=4)
def _heard_of(within: timedelta) -> Compiled[Worker]:
    return Compiled(lambda: Worker.objects.filter(heartbeat_at__gt=Now() - within))


def alive() -> Compiled[Worker]:
    return _heard_of(MISSED_HEARTBEATS * settings.SIRA_HEARTBEAT)


def live_workers(queue: str | None = None) -> list[Worker]:
    """Return the workers heard of lately; of those, the ones that serve `queue`."""
    return [worker for worker in alive().all() if queue is None or not worker.queues or queue in worker.queues]


def knows(worker: Worker, kind: str) -> bool:
    """Return whether a worker can run jobs of this kind. One that does not say has the release that we have."""
    return kind in registry if worker.kinds is None else kind in worker.kinds


@dataclass(frozen=True)
class Explanation:
    """Why a job waits.

    waiting_for: a code for programs: worker, turn, resource, rate_limit, retry, schedule, children, queue_paused,
    no_worker, unknown_kind; "" when it does not wait. sentence: the same for people. until: when it may change.
    """

    position: int = 0
    waiting_for: str = ""
    sentence: str = ""
    until: datetime | None = None
    eta: tuple[datetime, datetime] | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "position": self.position,
            "waiting_for": self.waiting_for or None,
            "sentence": self.sentence,
            "until": self.until,
            "eta": {"earliest": self.eta[0], "latest": self.eta[1]} if self.eta else None,
        }


def explain(job: Job) -> Explanation:
    """Say truthfully where a job stands."""
    return explain_many([job])[job.pk]


def explain_many(jobs: Iterable[Job], known: Mapping[uuid.UUID, int] | None = None) -> dict[uuid.UUID, Explanation]:
    """Say where each of many jobs stands, in a handful of queries for all of them.

    known: places that were counted a moment ago, of all of these that are queued; the others are counted here.
    """
    jobs = list(jobs)
    measured = cache(measured_seconds)
    workers = cache(live_workers)
    # Whatever holds up the first of a kind holds up all of it.
    held_up = cache(lambda queue, kind: explain_head(queue, kind, workers(queue)))
    queued = [job for job in jobs if job.state == State.QUEUED]
    places = positions_of(queued) if known is None else known
    ahead = _kinds_ahead(queued, places)
    busy = cache(lambda resource: _seconds_left(resource, measured))
    explained: dict[uuid.UUID, Explanation] = {}
    for job in jobs:
        if job.state == State.PENDING:
            explained[job.pk] = _explain_pending(job)
        elif job.state == State.QUEUED:
            place = places.get(job.pk, 0)
            code, sentence, until = held_up(job.queue, job.kind)
            if code == "worker" and place > 1:
                code, sentence = "turn", f"{place - 1} before it."
            eta = None
            if code not in NO_END_IN_SIGHT and (own := measured(job.kind)) is not None:
                line = _line(job, ahead[job.pk], own, measured, len(workers(job.queue)), busy)
                eta = timezone.now() + line[0], timezone.now() + line[1]
            explained[job.pk] = Explanation(place, code, sentence, until, eta)
        elif job.state == State.PROCESSING:
            explained[job.pk] = Explanation(eta=predict_end(job, measured(job.kind)))
        else:
            explained[job.pk] = Explanation()
    return explained


def _explain_pending(job: Job) -> Explanation:
    code = why_pending(job)
    if code == "children":
        children = batches.summary(job.pk)
        return Explanation(waiting_for=code, sentence=f"{children.ended} of {children.total} parts have ended.")
    if code == "retry":
        sentence = f"Attempt {job.attempt} of {job.max_attempts} did not work ({job.error_message}) It is tried again."
        return Explanation(waiting_for=code, sentence=sentence, until=job.run_after)
    sentence = "Waiting for a rate limit." if code == "rate_limit" else "Not due yet."
    return Explanation(waiting_for=code, sentence=sentence, until=job.run_after)


def why_pending(job: Job) -> str:
    """Return what a pending job waits for: the code of its Explanation."""
    if job.run_after is None:
        return "children"
    if job.error_code:
        return "retry"
    return "rate_limit" if job.attempt or job.fence else "schedule"


PAUSED = Compiled(
    lambda queue: QueueControl.objects.filter(queue=queue, paused_at__isnull=False),
    queue=(QueueControl._meta.get_field("queue"), "a queue"),
)


def explain_head(queue: str, name: str, workers: list[Worker] | None = None) -> tuple[str, str, datetime | None]:
    """Say what the first queued job of a kind waits for: code, sentence, until when.

    workers: what `live_workers(queue)` returned, if that was asked already.
    """
    kind = registry.find(name)
    workers = live_workers(queue) if workers is None else workers
    is_known = any(knows(worker, name) for worker in workers)
    if kind is None and not is_known:
        return "unknown_kind", "No running worker knows this kind of job; it waits for a release that does.", None
    paused = PAUSED.first(queue=queue)
    if paused is not None:
        why = f": {paused.reason}" if paused.reason else ""
        return "queue_paused", f"The queue was paused by {paused.paused_by}{why}.", None
    if not workers:
        return "no_worker", "No worker for this queue is running. The job is safe and waits for one.", None
    if not is_known:
        return "unknown_kind", "No running worker knows this kind of job; it waits for a release that does.", None
    if kind is None:  # the workers' release knows it, and ours does not
        return "worker", "Next for a free worker.", None
    if kind.rate_limit:
        limit = RateLimit.objects.filter(key=kind.rate_limit, ready_at__gt=Now()).first()
        if limit is not None:
            return "rate_limit", "Waiting for a rate limit.", limit.ready_at
    if kind.resource:
        held = holders_of(kind.resource)
        if len(held) >= capacity(kind.resource):
            return "resource", _sentence_of(kind.resource, held[0]), None
        # Looked at again every second or so, as long as it lasts: between two looks the reason is the same.
        lately = RateLimit.objects.filter(key=device_limit(kind.resource), ready_at__gt=Now() - BETWEEN_LOOKS)
        if lately.filter(reason=DEVICE_BUSY).exists():
            return "resource", f"An earlier attempt still holds the {kind.resource} on its host.", None
    return "worker", "Next for a free worker.", None


def device_limit(resource: str) -> str:
    """Return the name of the RateLimit row that holds back a resource's jobs while its device is not free."""
    return f"resource:{resource}"


def limits_of(kind: JobKind) -> list[str]:
    """Return the RateLimit rows that hold back a kind: its provider's, and that of a device that is not free yet."""
    limits = [kind.rate_limit] if kind.rate_limit else []
    return [*limits, device_limit(kind.resource)] if kind.resource else limits


def capacity(resource: str) -> int:
    """Return how many jobs may hold a resource at once; 1 unless the RESOURCES setting says otherwise."""
    return settings.SIRA_RESOURCES.get(resource, 1)


@dataclass(frozen=True)
class Holder:
    """A job that holds a resource, since when, and when it will probably let go; held_long: it was warned of."""

    job: Job
    since: datetime
    expected_end: tuple[datetime, datetime] | None
    held_long: bool


def holders_of(resource: str) -> list[Holder]:
    """Return who holds a resource, the longest first. Not for everybody's eyes: see `api/resources.py`."""
    jobs = Job.objects.running().filter(resource=resource, slot__isnull=False).order_by("processing_at")
    warned = JobEvent.objects.filter(
        job=OuterRef("pk"), type=EventType.RESOURCE_HELD_LONG, created_at__gte=OuterRef("processing_at")
    )
    measured = cache(measured_seconds)
    return [
        Holder(job, job.processing_at, predict_end(job, measured(job.kind)), job.held_long)
        for job in jobs.select_related("owner").annotate(held_long=Exists(warned))
        if job.processing_at is not None
    ]


@dataclass(frozen=True)
class Resource:
    """What jobs share. capacity: how many may hold it at once; waiting: queued jobs that need it."""

    name: str
    capacity: int
    waiting: int
    holders: list[Holder]


def resources() -> list[Resource]:
    """Return every resource that a kind of this release needs, by name."""
    names = sorted({kind.resource for kind in registry if kind.resource})
    waiting: Counter[str] = Counter()
    for kind in registry:  # a look into the index `job_heads` for each; there is none on the resource
        if kind.resource:
            waiting[kind.resource] += Job.objects.queued().filter(queue=kind.queue, kind=kind.name).count()
    return [Resource(name, capacity(name), waiting[name], holders_of(name)) for name in names]


def _sentence_of(resource: str, holder: Holder) -> str:
    since = f"The {resource} is in use since {timezone.localtime(holder.since):%H:%M:%S}"
    if holder.expected_end is not None and holder.expected_end[1] > timezone.now() + SOON:
        return f"{since}, probably until {timezone.localtime(holder.expected_end[1]):%H:%M:%S}."
    return f"{since}, for a long time now." if holder.held_long else f"{since}."


# In the order of the index `job_kind_state`, and of no other: by the newest ids alone PostgreSQL would go through all
# that wait, which are newer, to come to those that have ended.
RUNS = Compiled(
    lambda kind: (
        Job.objects.filter(kind=kind, state__range=(State.SUCCEEDED, State.SUCCEEDED))
        .order_by("state", "-id")
        .values_list("processing_at", "succeeded_at")[:MEASURED_RUNS]
    ),
    kind=(Job._meta.get_field("kind"), "a kind"),
)


def measured_seconds(kind: str) -> Measured:
    """Return how long this kind's runs took lately, in seconds: its quarter and nine-tenths marks; None if unknown."""
    runs = RUNS.rows(kind=kind)
    seconds = [(end - begin).total_seconds() for begin, end in runs if begin and end]
    if not seconds:
        return None
    if len(seconds) == 1:
        return seconds[0], seconds[0]
    marks = quantiles(seconds, n=20, method="inclusive")
    return marks[4], marks[17]


def predict_end(job: Job, measured: Measured) -> tuple[datetime, datetime] | None:
    """Return the earliest and latest time at which a running job will probably end; None when nothing was measured."""
    if measured is None:
        return None
    now = timezone.now()
    begun = job.processing_at or now
    return max(now, begun + timedelta(seconds=measured[0])), max(now, begun + timedelta(seconds=measured[1]))


def _kinds_ahead(queued: list[Job], places: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, dict[str, int]]:
    """Return for each of these queued jobs how many of each kind are claimed before it."""
    ahead: dict[uuid.UUID, dict[str, int]] = {}
    for queue, jobs in _by_queue(queued).items():
        if all(places[job.pk] == 1 for job in jobs):
            ahead |= {job.pk: {} for job in jobs}
            continue
        known = [kind.name for kind in registry.in_queues(frozenset({queue}))]
        if len(known) > 1:
            known = waiting_kinds(queue, known)
        if len(known) == 1:
            ahead |= {job.pk: {known[0]: places[job.pk] - 1} for job in jobs}
            continue
        counts = {name: count_before(queue, map(rank_of, jobs), name) for name in known}
        ahead |= {job.pk: {name: count[rank_of(job)] for name, count in counts.items()} for job in jobs}
    return ahead


def _line(
    job: Job,
    ahead: Mapping[str, int],
    own: tuple[float, float],
    measured: Callable[[str], Measured],
    workers: int,
    busy: Callable[[str], float],
) -> tuple[timedelta, timedelta]:
    """Return in how long, at the earliest and at the latest, a queued job will probably have ended.

    ahead: jobs of each kind before it. workers: serving its queue. busy: how long a resource's holders go on at most.
    Each kind takes its own time. Those that need the same resource share its places, and all of them share the workers;
    what needs another resource does not hold up anybody else, so the earliest end leaves it out.
    """
    resource = _resource_of(job.kind)
    at_once = min(max(1, workers), capacity(resource)) if resource else max(1, workers)
    short = shared = everybody = 0.0
    longest = own[1]
    for name, count in ahead.items():
        its = (measured(name) or _unmeasured(name)) if count else (0.0, 0.0)
        longest = max(longest, its[1])
        everybody += count * its[1]
        if _resource_of(name) == resource:
            short, shared = short + count * its[0], shared + count * its[1]
    running = busy(resource) if resource else longest  # what runs now has between nothing and all of it left
    latest = max(shared / at_once, everybody / max(1, workers)) + running + own[1]
    return timedelta(seconds=short / at_once + own[0]), timedelta(seconds=latest)


def _seconds_left(resource: str, measured: Callable[[str], Measured]) -> float:
    """Return how long the holders of a resource go on at most: as usual or, past that, until their time-out."""
    now, left = timezone.now(), 0.0
    for job in Job.objects.running().filter(resource=resource, slot__isnull=False):
        gone = (now - (job.processing_at or now)).total_seconds()
        usual = (measured(job.kind) or _unmeasured(job.kind))[1]
        left = max(left, usual - gone if gone < usual else _unmeasured(job.kind)[1] - gone)
    return left


def _resource_of(name: str) -> str:
    kind = registry.find(name)
    return kind.resource if kind is not None else ""


def _unmeasured(name: str) -> tuple[float, float]:
    """Return what is known of a kind that has never run: it ends at once or when its time is up."""
    kind = registry.find(name)
    return 0.0, kind.timeout.total_seconds() if kind is not None else 0.0


def oldest_due_seconds() -> float:
    """Return how long the longest-waiting due job has been due, in seconds; 0 when none waits."""
    # Not the first by its time: that would read and sort the rows, and this is answered by an index alone.
    oldest = Job.objects.queued().aggregate(oldest=Min("queued_at"))["oldest"]
    return max(0.0, (timezone.now() - oldest).total_seconds()) if oldest else 0.0
