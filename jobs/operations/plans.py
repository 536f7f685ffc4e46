"""Plans: what is to be done to many jobs is written down first, then carried out step by step, as a job or at once.

A step is taken in one transaction with its entry in the audit log and its outcome in the plan. So a plan whose worker
is killed midway goes on where it stopped, and two that carry it out at once do nothing twice. Before each step the
job is looked at again: when it is not as it was when the plan was made, it is left alone.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Count, Q
from django.db.models.functions import Now

from jobs import audit, lifecycle
from jobs.models import AuditEntry, Job, OperationPlan, PlannedStep
from jobs.operations.base import Operation, Plan, chunks
from jobs.operations.deeds import CANCEL_JOBS, FORGET_JOBS, REQUEUE_JOBS, TAKE_RESOURCE
from jobs.operations.repair import REPAIR_JOBS, find_stuck
from jobs.roles import may
from jobs.search import JobFilter

logger = logging.getLogger(__name__)

OPERATIONS = {
    operation.name: operation for operation in (REQUEUE_JOBS, CANCEL_JOBS, REPAIR_JOBS, TAKE_RESOURCE, FORGET_JOBS)
}

#: The kind that carries out plans; see tasks.py.
CARRY_OUT = "jobs.carry_out_plan"
#: A plan for more is too much to look at, and to undo.
MOST_PLANNED = 50_000
#: So many are done while the operator waits; more would outlast their patience and the proxy's.
MOST_AT_ONCE = 500
#: What stands in the filter of a plan for its maker's own jobs.
OWN = {"owner": "me"}
#: Jobs that are looked at together while a plan is made.
LOOKED_AT_TOGETHER = 500
#: What of a job an operation does not look at, and may be large.
HEAVY = ("input", "result", "metadata", "error_message", "error_traceback")


class TooMany(Exception):
    """The filter fits more jobs than a plan may have."""


class NotPlanned(Exception):
    """The plan cannot be carried out: it was before, or has nothing to do."""


def find_operation(name: str) -> Operation | None:
    """Return the operation of this name, as in code or as in addresses."""
    return OPERATIONS.get(name.replace("-", "_"))


# --- make a plan ------------------------------------------------------------------------------------------------
def plan(
    name: str,
    which: Mapping[str, Any] | Iterable[uuid.UUID],
    *,
    actor: Any = None,
    via: str = AuditEntry.Via.DESK,
    reason: str = "",
    asked: Mapping[str, Any] | None = None,
    own_only: bool = False,
) -> OperationPlan:
    """Write down what the operation `name` would do to the jobs `which`, and return the plan. Nothing is done yet.

    which: parameters as `search.JobFilter` takes them, or ids. Of a filter, "repair" takes only what is stuck. actor: a
    user, None for the terminal. asked: what to show as the filter when `which` are ids. own_only: they are the actor's
    own, for which nobody needs a permission; a job of somebody else is left alone. Raises PermissionDenied,
    ValidationError (a wrong filter) and TooMany.
    """
    operation = OPERATIONS[name]
    if not own_only:
        require(operation, actor)
    alike: Mapping[uuid.UUID, int] = {}
    if isinstance(which, Mapping):
        ids, alike = _find(operation, which, actor)
    else:
        ids = list(dict.fromkeys(which))
    if len(ids) > MOST_PLANNED:
        raise TooMany
    with transaction.atomic():
        made = OperationPlan.objects.create(
            operation=operation.name,
            filter=(dict(which) if isinstance(which, Mapping) else dict(asked or {})) | (OWN if own_only else {}),
            reason=reason,
            actor=actor,
            actor_name=audit.name_of(actor),
            via=via,
        )
        for part in chunks(ids, LOOKED_AT_TOGETHER):
            jobs = {job.pk: job for job in Job.objects.filter(pk__in=part).defer(*HEAVY)}
            planned = operation.plan([jobs[id] for id in part if id in jobs])
            PlannedStep.objects.bulk_create([_written(made, one, alike.get(one.job.pk, 0)) for one in planned])
    return made


def require(operation: Operation, actor: Any) -> None:
    """Raise PermissionDenied unless `actor` may do this to jobs of others. None, the terminal, may do everything."""
    if actor is not None and not may(actor, operation.permission):
        raise PermissionDenied(f"{operation.permission} is missing")


def is_allowed(made: OperationPlan) -> bool:
    """Return whether the plan's maker may still do what it says. One who is gone may not; the terminal may."""
    if made.actor is None:
        return made.via == AuditEntry.Via.TERMINAL
    return _is_of_own_jobs(made) or may(made.actor, OPERATIONS[made.operation].permission)


