"""The same request, sent twice: what makes two requests the same, and where the answer to the first one is kept.

The key stands on the job, in a unique index. Of a request for many jobs each job has one: the first the client's own,
the others one that no client can send, for it has a blank. So the jobs of a request are found again by its key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jobs.compiled import Compiled
from jobs.errors import InvalidInput
from jobs.models import Job

if TYPE_CHECKING:
    from jobs.submission import Submission


class IdempotencyConflict(InvalidInput):
    """The key was used before, for another request."""

    code = "idempotency_key_reused"


def keys_of(key: str | None, count: int) -> list[str]:
    """Return the keys under which the `count` jobs of one request are kept, in order; [] without a key."""
    if not key or not count:
        return []
    # Of a long key the others would not fit into the column.
    short = hashlib.sha256(key.encode()).hexdigest()
    return [key, *(f"{short} {number}" for number in range(1, count))]


def digest_of(family: Sequence[Submission]) -> str:
    """A request's identity: what it asks for, with files by content, for the same upload is a new JobFile each time."""
    digest = hashlib.sha256()
    for submission in family:
        digest.update(json.dumps(_identity(submission), sort_keys=True, default=str).encode())
    return digest.hexdigest()


def _identity(submission: Submission) -> dict[str, Any]:
    content = {str(file.pk): f"{file.name} {file.sha256}" for file in submission.files}
    identity = {
        "kind": submission.kind,
        "input": _with_content(submission.input, content),
        "priority": submission.priority,
        "user_id": submission.user_id,
        "session_id": submission.session_id,
        "metadata": submission.metadata,
        "run_after": submission.run_after,
        "timeout": submission.timeout,
        "files": list(content.values()),
    }
    if submission.webhook_url:
        identity["webhook_url"] = submission.webhook_url
    return identity | ({"refused": submission.refused.code} if submission.refused else {})


def _with_content(value: Any, content: Mapping[str, str]) -> Any:
    """Put the hash of a file in place of its id, wherever an input names it."""
    if isinstance(value, Mapping):
        return {key: _with_content(inner, content) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_content(inner, content) for inner in value]
    return content.get(value, value) if isinstance(value, str) else value


_BY_KEY = Compiled(
    lambda owner, key: Job.objects.filter(owner=owner, idempotency_key=key),
    owner=(Job._meta.get_field("owner"), -1),
    key=(Job._meta.get_field("idempotency_key"), "a key"),
)


def find_replay(owner: Any, keys: Sequence[str], digest: str) -> list[Job]:
    """Return the jobs of the earlier request under these keys, in order; those deleted since are left out.

    `job.was_replayed` is set on each. Raises IdempotencyConflict when that was another request.
    """
    if not keys:
        return []
    places = {key: place for place, key in enumerate(keys)}
    if len(keys) == 1 and owner is not None:
        jobs = _BY_KEY.all(owner=owner.pk, key=keys[0])
    else:
        jobs = list(Job.objects.filter(owner=owner, idempotency_key__in=keys))
    if any(job.idempotency_digest != digest for job in jobs):
        raise IdempotencyConflict(
            "This Idempotency-Key was already used for another request. Send a new key with a new request."
        )
    for job in jobs:
        job.was_replayed = True  # type: ignore[attr-defined]
    return sorted(jobs, key=lambda job: places[job.idempotency_key or ""])


def was_replayed(job: Job) -> bool:
    """Whether `job` is the earlier answer to its Idempotency-Key."""
    return getattr(job, "was_replayed", False)
