"""/api/v1/jobs/cancel/, retry/ and delete/: the same to all jobs that a filter fits, once, and on record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import operations
from jobs.api import openapi
from jobs.api.parsers import ObjectParser
from jobs.api.problems import Problem
from jobs.api.replies import RETRY_AFTER_SECONDS
from jobs.api.shapes.many import OF_OPERATIONS, OperationShape
from jobs.api.views import View
from jobs.door import refuse_unknown
from jobs.models import AuditEntry, Job, OperationPlan, PlannedStep
from jobs.operations import OPERATIONS, Operation, by_filter
from jobs.roles import may
from jobs.search import JobFilter
from jobs.tokens.models import Scope

#: So many are done while the client waits; more are done by a job.
MOST_AT_ONCE = 200


class OperationInput(serializers.Serializer):
    """To which jobs something is done, and why."""

    filter = serializers.DictField(required=False, default=dict, help_text="as the query of the list of jobs")
    all = serializers.BooleanField(required=False, default=False, help_text="needed when the filter is empty")
    dry_run = serializers.BooleanField(required=False, default=False, help_text="only say what would be done")
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")

    refuses_unknown = True
    example = {"filter": {"state": "queued", "session_id": "s1"}, "reason": "the import was wrong"}


class OperateOnMany(View):
    """POST: do it to all jobs that fit: own ones, or with its permission anybody's."""

    scopes = {"POST": Scope.OPERATE}
    parser_classes = [ObjectParser]
    operation = ""

    @openapi.operation(
        {
            200: openapi.Answer(OperationShape, "It is done, or with `dry_run` would be."),
            202: openapi.Answer(OperationShape, "A job does it.", headers=("Location", "RetryAfter")),
        },
        request=OperationInput,
        faults=OF_OPERATIONS,
    )
    def post(self, request: Request) -> Response:
        """Do something to all jobs that a filter fits.

        To your own, or with the permission to anybody's. Up to 200 are done at once, more by a job. With `dry_run`
        nothing is done; the answer says what would be, and shows some.
        """
        refuse_unknown(request.data, OperationInput().fields)
        body = OperationInput(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        operation = OPERATIONS[self.operation]
        own_only = not may(request.user, operation.permission)
        asked = _filter(request, given["filter"], everything=given["all"])
        if own_only and request.user.is_staff and asked.validated_data.get("owner") != "me":
            raise Problem(
                403, "You may look at jobs of others, but only an operator may change them. Put `owner: me` into the "
                "filter to do it to your own.", code="forbidden",
            )  # fmt: skip
        if not (given["reason"] or own_only or given["dry_run"]):
            raise serializers.ValidationError({"reason": ["Say why: it is kept in the audit log."]}, code="required")
        jobs = Job.objects.filter(owner_id=request.user.pk) if own_only else Job.objects.all()
        try:
            chosen = by_filter.choose(operation, asked, jobs, request.user)
        except operations.TooMany:
            raise Problem(
                413, f"More than {operations.MOST_PLANNED:,} jobs fit. Narrow the filter, for example by time.",
                code="too_many_jobs",
            ) from None  # fmt: skip
        if given["dry_run"]:
            return Response(_describe_preview(operation, chosen))
        made = by_filter.write_down(
            operation, chosen, actor=request.user, via=AuditEntry.Via.API, reason=given["reason"],
            asked=given["filter"], own_only=own_only,
        )  # fmt: skip
        return _carry_out(operation, chosen, made)


class CancelMany(OperateOnMany):
    summary = "Cancel all jobs that a filter fits"
    operation = "cancel"


class RetryMany(OperateOnMany):
    summary = "Run all failed or cancelled jobs again that a filter fits"
    operation = "requeue"


class DeleteMany(OperateOnMany):
    summary = "Delete all ended jobs that a filter fits"
    operation = "forget"


def _filter(request: Request, given: Mapping[str, Any], *, everything: bool) -> JobFilter:
    refuse_unknown(given, JobFilter().fields, "filter")
    if not given and not everything:
        raise Problem(
            400, "The filter is empty, and so fits every job. Name some, or say that all are meant with `all: true`.",
            code="filter_missing",
        )  # fmt: skip
    # A list, where the query of an address has several values with commas.
    data = {name: ",".join(map(str, value)) if isinstance(value, list) else value for name, value in given.items()}
    asked = JobFilter(data=data, context={"user": request.user})
    if not asked.is_valid():
        raise serializers.ValidationError({"filter": asked.errors})
    return asked


def _carry_out(operation: Operation, chosen: by_filter.Chosen, made: OperationPlan) -> Response:
    job = None
    try:
        if operations.to_do(made).count() > MOST_AT_ONCE:
            job = operations.carry_out(made)
        else:
            operations.carry_out_here(made)
    except operations.NotPlanned:  # none of them needs it: that is an answer, and no plan to keep
        body = _describe_made(operation, chosen, made)
        made.delete()
        return Response(body | {"plan": None})
    body = _describe_made(operation, chosen, made)
    if job is None:
        return Response(body)
    where = reverse("api:job", args=[job.pk])
    headers = {"Location": where, "Retry-After": str(RETRY_AFTER_SECONDS)}
    body |= {"job": str(job.pk), "links": {"job": where}}
    return Response(body, status=status.HTTP_202_ACCEPTED, headers=headers)


def _describe_preview(operation: Operation, chosen: by_filter.Chosen) -> dict[str, Any]:
    seen = by_filter.preview(operation, chosen)
    return {
        "operation": operation.name,
        "dry_run": True,
        "matched": chosen.matched,
        "with_their_batch": chosen.with_batch,
        "planned": seen.planned,
        "left_alone": [
            {"code": code, "count": count, "example": operations.say(seen.examples[code].evidence)}
            for code, count in seen.left_alone.most_common()
        ],
        "samples": [
            {
                "id": str(planned.job.pk),
                "kind": planned.job.kind,
                "state": planned.job.state,
                "step": planned.step.code if planned.step else None,
                "what": words.what,
                "why": words.evidence,
            }
            for planned in seen.samples
            for words in [operations.describe_plan(planned)]
        ],
    }


def _describe_made(operation: Operation, chosen: by_filter.Chosen, made: OperationPlan) -> dict[str, Any]:
    """Say what came of a plan so far: what was done, and of what was not, why."""
    counts = operations.counts(made)
    return {
        "operation": operation.name,
        "dry_run": False,
        "matched": chosen.matched,
        "with_their_batch": chosen.with_batch,
        "planned": counts["planned"],
        "done": counts["done"],
        "to_do": counts["to_do"],
        "left_alone": _left_alone(operation, made),
        "plan": str(made.pk),
        "job": None,
        "links": {},
    }


def _left_alone(operation: Operation, made: OperationPlan) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    rows = made.steps.filter(step="") | made.steps.filter(outcome=PlannedStep.Outcome.SKIPPED)
    for row in rows.iterator():
        code = row.why or str(row.evidence.get("code", ""))
        words = operations.describe_step(operation.name, row)
        entry = found.setdefault(code, {"code": code, "count": 0, "example": words.came or words.evidence})
        entry["count"] += 1
    return sorted(found.values(), key=lambda entry: -entry["count"])
