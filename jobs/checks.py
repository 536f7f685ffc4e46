"""Checks that stop the start, not the night."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.files.storage import default_storage

from jobs.errors import StorageUnavailable
from jobs.kinds import registry


@checks.register("jobs")
def lease_outlives_heartbeat(**_: Any) -> list[checks.CheckMessage]:
    if settings.SIRA_LEASE < 2 * settings.SIRA_HEARTBEAT:
        return [
            checks.Error(
                "A lease must outlive two heartbeats, or one slow query makes a healthy worker lose its job.",
                hint="Set LEASE_SECONDS to at least twice HEARTBEAT_SECONDS.",
                id="jobs.E001",
            )
        ]
    return []


@checks.register("jobs")
def resources_have_capacity(**_: Any) -> list[checks.CheckMessage]:
    problems: list[checks.CheckMessage] = [
        checks.Error(f"RESOURCES gives {name!r} a capacity below 1.", id="jobs.E002")
        for name, capacity in settings.SIRA_RESOURCES.items()
        if capacity < 1
    ]
    problems += [
        checks.Warning(
            f"Kind {kind.name!r} needs resource {kind.resource!r}, which RESOURCES does not name.",
            hint=f"Add {kind.resource}=1 to RESOURCES; until then its capacity is 1.",
            id="jobs.W001",
        )
        for kind in registry
        if kind.resource and kind.resource not in settings.SIRA_RESOURCES
    ]
    return problems


@checks.register("jobs")
def kinds_end_before_the_ring(**_: Any) -> list[checks.CheckMessage]:
    ring = timedelta(seconds=settings.Q_CLUSTER["timeout"])
    return [
        checks.Error(f"Kind {kind.name!r} may run for longer than a worker's ring ({ring}).", id="jobs.E003")
        for kind in registry
        if kind.timeout >= ring
    ]


@checks.register("jobs")
def deadlines_leave_time_to_work(**_: Any) -> list[checks.CheckMessage]:
    if settings.SIRA_DEADLINE.total_seconds() <= 0:
        return [checks.Error("JOB_DEADLINE_DAYS must be more than 0: every job would fail at once.", id="jobs.E004")]
    return [
        checks.Error(
            f"Jobs of kind {kind.name!r} have to end within {kind.deadline or settings.SIRA_DEADLINE}, but one "
            f"attempt may take {kind.timeout}.",
            hint="Raise JOB_DEADLINE_DAYS, or the kind's deadline.",
            id="jobs.E005",
        )
        for kind in registry
        if kind.timeout > (kind.deadline or settings.SIRA_DEADLINE)
    ]


@checks.register("jobs")
def served_queues_exist(**_: Any) -> list[checks.CheckMessage]:
    unknown = set(settings.SIRA_WORKER_QUEUES) - set(registry.queues())
    if not unknown:
        return []
    return [
        checks.Warning(
            f"This cluster serves {', '.join(sorted(unknown))}, but no kind uses such a queue.",
            hint=f"Queues of this release: {', '.join(registry.queues())}.",
            id="jobs.W002",
        )
    ]


@checks.register("jobs")
def traces_can_be_sent(**_: Any) -> list[checks.CheckMessage]:
    if not settings.OTEL_MISSING:
        return []
    return [
        checks.Warning(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: no traces are sent.",
            hint="Install requirements-otel.txt, or unset it.",
            id="jobs.W003",
        )
    ]


@checks.register("jobs")
def files_go_encrypted(**_: Any) -> list[checks.CheckMessage]:
    if not (settings.PRODUCTION and settings.FILES_S3_BUCKET and settings.FILES_S3_ENDPOINT_URL.startswith("http://")):
        return []
    return [
        checks.Warning(
            "FILES_S3_ENDPOINT_URL is http://: files, personal data among them, go over the network as they are.",
            hint="Use https://; AWS_CA_BUNDLE names a certificate authority of your own.",
            id="jobs.W004",
        )
    ]


@checks.register("jobs", deploy=True)
def bucket_can_be_used(**_: Any) -> list[checks.CheckMessage]:
    """Look into the bucket; only `check --deploy` asks, so that nobody's start waits for another server."""
    if not settings.FILES_S3_BUCKET:
        return []
    try:
        default_storage.listdir("")
    except StorageUnavailable as error:
        return [
            checks.Warning(
                f"The bucket of FILES_S3_BUCKET cannot be used now ({error.code}).",
                hint="Is it there, may this key list it, and is FILES_S3_ENDPOINT_URL right? The log says more.",
                id="jobs.W005",
            )
        ]
    return []
