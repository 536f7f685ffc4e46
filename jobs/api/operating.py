"""Who may change a job: its owner, or an operator, on record. The same for the APIs of every app."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from rest_framework import serializers
from rest_framework.request import Request

from jobs.api.problems import Problem
from jobs.api.submissions import get_visible_job
from jobs.models import Job


def job_to_operate(request: Request, job_id: uuid.UUID, verb: str, flag: int = CHANGE) -> Job:
    """Return a job that the user may change: their own, or anybody's with the permission to operate, on record.

    Raises a 404 problem for one they may not see, 403 for one they may only look at.
    """
    job = get_visible_job(request, job_id)
    if job.owner_id == request.user.pk:
        return job
    if not request.user.has_perm("jobs.operate_job"):
        raise Problem(
            403, "You may look at this job, but only its owner or an operator may change it.", code="forbidden"
        )
    LogEntry.objects.create(
        user_id=int(request.user.pk or 0),
        content_type_id=ContentType.objects.get_for_model(Job).pk,
        object_id=str(job.pk),
        object_repr=str(job)[:200],
        action_flag=flag,
        change_message=f"by API: asked to be {verb}; was {job.state}. Reason: {reason_given(request) or '-'}",
    )
    return job


def reason_given(request: Request) -> str:
    """Return why, if the body says so: {"reason": "…"}."""
    reason = request.data.get("reason", "") if isinstance(request.data, Mapping) else ""
    return serializers.CharField(max_length=300, allow_blank=True).run_validation(reason)
