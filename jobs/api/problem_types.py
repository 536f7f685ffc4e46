"""Every code that a problem of the API may have: its status, what it means, and what to do.

`type` is `urn:sira:problem:<code>`; /api/v1/problems/<code>/ says the same as this table, and so does
docs/api-problems.md. An app declares its own in its `problem_types.py`. A test finds codes that stand nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True)
class ProblemType:
    """One code. status: HTTP's; retry: whether the same request may succeed later, unchanged."""

    code: str
    status: int
    meaning: str
    what_to_do: str

    @property
    def title(self) -> str:
        return HTTPStatus(self.status).phrase

    @property
    def retry(self) -> bool:
        return self.status in (429, 503)

    @property
    def uri(self) -> str:
        return f"urn:sira:problem:{self.code}"


_types: dict[str, ProblemType] = {}


def declare(rows: Iterable[tuple[str, int, str, str]]) -> None:
    """Add codes: code, status, meaning, what to do. Raises ValueError for one that stands there with another status."""
    for row in rows:
        declared = ProblemType(*row)
        known = _types.setdefault(declared.code, declared)
        if known.status != declared.status:
            raise ValueError(f"problem {declared.code!r} is declared with {known.status} and {declared.status}")


def find(code: str) -> ProblemType | None:
    return _types.get(code)


def all_types() -> list[ProblemType]:
    """Return every declared type, by status and code."""
    return sorted(_types.values(), key=lambda type: (type.status, type.code))


def as_markdown() -> str:
    """Return the table as docs/api-problems.md has it."""
    rows = [f"| `{one.code}` | {one.status} | {one.meaning} | {one.what_to_do} |" for one in all_types()]
    return "\n".join(["| code | status | what it means | what to do |", "|---|---|---|---|", *rows]) + "\n"


_READ = "Read `errors`, mend the fields it names and send the request again."
_LOOK = "Look for it in its list; it may be another person's, or deleted."
_RETRY_JOB = "Retry the job."
_OPERATOR = "Retry the job; if it happens again, tell the operator."
_STORAGE = "Tell the operator, and send the request again when they have mended it."
_LATER = "Send the same request again after `Retry-After` seconds, with the same `Idempotency-Key`."
_SMALLER = "Send less, or several requests."
_NEW_TOKEN = "Make a new token at /app/tokens/ and use that."  # nosec B105 # a sentence

