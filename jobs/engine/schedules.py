"""Recurring work: django-q2 keeps the time, Sıra runs the jobs.

A kind says how often it recurs (`every=`). Its schedule only submits a job, unless one is waiting or running already;
each such kind may run twice without harm.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.apps import AppConfig, apps

from jobs import lifecycle
from jobs.kinds import registry
from jobs.queue_modes import QueueDraining

logger = logging.getLogger(__name__)

SUBMIT = "jobs.engine.schedules.submit_recurring"


def ensure(sender: AppConfig, **_: Any) -> None:
    """Give each recurring kind a schedule, after each migration.

    A kind that has one keeps it as it is: an operator may have changed its name or its times.
    """
    if sender.name != "jobs" or not apps.is_installed("django_q"):
        return
    from django_q.models import Schedule

    recurring = {repr((kind.name,)): kind for kind in registry if kind.every is not None}
    known = set(Schedule.objects.filter(func=SUBMIT).values_list("args", flat=True))
    for args, kind in recurring.items():
        if args not in known:
            assert kind.every is not None
            Schedule.objects.create(
                name=kind.name,
                func=SUBMIT,
                args=args,
                schedule_type=Schedule.MINUTES,
                minutes=kind.every // timedelta(minutes=1),
                repeats=-1,
                cluster=None,
            )


def submit_recurring(kind: str) -> str:
    """Submit one job of `kind` unless one is already waiting or running. Returns the job's id, or "" for none."""
    from jobs.models import Job

    if kind not in registry:  # of an app or a release that is no longer there
        logger.warning("the schedule of %s submits nothing: no app declares this kind", kind)
        return ""
    if Job.objects.filter(kind=kind).unfinished().exists():
        return ""
    try:
        return str(lifecycle.submit(kind).pk)
    except QueueDraining as closed:
        logger.info("the schedule of %s submits nothing: %s", kind, closed.message)
        return ""
