"""Workers on the desk: who is alive, what each runs, and what becomes of the job of one that has fallen silent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from jobs.admin.engine_room.pages import ReadOnlyAdmin, show
from jobs.admin.jobs import HEAVY
from jobs.engine.ticker import FORGET_AFTER_HEARTBEATS
from jobs.models import Job, Worker
from jobs.positions import live_workers


@dataclass(frozen=True)
class Seat:
    """A worker and what it runs. fate: what becomes of the job when the worker is silent; "" while it is alive."""

    worker: Worker
    is_alive: bool
    job: Job | None
    fate: str = ""

    @property
    def host(self) -> str:
        return self.worker.name.split(":")[0]

    @property
    def process(self) -> str:
        """Its process id on the host, as the name says."""
        return self.worker.name.split(":")[1] if self.worker.name.count(":") > 1 else ""


@dataclass(frozen=True)
class Cluster:
    """Clusters of one name, on whatever hosts. queues: those served, empty for all; busy: live workers with a job."""

    name: str
    alive: int
    silent: int
    busy: int
    queues: list[str]
    hosts: list[str]


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    """All workers on one page: the dead are forgotten after some minutes, so there are never many."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        seats, lost = look_at_workers()
        return show(
            request,
            "workers",
            _("Workers"),
            seats=seats,
            lost=lost,
            clusters=clusters_of(seats),
            heartbeat_seconds=int(settings.SIRA_HEARTBEAT.total_seconds()),
            forgotten_after=in_words(FORGET_AFTER_HEARTBEATS * settings.SIRA_HEARTBEAT),
            may_repair=request.user.has_perm("jobs.repair_job"),
            opts=self.opts,
        )


def look_at_workers() -> tuple[list[Seat], list[tuple[Job, str]]]:
    """Return every worker with its job, the silent ones first; and running jobs of workers that are not listed.

    Each of those comes with what becomes of it.
    """
    alive = {worker.pk for worker in live_workers()}
    running: dict[str, Job] = {job.worker: job for job in Job.objects.running().defer(*HEAVY).select_related("owner")}
    seats = []
    for worker in Worker.objects.order_by("cluster", "name"):
        job = running.pop(worker.name, None)
        is_alive = worker.pk in alive
        fate = "" if is_alive or job is None else fate_of(job, anybody=bool(alive))
        seats.append(Seat(worker, is_alive, job, fate))
    seats.sort(key=lambda seat: seat.is_alive)
    return seats, [(job, fate_of(job, anybody=bool(alive))) for job in running.values()]


def fate_of(job: Job, *, anybody: bool) -> str:
    """Say what becomes of a running job whose worker does not answer. anybody: whether another worker is alive."""
    assert job.lease_expires_at is not None  # a constraint: processing has a lease
    at = date_format(timezone.localtime(job.lease_expires_at), "H:i:s")
    if job.cancel_requested_at is not None:
        then = _("it is cancelled, as was asked for")
    elif job.attempt >= job.max_attempts:
        then = _("it fails: this was its last attempt")
    else:
        then = _("it goes back into the queue and is made again")
    if job.lease_expires_at > timezone.now():
        return _("Its lease ends at %(at)s; then %(then)s.") % {"at": at, "then": then}
    if anybody:
        return _("Its lease ran out at %(at)s. Within a second or two %(then)s.") % {"at": at, "then": then}
    sentence = _("Its lease ran out at %(at)s, and no cluster is alive to take it back. Once one is, %(then)s.")
    return sentence % {"at": at, "then": then}


def in_words(span: timedelta) -> str:
    """Return a span of minutes; at least one."""
    minutes = max(1, round(span.total_seconds() / 60))
    return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}


def clusters_of(seats: Iterable[Seat]) -> list[Cluster]:
    by_name: dict[str, list[Seat]] = defaultdict(list)
    for seat in seats:
        by_name[seat.worker.cluster].append(seat)
    return [_cluster(name, of_cluster) for name, of_cluster in sorted(by_name.items())]


def _cluster(name: str, seats: list[Seat]) -> Cluster:
    count = Counter(seat.is_alive for seat in seats)
    serves_all = any(not seat.worker.queues for seat in seats)
    return Cluster(
        name=name,
        alive=count[True],
        silent=count[False],
        busy=sum(seat.is_alive and seat.job is not None for seat in seats),
        queues=[] if serves_all else sorted({queue for seat in seats for queue in seat.worker.queues}),
        hosts=sorted({seat.host for seat in seats}),
    )
