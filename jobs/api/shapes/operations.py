"""How everything stands: queues, resources, kinds."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs.api.openapi import Fault
from jobs.api.shapes.examples import CREATED, JOB, STARTED
from jobs.api.shapes.jobs import RangeShape
from jobs.models import QueueControl


class DepthShape(serializers.Serializer):
    """How many jobs of a queue have not ended."""

    pending = serializers.IntegerField(help_text="not due yet, and batches")
    queued = serializers.IntegerField(help_text="due: they wait for a worker")
    processing = serializers.IntegerField()

    example = {"pending": 0, "queued": 3, "processing": 2}


class QueueShape(serializers.Serializer):
    """A queue in numbers."""

    name = serializers.CharField()
    depth = DepthShape()
    mode = serializers.ChoiceField(
        choices=QueueControl.Mode.values,
        help_text="running; paused: nothing new starts; draining: nothing new comes in",
    )
    mode_since = serializers.DateTimeField(allow_null=True)
    mode_by = serializers.CharField(help_text="who changed the mode; empty when nobody did")
    mode_reason = serializers.CharField()
    accepts_jobs = serializers.BooleanField()
    paused = serializers.BooleanField()
    paused_reason = serializers.CharField()
    workers = serializers.IntegerField(help_text="alive, and serving this queue")
    oldest_due_at = serializers.DateTimeField(allow_null=True)
    oldest_due_seconds = serializers.IntegerField()

    example: dict[str, Any] = {
        "name": "gpu",
        "depth": DepthShape.example,
        "mode": "running",
        "mode_since": None,
        "mode_by": "",
        "mode_reason": "",
        "accepts_jobs": True,
        "paused": False,
        "paused_reason": "",
        "workers": 2,
        "oldest_due_at": CREATED,
        "oldest_due_seconds": 4,
    }


class QueueListShape(serializers.Serializer):
    """Every queue in numbers."""

    results = QueueShape(many=True)
    as_of = serializers.DateTimeField()

    example = {"results": [QueueShape.example], "as_of": STARTED}


class HolderShape(serializers.Serializer):
    """Who holds a resource; whose job that is learn its owner and staff."""

    since = serializers.DateTimeField(allow_null=True)
    expected_end = RangeShape(allow_null=True)
    held_long = serializers.BooleanField(help_text="for longer than is usual")
    mine = serializers.BooleanField()
    job = serializers.UUIDField(allow_null=True)
    owner = serializers.CharField(allow_null=True)
    worker = serializers.CharField(allow_null=True, help_text="for staff")

    example = {
        "since": STARTED,
        "expected_end": RangeShape.example,
        "held_long": False,
        "mine": True,
        "job": JOB,
        "owner": "ada",
        "worker": None,
    }


class ResourceShape(serializers.Serializer):
    """What jobs share, such as a GPU."""

    name = serializers.CharField()
    capacity = serializers.IntegerField(help_text="how many jobs may hold it at once")
    waiting = serializers.IntegerField(help_text="due jobs that need it")
    holders = HolderShape(many=True)

    example = {"name": "gpu", "capacity": 1, "waiting": 3, "holders": [HolderShape.example]}


class ResourceListShape(serializers.Serializer):
    """Every shared resource."""

    results = ResourceShape(many=True)
    as_of = serializers.DateTimeField()

    example = {"results": [ResourceShape.example], "as_of": STARTED}


class KindFieldShape(serializers.Serializer):
    """One field of a kind's input."""

    name = serializers.CharField()
    type = serializers.CharField(help_text="char, integer, choice, file, list …")
    required = serializers.BooleanField()  # type: ignore[assignment]
    help = serializers.CharField()
    default = serializers.JSONField(required=False)
    choices = serializers.ListField(child=serializers.CharField(), required=False)
    min_value = serializers.FloatField(required=False)
    max_value = serializers.FloatField(required=False)
    min_length = serializers.IntegerField(required=False)
    max_length = serializers.IntegerField(required=False)

    example = {"name": "steps", "type": "integer", "required": False, "help": "", "default": 20, "min_value": 1}


class KindShape(serializers.Serializer):
    """A kind of job that can be submitted."""

    name = serializers.CharField()
    title = serializers.CharField()
    documentation = serializers.CharField(help_text="what it does, takes, returns and raises")
    queue = serializers.CharField()
    priority = serializers.IntegerField(help_text="of a job that names none")
    timeout_seconds = serializers.FloatField(help_text="of one attempt")
    deadline_seconds = serializers.FloatField(help_text="from being due to the end, all attempts and waits")
    max_attempts = serializers.IntegerField()
    stages = serializers.ListField(child=serializers.CharField())
    input = KindFieldShape(many=True)

    example = {
        "name": "imaging.generate_image",
        "title": "Paint a prompt as one image.",
        "documentation": 'Paint a prompt as one image.\n\nReturns {"image": …}.',
        "queue": "gpu",
        "priority": 5,
        "timeout_seconds": 600.0,
        "deadline_seconds": 86400.0,
        "max_attempts": 2,
        "stages": ["painting", "storing"],
        "input": [KindFieldShape.example],
    }


class KindListShape(serializers.Serializer):
    """Every kind that can be submitted."""

    results = KindShape(many=True)

    example = {"results": [KindShape.example]}


class SwitchReasonInput(serializers.Serializer):
    """Why; people who wait read it, and it is kept in the audit log."""

    reason = serializers.CharField(max_length=300)

    example = {"reason": "The model is being replaced."}


class ModeFaultShape(serializers.Serializer):
    """What a problem says about the queue."""

    mode = serializers.ChoiceField(choices=QueueControl.Mode.values, required=False)

    example = {"mode": "paused"}


QUEUE_NOT_FOUND = Fault(404, "queue_not_found", "There is no queue of this name.")
NOTHING_TO_DO = Fault(409, "nothing_to_do", "The queue is in this mode already.", more=ModeFaultShape)
OPERATORS_ONLY = Fault(403, "forbidden", "Only an operator may do this.")