declare(
    [
        ("bad_request", 400, "The request could not be understood.", "Read `detail`."),
        ("invalid_input", 400, "Fields are missing, unknown or wrong.", _READ),
        ("unknown_kind", 400, "No kind of job has this name.", "See /api/v1/kinds/."),
        ("invalid_json", 400, "The body is not JSON.", "Send one JSON object in UTF-8."),
        ("not_an_object", 400, "The body is JSON, but no object.", "Send an object."),
        ("too_deep", 400, "The JSON is nested too deeply.", "Send it flatter."),
        ("unstorable_text", 400, "A text holds NUL or half a surrogate pair.", "Remove it."),
        ("parse_error", 400, "The body could not be read.", "Read `detail`."),
        ("malformed_request", 400, "The request could not be read.", "Check how your client builds it."),
        ("malformed_part", 400, "A part of the form cannot be read.", "Check how your client builds the form."),
        ("truncated_body", 400, "The request breaks off.", "Send it again."),
        ("too_many_fields", 400, "The form has too many fields.", "Send files as files, and fewer fields."),
        ("empty_batch", 400, "A batch without a file.", "Send at least one file in the field that `detail` names."),
        ("not_a_file", 400, "A file came as text.", "Give the part a filename."),
        ("unexpected_files", 400, "Files came in a field that nobody reads.", "Rename the field."),
        ("invalid_idempotency_key", 400, "The `Idempotency-Key` is no key.", "Use 1 to 255 visible ASCII characters."),
        ("invalid_cancel_after", 400, "`Cancel-After` is no time.", "Write 90s, 5m, 1h30m or 2d."),
        ("filter_missing", 400, "A deed for all jobs needs a filter.", "Name one, or say `all: true`."),
        ("webhook_url_refused", 400, "Nothing is sent to this address.", "Use a public https address."),
        ("webhook_needs_owner", 400, "A webhook_url needs an owner.", "Submit with a token."),
        ("invalid_name", 400, "The token's name is no name.", "Read `detail`."),
        ("name_taken", 400, "There is a token of this name.", "Choose another name."),
        ("invalid_scopes", 400, "There are no such scopes.", "Use read, submit or operate."),
        ("invalid_expiry", 400, "The token's end is no time to come.", "Read `detail`."),
        ("not_authenticated", 401, "No token came.", "Send `Authorization: Token <token>`."),
        ("authentication_failed", 401, "The token is not good.", _NEW_TOKEN),
        ("token_unknown", 401, "There is no such token.", _NEW_TOKEN),
        ("token_expired", 401, "The token's time is over.", _NEW_TOKEN),
        ("token_revoked", 401, "The token was revoked.", _NEW_TOKEN),
        ("user_inactive", 401, "The token's user may not come in any more.", "Ask an administrator."),
        ("forbidden", 403, "You may look, but not do this.", "Ask its owner or an operator."),
        ("permission_denied", 403, "You may not do this.", "Ask an operator for the permission."),
        ("insufficient_scope", 403, "The token lacks the scope that `scope` names.", "Use a token that has it."),
        ("not_found", 404, "There is nothing at this address.", "Check the address; it ends with a slash."),
        ("job_not_found", 404, "No such job, or it is not yours.", _LOOK),
        ("file_not_found", 404, "No such file, or it has expired.", "Send it once more."),
        ("file_not_kept", 404, "The file was refused, and only its name was kept.", "Read its job's error."),
        ("queue_not_found", 404, "No such queue.", "See /api/v1/queues/."),
        ("schedule_not_found", 404, "No such schedule.", "See /api/v1/schedules/."),
        ("webhook_not_found", 404, "No such webhook, or it is not yours.", _LOOK),
        ("delivery_not_found", 404, "No such delivery, or it was forgotten.", _LOOK),
        ("problem_not_found", 404, "No problem has this code.", "See /api/v1/problems/."),
        ("method_not_allowed", 405, "The address does not take this method.", "See `Allow`."),
        ("not_acceptable", 406, "It cannot be had in the form asked for.", "Ask for a form that `detail` names."),
        ("conflict", 409, "It does not fit how things stand now.", "Read it again, then decide."),
        ("job_unfinished", 409, "The job has not ended.", "Wait (`Prefer: wait=30`), or cancel it."),
        ("job_ended", 409, "The job has ended already.", "Nothing; its status says how."),
        ("job_failed", 409, "The job failed: there is no result. `error` says why.", "Mend it; retry the job."),
        ("job_cancelled", 409, "The job was cancelled: there is no result.", "Retry the job to get one."),
        ("job_not_retryable", 409, "Only what failed or was cancelled is run again.", "Submit a new job."),
        ("holds_nothing", 409, "The job holds no resource.", "Nothing."),
        ("nothing_to_do", 409, "It is so already.", "Nothing."),
        ("not_runnable", 409, "The schedule submits no kind of this release.", "Pause it."),
        ("schedule_broken", 409, "The schedule's arguments cannot be read.", "Leave it paused; make a new one."),
        ("file_taken", 409, "A job has this file already.", "Send the file again and use the new id."),
        ("delivery_unfinished", 409, "The delivery is still being sent.", "Ask again when it has ended."),
        ("webhook_disabled", 409, "The webhook is disabled.", "Enable it first."),
        ("webhook_exists", 409, "There is a webhook for this URL.", "Change that one."),
        ("too_many_webhooks", 409, "You have as many webhooks as you may.", "Delete one, or change its filters."),
        # Why a job has no result, where that is asked for.
        ("cancelled", 409, "The job was cancelled.", _RETRY_JOB),
        ("timed_out", 409, "The last attempt took longer than its kind may take.", _RETRY_JOB),
        ("worker_lost", 409, "The worker died or froze at the last attempt.", _RETRY_JOB),
        ("deadline_exceeded", 409, "The job did not end before its deadline.", "Retry it to give it a new one."),
        ("resource_taken", 409, "An operator took away what the job held.", _RETRY_JOB),
        ("refused", 409, "The model refused to answer.", "Send something else."),
        ("text_too_long", 409, "The text is too long for the model.", "Send a shorter one."),
        ("provider_unreachable", 409, "The service that is asked could not be reached.", _RETRY_JOB),
        ("provider_unavailable", 409, "The service could not answer.", _RETRY_JOB),
        ("provider_timed_out", 409, "The service did not answer in time.", _RETRY_JOB),
        ("provider_bad_answer", 409, "The service's answer cannot be used.", _OPERATOR),
        ("provider_rate_limited", 409, "The service takes no more requests for now.", _RETRY_JOB),
        ("provider_quota", 409, "The service's account has no credit left.", "Tell the operator."),
        ("provider_refused_key", 409, "The service refused our key.", "Tell the operator."),
        ("provider_refused_request", 409, "The service refused the request.", "Tell the operator."),
        ("circuit_open", 409, "The service failed too often and is left alone.", _RETRY_JOB),
        ("request_too_large", 413, "The request is too large.", _SMALLER),
        ("file_too_large", 413, "A file is too large.", "Send a smaller one, or split it."),
        ("too_many_files", 413, "There are too many files.", _SMALLER),
        ("batch_too_large", 413, "The files of a batch are too large together.", _SMALLER),
        ("too_many_jobs", 413, "More jobs fit than one plan may have.", "Narrow the filter."),
        ("unsupported_media_type", 415, "The body's type is not taken here.", "See `detail` for what is."),
        ("unsupported_type", 415, "The file is of a type that is not read.", "Send one that is, see the kind."),
        ("type_mismatch", 415, "The file is not what its name says.", "Send it under its right name."),
        ("unprocessable", 422, "The request cannot be worked on.", "Read `detail`."),
        ("idempotency_key_reused", 422, "The key was used for another request.", "Send a new key."),
        ("throttled", 429, "Too many requests in a minute.", "Wait `Retry-After` seconds."),
        ("rate_limited", 429, "A limit outside was reached.", _LATER),
        ("internal_error", 500, "An error of ours. It was logged.", "Try once more; then tell the operators."),
        ("unavailable", 503, "Something that is needed did not answer.", _LATER),
        ("database_unavailable", 503, "The database did not answer. Nothing was changed.", _LATER),
        ("storage_unavailable", 503, "The storage of files did not answer. Nothing was changed.", _LATER),
        ("storage_refused", 503, "The storage of files refused the request.", _STORAGE),
        ("storage_full", 503, "There is no room left for files.", _STORAGE),
        ("queue_draining", 503, "The queue takes nothing new now.", _LATER),
    ]
)
