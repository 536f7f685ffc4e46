"""Recurring work: django-q2 keeps the time, Sıra runs the jobs.

A schedule only submits a job, unless one is waiting already; each such kind may run twice without harm.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps

from jobs import lifecycle

#: name: (kind, minutes between two runs)
RECURRING = {"prune": ("jobs.prune_expired", 60)}


def ensure(sender: AppConfig, **_: Any) -> None:
    """Create the schedules that every installation has, after each migration. An operator may change their times."""
    if sender.name != "jobs" or not apps.is_installed("django_q"):
        return
    from django_q.models import Schedule

    for name, (kind, minutes) in RECURRING.items():
        Schedule.objects.get_or_create(
            name=name,
            defaults={
                "func": "jobs.engine.schedules.submit_recurring",
                "args": repr((kind,)),
                "schedule_type": Schedule.MINUTES,
                "minutes": minutes,
                "repeats": -1,
                "cluster": None,
            },
        )


def submit_recurring(kind: str) -> str:
    """Submit one job of `kind` unless one is already waiting or running. Returns the job's id, or "" for none."""
    from jobs.models import Job

    if Job.objects.filter(kind=kind).unfinished().exists():
        return ""
    return str(lifecycle.submit(kind).pk)
