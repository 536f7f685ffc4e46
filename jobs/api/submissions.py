"""How a request becomes a job, and how a job becomes an answer: shared by every API of every app."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import door, lifecycle, sent_files
from jobs.api.forms import refuse_several
from jobs.api.problems import Problem
from jobs.api.serializers import describe, links
from jobs.door import was_replayed
from jobs.models import Job, JobFile
from jobs.states import FINISHED

#: `Prefer: wait` is granted up to this.
LONGEST_WAIT_SECONDS = 60.0
#: How often a waiting request looks: soon at first, because most work takes a moment.
FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS = 0.02, 0.25
#: `Cancel-After`: days, hours, minutes and seconds in this order, or seconds alone.
CANCEL_AFTER = re.compile(
    r"(?:(?P<days>\d{1,3})d)?(?:(?P<hours>\d{1,5})h)?(?:(?P<minutes>\d{1,6})m)?(?:(?P<seconds>\d{1,8})s?)?",
    re.ASCII,
)
SHORTEST_DEADLINE, LONGEST_DEADLINE = timedelta(seconds=1), timedelta(days=366)
#: What a client should wait before it asks again about an unfinished job.
RETRY_AFTER_SECONDS = 1


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


def get_visible_job(request: Request, job_id: uuid.UUID | str) -> Job:
    """Return the job if the request's user may see it. Raises a 404 problem, the same for a foreign as for no job."""
    try:
        job = Job.objects.visible_to(request.user).get(pk=uuid.UUID(str(job_id)))
    except (Job.DoesNotExist, ValueError):
        raise Problem(404, "There is no such job, or it is not yours.", code="job_not_found") from None
    # Clusters do so within a second; but should none be alive, nobody is left waiting either.
    if job.is_overdue and lifecycle.settle_overdue(job):
        job.refresh_from_db()
    return job


def preferred_wait(request: Request) -> float:
    """Return how long the client would wait (`Prefer: wait=n`), in seconds, at most 60; 0 if it did not say."""
    match = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})", request.headers.get("Prefer", ""))
    return min(float(match[1]), LONGEST_WAIT_SECONDS) if match else 0.0


def wait_for_end(job: Job, seconds: float) -> Job:
    """Wait until the job has ended, but not longer; return it as it is then.

    Holds neither a transaction nor a connection while it sleeps: many requests may wait at once. Raises a 404
    problem when the job is deleted meanwhile.
    """
    deadline = time.monotonic() + seconds
    pause = FIRST_LOOK_SECONDS
    while not job.is_finished and (left := deadline - time.monotonic()) > 0:
        release_connection()
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
    ended = job.is_finished
    response = Response(
        describe(job) if body is None else body, status=status.HTTP_200_OK if ended else status.HTTP_202_ACCEPTED
    )
    own = links(job)
    response["Location"] = own["self"]
    response["Link"] = ", ".join(f'<{own[name]}>; rel="{name}"' for name in ("self", "result", "events", "cancel"))
    if not ended:
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if was_replayed(job):
        response["Idempotent-Replayed"] = "true"
    if request is not None and (wait := preferred_wait(request)):
        response["Preference-Applied"] = f"wait={wait:.0f}"
    return response
