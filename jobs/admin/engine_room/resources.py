"""Resources on the desk: who holds what, since when, until about when, and who waits for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from jobs.admin.engine_room.pages import show
from jobs.engine import devices
from jobs.models import EventType, Job, JobEvent, RateLimit
from jobs.positions import BETWEEN_LOOKS, DEVICE_BUSY, Holder, Resource, device_limit, resources

#: Those who wait are listed so far; the rest is a number.
SHOWN_WAITING = 5


@dataclass(frozen=True)
class Device:
    """The lock of one slot as this host sees it. holder: what its holder wrote into it."""

    slot: int
    holder: str


@dataclass
class Standing:
    """A resource with all that is known of it. holders: each with the time at which it was warned of, if it was.

    waiting: who is next, a few. busy: an earlier attempt's process is still on the device of some host, and nothing is
    claimed for it. devices: the locks that are held on this host.
    """

    resource: Resource
    holders: list[tuple[Holder, datetime | None]]
    waiting: list[Job]
    busy: bool
    devices: list[Device] = field(default_factory=list)


def resources_view(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm("jobs.view_queuecontrol"):
        raise PermissionDenied
    return show(
        request,
        "resources",
        _("Resources"),
        standings=[_look_at(resource) for resource in resources()],
        may_take=request.user.has_perm("jobs.take_resource"),
    )


def _look_at(resource: Resource) -> Standing:
    held_by = [holder.job.pk for holder in resource.holders]
    warnings = JobEvent.objects.filter(job__in=held_by, type=EventType.RESOURCE_HELD_LONG).order_by("seq")
    queued = Job.objects.queued().filter(resource=resource.name).select_related("owner").in_claim_order()
    limit = RateLimit.objects.filter(key=device_limit(resource.name), ready_at__gt=Now() - BETWEEN_LOOKS)
    warned = dict(warnings.values_list("job_id", "created_at"))
    return Standing(
        resource,
        [(holder, warned.get(holder.job.pk) if holder.held_long else None) for holder in resource.holders],
        list(queued[:SHOWN_WAITING]) if resource.waiting else [],
        busy=limit.filter(reason=DEVICE_BUSY).exists(),
        devices=[
            Device(slot, devices.read_holder(resource.name, slot))
            for slot in range(resource.capacity)
            if not devices.is_free(resource.name, slot)
        ],
    )
