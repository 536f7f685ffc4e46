"""What is said to the two requests that programs send most: a look at a job, and a submission.

Without a request or a response of any framework, so that the views and the fast path (`fast_path/`) say the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.utils.http import parse_etags, quote_etag

from jobs.api.problems import MEDIA_TYPE, as_problem
from jobs.api.serializers import Seen, describe, links
from jobs.idempotency import was_replayed
from jobs.models import Job
from jobs.positions import why_pending
from jobs.states import UNFINISHED, State

#: What a client should wait before it asks again about an unfinished job.
RETRY_AFTER_SECONDS = 1


@dataclass(frozen=True)
class Reply:
    """status: of HTTP. body: JSON-able with `to_json`; None for an empty one. headers: besides those of all answers."""

    status: int
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)


def to_a_look(job: Job, seen: Seen | None, if_none_match: str) -> Reply:
    """Return the reply to a look at a job: 200, or 304 to a client that has it as it is.

    seen: of this very row, as `submissions.look_at` returns it.
    """
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if job.state in UNFINISHED else {}
    body = None
    if job.state == State.QUEUED or seen is None or seen.has_children:
        # Where it stands, and how far its parts are, changes without an event.
        body = describe(job, seen)
        parts = "-".join(str(count) for count in (body["children"] or {}).values())
        etag = quote_etag(f"{job.event_seq}-{body['position']}-{body['waiting_for'] or ''}-{parts}")
    else:
        waits_for = why_pending(job) if job.state == State.PENDING else ""
        etag = quote_etag(f"{job.event_seq}-0-{waits_for}-")
    headers["ETag"] = etag
    if is_known(if_none_match, etag):
        return Reply(304, headers=headers)
    return Reply(200, body or describe(job, seen), headers)


def to_a_submission(job: Job, body: Any) -> Reply:
    """Return the reply to a submission: 202 with Location, Retry-After and links; 200 when the job has ended already.

    body: the job's description, or a seed's own words.
    """
    own = links(job)
    headers = {
        "Location": own["self"],
        "Link": ", ".join(f'<{own[name]}>; rel="{name}"' for name in ("self", "result", "events", "cancel")),
    }
    if not job.is_finished:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if was_replayed(job):
        headers["Idempotent-Replayed"] = "true"
    return Reply(200 if job.is_finished else 202, body, headers)


def to_an_error(error: Exception, path: str) -> Reply:
    """Return the problem that an exception is, as DRF's handler says it. path: what was asked for."""
    problem = as_problem(error)
    return Reply(problem.status, problem.body(path), {**problem.headers, "Content-Type": MEDIA_TYPE})


def is_known(if_none_match: str, etag: str) -> bool:
    """Return whether the client has this already. if_none_match: the header, or ""."""
    known = parse_etags(if_none_match)
    return "*" in known or etag in [tag.removeprefix("W/") for tag in known]
