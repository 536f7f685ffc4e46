"""What is asked for, and the request that says so."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ._effects import Request
from ._uploads import FileLike, uploads_of

JOBS = "api/v1/jobs/"


@dataclass(frozen=True, kw_only=True)
class Options:
    """priority: 0 to 10, 10 first. run_after: not before this, with a time zone. user_id, session_id: your labels."""

    priority: int | None = None
    run_after: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    user_id: str = ""
    session_id: str = ""
    webhook_url: str = ""

    def __post_init__(self) -> None:
        if self.run_after is not None and self.run_after.tzinfo is None:
            raise ValueError("run_after needs a time zone: datetime.now(UTC) + timedelta(hours=1)")

    def as_json(self) -> dict[str, Any]:
        """Return what was given, as the API calls it."""
        given = {
            "priority": self.priority,
            "run_after": self.run_after.isoformat() if self.run_after else None,
            "metadata": dict(self.metadata),
            "user_id": self.user_id,
            "session_id": self.session_id,
            "webhook_url": self.webhook_url,
        }
        return {name: value for name, value in given.items() if value not in (None, "", {})}


@dataclass(frozen=True)
class Submission(Options):
    """One job of many, for `submit_many`. Jobs with files are submitted one by one."""

    kind: str
    input: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "input": dict(self.input)} | super().as_json()


def request_of(
    submission: Submission,
    *,
    files: Mapping[str, FileLike | Sequence[FileLike]] | None = None,
    cancel_after: timedelta | float | None = None,
    idempotency_key: str | None = None,
) -> Request:
    """Return the request that submits one job: JSON, or a form when there are files."""
    headers, envelope = _headers(cancel_after, idempotency_key), submission.as_json()
    if not files:
        return json_request("POST", JOBS, envelope, headers)
    form = {name: json.dumps(value) if isinstance(value, dict) else str(value) for name, value in envelope.items()}
    return Request("POST", JOBS, headers=headers, form=form, uploads=uploads_of(files))


def request_of_many(
    submissions: Sequence[Submission], *, cancel_after: timedelta | float | None, idempotency_key: str | None
) -> Request:
    envelopes = [submission.as_json() for submission in submissions]
    return json_request("POST", f"{JOBS}bulk/", {"jobs": envelopes}, _headers(cancel_after, idempotency_key))


def json_request(method: str, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Request:
    content = json.dumps(body, allow_nan=False).encode()
    return Request(method, path, headers={"Content-Type": "application/json", **(headers or {})}, content=content)


def _headers(cancel_after: timedelta | float | None, idempotency_key: str | None) -> dict[str, str]:
    headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
    if cancel_after is not None:
        seconds = cancel_after.total_seconds() if isinstance(cancel_after, timedelta) else cancel_after
        headers["Cancel-After"] = f"{math.ceil(seconds)}s"
    return headers
