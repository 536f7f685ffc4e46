"""What schemathesis may pass over, and why. It loads this module by SCHEMATHESIS_HOOKS; nothing else does.

Undescribed statuses, headers, types and bodies are never passed over, nor are errors of ours (500).
"""

from __future__ import annotations

import re
import uuid
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData, ServerError
from schemathesis.openapi.checks import RejectedPositiveData

#: What jobs.api.openapi.headers has for an example.
EXAMPLE_KEY = "order-4711-1"
#: Refusals (400) of requests that no schema can tell from good ones: the code of the problem or of its
#: first error, or its field and code.
BEYOND_A_SCHEMA = {
    "no_user": "whether somebody has this name",
    "forbidden": "only staff may ask for jobs of others",
    "empty_range": "that one time comes before another",
    "invalid_cancel_after": "how long a time is that is given in words",
    "unstorable_text": "that no text, wherever it is, has NUL in it or half a surrogate pair",
    "null_characters_not_allowed": "the same",
    "reason:required": "that operators need one for jobs of others",
    "out_of_range": "how far from now a time is",
    "unknown_field": "the words of a search line",
    "webhook_url_refused": "whether a URL may be called from here",
    "idempotency_key_reused": "what else the key was used for",
    "unsupported_type": "what the bytes of a file are",
    "type_mismatch": "whether they are what the file's name says",
    "invalid_session_id": "which characters can be seen",
    "empty_text": "whether there is anything to be seen in a text",
    "blank": "what counts as a blank: more characters than a pattern's",
    "no_text": "whether there is text in a file",
    "empty_file": "whether there is anything in a file",
    "file_not_found": "whether a file was sent before",
    "filter_missing": "that there is a filter, or `all`",
    "order_not_found": "whether an order was found for a mail",
    "reserved_key": "which keys of an object are not the caller's own",
    "overlap_too_large": "that one number is smaller than another",
}


#: Of forms: what is in a text that should be JSON; and parts without a name, which no schema forbids.
BEYOND_A_FORM = {"invalid_json", "not_an_object", "malformed_part"}
#: How schemathesis says that it sent a value of another type.
OTHER_TYPE = re.compile(r"Incorrect type|violates `type` at")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Use no key twice, or all but the first request would be answered from memory; and wait for nothing long."""
    headers = case.headers or {}
    if headers.get("Idempotency-Key") == EXAMPLE_KEY:
        headers["Idempotency-Key"] = uuid.uuid4().hex
    if headers.get("Prefer", "").startswith("wait="):
        headers["Prefer"] = "wait=0"


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Keep a failure, unless a sentence of this module says why it is none."""
    if isinstance(failure, RejectedPositiveData):
        field, code = _error_of(response)
        in_form = str(case.media_type).startswith("multipart/")
        if in_form and isinstance(case.body, dict) and None in case.body.values():
            return False  # a form has no way to say null
        return not {code, f"{field}:{code}"} & BEYOND_A_SCHEMA.keys() and not (in_form and code in BEYOND_A_FORM)
    if isinstance(failure, AcceptedNegativeData):
        wrong = failure.message.partition("Invalid component:")[2].strip()
        head, *parts = re.split(r"^\s*- ", wrong, flags=re.MULTILINE)
        return not all(_is_harmless(f"{head} {part}", case, response) for part in parts or [""])
    if isinstance(failure, ServerError):
        # The run itself drains queues, as staff; then 503 is what is described, and no failure of the server.
        return not (response.status_code == 503 and _error_of(response)[1] == "queue_draining")
    return True


def _is_harmless(part: str, case: Any, response: Any) -> bool:
    """Whether one wrong part of a request may be accepted. part: what schemathesis says of it."""
    if "400" not in case.operation.definition.raw["responses"]:
        return True  # these take any query, by design: what they do not understand they read as nothing
    if "additionalProperties" in part or "unexpected properties" in part:
        # HTTP lets anybody add headers and parameters; what nobody reads does no harm. In bodies it is a typo.
        return "header" in part or "query" in part
    if "query" in part:  # a parameter without a value is one that was not given: so do forms and browsers say it
        sent = parse_qsl(urlsplit(response.request.url).query, keep_blank_values=True)
        return any(value == "" for _, value in sent)
    if "header" in part:  # the same of a header that is sent empty
        return "" in response.request.headers.values()
    # Forms know text only, so fields take "5" for a number and 0 or "true" for a boolean, in JSON as well.
    return "body" in part and bool(OTHER_TYPE.search(part))


def _error_of(response: Any) -> tuple[str, str]:
    """Return the field and the code of the first error; of one that names no field, "" and the problem's code."""
    problem = response.json()
    errors = problem.get("errors") or [problem]
    return errors[0].get("field", ""), errors[0]["code"]
