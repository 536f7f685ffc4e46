"""All of it on one page, and whether this server can work at all."""

from __future__ import annotations

from rest_framework import serializers

from jobs.api.shapes.examples import CREATED, STARTED
from jobs.api.shapes.jobs import JobShape
from jobs.api.shapes.operations import QueueShape, ResourceShape
from jobs.attention import MEANINGS
from jobs.states import State


class CountsShape(serializers.Serializer):
    """Jobs in each state; of those that have ended, the ones of today."""

    pending = serializers.IntegerField()
    queued = serializers.IntegerField()
    processing = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()

    example = dict.fromkeys(map(str, State), 0) | {"queued": 3, "processing": 2, "succeeded": 118}


class MineShape(serializers.Serializer):
    """Your own jobs."""

    jobs = CountsShape()
    unfinished = JobShape(many=True, help_text="the first ones: what is at work before what waits")
    more = serializers.IntegerField(help_text="how many other unfinished ones there are")

    example = {"jobs": CountsShape.example, "unfinished": [JobShape.example], "more": 0}


class StepShape(serializers.Serializer):
    """What happened in one stretch of time."""

    begin = serializers.DateTimeField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    started = serializers.IntegerField()
    average_wait_seconds = serializers.FloatField(allow_null=True)
    longest_wait_seconds = serializers.FloatField(allow_null=True)

    example = {
        "begin": CREATED,
        "succeeded": 12,
        "failed": 1,
        "cancelled": 0,
        "started": 13,
        "average_wait_seconds": 0.31,
        "longest_wait_seconds": 1.2,
    }


class HistoryShape(serializers.Serializer):
    """A time of past, in steps of the same length, oldest first."""

    step_seconds = serializers.IntegerField()
    steps = StepShape(many=True)

    example = {"step_seconds": 300, "steps": [StepShape.example]}


class ConcernShape(serializers.Serializer):
    """One thing that needs attention."""

    code = serializers.ChoiceField(choices=list(MEANINGS))
    severity = serializers.ChoiceField(choices=["bad", "warning"])
    subject = serializers.CharField(help_text="the queue, kind, resource or limit; empty for stuck jobs")
    title = serializers.CharField()
    meaning = serializers.CharField()
    count = serializers.IntegerField(help_text="of jobs concerned")
    total = serializers.IntegerField()
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    arrived = serializers.IntegerField()
    left = serializers.IntegerField()

    example = {
        "code": "no_worker",
        "severity": "bad",
        "subject": "gpu",
        "title": "gpu",
        "meaning": str(MEANINGS["no_worker"]),
        "count": 3,
        "total": 0,
        "since": CREATED,
        "until": None,
        "arrived": 0,
        "left": 0,
    }


class OverviewShape(serializers.Serializer):
    """How everything stands."""

    as_of = serializers.DateTimeField()
    since = serializers.DateTimeField(help_text="the beginning of the day that the counts are of")
    all = CountsShape(help_text="everybody's jobs")
    mine = MineShape()
    queues = QueueShape(many=True)
    resources = ResourceShape(many=True)
    hour = HistoryShape()
    day = HistoryShape()
    attention = ConcernShape(many=True)

    example = {
        "as_of": STARTED,
        "since": "2025-11-16T00:00:00+03:00",
        "all": CountsShape.example,
        "mine": MineShape.example,
        "queues": [QueueShape.example],
        "resources": [ResourceShape.example],
        "hour": HistoryShape.example,
        "day": HistoryShape.example | {"step_seconds": 3600},
        "attention": [ConcernShape.example],
    }


class HealthShape(serializers.Serializer):
    """This server can work."""

    status = serializers.ChoiceField(choices=["ok"])
    database = serializers.ChoiceField(choices=["ok"])
    workers = serializers.IntegerField(help_text="processes that work off jobs, alive now")
    oldest_due_seconds = serializers.IntegerField(help_text="for how long the first due job has waited")

    example = {"status": "ok", "database": "ok", "workers": 2, "oldest_due_seconds": 0}


class SickShape(serializers.Serializer):
    """This server cannot work: its database does not answer."""

    status = serializers.ChoiceField(choices=["unavailable"])
    database = serializers.ChoiceField(choices=["unavailable"])

    example = {"status": "unavailable", "database": "unavailable"}
