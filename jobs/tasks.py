"""The engine's own kinds."""

from __future__ import annotations

from datetime import timedelta

from jobs import retention
from jobs.kinds import job_kind
from jobs.models import HIGHEST_PRIORITY
from jobs.running import RunningJob


@job_kind(
    "jobs.prune_expired",
    timeout=timedelta(minutes=30),
    priority=HIGHEST_PRIORITY,
    internal=True,
    every=timedelta(hours=1),
)
def prune_expired(job: RunningJob) -> dict[str, int]:
    """Delete what has outlived its retention: files, then the jobs they belonged to, and files that no job ever took.

    Returns {"jobs": number deleted, "files": number deleted}.
    """
    return retention.prune()
