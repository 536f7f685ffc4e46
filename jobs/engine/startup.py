"""Hang the engine on django-q2: once, when Django has started."""

from __future__ import annotations

from django.db.models.signals import post_migrate
from django_q.signals import post_spawn

from jobs.engine import django_q_patch, schedules, worker


def connect() -> None:
    django_q_patch.apply()
    post_spawn.connect(worker.set_up_process, dispatch_uid="sira-worker")
    post_migrate.connect(schedules.ensure, dispatch_uid="sira-schedules")
