"""The queues in numbers: how many wait and since when, how many run, who serves them, and in which mode each is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min

from jobs.kinds import registry
from jobs.models import Job, QueueControl, Worker
from jobs.positions import knows, live_workers
from jobs.states import UNFINISHED, State


@dataclass
class Queue:
    """One queue. waiting: due jobs; later: not due yet, and batches; oldest: since when the first due job is due.

    workers: alive, and serving it. control: its mode; a row that is not stored for a queue that nobody ever touched.
    """

    name: str
    waiting: int
    later: int
    running: int
    oldest: datetime | None
    workers: int
    control: QueueControl

    @property
    def mode(self) -> QueueControl.Mode:
        return self.control.mode

    @property
    def paused(self) -> bool:
        return self.mode == QueueControl.Mode.PAUSED

    @property
    def draining(self) -> bool:
        return self.mode == QueueControl.Mode.DRAINING

    @property
    def left(self) -> int:
        """How many jobs in it have not ended."""
        return self.waiting + self.later + self.running

    @property
    def waits_in_vain(self) -> bool:
        """Whether jobs are due and nobody is there to take them."""
        return bool(self.waiting) and not self.workers


def names() -> list[str]:
    """Return the queues of this release's kinds, and those that were ever paused or drained."""
    return sorted({*registry.queues(), *QueueControl.objects.values_list("queue", flat=True)})


@dataclass(frozen=True)
class Depth:
    """How many jobs of one kind are in one queue and state. oldest: when the first of them became due, if they are."""

    queue: str
    kind: str
    state: str
    jobs: int
    oldest: datetime | None


def depths() -> list[Depth]:
    """Count the unfinished jobs."""
    return [
        Depth(row["queue"], row["kind"], str(state), row["jobs"], row["oldest"] if state == State.QUEUED else None)
        for state in UNFINISHED  # an index of its own for each; for all at once the whole table would be read
        for row in Job.objects.filter(state=state)
        .order_by()
        .values("queue", "kind")
        .annotate(jobs=Count("*"), oldest=Min("queued_at"))
    ]


def unknown_kinds(due: Mapping[tuple[str, str], int], workers: list[Worker]) -> Counter[str]:
    """Return how many due jobs are of a kind that none of these workers knows, by kind.

    due: how many, by queue and kind. Queues that no worker serves are left out: there nobody is to know it.
    """
    unknown: Counter[str] = Counter()
    for (queue, kind), jobs in due.items():
        serving = [worker for worker in workers if not worker.queues or queue in worker.queues]
        if serving and not any(knows(worker, kind) for worker in serving):
            unknown[kind] += jobs
    return unknown


def due_by_kind(counts: Iterable[Depth]) -> Counter[tuple[str, str]]:
    """Return how many jobs are due, by queue and kind. counts: of `depths`."""
    return Counter({(count.queue, count.kind): count.jobs for count in counts if count.state == State.QUEUED})


def describe(
    also: Iterable[str] = (), workers: list[Worker] | None = None, counts: list[Depth] | None = None
) -> list[Queue]:
    """Return every queue by name: of a kind, once touched, or with a job in it.

    also: queues to describe although nothing is known of them. workers: those that are alive, counts: of `depths`, if
    they are known.
    """
    depth: Counter[tuple[str, str]] = Counter()
    oldest: dict[str, datetime] = {}
    for count in depths() if counts is None else counts:
        depth[count.queue, count.state] += count.jobs
        if count.oldest is not None:
            oldest[count.queue] = min(count.oldest, oldest.get(count.queue, count.oldest))
    controls = {control.queue: control for control in QueueControl.objects.all()}
    workers = live_workers() if workers is None else workers
    return [
        Queue(
            name=name,
            waiting=depth[name, State.QUEUED],
            later=depth[name, State.PENDING],
            running=depth[name, State.PROCESSING],
            oldest=oldest.get(name),
            workers=sum(not worker.queues or name in worker.queues for worker in workers),
            control=controls.get(name) or QueueControl(queue=name),
        )
        for name in sorted({*registry.queues(), *controls, *also, *(queue for queue, _state in depth)})
    ]
