"""How a request becomes a job, and how a job becomes an answer: shared by every API of every app."""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import door, lifecycle, sent_files
from jobs.api import replies
from jobs.api.forms import refuse_several
from jobs.api.problems import Problem
from jobs.api.serializers import Seen, describe
from jobs.api.turns import turns
from jobs.clock import database_now
from jobs.compiled import Compiled
from jobs.fast_path import prepared
from jobs.idempotency import was_replayed
from jobs.models import Job, JobFile
from jobs.states import FINISHED

#: `Prefer: wait` is granted up to this.
LONGEST_WAIT_SECONDS = 60.0
#: So many requests may wait at once; those that come on top are answered with what there is. Half of the threads of
#: `config/handler.py`: the others are for whoever has something to do.
_waiting = threading.Semaphore(256)
#: How often a waiting request looks: soon at first, because most work takes a moment.
FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS = 0.02, 0.25
#: `Cancel-After`: days, hours, minutes and seconds in this order, or seconds alone.
CANCEL_AFTER = re.compile(
    r"(?:(?P<days>\d{1,3})d)?(?:(?P<hours>\d{1,5})h)?(?:(?P<minutes>\d{1,6})m)?(?:(?P<seconds>\d{1,8})s?)?",
    re.ASCII,
)
SHORTEST_DEADLINE, LONGEST_DEADLINE = timedelta(seconds=1), timedelta(days=366)


def accept(
    request: Request,
    kind: str,
    data: Mapping[str, Any],
    *,
    files: Iterable[JobFile] = (),
    folder: str = "jobs",
    job_id: uuid.UUID | None = None,
    priority: int | None = None,
    user_id: str = "",
    session_id: str = "",
    run_after: datetime | None = None,
    metadata: Mapping[str, Any] | None = None,
    field_prefix: str = "",
    **options: Any,
) -> Job:
    """Check `data` with the kind's serializer and submit it for the request's user.

    data: the kind's input as it came; where the serializer has a FileField an uploaded file (or a list of them), or
    the id of one that the user has sent before.
    files, folder: see `door.enter`. field_prefix: put before field names in errors. options: others of
    `lifecycle.submit`.

    Honours `Idempotency-Key` (`job.was_replayed` is true when an earlier job is the answer) and `Cancel-After`. Raises
    ValidationError (400), InvalidInput, UnknownKind, IdempotencyConflict (422).
    """
    key, timeout = idempotency_key(request), shorter(options.pop("timeout", None), cancel_after(request))
    takes = door.file_fields(door.open_kind(kind))
    refuse_several(request, [name for name, many in takes.items() if not many])
    data = take_sent(request, data, takes, prefix=field_prefix)
    checked = door.check(kind, data, context={"request": request}, prefix=field_prefix)
    return door.enter(
        checked,
        owner=request.user if request.user.is_authenticated else None,
        idempotency_key=key,
        files=files,
        folder=folder,
        job_id=job_id,
        priority=priority,
        user_id=user_id,
        session_id=session_id,
        run_after=run_after,
        metadata=metadata,
        timeout=timeout,
        **options,
    )


def take_sent(
    request: Request, data: Mapping[str, Any], takes: Mapping[str, bool], *, prefix: str = ""
) -> dict[str, Any]:
    """Return an input with the user's files in place of their ids. takes: as `door.file_fields` returns it."""
    found = sent_files.find(request.user, ids) if (ids := sent_files.ids_in(data, takes)) else {}
    try:
        return sent_files.put_in(data, takes, found)
    except ValidationError as error:
        raise ValidationError({prefix: error.detail} if prefix else error.detail) from None


def cancel_after(request: Request) -> timedelta | None:
    """Return within what time of being due the job has to end (`Cancel-After: 90s`, `1h30m`, `90`), or None.

    Raises a 400 problem for what is no such time.
    """
    given = request.headers.get("Cancel-After")
    if given is None:
        return None
    found = CANCEL_AFTER.fullmatch(given.strip().lower())
    numbers = {unit: int(number) for unit, number in (found.groupdict() if found else {}).items() if number}
    after = timedelta(**numbers)
    if not numbers or not SHORTEST_DEADLINE <= after <= LONGEST_DEADLINE:
        raise Problem(
            400,
            f"Cancel-After must be a time such as 90s, 5m, 1h30m or 2d, from {SHORTEST_DEADLINE.total_seconds():.0f} "
            f"second to {LONGEST_DEADLINE.days} days.",
            code="invalid_cancel_after",
        )
    return after


def shorter(one: timedelta | None, other: timedelta | None) -> timedelta | None:
    """Return the shorter of two time limits; None is no limit."""
    return min((limit for limit in (one, other) if limit is not None), default=None)


