"""Each call of the API: the request, who may send it again, and what the answer means."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, quote, urlsplit

from . import _models as models
from ._effects import Emit, Request, Steps
from ._errors import Conflict, JobCancelled, JobFailed
from ._models import Job, Kind, Queue, Receipt
from ._retries import Patience, send
from ._submissions import JOBS, Submission, json_request

#: A job, or its id.
JobLike: TypeAlias = "Job | str | uuid.UUID"


def id_of(job: JobLike) -> str:
    return job.id if isinstance(job, Job) else str(job)


def path_of(job: JobLike, rest: str = "") -> str:
    return f"{JOBS}{quote(id_of(job), safe='')}/{rest}"


def submit(patience: Patience, request: Request) -> Steps[Job]:
    """The key makes it safe to send again: the server answers with the job that it made the first time."""
    said = yield from send(request, patience, repeatable=True)
    return models.parse_job(said)


def submit_many(patience: Patience, submissions: Sequence[Submission], request: Request) -> Steps[list[Job]]:
    said = yield from send(request, patience, repeatable=True)
    webhooks = {_normal(webhook.get("url", "")): webhook for webhook in said.get("webhooks", ())}
    pairs = zip(said["jobs"], submissions, strict=True)
    return [replace(models.parse_job(job), webhook=webhooks.get(_normal(one.webhook_url))) for job, one in pairs]


def _normal(url: str) -> str:
    """Return an address in the server's spelling."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.lower(), path=parts.path or "/").geturl()


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
    return json_request("POST", path_of(job, verb), {"reason": reason} if reason else {})


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