def _is_of_own_jobs(made: OperationPlan) -> bool:
    return OWN.items() <= made.filter.items()


def _find(
    operation: Operation, which: Mapping[str, Any], actor: Any
) -> tuple[list[uuid.UUID], Mapping[uuid.UUID, int]]:
    asked = JobFilter(data=which)
    asked.is_valid(raise_exception=True)
    visible = Job.objects.all() if actor is None else Job.objects.visible_to(actor)
    jobs = asked.find(visible, actor)
    if operation is REPAIR_JOBS:
        return find_stuck(jobs)
    return list(jobs.values_list("pk", flat=True)[: MOST_PLANNED + 1]), {}


def count_matching(name: str, which: Mapping[str, Any], *, actor: Any = None) -> int:
    """Return for how many jobs a plan would be made; at most one more than a plan may have. Raises ValidationError."""
    return len(_find(OPERATIONS[name], which, actor)[0])


def _written(made: OperationPlan, planned: Plan, alike: int) -> PlannedStep:
    return PlannedStep(
        plan=made,
        job_id=planned.job.pk,
        kind=planned.job.kind,
        state=planned.job.state,
        fence=planned.job.fence,
        step=planned.step.code if planned.step else "",
        risk=planned.step.risk if planned.step else "",
        evidence=planned.evidence | ({"alike": alike} if alike else {}),
    )


# --- carry it out -----------------------------------------------------------------------------------------------
def carry_out(made: OperationPlan, *, by: Any = None, reason: str = "", excluded: Iterable[uuid.UUID] = ()) -> Job:
    """Submit the job that carries the plan out, and return it.

    by: the user who says so, when it is not who made it: the log names them. excluded: ids of jobs that are left alone.
    Raises NotPlanned when it was carried out before, or when nothing is to be done.
    """
    with transaction.atomic():
        _confirm(made, by, reason, excluded)
        made.job = lifecycle.submit(CARRY_OUT, {"plan": str(made.pk)}, owner=made.actor)
        made.save(update_fields=["job"])
    return made.job


def carry_out_here(
    made: OperationPlan, *, by: Any = None, reason: str = "", excluded: Iterable[uuid.UUID] = ()
) -> None:
    """Carry the plan out in this process, for when no worker is alive to do it. Arguments and errors as `carry_out`."""
    with transaction.atomic():
        _confirm(made, by, reason, excluded)
    for step in steps_to_do(made):
        take_step(made, step)


def _confirm(made: OperationPlan, by: Any, reason: str, excluded: Iterable[uuid.UUID]) -> None:
    locked = OperationPlan.objects.select_for_update().get(pk=made.pk)
    if locked.confirmed_at is not None:
        raise NotPlanned
    excluded = list(excluded)
    made.steps.filter(job_id__in=excluded).update(is_excluded=True)
    if not to_do(made).exists():
        raise NotPlanned
    actor = by or made.actor
    if actor != made.actor or not _is_of_own_jobs(made):
        require(OPERATIONS[made.operation], actor)
    OperationPlan.objects.filter(pk=made.pk).update(
        reason=reason or made.reason,
        actor=actor,
        actor_name=made.actor_name if by is None else audit.name_of(by),
        confirmed_at=Now(),
    )
    made.refresh_from_db()


def to_do(made: OperationPlan) -> Any:
    """Return the steps that are still to be taken."""
    return made.steps.filter(outcome=PlannedStep.Outcome.TO_DO, is_excluded=False).exclude(step="")


def steps_to_do(made: OperationPlan) -> Iterator[PlannedStep]:
    """Yield the steps that are still to be taken, in their order, each looked up when its turn has come."""
    last = 0
    while steps := list(to_do(made).filter(pk__gt=last)[:LOOKED_AT_TOGETHER]):
        yield from steps
        last = steps[-1].pk


