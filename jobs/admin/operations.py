"""What an operator can do to a job: when it can be done, why not, and how it is recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs import batches, lifecycle, retention
from jobs.models import Job, Worker
from jobs.positions import explain
from jobs.states import State

#: Done one by one while the operator waits; more than this would outlast their patience and the proxy's.
MOST_AT_ONCE = 500
#: Why a waiting job waits takes several queries; for more jobs the short sentence has to do.
EXPLAIN_AT_MOST = 10
LONGEST_REASON = 300


@dataclass(frozen=True)
class Plan:
    """What would happen to one job. step: what will be done, "" for nothing; reason: the evidence, or why nothing."""

    job: Job
    step: str = ""
    reason: str = ""


@dataclass
class Outcome:
    """What was done to each job, and why the others were left alone."""

    done: list[tuple[Job, str]] = field(default_factory=list)
    skipped: list[tuple[Job, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Operation:
    """One thing an operator can do.

    plan: looks at jobs and says for each what would happen. perform: does it to one job and returns how that stands
    afterwards, in words; None when it turned out that nothing could be done.
    """

    name: str
    label: str | Promise
    question: str | Promise
    dangerous: bool
    plan: Callable[[list[Job]], list[Plan]]
    perform: Callable[[Job, str, str], str | None]
    flag: int = CHANGE

    def run(self, jobs: list[Job], *, user: Any, reason: str) -> Outcome:
        """Do it to each job for which it makes sense, and record every change in the log."""
        outcome = Outcome()
        for plan in self.plan(jobs):
            if not plan.step:
                outcome.skipped.append((plan.job, plan.reason))
                continue
            after = self.perform(plan.job, user.get_username(), reason)
            if after is None:
                outcome.skipped.append((plan.job, _("It changed while you were deciding.")))
                continue
            self._record(plan.job, user, f"{self.name}: {plan.job.state} → {after}. Reason: {reason}")
            outcome.done.append((plan.job, after))
        return outcome

    def _record(self, job: Job, user: Any, message: str) -> None:
        LogEntry.objects.create(
            user_id=user.pk,
            content_type_id=ContentType.objects.get_for_model(Job).pk,
            object_id=str(job.pk),
            object_repr=str(job)[:200],
            action_flag=self.flag,
            change_message=message,
        )


def state_word(job: Job) -> str:
    return str(State(job.state).label)


# --- re-queue -------------------------------------------------------------------------------------------------
def _plan_requeue(jobs: list[Job]) -> list[Plan]:
    plans = []
    summaries = batches.summaries(job.pk for job in jobs if job.state == State.SUCCEEDED)
    for job in jobs:
        if job.state in (State.FAILED, State.CANCELLED):
            evidence = job.error_code or _("cancelled by a person")
            plans.append(Plan(job, _("Into the queue again, attempts counted afresh."), evidence))
        elif job.state == State.SUCCEEDED and (failed := summaries[job.pk].failed):
            evidence = _("%(count)d of its parts did not succeed") % {"count": failed}
            plans.append(Plan(job, _("These parts run again; it sums up once more when they have ended."), evidence))
        else:
            plans.append(
                Plan(
                    job,
                    reason=_("It is %(state)s; only failed and cancelled jobs can be re-queued.")
                    % {"state": state_word(job)},
                )
            )
    return plans


def _requeue(job: Job, by: str, reason: str) -> str | None:
    after = lifecycle.requeue(job.pk, by=by, reason=reason)
    return f"{after.state} (fence {after.fence})" if after else None


# --- cancel ---------------------------------------------------------------------------------------------------
def _plan_cancel(jobs: list[Job]) -> list[Plan]:
    plans = []
    for job in jobs:
        if job.is_finished:
            plans.append(Plan(job, reason=_("It has already ended: %(state)s.") % {"state": state_word(job)}))
        elif job.cancel_requested_at is not None:
            plans.append(Plan(job, reason=_("Its worker was already told to stop.")))
        elif job.state == State.PROCESSING:
            plans.append(Plan(job, _("Its worker is told to stop; it does so within two seconds."), job.worker))
        else:
            plans.append(Plan(job, _("Cancelled at once."), state_word(job)))
    return plans


def _cancel(job: Job, by: str, reason: str) -> str | None:
    after = lifecycle.cancel(job.pk, by=by, reason=reason)
    if after is None:
        return None
    return str(after.state) if after.is_finished else "processing, told to stop"


# --- repair stuck ---------------------------------------------------------------------------------------------
def _plan_repair(jobs: list[Job]) -> list[Plan]:
    stuck = set(Job.objects.filter(pk__in=[job.pk for job in jobs]).lease_expired().values_list("pk", flat=True))
    explain_each = len(jobs) <= EXPLAIN_AT_MOST
    return [
        _plan_rescue(job) if job.pk in stuck else Plan(job, reason=_why_not_stuck(job, explain_each)) for job in jobs
    ]


def _plan_rescue(job: Job) -> Plan:
    assert job.lease_expires_at is not None  # a constraint: processing has a lease
    reason = _("The lease of %(worker)s ran out at %(time)s, %(seconds)d s ago.") % {
        "worker": job.worker,
        "time": clock(job.lease_expires_at),
        "seconds": max(0, int((timezone.now() - job.lease_expires_at).total_seconds())),
    }
    if job.cancel_requested_at is not None:
        return Plan(job, _("Cancelled, as was asked for before its worker was lost."), reason)
    if job.attempt >= job.max_attempts:
        step = _("Failed: attempt %(attempt)d of %(max)d was the last.") % {
            "attempt": job.attempt,
            "max": job.max_attempts,
        }
        return Plan(job, step, reason)
    return Plan(job, _("Taken from its worker and put into the queue again."), reason)


def _why_not_stuck(job: Job, explain_it: bool) -> str:
    if job.is_finished:
        return _("Not stuck: it has ended (%(state)s).") % {"state": state_word(job)}
    if job.state == State.PROCESSING:
        assert job.lease_expires_at is not None
        reason = _("Not stuck: %(worker)s is at work on it and holds its lease until %(time)s.") % {
            "worker": job.worker,
            "time": clock(job.lease_expires_at),
        }
        heartbeat = (
            Worker.objects.filter(pk=job.worker).values_list("heartbeat_at", flat=True).first() if explain_it else None
        )
        return (
            reason
            if heartbeat is None
            else f"{reason} " + _("Its last sign of life was at %(time)s.") % {"time": clock(heartbeat)}
        )
    why = explain(job).sentence if explain_it else ""
    return _("Not stuck: it waits.") + (f" {why}" if why else "")


def _repair(job: Job, by: str, reason: str) -> str | None:
    rescued = lifecycle.rescue(only=job.pk, by=by, reason=reason)
    return f"{rescued[0].state} (fence {job.fence} → {rescued[0].fence})" if rescued else None


# --- delete ---------------------------------------------------------------------------------------------------
def _plan_delete(jobs: list[Job]) -> list[Plan]:
    plans = []
    for job in jobs:
        if job.is_finished:
            plans.append(
                Plan(job, _("Removed for good, with its files, result and events; a receipt stays."), state_word(job))
            )
        else:
            plans.append(
                Plan(job, reason=_("It has not ended (%(state)s); cancel it first.") % {"state": state_word(job)})
            )
    return plans


def _delete(job: Job, by: str, reason: str) -> str | None:
    try:
        receipt = retention.delete_job(job, by=by, reason=reason)
    except (retention.StillRunning, Job.DoesNotExist):
        return None
    return f"deleted (receipt {receipt.digest[:12]}…)"


def clock(moment: Any) -> str:
    return date_format(timezone.localtime(moment), "H:i:s")


OPERATIONS = {
    operation.name: operation
    for operation in [
        Operation(
            "re-queue",
            gettext_lazy("Re-queue"),
            gettext_lazy("Run these jobs again?"),
            dangerous=False,
            plan=_plan_requeue,
            perform=_requeue,
        ),
        Operation(
            "cancel",
            gettext_lazy("Cancel"),
            gettext_lazy("Stop these jobs?"),
            dangerous=True,
            plan=_plan_cancel,
            perform=_cancel,
        ),
        Operation(
            "repair",
            gettext_lazy("Repair stuck"),
            gettext_lazy("Take these jobs from workers that stopped answering?"),
            dangerous=False,
            plan=_plan_repair,
            perform=_repair,
        ),
        Operation(
            "delete",
            gettext_lazy("Delete with receipt"),
            gettext_lazy("Delete these jobs and everything that belongs to them?"),
            dangerous=True,
            plan=_plan_delete,
            perform=_delete,
            flag=DELETION,
        ),
    ]
}
