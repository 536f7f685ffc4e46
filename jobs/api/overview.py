"""/api/v1/overview/: how everything stands. Others' jobs are numbers, whoever asks but staff."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from jobs import overview
from jobs.api.openapi import operation
from jobs.api.serializers import describe_many, describe_queue, describe_resource
from jobs.api.shapes.overview import OverviewShape
from jobs.api.views import View
from jobs.attention import MEANINGS, Concern
from jobs.history import COARSE, FINE, Bucket
from jobs.kinds import registry


class Overview(View):
    tag = "operations"

    @operation(OverviewShape)
    def get(self, request: Request) -> Response:
        """Look at everything at once.

        Your own jobs, everybody's in numbers, queues, resources, the last hour and day, and what needs attention. Jobs
        of others are numbers, whoever asks but staff.
        """
        seen = overview.look(request.user)
        return Response(
            {
                "as_of": seen.as_of,
                "since": seen.since,
                "all": seen.all_jobs,
                "mine": {
                    "jobs": seen.own_jobs,
                    "unfinished": describe_many(seen.own_unfinished),
                    "more": seen.more,
                },
                "queues": [describe_queue(queue, seen.as_of) for queue in seen.queues],
                "resources": [describe_resource(resource, request.user) for resource in seen.resources],
                "hour": _describe_steps(seen.history.hour, FINE.total_seconds()),
                "day": _describe_steps(seen.history.day, COARSE.total_seconds()),
                "attention": [_describe_concern(concern) for concern in seen.attention],
            }
        )


def _describe_steps(buckets: list[Bucket], seconds: float) -> dict[str, Any]:
    return {"step_seconds": int(seconds), "steps": [_describe_bucket(bucket) for bucket in buckets]}


def _describe_bucket(bucket: Bucket) -> dict[str, Any]:
    average = bucket.average_wait
    return {
        "begin": bucket.begin,
        "succeeded": bucket.succeeded,
        "failed": bucket.failed,
        "cancelled": bucket.cancelled,
        "started": bucket.started,
        "average_wait_seconds": None if average is None else round(average, 2),
        "longest_wait_seconds": round(bucket.longest, 2) if bucket.started else None,
    }


def _describe_concern(concern: Concern) -> dict[str, Any]:
    kind = registry.find(concern.subject) if concern.code == "kind_failing" else None
    return {
        "code": concern.code,
        "severity": "bad" if concern.is_bad else "warning",
        "subject": concern.subject,
        "title": kind.title if kind else concern.subject,
        "meaning": str(MEANINGS[concern.code]),
        "count": concern.count,
        "total": concern.total,
        "since": concern.since,
        "until": concern.until,
        "arrived": concern.arrived,
        "left": concern.left,
    }
