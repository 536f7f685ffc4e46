"""What the codes of errors mean; what recurs, and when."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs.api.openapi import Fault
from jobs.api.shapes.examples import CREATED, JOB
from jobs.api.shapes.jobs import NamedWebhookLinksShape
from jobs.states import State


class ProblemTypeShape(serializers.Serializer):
    """What one code of an error means, and what to do."""

    type = serializers.CharField()
    code = serializers.CharField()
    status = serializers.IntegerField(help_text="of HTTP, as a rule")
    title = serializers.CharField()
    meaning = serializers.CharField()
    what_to_do = serializers.CharField()
    retry = serializers.BooleanField(help_text="whether the same request may succeed later, unchanged")
    links = NamedWebhookLinksShape()

    example: dict[str, Any] = {
        "type": "urn:sira:problem:job_unfinished",
        "code": "job_unfinished",
        "status": 409,
        "title": "Conflict",
        "meaning": "The job has not ended.",
        "what_to_do": "Wait (`Prefer: wait=30`), or cancel it.",
        "retry": False,
        "links": {"self": "/api/v1/problems/job_unfinished/"},
    }


class ProblemTypeListShape(serializers.Serializer):
    """Every code that an error may have."""

    results = ProblemTypeShape(many=True)

    example = {"results": [ProblemTypeShape.example]}


class LastJobShape(serializers.Serializer):
    """The job that a schedule submitted last."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=State.values)
    created_at = serializers.DateTimeField()

    example = {"id": JOB, "state": "succeeded", "created_at": CREATED}


class ScheduleLinksShape(serializers.Serializer):
    """The schedule's addresses."""

    self = serializers.CharField()
    pause = serializers.CharField()
    resume = serializers.CharField()
    run = serializers.CharField()

    example = {"self": "/api/v1/schedules/3/"} | {
        verb: f"/api/v1/schedules/3/{verb}/" for verb in ("pause", "resume", "run")
    }


class ScheduleShape(serializers.Serializer):
    """A schedule: how often it runs, when next, and how it went last."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.CharField(allow_null=True, help_text="null: it submits no kind of this release")
    every_seconds = serializers.FloatField(allow_null=True, help_text="null where it is not in minutes")
    paused = serializers.BooleanField()
    next_run = serializers.DateTimeField(allow_null=True, help_text="null while it is paused")
    is_overdue = serializers.BooleanField()
    is_broken = serializers.BooleanField(help_text="its arguments cannot be read")
    last_job = LastJobShape(allow_null=True)
    links = ScheduleLinksShape()

    example: dict[str, Any] = {
        "id": 3,
        "name": "jobs.prune_files",
        "kind": "jobs.prune_files",
        "every_seconds": 3600.0,
        "paused": False,
        "next_run": CREATED,
        "is_overdue": False,
        "is_broken": False,
        "last_job": LastJobShape.example,
        "links": ScheduleLinksShape.example,
    }


class ScheduleListShape(serializers.Serializer):
    """Every schedule."""

    results = ScheduleShape(many=True)
    is_kept = serializers.BooleanField(help_text="whether a cluster is alive that keeps the time")

    example = {"results": [ScheduleShape.example], "is_kept": True}


PROBLEM_NOT_FOUND = Fault(404, "problem_not_found", "No problem has this code. /api/v1/problems/ has all.")
SCHEDULE_NOT_FOUND = Fault(404, "schedule_not_found", "There is no such schedule.")
SCHEDULES_ARE_FOR_STAFF = Fault(403, "forbidden", "Schedules are for staff with the permission to see or operate them.")
NOTHING_TO_DO = Fault(409, "nothing_to_do", "It is so already; nothing was done.")
SCHEDULE_BROKEN = Fault(409, "schedule_broken", "Its arguments cannot be read: it would stop all others.")
NOT_RUNNABLE = Fault(409, "not_runnable", "Only schedules that submit a kind of this release can be run.")
