"""Who may change a job: its owner, or an operator, on record. The same for the APIs of every app."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import Model
from rest_framework import serializers
from rest_framework.request import Request

from jobs import audit
from jobs.api.problems import Problem
from jobs.api.submissions import get_visible_job
from jobs.models import AuditEntry, Job
from jobs.operations import OPERATIONS
from jobs.roles import may


def job_to_operate(request: Request, job_id: uuid.UUID, operation: str) -> Job:
    """Return a job to which the user may do this: their own, or anybody's with the operation's permission.

    operation: one of `jobs.operations`. Raises a 404 problem for one they may not see, 403 for one they may only look
    at.
    """
    job = get_visible_job(request, job_id)
    if job.owner_id != request.user.pk and not may_operate(request, operation):
        raise Problem(
            403, "You may look at this job, but only its owner or an operator may change it.", code="forbidden"
        )
    return job


def may_operate(request: Request, operation: str) -> bool:
    """Return whether the user may do this to jobs of others."""
    return may(request.user, OPERATIONS[operation].permission)


@contextmanager
def on_record(request: Request, job: Job, action: str, *, also_own: bool = False) -> Iterator[dict[str, Any]]:
    """Write into the audit log what the block does to somebody else's job, in the block's transaction.

    Yields what to add to how the job stands afterwards. What changes nothing leaves no entry; nor does what an owner
    does to their own job, unless also_own.
    """
    if job.owner_id == request.user.pk and not also_own:
        yield {}
        return
    with transaction.atomic():
        before, after = audit.standing(job), dict[str, Any]()
        yield after
        now = Job.objects.filter(pk=job.pk).first()
        after |= audit.standing(now) if now is not None else {}
        if after != before:
            audit.record(
                action, "job", job.pk, actor=request.user, via=AuditEntry.Via.API, reason=reason_given(request),
                before=before, after=after,
            )  # fmt: skip


def record_change(request: Request, row: Model, action: str, **after: Any) -> None:
    """Write into the audit log what the request's user did to a row that is no job. after: quotes nothing private."""
    audit.record(
        action,
        str(row._meta.model_name),
        row.pk,
        actor=request.user,
        via=AuditEntry.Via.API,
        reason=reason_given(request),
        after=after,
    )


def reason_given(request: Request, *, required: bool = False) -> str:
    """Return why, if the body says so: {"reason": "…"}. Raises a 400 problem when it has to and does not."""
    reason = request.data.get("reason", "") if isinstance(request.data, Mapping) else ""
    field = serializers.CharField(max_length=300, allow_blank=not required)
    try:
        return field.run_validation(reason)
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"reason": error.detail}) from None