def take_step(made: OperationPlan, step: PlannedStep) -> bool:
    """Take one step of a plan, or note why not. Returns whether something was done to the job."""
    try:
        return _take(made, step)
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # one job that cannot be moved must not keep the others waiting
        logger.exception("plan %s: the step %s of job %s could not be taken", made.pk, step.step, step.job_id)
        _come_of(step, PlannedStep.Outcome.SKIPPED, "error", {})
        return False


def _take(made: OperationPlan, step: PlannedStep) -> bool:
    with transaction.atomic():
        # Whoever else carries out this plan waits here, and then finds it done.
        if not list(PlannedStep.objects.select_for_update().filter(pk=step.pk, outcome=PlannedStep.Outcome.TO_DO)):
            return False
        done, why, after = do(
            OPERATIONS[made.operation],
            step.job_id,
            expected=(step.state, step.fence, step.step),
            actor=made.actor,
            actor_name=made.actor_name,
            via=made.via,
            reason=made.reason,
            plan_id=made.pk,
        )
        _come_of(step, PlannedStep.Outcome.DONE if done else PlannedStep.Outcome.SKIPPED, why, after)
    return done


def _come_of(step: PlannedStep, outcome: str, why: str, after: Mapping[str, Any]) -> None:
    todo = PlannedStep.objects.filter(pk=step.pk, outcome=PlannedStep.Outcome.TO_DO)
    todo.update(outcome=outcome, why=why, after=dict(after), done_at=Now())


def do(
    operation: Operation,
    job_id: uuid.UUID,
    *,
    expected: tuple[str, int, str],
    actor: Any,
    actor_name: str,
    via: str,
    reason: str,
    plan_id: uuid.UUID | None = None,
) -> tuple[bool, str, dict[str, Any]]:
    """Do it to one job if it is as expected (state, fence, code of the step), on record. Must run in a transaction.

    Returns whether it was done, else why not (a code of `words.LEFT_ALONE`), and how the job stands afterwards.
    """
    job = _locked(job_id)
    if job is None:
        return False, "gone", {}
    if actor is not None and job.owner_id != actor.pk and not may(actor, operation.permission):
        return False, "not_allowed", {}
    now = operation.plan([job])[0]
    before = audit.standing(job)
    if (job.state, job.fence, now.step.code if now.step else "") != expected:
        recovered = operation is REPAIR_JOBS and now.step is None
        return False, "recovered" if recovered else "changed", before
    after = operation.perform(job, actor_name, reason)
    if after is None:
        return False, "impossible", before
    audit.record(
        operation.name, "job", job_id, actor=actor, actor_name=actor_name, via=via, reason=reason, before=before,
        after=after | ({"plan": str(plan_id)} if plan_id else {}),
    )  # fmt: skip
    return True, "", after


def _locked(job_id: uuid.UUID) -> Job | None:
    """Lock a job, its batch's parent first, as everybody does who needs both."""
    parent_id = Job.objects.filter(pk=job_id).values_list("parent_id", flat=True).first()
    if parent_id is not None:
        list(Job.objects.select_for_update(no_key=True).filter(pk=parent_id).values_list("pk"))
    return Job.objects.select_for_update(no_key=True).filter(pk=job_id).first()


# --- how it stands ----------------------------------------------------------------------------------------------
def counts(made: OperationPlan) -> dict[str, int]:
    """Return how many steps there are, and of them: done, skipped, excluded, without a step, and still to do."""
    doable = ~Q(step="") & Q(is_excluded=False)
    return made.steps.aggregate(
        jobs=Count("pk"),
        planned=Count("pk", filter=doable),
        done=Count("pk", filter=Q(outcome=PlannedStep.Outcome.DONE)),
        skipped=Count("pk", filter=Q(outcome=PlannedStep.Outcome.SKIPPED)),
        excluded=Count("pk", filter=Q(is_excluded=True)),
        nothing=Count("pk", filter=Q(step="")),
        to_do=Count("pk", filter=doable & Q(outcome=PlannedStep.Outcome.TO_DO)),
    )
