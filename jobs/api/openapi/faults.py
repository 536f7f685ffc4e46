"""Errors as the description shows them: a status, a code that programs may rely on, and what it means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from rest_framework import serializers

from jobs.api.openapi.headers import response_headers
from jobs.api.problems import MEDIA_TYPE
from jobs.tokens.models import Scope


class FieldErrorShape(serializers.Serializer):
    """What is wrong with one field."""

    field = serializers.CharField(help_text="where: `input.text`; empty for the request as a whole")
    code = serializers.CharField()
    message = serializers.CharField()

    example = {"field": "input.text", "code": "required", "message": "This field is required."}


class ProblemShape(serializers.Serializer):
    """Any error: RFC 9457, application/problem+json."""

    type = serializers.CharField(help_text="`urn:sira:problem:<code>`")
    title = serializers.CharField(help_text="the status in words")
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="for people: what happened, and what to do")
    instance = serializers.CharField(help_text="the address that was asked for")
    code = serializers.CharField(help_text="for programs: it does not change")
    errors = FieldErrorShape(many=True, required=False, help_text="what is wrong with single fields")  # type: ignore[assignment]


class ScopeFaultShape(serializers.Serializer):
    """What a problem says about the scope that is missing."""

    scope = serializers.ChoiceField(choices=Scope.values, required=False)

    example = {"scope": "submit"}


@dataclass(frozen=True)
class Fault:
    """One error that an operation may answer.

    meaning: one sentence, as `detail` would have it. more: a serializer class with the members that this problem has
    besides those of every problem; all of them `required=False`, and with an `example`. headers: names of
    `headers.COMPONENTS`.
    """

    status: int
    code: str
    meaning: str
    more: type[serializers.Serializer] | None = None
    headers: tuple[str, ...] = ()


INVALID = Fault(400, "invalid_input", "The request is not valid; `errors` says which field and why.")
#: For operations that ask who is calling.
OF_CALLERS = (
    Fault(401, "not_authenticated", "There is no token and no session."),
    Fault(401, "token_unknown", "There is no such token."),
    Fault(401, "token_expired", "The token has expired."),
    Fault(401, "token_revoked", "The token was revoked."),
    Fault(401, "user_inactive", "The token's owner may not sign in any more."),
    Fault(403, "insufficient_scope", "The token has not got the `scope` that this needs.", ScopeFaultShape),
    Fault(403, "permission_denied", "A session's request without its CSRF token, or what is not for you."),
    Fault(429, "throttled", "The token has made all its requests of this minute."),
)
#: For addresses that have ids or numbers in them.
NOT_FOUND = Fault(404, "not_found", "There is nothing at this address: what stands in it is no id.")
NOT_ACCEPTABLE = Fault(406, "not_acceptable", "None of the types in `Accept` can be sent.")
INTERNAL = Fault(500, "internal_error", "An error of ours stopped this request. It was logged.")
DATABASE_AWAY = Fault(503, "database_unavailable", "The database did not answer. Nothing was changed; try again.")

#: For operations that write, read or delete a file.
OF_STORAGE = (
    Fault(503, "storage_unavailable", "The storage of files did not answer. Nothing was changed; try again."),
    Fault(503, "storage_refused", "The storage of files refused the request; the operator has to check the settings."),
    Fault(503, "storage_full", "There is no room left for files; the operator has to make some."),
)
#: For operations that read a body, whatever it is.
OF_BODIES = (
    INVALID,
    *OF_STORAGE,
    Fault(400, "parse_error", "The body could not be read: its Content-Type does not fit it."),
    Fault(400, "invalid_json", "The body is not valid JSON in UTF-8."),
    Fault(400, "not_an_object", "The body is JSON, but not an object."),
    Fault(400, "too_deep", "The body is nested too deeply."),
    Fault(400, "unstorable_text", "A text holds a NUL byte or half a surrogate pair."),
    Fault(413, "request_too_large", "The request is larger than this server takes."),
    Fault(415, "unsupported_media_type", "The body is of a type that this address does not take."),
)
#: For operations of views that parse forms, described or not.
OF_PARTS = (
    Fault(400, "malformed_request", "The form could not be read."),
    Fault(400, "malformed_part", "A part of the form could not be read; nothing was kept."),
    Fault(400, "truncated_body", "The request breaks off; nothing was kept."),
    Fault(400, "too_many_fields", "The form has too many fields."),
    Fault(413, "too_many_files", "There are more files than this address takes."),
)
#: For operations that read a form.
OF_FORMS = (
    *OF_PARTS,
    Fault(400, "too_many_files", "A field that takes one file came with several."),
    Fault(413, "file_too_large", "A file is larger than this server takes."),
)

#: Headers that these statuses have, whatever the error.
HEADERS_OF_STATUS = {401: ("WWWAuthenticate",), 403: ("WWWAuthenticate",), 429: ("RetryAfter",), 503: ("RetryAfter",)}


def responses(faults: Iterable[Fault], resolve: Any) -> dict[str, Any]:
    """Return the `responses` of an operation for these faults. resolve: a serializer class to the $ref of its
    component."""
    by_status: dict[int, dict[str, Fault]] = defaultdict(dict)
    for fault in faults:
        by_status[fault.status].setdefault(fault.code, fault)
    return {str(status): _response(status, list(found.values()), resolve) for status, found in by_status.items()}


def _response(status: int, faults: list[Fault], resolve: Any) -> dict[str, Any]:
    shapes = [ProblemShape, *dict.fromkeys(fault.more for fault in faults if fault.more)]
    schema = {
        "allOf": [resolve(shape) for shape in shapes],
        "properties": {"status": {"const": status}, "code": {"enum": sorted(fault.code for fault in faults)}},
    }
    response: dict[str, Any] = {
        "description": "\n".join(f"- `{fault.code}`: {fault.meaning}" for fault in faults),
        "content": {
            MEDIA_TYPE: {
                "schema": schema,
                "examples": {fault.code: {"value": _example(fault)} for fault in faults},
            }
        },
    }
    names = [name for fault in faults for name in (*fault.headers, *HEADERS_OF_STATUS.get(status, ()))]
    if names:
        response["headers"] = response_headers(tuple(dict.fromkeys(names)))
    return response


def _example(fault: Fault) -> dict[str, Any]:
    more = fault.more.example if fault.more else {}  # type: ignore[attr-defined]
    if fault.code == INVALID.code:
        more = {"errors": [FieldErrorShape.example]} | more
    return {
        "type": f"urn:sira:problem:{fault.code}",
        "title": HTTPStatus(fault.status).phrase,
        "status": fault.status,
        "detail": fault.meaning,
        "instance": "/the/address/that/was/asked",
        "code": fault.code,
        **more,
    }
