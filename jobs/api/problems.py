"""Every error of the API as one shape: RFC 9457, application/problem+json.

    {"type", "title", "status", "detail", "instance", "code", "errors"?}

`code` is stable and for programs; `detail` says to a person what happened and what to do. `errors` lists what is wrong
with single fields: [{"field": "input.text", "code": "required", "message": "This field is required."}].
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import (
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from jobs.errors import InvalidInput, JobError, RateLimited, StorageFull, Unavailable
from jobs.kinds import UnknownKind

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
#: What a client may wait before it asks again when the database is away: it is restarted in seconds.
RETRY_AFTER_SECONDS = 5

#: InvalidInput is 400 unless its code has a better word in HTTP.
STATUS_OF_CODE = {
    "file_too_large": 413,
    "too_many_files": 413,
    "batch_too_large": 413,
    "unsupported_type": 415,
    "type_mismatch": 415,
    "idempotency_key_reused": 422,
    "webhook_exists": 409,
    "too_many_webhooks": 409,
    "file_taken": 409,
}
CODE_OF_STATUS = {
    400: "bad_request",
    401: "not_authenticated",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    409: "conflict",
    413: "request_too_large",
    415: "unsupported_media_type",
    422: "unprocessable",
    429: "throttled",
    500: "internal_error",
    503: "unavailable",
}


class Problem(Exception):
    """An answer that is an error; raised by views.

    code: stable, lower_snake_case. detail: what happened and what to do. extra: more members of the body.
    """

    def __init__(
        self, status: int, detail: str, *, code: str = "", headers: dict[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.code = code or CODE_OF_STATUS.get(status, "error")
        self.headers = headers or {}
        self.extra = extra

    def body(self, instance: str) -> dict[str, Any]:
        return {
            "type": f"urn:sira:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "code": self.code,
            **self.extra,
        }


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER."""
    problem = as_problem(error)
    request = context["request"]
    if problem.status == 500:
        logger.error("%s %s failed", request.method, _route(request), exc_info=error)
    elif isinstance(error, ObjectDoesNotExist):
        logger.warning("%s %s met what is gone", request.method, _route(request), exc_info=error)
    elif problem.status == 503:
        logger.warning("%s %s: %s", request.method, _route(request), type(error).__name__)
    set_rollback()
    return Response(problem.body(request.path), status=problem.status, headers=problem.headers, content_type=MEDIA_TYPE)


def _route(request: Any) -> str:
    """Return what was asked for as the log says it: the path itself may name a person."""
    return getattr(request.resolver_match, "route", "")


def as_problem(error: Exception) -> Problem:
    """Return what the API answers for an exception."""
    match error:
        case Problem():
            return error
        case exceptions.ValidationError():
            errors = list(_flatten(error.detail))
            first = errors[0] if errors else {"field": "", "message": ""}
            where = f"{printable(first['field'])}: " if first["field"] else ""
            detail = f"The request is not valid. {where}{first['message']}"
            return Problem(400, detail, code="invalid_input", errors=errors)
        case exceptions.APIException():
            return _of_drf(error)
        case Http404():
            return Problem(404, "There is nothing here, or it is not yours.")
        case ObjectDoesNotExist():  # it was there when the request began; exception_handler logs where
            return Problem(404, "It was deleted while this request was at work.")
        case PermissionDenied():
            return Problem(403, str(error) or "You may not do this.")
        case UnknownKind():
            return Problem(400, str(error.args[0]), code="unknown_kind")
        case InvalidInput():
            return Problem(STATUS_OF_CODE.get(error.code, 400), error.message, code=error.code)
        case Unavailable():
            wait = RETRY_AFTER_SECONDS if error.retry_after is None else int(error.retry_after.total_seconds()) + 1
            status = 429 if isinstance(error, RateLimited) else 503
            return Problem(status, error.message, code=error.code, headers={"Retry-After": str(wait)})
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT):  # where uploads wait, TMPDIR
            return as_problem(StorageFull())
        case JobError():
            return Problem(409, error.message, code=error.code)
        case TooManyFilesSent():
            return Problem(413, "There are more files in this request than this address takes.", code="too_many_files")
        case TooManyFieldsSent():
            most = f"more than {settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:,} fields"
            detail = f"The request has {most}. Send fewer; each file is a part of its own with a filename."
            return Problem(400, detail, code="too_many_fields")
        case RequestDataTooBig():
            return Problem(413, "The request is larger than this server takes.")
        case MultiPartParserError() | SuspiciousOperation():
            return Problem(400, "The request could not be read.", code="malformed_request")
        case OperationalError() | InterfaceError():
            return _database_away()
        case _:
            return Problem(500, "An error of ours stopped this request. It was logged.")


def printable(name: str) -> str:
    """Return what a client called something, fit to stand in a sentence: short, and nothing unseen in it."""
    return "".join(char for char in name[:50] if char.isprintable()) or "?"


def _database_away() -> Problem:
    return Problem(
        503,
        "The database did not answer. Nothing was changed; try again in a few seconds.",
        code="database_unavailable",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def _of_drf(error: exceptions.APIException) -> Problem:
    headers = {}
    if auth_header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    code = error.get_codes()
    detail = str(error.detail)
    if error.status_code == 401:
        detail = f"{detail} Send `Authorization: Token <token>`."
    return Problem(error.status_code, detail, code=code if isinstance(code, str) else "", headers=headers)


def _flatten(detail: Any, field: str = "") -> Iterator[dict[str, str]]:
    """Yield one row for each message of DRF's nested errors."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            nested = "" if name == "non_field_errors" else str(name)
            yield from _flatten(inner, ".".join(part for part in (field, nested) if part))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            yield from _flatten(inner, f"{field}.{index}" if isinstance(inner, (dict, list)) and inner else field)
    else:
        yield {"field": field, "code": getattr(detail, "code", None) or "invalid", "message": str(detail)}


# --- outside DRF ----------------------------------------------------------------------------------------------


def respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    return JsonResponse(
        problem.body(request.path), status=problem.status, headers=problem.headers, content_type=MEDIA_TYPE
    )


def wants_problem(request: HttpRequest) -> bool:
    """Whether an error page would be read by a program."""
    root = request.path.split("/", 2)[1]
    return root in settings.SIRA_API_ROOTS or not request.accepts("text/html")


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_problem(request):
        return respond(request, as_problem(exception))
    return defaults.bad_request(request, exception)


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_problem(request):
        return respond(request, Problem(403, "You may not do this."))
    return defaults.permission_denied(request, exception)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_problem(request):
        hint = "" if request.path.endswith("/") else " Paths of /api/v1/jobs/ end with a slash."
        return respond(request, Problem(404, f"There is nothing at this address.{hint}"))
    return defaults.page_not_found(request, exception)


def handler500(request: HttpRequest) -> HttpResponse:
    import sys

    error = sys.exc_info()[1]
    away = isinstance(error, (OperationalError, InterfaceError)) and isinstance(error, DatabaseError | InterfaceError)
    if wants_problem(request):
        return respond(request, _database_away() if away else Problem(500, "An error of ours. It was logged."))
    return defaults.server_error(request)
