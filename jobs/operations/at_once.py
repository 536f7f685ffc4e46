"""The same to a few jobs, while the operator waits: no plan is kept, but each is on record all the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from jobs import audit
from jobs.models import AuditEntry, Job
from jobs.operations.base import Operation
from jobs.operations.plans import do, require
from jobs.operations.words import say, say_left_alone


@dataclass
class Outcome:
    """What was done to each job, and why the others were left alone, in words."""

    done: list[Job] = field(default_factory=list)
    skipped: list[tuple[Job, str]] = field(default_factory=list)


def run_at_once(
    operation: Operation, jobs: list[Job], *, actor: Any, via: str = AuditEntry.Via.DESK, reason: str
) -> Outcome:
    """Do it to each job for which it makes sense. Raises PermissionDenied."""
    require(operation, actor)
    outcome = Outcome()
    for planned in operation.plan(jobs):
        if planned.step is None:
            outcome.skipped.append((planned.job, say(planned.evidence)))
            continue
        with transaction.atomic():
            done, why, after = do(
                operation,
                planned.job.pk,
                expected=(planned.job.state, planned.job.fence, planned.step.code),
                actor=actor,
                actor_name=audit.name_of(actor),
                via=via,
                reason=reason,
            )
        if done:
            outcome.done.append(planned.job)
        else:
            outcome.skipped.append((planned.job, say_left_alone(why, after)))
    return outcome