def idempotency_key(request: Request) -> str | None:
    """Return the request's key, or None. Raises a 400 problem for one that is no key."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not door.IDEMPOTENCY_KEY.fullmatch(key):
        raise Problem(400, "Idempotency-Key must be 1 to 255 visible ASCII characters.", code="invalid_idempotency_key")
    return key


def _to_look_at(jobs: Any) -> Any:
    """Return jobs with what `Seen` tells, in the same statement."""
    return jobs.annotate(
        as_of=Now(),
        has_files=Exists(JobFile.objects.filter(job=OuterRef("pk"))),
        has_children=Exists(Job.objects.filter(parent=OuterRef("pk"))),
    )


_ID = (Job._meta.pk, uuid.UUID(int=1))
_WHOLE = Compiled(lambda id: _to_look_at(Job.objects.filter(pk=id)), id=_ID)
#: Without what no description has, which may be megabytes.
DESCRIBED = Compiled(
    lambda id: _to_look_at(Job.objects.filter(pk=id)).defer("input", "result", "error_traceback"), id=_ID
)


def get_visible_job(request: Request, job_id: uuid.UUID | str) -> Job:
    """Return the job if the request's user may see it. Raises a 404 problem, the same for a foreign as for no job."""
    return _look_at(request.user, job_id, _WHOLE)[0]


def look_at(user: Any, job_id: uuid.UUID | str) -> tuple[Job, Seen]:
    """Return the job if the user may see it, with what was seen of it, for `describe`. Raises a 404 problem."""
    return _look_at(user, job_id, DESCRIBED)


def _look_at(user: Any, job_id: uuid.UUID | str, by_id: Compiled[Job]) -> tuple[Job, Seen]:
    found = _find(user, job_id, by_id)
    # Clusters do so within a second; but should none be alive, nobody is left waiting either.
    if found is not None and found[0].is_overdue and lifecycle.settle_overdue(found[0]):
        found = _find(user, job_id, by_id)
    if found is None:
        raise Problem(404, "There is no such job, or it is not yours.", code="job_not_found")
    return found


def _find(user: Any, job_id: uuid.UUID | str, by_id: Compiled[Job]) -> tuple[Job, Seen] | None:
    """Return a job that `Job.objects.visible_to(user)` holds."""
    try:
        id = uuid.UUID(str(job_id))
    except ValueError:
        return None
    if not user.is_authenticated:
        return None
    job: Any = by_id.first(id=id)
    if job is None or not (user.is_staff or job.owner_id == user.pk):
        return None
    as_of = job.as_of if prepared.on_postgresql() else database_now()  # SQLite's own has no microseconds
    return job, Seen(as_of, has_files=job.has_files, has_children=job.has_children)


def preferred_wait(request: Request) -> float:
    """Return how long the client would wait (`Prefer: wait=n`), in seconds, at most 60; 0 if it did not say."""
    match = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})", request.headers.get("Prefer", ""))
    return min(float(match[1]), LONGEST_WAIT_SECONDS) if match else 0.0


def wait_for_end(job: Job, seconds: float) -> Job:
    """Wait until the job has ended, but not longer; return it as it is then.

    Holds neither a transaction nor a connection while it sleeps: many requests may wait at once. Raises a 404
    problem when the job is deleted meanwhile.
    """
    if not _waiting.acquire(blocking=False):
        return job  # as it is: so many wait already that the threads of all others are at stake
    try:
        return _wait_for_end(job, time.monotonic() + seconds)
    finally:
        _waiting.release()


def _wait_for_end(job: Job, deadline: float) -> Job:
    pause = FIRST_LOOK_SECONDS
    while not job.is_finished and (left := deadline - time.monotonic()) > 0:
        release_connection()
        with turns.step_aside():
            time.sleep(min(pause, left))
        pause = min(pause * 1.5, LAST_LOOK_SECONDS)
        state = Job.objects.filter(pk=job.pk).values_list("state", flat=True).first()
        if state is None:
            raise Problem(404, "The job was deleted.", code="job_not_found")
        if state in FINISHED:
            break
    was = was_replayed(job)
    try:
        job = Job.objects.get(pk=job.pk)
    except Job.DoesNotExist:
        raise Problem(404, "The job was deleted.", code="job_not_found") from None
    job.was_replayed = was  # type: ignore[attr-defined]
    return job


def release_connection() -> None:
    """Give this thread's connection back to the pool, for a request that has long nothing to ask."""
    if not connection.in_atomic_block:
        connection.close()


def accepted_response(job: Job, body: Any = None, *, request: Request | None = None) -> Response:
    """Answer a submission: 202 with Location, Retry-After and links; 200 when the job has ended already.

    body: what to say instead of the job's description (a seed's own words). request: names what it preferred.
    """
    reply = replies.to_a_submission(job, describe(job) if body is None else body)
    response = Response(reply.body, status=reply.status, headers=reply.headers)
    if request is not None and (wait := preferred_wait(request)):
        response["Preference-Applied"] = f"wait={wait:.0f}"
    return response
