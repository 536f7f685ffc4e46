"""Where a job stands, why it waits, and when it may be done."""

from __future__ import annotations

import uuid
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate
from statistics import quantiles
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Window
from django.db.models.functions import Now, RowNumber
from django.utils import timezone

from jobs import batches
from jobs.kinds import registry
from jobs.models import Job, QueueControl, RateLimit, Worker
from jobs.states import State

#: An ETA is made from the last runs of a kind; more would remember a slower machine for too long.
MEASURED_RUNS = 50
#: Up to so many jobs of a queue are counted one by one; beyond, the whole queue is numbered once.
FEW = 5
#: Reasons for which no end can be foreseen.
NO_END_IN_SIGHT = frozenset({"no_worker", "queue_paused", "unknown_kind"})
#: A worker that has not been heard of for three heartbeats is not alive.
MISSED_HEARTBEATS = 3


def position(job: Job) -> int:
    """Return a queued job's place in its queue, 1 for the next to be claimed; 0 for a job that is not queued."""
    if job.state != State.QUEUED:
        return 0
    return Job.objects.all().ahead_of(job).count() + 1


def number(jobs: list[Job]) -> None:
    """Set `queue_position` on new jobs that are not in the table yet, with one count for each queue and priority."""
    queued = [job for job in jobs if job.state == State.QUEUED]
    by_queue: dict[str, list[Job]] = defaultdict(list)
    for job in queued:
        by_queue[job.queue].append(job)
    for queue, arrivals in by_queue.items():
        arrivals.sort(key=lambda job: (-job.priority, job.turn, job.pk))
        waiting = Job.objects.queued().filter(queue=queue)
        for priority in {job.priority for job in arrivals}:
            above = waiting.filter(priority__gt=priority).count()
            level = list(waiting.filter(priority=priority).values("turn").order_by("turn").annotate(jobs=Count("pk")))
            turns = [row["turn"] for row in level]
            up_to = [0, *accumulate(row["jobs"] for row in level)]
            for place, job in enumerate(arrivals):
                if job.priority == priority:
                    job.queue_position = above + up_to[bisect_right(turns, job.turn)] + place + 1


def positions_of(queued: list[Job]) -> dict[uuid.UUID, int]:
    """Return the places of queued jobs: a count for each of a few, one numbering of the queue for many."""
    by_queue: dict[str, list[Job]] = defaultdict(list)
    for job in queued:
        by_queue[job.queue].append(job)
    places: dict[uuid.UUID, int] = {}
    for queue, jobs in by_queue.items():
        if len(jobs) <= FEW:
            places |= {job.pk: position(job) for job in jobs}
            continue
        wanted = {job.pk for job in jobs}
        order = Window(RowNumber(), order_by=[F("priority").desc(), F("turn").asc(), F("id").asc()])
        numbered = Job.objects.queued().filter(queue=queue).annotate(place=order).order_by("place")
        for pk, place in numbered.values_list("pk", "place").iterator(chunk_size=2000):
            if pk in wanted:
                places[pk] = place
                wanted.remove(pk)
                if not wanted:
                    break
    return places


def live_workers(queue: str | None = None) -> list[Worker]:
    """Return the workers heard of lately; of those, the ones that serve `queue`."""
    alive = Worker.objects.filter(heartbeat_at__gt=Now() - MISSED_HEARTBEATS * settings.SIRA_HEARTBEAT)
    return [worker for worker in alive if queue is None or not worker.queues or queue in worker.queues]


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


def explain_many(jobs: Iterable[Job]) -> dict[uuid.UUID, Explanation]:
    """Say where each of many jobs stands, in a handful of queries for all of them."""
    jobs = list(jobs)
    measured = cache(measured_seconds)
    workers = cache(lambda queue: len(live_workers(queue)))
    # Whatever holds up the first of a kind holds up all of it.
    held_up = cache(_explain_head)
    places = positions_of([job for job in jobs if job.state == State.QUEUED])
    explained: dict[uuid.UUID, Explanation] = {}
    for job in jobs:
        if job.state == State.PENDING:
            explained[job.pk] = _explain_pending(job)
        elif job.state == State.QUEUED:
            place = places.get(job.pk, 0)
            code, sentence, until = held_up(job.queue, job.kind)
            if code == "worker" and place > 1:
                code, sentence = "turn", f"{place - 1} before it."
            eta = None if code in NO_END_IN_SIGHT else predict(job, place, measured(job.kind), workers(job.queue))
            explained[job.pk] = Explanation(place, code, sentence, until, eta)
        elif job.state == State.PROCESSING:
            explained[job.pk] = Explanation(eta=predict(job, 0, measured(job.kind), 1))
        else:
            explained[job.pk] = Explanation()
    return explained


