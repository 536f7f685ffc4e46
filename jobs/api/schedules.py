"""/api/v1/schedules/: what recurs, when it runs next, and an operator's hand on it; as in the desk's room."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api.openapi import Answer, operation
from jobs.api.openapi.common import QUEUE_DRAINING
from jobs.api.operating import reason_given
from jobs.api.problems import Problem
from jobs.api.serializers import describe
from jobs.api.shapes.catalogue import (
    NOT_RUNNABLE,
    NOTHING_TO_DO,
    SCHEDULE_BROKEN,
    SCHEDULE_NOT_FOUND,
    SCHEDULES_ARE_FOR_STAFF,
    ScheduleListShape,
    ScheduleShape,
)
from jobs.api.shapes.jobs import JobShape
from jobs.api.views import View
from jobs.door import refuse_unknown
from jobs.engine import timetable
from jobs.engine.timetable import Entry, NothingToDo
from jobs.models import AuditEntry
from jobs.roles import may
from jobs.tokens.models import Scope

#: Schedules are seen by whoever sees the queues, which they fill.
LOOK, OPERATE = "jobs.view_queuecontrol", "jobs.operate_schedule"
#: What a switch is called, and whether the schedule is on afterwards.
SWITCHES = {"pause": False, "resume": True}


class Deed(serializers.Serializer):
    """Why an operator does it: kept in the audit log."""

    reason = serializers.CharField(max_length=300)

    refuses_unknown = True
    example = {"reason": "The import waits for it."}


#: Of what an operator does to a schedule.
OF_DEEDS = (SCHEDULES_ARE_FOR_STAFF, SCHEDULE_NOT_FOUND, NOTHING_TO_DO)


class ScheduleView(View):
    tag = "operations"
    path_parameters = {"schedule_id": "The schedule's id."}


class Schedules(ScheduleView):
    @operation(ScheduleListShape, faults=[SCHEDULES_ARE_FOR_STAFF])
    def get(self, request: Request) -> Response:
        """List the schedules.

        What recurs and when it runs next, and whether a cluster is alive that keeps the time. For staff who may see the
        queues.
        """
        _require(request, LOOK)
        shown = [describe_schedule(entry) for entry in timetable.entries()]
        return Response({"results": shown, "is_kept": timetable.is_kept()})


class OneSchedule(ScheduleView):
    @operation(ScheduleShape, faults=[SCHEDULES_ARE_FOR_STAFF, SCHEDULE_NOT_FOUND])
    def get(self, request: Request, schedule_id: int) -> Response:
        """Look at a schedule.

        How often it runs, when next, and how it went last.
        """
        _require(request, LOOK)
        return Response(describe_schedule(_get(schedule_id)))


class SwitchSchedule(ScheduleView):
    scopes = {"POST": Scope.OPERATE}

    @operation(ScheduleShape, request=Deed, faults=[*OF_DEEDS, SCHEDULE_BROKEN])
    def post(self, request: Request, schedule_id: int, verb: str) -> Response:
        """Pause or resume a schedule.

        For operators, with a reason. The answer is the schedule as it is then.
        """
        entry, on_record = _to_operate(request, schedule_id)
        if SWITCHES[verb] and entry.kind is None and entry.is_broken:
            raise Problem(
                409, "Its arguments cannot be read, and it is none of ours to put right: it would stop all others.",
                code="schedule_broken",
            )  # fmt: skip
        try:
            timetable.switch(entry.id, SWITCHES[verb], **on_record)
        except NothingToDo:
            raise Problem(409, f"Nothing was done: it is {_word(entry)} already.", code="nothing_to_do") from None
        return Response(describe_schedule(_get(schedule_id)))


class RunSchedule(ScheduleView):
    scopes = {"POST": Scope.OPERATE}

    @operation(
        {202: Answer(JobShape, "The job waits for a worker.", headers=("Location",))},
        request=Deed,
        faults=[*OF_DEEDS, NOT_RUNNABLE, QUEUE_DRAINING],
    )
    def post(self, request: Request, schedule_id: int) -> Response:
        """Run a schedule now.

        For operators, with a reason: a job of its kind is submitted at once. Its times stay as they are.
        """
        entry, on_record = _to_operate(request, schedule_id)
        if entry.kind is None:
            raise Problem(409, "Only schedules that submit a kind of this release can be run.", code="not_runnable")
        try:
            job = timetable.run_now(entry.id, **on_record)
        except NothingToDo:
            detail = "Nothing was done: a job of this kind waits or runs already."
            raise Problem(409, detail, code="nothing_to_do") from None
        body = describe(job)
        return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": body["links"]["self"]})


def describe_schedule(entry: Entry) -> dict[str, Any]:
    """Return one schedule. every_seconds: None where it is not in minutes; next_run: None while it is paused."""
    last = entry.last
    own = {name: reverse(f"api:schedule-{name}", args=[entry.id]) for name in (*SWITCHES, "run")}
    return {
        "id": entry.id,
        "name": entry.name,
        "kind": entry.kind.name if entry.kind else None,
        "every_seconds": entry.every.total_seconds() if entry.every else None,
        "paused": not entry.is_on,
        "next_run": entry.next_run,
        "is_overdue": entry.is_overdue,
        "is_broken": entry.is_broken,
        "last_job": {"id": str(last.pk), "state": str(last.state), "created_at": last.created_at} if last else None,
        "links": {"self": reverse("api:schedule", args=[entry.id]), **own},
    }


def _word(entry: Entry) -> str:
    return "running" if entry.is_on else "paused"


def _to_operate(request: Request, schedule_id: int) -> tuple[Entry, dict[str, Any]]:
    """Return a schedule to which the user may do something, and who does it why, for the log."""
    _require(request, OPERATE)
    entry = _get(schedule_id)
    refuse_unknown(request.data, Deed().fields)
    reason = reason_given(request, required=True)
    return entry, {"actor": request.user, "via": AuditEntry.Via.API, "reason": reason}


def _get(schedule_id: int) -> Entry:
    entry = timetable.find(schedule_id)
    if entry is None:
        raise Problem(404, "There is no such schedule.", code="schedule_not_found")
    return entry


def _require(request: Request, permission: str) -> None:
    if not may(request.user, permission):
        raise Problem(403, f"Schedules are for staff with the permission {permission}.", code="forbidden")
