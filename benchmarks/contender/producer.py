"""What the harness calls to create jobs, in a process of its own."""

from __future__ import annotations

import django

django.setup()

from jobs import lifecycle  # noqa: E402

KIND = "contender.take_pause"


def submit(ms: float) -> str:
    """Submit one job, durable when this returns. Returns its id."""
    return str(lifecycle.submit(KIND, {"ms": ms}).pk)


def submit_many(count: int, ms: float) -> list[str]:
    """Submit many jobs in one transaction. Returns their ids."""
    jobs = lifecycle.submit_many(lifecycle.Submission(KIND, {"ms": ms}) for _ in range(count))
    return [str(job.pk) for job in jobs]
