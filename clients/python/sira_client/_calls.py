"""Each call of the API: the request, who may send it again, and what the answer means."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, quote, urlsplit

from . import _models as models
from ._effects import Emit, Request, Steps
from ._errors import Conflict, JobCancelled, JobFailed
from ._models import Job, Kind, Queue, Receipt
from ._retries import Patience, send
from ._uploads import FileLike, uploads_of

#: A job, or its id.
JobLike: TypeAlias = "Job | str | uuid.UUID"

JOBS = "api/v1/jobs/"


def id_of(job: JobLike) -> str:
    return job.id if isinstance(job, Job) else str(job)


def path_of(job: JobLike, rest: str = "") -> str:
    return f"{JOBS}{quote(id_of(job), safe='')}/{rest}"


def submission(
    kind: str,
    input: Mapping[str, Any] | None,
    *,
    files: Mapping[str, FileLike | Sequence[FileLike]] | None,
    priority: int | None,
    run_after: datetime | None,
    metadata: Mapping[str, Any] | None,
    user_id: str,
    session_id: str,
    webhook_url: str,
    idempotency_key: str | None,
) -> Request:
    """Return the request that submits a job: JSON, or a form when there are files."""
    if run_after is not None and run_after.tzinfo is None:
        raise ValueError("run_after needs a time zone: datetime.now(UTC) + timedelta(hours=1)")
    given = {
        "priority": priority,
        "run_after": run_after.isoformat() if run_after else None,
        "user_id": user_id,
        "session_id": session_id,
        "webhook_url": webhook_url,
    }
    envelope = {"kind": kind} | {name: value for name, value in given.items() if value not in (None, "")}
    objects = {"input": dict(input or {}), "metadata": dict(metadata or {})}
    headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
    if files:
        texts = {name: str(value) for name, value in envelope.items()}
        form = texts | {name: json.dumps(value) for name, value in objects.items() if value}
        return Request("POST", JOBS, headers=headers, form=form, uploads=uploads_of(files))
    return _json_request("POST", JOBS, envelope | objects, headers)


def _json_request(method: str, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Request:
    content = json.dumps(body, allow_nan=False).encode()
    return Request(method, path, headers={"Content-Type": "application/json", **(headers or {})}, content=content)


def submit(patience: Patience, request: Request) -> Steps[Job]:
    """The key makes it safe to send again: the server answers with the job that it made the first time."""
    said = yield from send(request, patience, repeatable=True)
    return models.parse_job(said)


def get(patience: Patience, job: JobLike, *, until: float | None = None) -> Steps[Job]:
    said = yield from send(Request("GET", path_of(job)), patience, repeatable=True, until=until)
    return models.parse_job(said)


def result(patience: Patience, job: JobLike) -> Steps[Any]:
    try:
        said = yield from send(Request("GET", path_of(job, "result/")), patience, repeatable=True)
    except Conflict as conflict:
        if conflict.code == "job_failed":
            error = conflict.body.get("error") or {}
            raise JobFailed(id_of(job), error.get("code", ""), error.get("message", conflict.detail)) from None
        if conflict.code == "job_cancelled":
            raise JobCancelled(id_of(job)) from None
        raise
    return said["result"]


def cancel(patience: Patience, job: JobLike, reason: str) -> Steps[Job]:
    try:
        said = yield from send(_operation(job, "cancel/", reason), patience, repeatable=True)
    except Conflict as conflict:
        if conflict.tries > 1 and conflict.body.get("state") == "cancelled":
            return (yield from get(patience, job))  # the answer to an earlier try was lost
        raise
    return models.parse_job(said)


def retry(patience: Patience, job: JobLike, reason: str) -> Steps[Job]:
    # Not repeatable: it may have run and failed again in between.
    said = yield from send(_operation(job, "retry/", reason), patience, repeatable=False)
    return models.parse_job(said)


def _operation(job: JobLike, verb: str, reason: str) -> Request:
    return _json_request("POST", path_of(job, verb), {"reason": reason} if reason else {})


def delete(patience: Patience, job: JobLike) -> Steps[Receipt]:
    # Not repeatable: the receipt is told once.
    said = yield from send(Request("DELETE", path_of(job)), patience, repeatable=False)
    return models.parse(Receipt, said)


def list_jobs(patience: Patience, filters: Mapping[str, Any]) -> Steps[None]:
    """Emit the jobs of one page after another."""
    query = {name: _in_query(value) for name, value in filters.items() if value is not None}
    while True:
        page = yield from send(Request("GET", JOBS, query=query), patience, repeatable=True)
        for one in page["results"]:
            yield Emit(models.parse_job(one))
        if not page.get("next"):
            return
        query = dict(parse_qsl(urlsplit(page["next"]).query))  # the address is ours, the cursor the server's


def _in_query(value: Any) -> str:
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(map(str, value))
    return value.isoformat() if isinstance(value, datetime) else str(value)


def queues(patience: Patience) -> Steps[list[Queue]]:
    said = yield from send(Request("GET", "api/v1/queues/"), patience, repeatable=True)
    return [models.parse(Queue, one) for one in said["results"]]


def kinds(patience: Patience) -> Steps[list[Kind]]:
    said = yield from send(Request("GET", "api/v1/kinds/"), patience, repeatable=True)
    return [models.parse_kind(one) for one in said["results"]]
