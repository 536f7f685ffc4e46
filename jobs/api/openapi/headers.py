"""Headers: those that a request may have, and those of answers."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter


def request_header(name: str, description: str, *, example: str, schema: Any = OpenApiTypes.STR) -> OpenApiParameter:
    """Return a header that a request may have."""
    examples = [OpenApiExample("example", value=example)]
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=description, examples=examples)


IDEMPOTENCY_KEY = request_header(
    "Idempotency-Key",
    "A name of your own for this request. The same key with the same body answers with the job of the first time.",
    schema={"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
    example="order-4711-1",
)
CANCEL_AFTER = request_header(
    "Cancel-After",
    "Within what time of being due the job has to end, or it fails: 90s, 5m, 1h30m, 2d; a number alone is seconds.",
    schema={"type": "string", "pattern": r"^(?=\d)(\d{1,3}d)?(\d{1,5}h)?(\d{1,6}m)?(\d{1,8}s?)?$"},
    example="1h30m",
)
PREFER = request_header(
    "Prefer",
    "`wait=n`: the answer comes when the job has ended, at most n (60) seconds later.",
    example="wait=10",
)
IF_NONE_MATCH = request_header(
    "If-None-Match", "The `ETag` of what you have: 304 without a body if it is still so.", example='"12-0-"'
)
LAST_EVENT_ID = request_header(
    "Last-Event-ID",
    "The `id` of the last event that came by a stream. It goes on after that one, whatever `after` says.",
    schema={"type": "integer", "minimum": 0, "maximum": 2**62},
    example="41",
)

#: Headers of answers by the name of their component; `Answer(headers=…)` names them.
COMPONENTS: dict[str, dict[str, Any]] = {
    "Location": {
        "description": "Where what was made can be looked at.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "RetryAfter": {
        "description": "After how many seconds it makes sense to ask again.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Link": {
        "description": "The job's addresses: `self`, `result`, `events`, `cancel` (RFC 8288).",
        "schema": {"type": "string"},
    },
    "JobLocation": {
        "description": "Where the job is, if there is one.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "JobLink": {
        "description": "The job's addresses, if there is one.",
        "schema": {"type": "string"},
    },
    "NextPage": {
        "description": 'The address of the next page, `rel="next"`; not on the last one (RFC 8288).',
        "schema": {"type": "string"},
    },
    "PreferenceApplied": {
        "description": "Which part of `Prefer` was heeded.",
        "schema": {"type": "string"},
    },
    "IdempotentReplayed": {
        "description": "`true`: this is the answer to an earlier request with this key.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "Changes when the answer does; send it back as `If-None-Match`.",
        "schema": {"type": "string"},
    },
    "ContentDisposition": {
        "description": "`attachment` with the name of the file.",
        "schema": {"type": "string"},
    },
    "Attachment": {
        "description": "The name of the file, where the answer is one.",
        "schema": {"type": "string"},
    },
    "WWWAuthenticate": {
        "description": "How to sign in, or which scope is missing (RFC 6750).",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": 'What is left of the token\'s requests of this minute: `"token";r=<left>;t=<seconds>`. '
        "Not for sessions, and not without a limit.",
        "schema": {"type": "string"},
    },
    "RateLimitPolicy": {
        "description": 'How many requests the token has in which time: `"token";q=<requests>;w=<seconds>`.',
        "schema": {"type": "string"},
    },
}
#: Those of every answer to a token.
OF_TOKENS = ("RateLimit", "RateLimitPolicy")
#: Their names on the wire, where that is not the component's name.
WIRE_NAMES = {
    "JobLocation": "Location",
    "JobLink": "Link",
    "RetryAfter": "Retry-After",
    "NextPage": "Link",
    "PreferenceApplied": "Preference-Applied",
    "IdempotentReplayed": "Idempotent-Replayed",
    "ContentDisposition": "Content-Disposition",
    "Attachment": "Content-Disposition",
    "WWWAuthenticate": "WWW-Authenticate",
    "RateLimitPolicy": "RateLimit-Policy",
}
#: Headers that an answer has always, wherever it is declared to have them; others depend.
ALWAYS = frozenset({"Location", "Link", "ETag", "ContentDisposition"})


def response_headers(names: tuple[str, ...]) -> dict[str, Any]:
    return {WIRE_NAMES.get(name, name): {"$ref": f"#/components/headers/{name}"} for name in names}