def _explain_pending(job: Job) -> Explanation:
    if job.run_after is None:
        children = batches.summary(job.pk)
        return Explanation(waiting_for="children", sentence=f"{children.ended} of {children.total} parts have ended.")
    if job.error_code:
        sentence = f"Attempt {job.attempt} of {job.max_attempts} did not work ({job.error_message}) It is tried again."
        return Explanation(waiting_for="retry", sentence=sentence, until=job.run_after)
    code, sentence = (
        ("rate_limit", "Waiting for a rate limit.") if job.attempt or job.fence else ("schedule", "Not due yet.")
    )
    return Explanation(waiting_for=code, sentence=sentence, until=job.run_after)


def _explain_head(queue: str, name: str) -> tuple[str, str, datetime | None]:
    """Say what the first queued job of a kind waits for: code, sentence, until when."""
    kind = registry.find(name)
    if kind is None:
        return "unknown_kind", "No app of this release knows this kind of job; it waits for one that does.", None
    paused = QueueControl.objects.filter(queue=queue, paused_at__isnull=False).first()
    if paused is not None:
        why = f": {paused.reason}" if paused.reason else ""
        return "queue_paused", f"The queue was paused by {paused.paused_by}{why}.", None
    if not live_workers(queue):
        return "no_worker", "No worker for this queue is running. The job is safe and waits for one.", None
    if kind.rate_limit:
        limit = RateLimit.objects.filter(key=kind.rate_limit, ready_at__gt=Now()).first()
        if limit is not None:
            return "rate_limit", "Waiting for a rate limit.", limit.ready_at
    if kind.resource:
        holders = list(Job.objects.running().filter(resource=kind.resource).order_by("processing_at"))
        if len(holders) >= settings.SIRA_RESOURCES.get(kind.resource, 1):
            since = timezone.localtime(holders[0].processing_at)
            return "resource", f"The {kind.resource} is in use since {since:%H:%M:%S}.", None
    return "worker", "Next for a free worker.", None


def measured_seconds(kind: str) -> tuple[float, float] | None:
    """Return how long this kind's runs took lately, in seconds: its quarter and nine-tenths marks; None if unknown."""
    runs = (
        Job.objects.filter(kind=kind, state=State.SUCCEEDED)
        .order_by("-id")
        .values_list("processing_at", "succeeded_at")[:MEASURED_RUNS]
    )
    seconds = [(end - begin).total_seconds() for begin, end in runs if begin and end]
    if not seconds:
        return None
    if len(seconds) == 1:
        return seconds[0], seconds[0]
    marks = quantiles(seconds, n=20, method="inclusive")
    return marks[4], marks[17]


def predict(
    job: Job, place: int, measured: tuple[float, float] | None, workers: int
) -> tuple[datetime, datetime] | None:
    """Return the earliest and latest time at which the job will probably end; None when nothing was measured.

    place: in the queue, 0 when it is running. measured: of `measured_seconds`. workers: that serve its queue.
    """
    if measured is None:
        return None
    short, long = measured
    now = timezone.now()
    if place == 0:
        begun = job.processing_at or now
        return max(now, begun + timedelta(seconds=short)), max(now, begun + timedelta(seconds=long))
    kind = registry.find(job.kind)
    at_once = max(1, workers)
    if kind is not None and kind.resource:
        at_once = min(at_once, settings.SIRA_RESOURCES.get(kind.resource, 1))
    rounds_before = (place - 1) / at_once
    # The round that is running now has between nothing and one whole run left.
    return now + timedelta(seconds=(rounds_before + 1) * short), now + timedelta(seconds=(rounds_before + 2) * long)


def oldest_due_seconds() -> float:
    """Return how long the longest-waiting due job has been due, in seconds; 0 when none waits."""
    oldest = Job.objects.queued().order_by("queued_at").values_list("queued_at", flat=True).first()
    return max(0.0, (timezone.now() - oldest).total_seconds()) if oldest else 0.0
