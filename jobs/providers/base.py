"""What every provider shares: to tell whose fault a failed call was, and how long to wait.

A provider is a class with one verb and a time-out. Its errors are sentences of ours: a response body, a prompt or a
key never becomes part of one, because errors are stored, logged and shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from jobs import tracing
from jobs.errors import JobError, RateLimited, Unavailable

# No answer asks for more than this in earnest; a broken one must not park a job for a year.
LONGEST_WAIT = timedelta(hours=24)


def error_for_status(status: int, headers: Mapping[str, str], provider: str) -> JobError:
    """Return the error for an HTTP status that is not a success. provider: its name, as people know it.

    429 is RateLimited, with the wait that was asked for; 408, 409, 425 and 5xx are Unavailable. 401, 403 and all others
    are the operator's to repair: a plain JobError, which is never retried.
    """
    if status == 429:
        return RateLimited(
            f"{provider} takes no more requests for now. The job goes on when it does.",
            code="provider_rate_limited",
            retry_after=find_retry_after(headers),
        )
    if status in (408, 409, 425) or status >= 500:
        return Unavailable(
            f"{provider} could not answer (HTTP {status}). It will be tried again.",
            code="provider_unavailable",
            retry_after=find_retry_after(headers),
        )
    if status in (401, 403):
        return JobError(
            f"{provider} refused our key (HTTP {status}). The operator must check the key and what it may do.",
            code="provider_refused_key",
        )
    return JobError(
        f"{provider} refused the request (HTTP {status}). The operator must check the provider's settings.",
        code="provider_refused_request",
    )


def unreachable(provider: str) -> Unavailable:
    """Return the error for a connection that could not be made or broke."""
    return Unavailable(f"{provider} could not be reached. It will be tried again.", code="provider_unreachable")


def timed_out(provider: str, timeout: timedelta) -> Unavailable:
    """Return the error for an answer that did not come in time."""
    return Unavailable(
        f"{provider} did not answer within {timeout.total_seconds():g} s. It will be tried again.",
        code="provider_timed_out",
    )


def bad_answer(provider: str) -> Unavailable:
    """Return the error for an answer that came but is not what was asked for; the next one may be."""
    return Unavailable(
        f"{provider} gave an answer that cannot be used. It will be tried again.", code="provider_bad_answer"
    )


def find_retry_after(headers: Mapping[str, str], now: datetime | None = None) -> timedelta | None:
    """Return how long the other side asks us to wait, at most `LONGEST_WAIT`; None if it does not say.

    headers: with lower-case names or a case-insensitive mapping. Reads `retry-after-ms` (milliseconds, OpenAI), then
    `retry-after` (seconds, also with a fraction, or an HTTP date).
    """
    for name, unit in (("retry-after-ms", timedelta(milliseconds=1)), ("retry-after", timedelta(seconds=1))):
        value = headers.get(name)
        if value is None:
            continue
        try:
            amount = float(value)
        except ValueError:
            continue
        if math.isfinite(amount) and amount >= 0:
            return unit * min(amount, LONGEST_WAIT / unit)
    try:
        moment = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(moment - (now or datetime.now(UTC)), timedelta()), LONGEST_WAIT)


def calling(provider: str) -> AbstractContextManager[tracing.Span]:
    """Let a trace show the block as a call to `provider`: a name of ours, such as that of its rate limit."""
    return tracing.span(f"call {provider}", tracing.CLIENT, sira__provider=provider)
