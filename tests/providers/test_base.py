"""Retry-after headers and HTTP statuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobs.errors import JobError, RateLimited, Unavailable
from jobs.providers.base import LONGEST_WAIT, error_for_status, find_retry_after

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "7"}, timedelta(seconds=7)),
        ({"retry-after": "0"}, timedelta()),
        ({"retry-after": "2.5"}, timedelta(seconds=2.5)),
        ({"retry-after": "9", "retry-after-ms": "1500"}, timedelta(seconds=1.5)),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, timedelta(seconds=30)),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, timedelta()),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e300"}, LONGEST_WAIT),
    ],
)
def test_retry_after_is_read_in_every_form_it_comes_in(headers: dict[str, str], wait: timedelta | None) -> None:
    assert find_retry_after(headers, now=NOON) == wait


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (429, RateLimited, "provider_rate_limited"),
        (500, Unavailable, "provider_unavailable"),
        (503, Unavailable, "provider_unavailable"),
        (408, Unavailable, "provider_unavailable"),
        (401, JobError, "provider_refused_key"),
        (403, JobError, "provider_refused_key"),
        (400, JobError, "provider_refused_request"),
        (404, JobError, "provider_refused_request"),
    ],
)
def test_a_status_says_whose_fault_it_is(status: int, kind: type[JobError], code: str) -> None:
    error = error_for_status(status, {}, "The shop")
    assert type(error) is kind
    assert error.code == code
    assert "The shop" in error.message
