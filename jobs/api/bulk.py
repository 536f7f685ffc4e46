"""/api/v1/jobs/bulk/: many jobs in one request and one transaction, all of them or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from rest_framework import serializers, status
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import door, sent_files
from jobs.api.openapi import IDEMPOTENCY_KEY, Answer, operation
from jobs.api.openapi.common import OF_SUBMISSIONS
from jobs.api.parsers import ObjectParser
from jobs.api.replies import RETRY_AFTER_SECONDS
from jobs.api.serializers import SubmissionInput, describe_named
from jobs.api.shapes.endings import OF_NAMED_WEBHOOKS
from jobs.api.shapes.many import SubmittedJobsShape
from jobs.api.submissions import cancel_after, idempotency_key
from jobs.api.views import View
from jobs.door import Checked, refuse_unknown
from jobs.errors import InvalidInput
from jobs.idempotency import was_replayed
from jobs.kinds import UnknownKind, registry
from jobs.models import Job
from jobs.tokens.models import Scope
from jobs.webhooks.endpoints import MOST_ENDPOINTS

#: Jobs of one request. More are several requests, each with a key of its own.
MOST_AT_ONCE = 1_000


class BulkInput(serializers.Serializer):
    """Many envelopes, each as for one job."""

    jobs: Any = serializers.ListSerializer(child=SubmissionInput(), allow_empty=False, max_length=MOST_AT_ONCE)

    refuses_unknown = True
    example = {"jobs": [{"kind": "imaging.generate_image", "input": {"prompt": "a lighthouse at dawn"}}]}

    def validate_jobs(self, envelopes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        # Each address costs statements of its own.
        if len({given["webhook_url"] for given in envelopes} - {""}) > MOST_ENDPOINTS:
            raise serializers.ValidationError(
                f"At most {MOST_ENDPOINTS} different webhook_urls fit into one request.", code="too_many_webhooks"
            )
        return envelopes


class BulkSubmit(View):
    parser_classes = [ObjectParser]
    scopes = {"POST": Scope.SUBMIT}

    @operation(
        {202: Answer(SubmittedJobsShape, headers=("RetryAfter", "IdempotentReplayed"))},
        request=BulkInput,
        parameters=[IDEMPOTENCY_KEY],
        faults=[*OF_SUBMISSIONS, *OF_NAMED_WEBHOOKS],
    )
    def post(self, request: Request) -> Response:
        """Submit many jobs.

        Up to 1,000, all of them or none; `Cancel-After` holds for each. What is wrong with one is told by its number.
        Files are sent before, to `/api/v1/files/`, and named by their ids.
        """
        key = idempotency_key(request)
        _refuse_typos(request.data)
        given = BulkInput(data=request.data)
        given.is_valid(raise_exception=True)
        timeout = cancel_after(request)
        envelopes = [one | {"timeout": timeout} for one in given.validated_data["jobs"]]
        entries = _check_all(envelopes, {"request": request})
        jobs = door.enter_many(entries, owner=request.user, idempotency_key=key)
        named = {one.endpoint.pk: one for job in jobs if (one := getattr(job, "webhook", None))}
        body: dict[str, Any] = {"jobs": [describe_short(job) for job in jobs], "count": len(jobs)}
        if named:
            body["webhooks"] = [describe_named(one) for one in named.values()]  # a secret is told now or never
        response = Response(body, status=status.HTTP_202_ACCEPTED, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
        if any(map(was_replayed, jobs)):
            response["Idempotent-Replayed"] = "true"
        return response


def describe_short(job: Job) -> dict[str, Any]:
    """Return a job of many: what it is, how it stands, and where to ask for more."""
    return {
        "id": str(job.pk),
        "kind": job.kind,
        "state": str(job.state),
        "links": {"self": reverse("api:job", args=[job.pk])},
    }


def _refuse_typos(data: Any) -> None:
    refuse_unknown(data, BulkInput().fields)
    envelopes = data.get("jobs")
    known = SubmissionInput().fields
    errors: Any = {}
    for number, envelope in enumerate(envelopes if isinstance(envelopes, list) else []):
        if isinstance(envelope, Mapping) and not envelope.keys() <= known.keys():
            errors[number] = _errors_of(lambda one=envelope: refuse_unknown(one, known))
    if errors:
        raise serializers.ValidationError({"jobs": errors})


def _check_all(envelopes: list[dict[str, Any]], context: dict[str, Any]) -> list[tuple[Checked, Mapping[str, Any]]]:
    """Check every input before anything is stored. Raises ValidationError with what is wrong with all of them."""
    entries: list[tuple[Checked, Mapping[str, Any]]] = []
    takes = {name: _file_fields(name) for name in {envelope["kind"] for envelope in envelopes}}
    ids = (sent_files.ids_in(envelope["input"], takes[envelope["kind"]]) for envelope in envelopes)
    found = sent_files.find(context["request"].user, set().union(*ids))
    errors: Any = {}

    def check(kind: str, data: dict[str, Any], rest: Mapping[str, Any]) -> None:
        refuse_unknown(data, registry.get(kind).input().fields, "input")
        try:
            data = sent_files.put_in(data, takes[kind], found)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({"input": error.detail}) from None
        entries.append((door.check(kind, data, context=context, prefix="input"), rest))

    for number, envelope in enumerate(envelopes):
        rest = {name: value for name, value in envelope.items() if name not in ("kind", "input")}
        wrong = _errors_of(lambda given=envelope, rest=rest: check(given["kind"], given["input"], rest))
        if wrong:
            errors[number] = wrong
    if errors:
        raise serializers.ValidationError({"jobs": errors})
    return entries


def _file_fields(kind: str) -> dict[str, bool]:
    return door.file_fields(registry.get(kind)) if kind in registry else {}


def _errors_of(check: Any) -> Any:
    """Run a check of one envelope and return what is wrong with it, as DRF has it; {} for nothing."""
    try:
        check()
    except serializers.ValidationError as error:
        return error.detail
    except UnknownKind as error:
        return {"kind": [ErrorDetail(str(error.args[0]), code="unknown_kind")]}
    except InvalidInput as error:
        return {"input": [ErrorDetail(error.message, code=error.code)]}
    return {}
