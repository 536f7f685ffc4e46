"""Run again, cancel, take the resource, delete: what can be done to a job, when, and what it risks."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from jobs import audit, batches, lifecycle, retention
from jobs.models import Job, JobFile
from jobs.operations.base import Operation, Plan, Risk, Step, evidence
from jobs.states import State

# --- run again --------------------------------------------------------------------------------------------------
REQUEUE = Step(
    "requeue",
    _("Into the queue again, attempts counted afresh."),
    Risk.LOW,
    _("It runs from the start: what it did outside before may happen twice."),
)
REQUEUE_PARTS = Step(
    "requeue_parts",
    _("These parts run again; it sums up once more when they have ended."),
    Risk.LOW,
    _("Its present result is gone until then."),
)


def _plan_requeue(jobs: list[Job]) -> list[Plan]:
    ids = [job.pk for job in jobs]
    failed_parts = batches.summaries(job.pk for job in jobs if job.state == State.SUCCEEDED)
    refused = set(
        JobFile.objects.filter(job__in=ids, role=JobFile.Role.INPUT, file="").values_list("job_id", flat=True)
    )
    plans = []
    for job in jobs:
        if job.state in lifecycle.UNSUCCESSFUL and job.pk in refused:
            plans.append(Plan(job, None, evidence("file_refused")))
        elif job.state == State.CANCELLED:
            plans.append(Plan(job, REQUEUE, evidence("cancelled_by_a_person")))
        elif job.state == State.FAILED:
            plans.append(Plan(job, REQUEUE, evidence("ended_unsuccessful", state=job.state, error=job.error_code)))
        elif job.state == State.SUCCEEDED and (failed := failed_parts[job.pk].failed):
            plans.append(Plan(job, REQUEUE_PARTS, evidence("parts_failed", count=failed)))
        else:
            plans.append(Plan(job, None, evidence("not_unsuccessful", state=job.state)))
    return plans


def _requeue(job: Job, by: str, reason: str) -> dict[str, Any] | None:
    return _standing(lifecycle.requeue(job.pk, by=by, reason=reason))


# --- cancel -----------------------------------------------------------------------------------------------------
CANCEL = Step("cancel", _("Cancelled at once."), Risk.MEDIUM, _("Its owner gets no result, unless it is run again."))
STOP = Step(
    "stop",
    _("Its worker is told to stop; it does so within two seconds."),
    Risk.MEDIUM,
    _("What this attempt has done so far is lost."),
)


def _plan_cancel(jobs: list[Job]) -> list[Plan]:
    plans = []
    for job in jobs:
        if job.is_finished:
            plans.append(Plan(job, None, evidence("has_ended", state=job.state)))
        elif job.cancel_requested_at is not None:
            plans.append(Plan(job, None, evidence("told_to_stop")))
        elif job.state == State.PROCESSING:
            plans.append(Plan(job, STOP, evidence("at_work_now", worker=job.worker)))
        else:
            plans.append(Plan(job, CANCEL, evidence("waits_now", state=job.state)))
    return plans


def _cancel(job: Job, by: str, reason: str) -> dict[str, Any] | None:
    return _standing(lifecycle.cancel(job.pk, by=by, reason=reason))


# --- take the resource ------------------------------------------------------------------------------------------
_REFUSED = _("The work of this attempt is lost. The next one starts when the old process has let go of the device.")
TAKE = Step(
    "take",
    _("Its worker is stopped and whatever it still writes is refused; the job is tried again later."),
    Risk.HIGH,
    _REFUSED,
)
TAKE_LAST = Step(
    "take_last",
    _("Failed: this was the last attempt. Whatever its worker still writes is refused."),
    Risk.HIGH,
    _REFUSED,
)
TAKE_STOPPING = Step(
    "take_stopping",
    _("Cancelled, as was asked for; whatever its worker still writes is refused."),
    Risk.MEDIUM,
    _REFUSED,
)


def _plan_take(jobs: list[Job]) -> list[Plan]:
    plans = []
    for job in jobs:
        if job.state != State.PROCESSING or job.slot is None:
            plans.append(Plan(job, None, evidence("holds_nothing")))
            continue
        why = evidence("holds", worker=job.worker, resource=job.resource, at=job.processing_at)
        if job.cancel_requested_at is not None:
            plans.append(Plan(job, TAKE_STOPPING, why))
        else:
            plans.append(Plan(job, TAKE_LAST if job.attempt >= job.max_attempts else TAKE, why))
    return plans


def _take(job: Job, by: str, reason: str) -> dict[str, Any] | None:
    return _standing(lifecycle.take_resource(job.pk, by=by, reason=reason))


# --- delete -----------------------------------------------------------------------------------------------------
FORGET = Step(
    "forget",
    _("Removed for good, with its parts, files, result and events; a receipt stays."),
    Risk.HIGH,
    _("It cannot be undone."),
)


def _plan_forget(jobs: list[Job]) -> list[Plan]:
    return [
        Plan(job, FORGET, evidence("has_ended", state=job.state))
        if job.is_finished
        else Plan(job, None, evidence("not_ended", state=job.state))
        for job in jobs
    ]


def _forget(job: Job, by: str, reason: str) -> dict[str, Any] | None:
    try:
        receipt = retention.delete_job(job, by=by, reason=reason)
    except (retention.StillRunning, Job.DoesNotExist):
        return None
    return {"receipt": receipt.digest}


def _standing(job: Job | None) -> dict[str, Any] | None:
    return None if job is None else audit.standing(job)


REQUEUE_JOBS = Operation(
    "requeue",
    _("Run again"),
    _("Run these jobs again?"),
    is_dangerous=False,
    permission="jobs.requeue_job",
    steps=(REQUEUE, REQUEUE_PARTS),
    plan=_plan_requeue,
    perform=_requeue,
)
CANCEL_JOBS = Operation(
    "cancel",
    _("Cancel"),
    _("Stop these jobs?"),
    is_dangerous=True,
    permission="jobs.cancel_job",
    steps=(CANCEL, STOP),
    plan=_plan_cancel,
    perform=_cancel,
)
TAKE_RESOURCE = Operation(
    "take_resource",
    _("Take the resource"),
    _("Take the resource from these jobs?"),
    is_dangerous=True,
    permission="jobs.take_resource",
    steps=(TAKE, TAKE_LAST, TAKE_STOPPING),
    plan=_plan_take,
    perform=_take,
)
FORGET_JOBS = Operation(
    "forget",
    _("Delete with receipt"),
    _("Delete these jobs and everything that belongs to them?"),
    is_dangerous=True,
    permission="jobs.forget_job",
    steps=(FORGET,),
    plan=_plan_forget,
    perform=_forget,
)
