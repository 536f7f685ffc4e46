"""What can go wrong, by whose turn it is to do something."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ._effects import Answer, Request


class SiraError(Exception):
    """The base of every error of this package."""


class Unreachable(SiraError):
    """No answer came, however often it was tried. A submission may be sent again with the same `idempotency_key`.

    tries: requests that were sent or attempted. seconds: from the first to the last. reason: what the last one met.
    """

    def __init__(self, request: Request, reason: str, tries: int, seconds: float) -> None:
        times = "once" if tries == 1 else f"{tries} times in {seconds:.1f} s"
        super().__init__(f"{request.method} /{request.path} had no answer; tried {times}; the last one: {reason}")
        self.reason, self.tries, self.seconds = reason, tries, seconds


class ApiError(SiraError):
    """The server answered with an error (RFC 9457).

    status: HTTP's. code: stable, for programs ("job_not_found"). detail: for people. errors: what is wrong with single
    fields, [{"field", "code", "message"}]. tries: requests until this answer. body: all that the server said.
    """

    def __init__(self, request: Request, answer: Answer, tries: int = 1) -> None:
        self.status = answer.status
        self.body = _problem(answer)
        self.code = str(self.body.get("code", ""))
        self.detail = str(self.body.get("detail") or f"The server answered {answer.status} without saying why.")
        errors = self.body.get("errors")
        self.errors: list[dict[str, str]] = errors if isinstance(errors, list) else []
        self.tries = tries
        again = f" (tried {tries} times)" if tries > 1 else ""
        named = f" {self.code}" if self.code else ""
        super().__init__(f"{request.method} /{request.path}: {self.status}{named}: {self.detail}{again}")


class InvalidInput(ApiError):
    """400: the request is not valid; `errors` says which field."""


class NotAuthenticated(ApiError):
    """401: the token is missing, wrong or no longer good."""


class Forbidden(ApiError):
    """403: this user may not do this."""


class NotFound(ApiError):
    """404: there is no such job (kind, file), or it is not yours."""


class Conflict(ApiError):
    """409: not in the state that the job is in."""


class Unprocessable(ApiError):
    """422: the idempotency key was used for another submission."""


class Throttled(ApiError):
    """429: too much at once, for longer than the client was willing to wait."""


class ServerError(ApiError):
    """5xx: the server's fault, or it is away."""


_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: InvalidInput,
    401: NotAuthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: Unprocessable,
    429: Throttled,
}


def api_error(request: Request, answer: Answer, tries: int = 1) -> ApiError:
    """Return the error that an answer with a status of 300 or more is."""
    kind = ServerError if answer.status >= 500 else _BY_STATUS.get(answer.status, ApiError)
    return kind(request, answer, tries)


def _problem(answer: Answer) -> dict[str, Any]:
    try:
        body = json.loads(answer.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


class JobFailed(SiraError):
    """The job ended without success. code, message: the job's own error."""

    def __init__(self, job_id: str, code: str, message: str) -> None:
        super().__init__(f"job {job_id} failed: {code}: {message}")
        self.job_id, self.code, self.message = job_id, code, message


class JobCancelled(SiraError):
    """The job was cancelled: there is no result. `retry` runs it again."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"job {job_id} was cancelled")
        self.job_id = job_id


class WaitTimeout(SiraError, TimeoutError):
    """The time to wait is over; the job goes on. after: the number of the last event that was told."""

    def __init__(self, job_id: str, timeout: float, after: int) -> None:
        super().__init__(f"job {job_id} has not ended within {timeout:g} s; it goes on")
        self.job_id, self.timeout, self.after = job_id, timeout, after


class WrongShape(SiraError):
    """What the server sent does not fit the type that was asked for; the message says where."""


class DownloadBroken(SiraError):
    """The bytes that came are not those of the file: another size or another SHA-256."""


class WebhookRefused(SiraError):
    """The message was not signed with this secret, or is too old: do nothing of what it says."""
