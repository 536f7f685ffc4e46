"""Evidence in words: each code that a plan stores has one sentence, in the language of whoever reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jobs.models import PlannedStep
from jobs.operations.base import Plan, Risk
from jobs.operations.plans import OPERATIONS
from jobs.states import State

SENTENCES: Mapping[str, str | Promise] = {
    # --- re-queue, cancel, delete, take the resource
    "ended_unsuccessful": _("It ended as %(state)s: %(error)s."),
    "cancelled_by_a_person": _("It was cancelled by a person."),
    "parts_failed": _("%(count)s of its parts did not succeed."),
    "file_refused": _("Its file was refused when it was sent and not kept: there is nothing to run again."),
    "not_unsuccessful": _("It is %(state)s; only failed and cancelled jobs can be run again."),
    "has_ended": _("It has ended: %(state)s."),
    "told_to_stop": _("Its worker was already told to stop."),
    "at_work_now": _("%(worker)s is at work on it."),
    "waits_now": _("It is %(state)s."),
    "not_ended": _("It has not ended (%(state)s); cancel it first."),
    "holds_nothing": _("It holds no resource."),
    "holds": _("%(worker)s holds the %(resource)s since %(at)s."),
    # --- repair: what is stuck and can be moved
    "lease_expired": _(
        "Its lease ran out at %(at)s and was not renewed, and %(worker)s shows no sign of life. "
        "Attempt %(attempt)s of %(most)s."
    ),
    "lease_expired_heard": _(
        "Its lease ran out at %(at)s and was not renewed, but %(worker)s was heard of at %(heartbeat)s. "
        "Attempt %(attempt)s of %(most)s."
    ),
    "parts_ended": _("All its %(count)s parts have ended, and it was not queued to sum up."),
    "due_unqueued": _("It was due at %(at)s and was not queued: no cluster keeps the time."),
    "past_deadline": _("It had to end by %(at)s and still waits."),
    # --- repair: what is stuck and needs something else
    "silent_worker": _(
        "%(worker)s shows no sign of life, but its lease runs until %(until)s. Before that nothing is taken from it, "
        "for it may only be slow. Make the plan again then."
    ),
    "over_time": _(
        "It runs since %(at)s, past the %(limit)s s of its kind, and its worker still renews the lease. "
        "Cancel it, or take the resource from it if it holds one."
    ),
    "queue_paused": _("The queue %(queue)s was paused by %(by)s: %(reason)s. Resume the queue."),
    "no_worker": _("No worker serves the queue %(queue)s. Start one: Q_CLUSTER_NAME or WORKER_QUEUES must name it."),
    "unknown_kind": _("No app of this release knows its kind. Start the release that does, or cancel it."),
    "holder_stuck": _("It waits for the %(resource)s, held by %(holder)s, which is stuck. Repair that one."),
    # --- repair: what is not stuck
    "at_work": _("Not stuck: %(worker)s is at work on it and holds its lease until %(until)s."),
    "waits": _("Not stuck: it waits its turn."),
    "waits_for_time": _("Not stuck: it waits for its time."),
    "waits_for_parts": _("Not stuck: it waits for its parts."),
}

#: Said after the evidence when the row stands for others as well.
ALIKE = _("%(alike)s more wait for the same.")
#: Said when the job holds what others need.
HOLDS = _("It holds the %(resource)s.")

#: Why a step of a plan was not taken.
LEFT_ALONE: Mapping[str, str | Promise] = {
    "gone": _("The job is no longer there."),
    "changed": _("It changed after the plan was made: now %(state)s."),
    "recovered": _("It was no longer stuck when the plan came to it: now %(state)s."),
    "impossible": _("It could not be done after all."),
    "not_allowed": _("It belongs to somebody else, and who made the plan may not do this to jobs of others."),
    "error": _("An error of ours came in between; it was logged."),
    "excluded": _("You left it out."),
}

#: What came of a step that was taken.
NOW = _("Done: now %(state)s.")
STOPPING = _("Done: it was told to stop.")
DELETED = _("Done: deleted, receipt %(receipt)s….")

MOMENT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d")


def say(evidence: Mapping[str, Any]) -> str:
    """Return the evidence as a sentence; that of another release as its code."""
    code = str(evidence.get("code", ""))
    if code not in SENTENCES:
        return code
    values = {name: _word(value) for name, value in evidence.items()}
    parts = [SENTENCES[code] % values]
    if evidence.get("resource") and code.startswith("lease_expired"):
        parts.append(HOLDS % values)
    if evidence.get("alike"):
        parts.append(ALIKE % values)
    return " ".join(str(part) for part in parts)


def say_left_alone(why: str, after: Mapping[str, Any]) -> str:
    """Return why a step was not taken. after: how the job stood then."""
    sentence = LEFT_ALONE.get(why)
    return str(sentence % {"state": _word(after.get("state", "–"))}) if sentence else why


@dataclass(frozen=True)
class StepInWords:
    """A step of a plan for people.

    what: what is done; "" for nothing. level: low, medium or high; risk: the same in words. came: what came of it; ""
    before that.
    """

    what: str
    level: str
    risk: str
    warning: str
    evidence: str
    came: str


def describe_step(operation: str, written: PlannedStep) -> StepInWords:
    """Put a written step into words."""
    step = next((step for step in OPERATIONS[operation].steps if step.code == written.step), None)
    came = ""
    if written.is_excluded:
        came = str(LEFT_ALONE["excluded"])
    elif written.outcome == PlannedStep.Outcome.SKIPPED:
        came = say_left_alone(written.why, written.after)
    elif written.outcome == PlannedStep.Outcome.DONE:
        came = _done(written.after)
    return StepInWords(
        what=str(step.sentence) if step else written.step,
        level=written.risk,
        risk=str(Risk(written.risk).label) if written.risk else "",
        warning=str(step.warning) if step else "",
        evidence=say(written.evidence),
        came=came,
    )


def describe_plan(plan: Plan) -> StepInWords:
    """Put into words what would happen to one job."""
    return StepInWords(
        what=str(plan.step.sentence) if plan.step else "",
        level=str(plan.step.risk) if plan.step else "",
        risk=str(plan.step.risk.label) if plan.step else "",
        warning=str(plan.step.warning) if plan.step else "",
        evidence=say(plan.evidence),
        came="",
    )


def _done(after: Mapping[str, Any]) -> str:
    if "receipt" in after:
        return str(DELETED % {"receipt": after["receipt"][:12]})
    if after.get("told_to_stop"):
        return str(STOPPING)
    return str(NOW % {"state": _word(after.get("state", "–"))})


def _word(value: Any) -> str:
    if value in State.values:
        return str(State(value).label)
    if isinstance(value, str) and MOMENT.match(value) and (moment := parse_datetime(value)):
        local = timezone.localtime(moment)
        is_today = local.date() == timezone.localdate()
        return date_format(local, "H:i:s" if is_today else "j M, H:i:s")
    return str(value)
