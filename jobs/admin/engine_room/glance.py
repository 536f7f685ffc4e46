"""The engine at a glance: what needs a person, and a few numbers. The desk's front page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from jobs.admin.engine_room.limits import look_at_limits
from jobs.engine import timetable
from jobs.models import AuditEntry, Job, Worker
from jobs.positions import Resource, live_workers, resources
from jobs.queues import Queue, depths, describe, due_by_kind, unknown_kinds
from jobs.states import State

#: Concerns in the order in which a person should look at them.
BAD, WARN, INFO = "bad", "warn", "info"
SHOWN_DEEDS = 5


@dataclass(frozen=True)
class Concern:
    """Something that needs a person, or that one has done and should not forget. url: where it can be dealt with."""

    level: str
    sentence: str
    url: str


def at_a_glance() -> dict[str, Any]:
    """Return what the front page shows: concerns, the worst first, and the numbers beside them."""
    workers = live_workers()
    counts = depths()
    queues = describe(workers=workers, counts=counts)
    held = resources()
    concerns = [
        *_of_workers(workers, queues),
        *_of_kinds(unknown_kinds(due_by_kind(counts), workers)),
        *_of_queues(queues),
        *_of_resources(held),
        *_of_limits(),
        *_of_schedules(),
    ]
    oldest = [queue.oldest for queue in queues if queue.oldest is not None and not queue.paused]
    return {
        "concerns": sorted(concerns, key=lambda concern: (BAD, WARN, INFO).index(concern.level)),
        "queues": [queue for queue in queues if queue.left or queue.mode != "running"],
        "resources": held,
        "workers": len(workers),
        "waiting": sum(queue.waiting for queue in queues),
        "running": sum(queue.running for queue in queues),
        "later": sum(queue.later for queue in queues),
        "oldest": min(oldest, default=None),
        "deeds": AuditEntry.objects.all()[:SHOWN_DEEDS],
        "as_of": timezone.now(),
    }


def _of_workers(workers: list[Worker], queues: list[Queue]) -> list[Concern]:
    page = reverse("admin:jobs_worker_changelist")
    concerns = []
    if not workers:
        concerns.append(Concern(BAD, _("No worker is alive: nothing runs. Start a cluster."), page))
    for queue in queues if workers else []:
        if queue.waits_in_vain and not queue.paused:
            sentence = ngettext(
                "%(n)d job waits in %(queue)s, and no worker for it is alive.",
                "%(n)d jobs wait in %(queue)s, and no worker for them is alive.",
                queue.waiting,
            )
            concerns.append(Concern(BAD, sentence % {"n": queue.waiting, "queue": queue.name}, page))
    if stuck := Job.objects.lease_expired().count():
        sentence = ngettext(
            "%(n)d job is stuck: its worker does not answer.",
            "%(n)d jobs are stuck: their workers do not answer.",
            stuck,
        )
        url = reverse("admin:jobs_job_changelist") + "?attention=stuck"
        concerns.append(Concern(BAD, sentence % {"n": stuck}, url))
    if silent := Worker.objects.exclude(pk__in=[worker.pk for worker in workers]).count():
        sentence = ngettext("%(n)d worker has fallen silent.", "%(n)d workers have fallen silent.", silent)
        concerns.append(Concern(WARN, sentence % {"n": silent}, page))
    return concerns


def _of_kinds(unknown: Counter[str]) -> list[Concern]:
    page = reverse("admin:jobs_job_changelist")
    concerns = []
    for kind, jobs in sorted(unknown.items()):
        sentence = ngettext(
            "%(n)d job of %(kind)s waits, and no running worker knows this kind: start the release that does.",
            "%(n)d jobs of %(kind)s wait, and no running worker knows this kind: start the release that does.",
            jobs,
        )
        url = f"{page}?{urlencode({'kind': kind, 'state': State.QUEUED})}"
        concerns.append(Concern(BAD, sentence % {"n": jobs, "kind": kind}, url))
    return concerns


def _of_queues(queues: list[Queue]) -> list[Concern]:
    page = reverse("admin:jobs_queuecontrol_changelist")
    concerns = []
    for queue in queues:
        control = queue.control
        told = {"queue": queue.name, "who": control.by or "–", "why": control.reason or "–", "n": queue.left}
        if queue.paused and control.paused_at is not None:
            sentence = _("%(queue)s was paused by %(who)s at %(at)s: %(why)s")
            told["at"] = clock(control.paused_at)
            if queue.waiting:
                waiting = ngettext("%(n)d job waits.", "%(n)d jobs wait.", queue.waiting)
                sentence = f"{sentence} · {waiting % {'n': queue.waiting}}"
            concerns.append(Concern(WARN, sentence % told, page))
        elif queue.draining and queue.left:
            concerns.append(Concern(INFO, _("%(queue)s drains for %(who)s: %(n)d left. %(why)s") % told, page))
        elif queue.draining:
            concerns.append(Concern(WARN, _("%(queue)s is empty and still takes nothing new: %(why)s") % told, page))
    return concerns


def _of_resources(held: list[Resource]) -> list[Concern]:
    page = reverse("admin:jobs_resources")
    sentence = _("%(resource)s is held for a long time: since %(at)s by %(worker)s.")
    return [
        Concern(
            WARN,
            sentence % {"resource": resource.name, "at": clock(holder.since), "worker": holder.job.worker},
            page,
        )
        for resource in held
        for holder in resource.holders
        if holder.held_long
    ]


def _of_limits() -> list[Concern]:
    page = reverse("admin:jobs_ratelimit_changelist")
    shut = [limit for limit in look_at_limits() if limit.look in ("failed", "pending")]
    return [
        Concern(BAD if limit.look == "failed" else INFO, f"{limit.row.key}: {limit.sentence}", page) for limit in shut
    ]


def _of_schedules() -> list[Concern]:
    page = reverse("admin:jobs_schedules")
    concerns = []
    for entry in timetable.entries(with_jobs=False):
        if entry.is_broken and entry.is_on:
            sentence = _("The schedule %(name)s cannot be read, and keeps all others from running.")
            concerns.append(Concern(BAD, sentence % {"name": entry.name}, page))
        elif entry.is_overdue and entry.next_run is not None:
            sentence = _("The schedule %(name)s is overdue since %(at)s.")
            concerns.append(Concern(WARN, sentence % {"name": entry.name, "at": clock(entry.next_run)}, page))
    return concerns


def clock(moment: datetime) -> str:
    """Return a time of today as a time, another one with its date."""
    local = timezone.localtime(moment)
    return date_format(local, "H:i" if local.date() == timezone.localdate() else "SHORT_DATETIME_FORMAT")
