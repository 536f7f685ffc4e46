"""How a request becomes a job, and how a job becomes an answer: shared by every API of every app."""

from __future__ import annotations

import mimetypes
import re
import time
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import connection
from rest_framework import exceptions, status
from rest_framework.fields import FileField
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import files as job_files
from jobs import lifecycle
from jobs.api.forms import refuse_several
from jobs.api.parsers import refuse_unstorable
from jobs.api.problems import Problem
from jobs.api.serializers import describe, links
from jobs.errors import InvalidInput
from jobs.kinds import UnknownKind, registry
from jobs.models import Job, JobFile, new_id
from jobs.states import FINISHED

#: `Prefer: wait` is granted up to this.
LONGEST_WAIT_SECONDS = 60.0
#: How often a waiting request looks: soon at first, because most work takes a moment.
FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS = 0.02, 0.25
#: What a client should wait before it asks again about an unfinished job.
RETRY_AFTER_SECONDS = 1

_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class FileTooLarge(InvalidInput):
    """413."""

    code = "file_too_large"

    def __init__(self) -> None:
        super().__init__(
            f"The file is larger than {settings.MAX_UPLOAD_BYTES // 1024**2} MB. Send a smaller one, or split it."
        )


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

    data: the kind's input as it came; an uploaded file (or a list of them) where the serializer has a FileField. It
    is stored as a JobFile and its id takes its place in the job's input. The serializer may set `media_type` on an
    upload that it judged; else it is guessed from the name. files: JobFiles saved before, given to the job as well.
    folder: where in the storage. field_prefix: put before field names in errors. options: others of `lifecycle.submit`.

    Honours `Idempotency-Key`: `job.was_replayed` is true when an earlier job is the answer. Raises ValidationError
    (400), InvalidInput, UnknownKind, IdempotencyConflict (422).
    """
    declared = registry.get(kind)
    if declared.internal:
        raise UnknownKind(f"unknown kind {kind!r}.")
    key = idempotency_key(request)
    refuse_unstorable({name: value for name, value in data.items() if not isinstance(value, UploadedFile)})
    refuse_unstorable([user_id, session_id, metadata or {}])
    serializer = declared.input(data=dict(data), context={"request": request})
    refuse_several(request, [name for name, field in serializer.fields.items() if isinstance(field, FileField)])
    if not serializer.is_valid():
        errors = serializer.errors
        raise exceptions.ValidationError({field_prefix: errors} if field_prefix else errors)
    job_id = job_id or new_id()
    stored: list[JobFile] = []
    try:
        fields = {
            name: _store_uploads(value, job_id, folder, stored) for name, value in serializer.validated_data.items()
        }
        job = lifecycle.submit(
            kind,
            as_json(serializer, fields),
            owner=request.user if request.user.is_authenticated else None,
            idempotency_key=key,
            id=job_id,
            files=[*files, *stored],
            priority=priority,
            user_id=user_id,
            session_id=session_id,
            run_after=run_after,
            metadata=dict(metadata or {}),
            **options,
        )
    except BaseException:
        # Only what no job took: when the answer to a commit was lost, the job may well be there.
        job_files.discard(JobFile.objects.filter(pk__in=[file.pk for file in stored], job__isnull=True))
        raise
    if was_replayed(job):
        job_files.discard(stored)
    return job


def was_replayed(job: Job) -> bool:
    """Whether `job` is the earlier answer to this Idempotency-Key."""
    return getattr(job, "was_replayed", False)


def idempotency_key(request: Request) -> str | None:
    """Return the request's key, or None. Raises a 400 problem for one that is no key."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise Problem(400, "Idempotency-Key must be 1 to 255 visible ASCII characters.", code="invalid_idempotency_key")
    return key


def get_visible_job(request: Request, job_id: uuid.UUID | str) -> Job:
    """Return the job if the request's user may see it. Raises a 404 problem, the same for a foreign as for no job."""
    try:
        return Job.objects.visible_to(request.user).get(pk=uuid.UUID(str(job_id)))
    except (Job.DoesNotExist, ValueError):
        raise Problem(404, "There is no such job, or it is not yours.", code="job_not_found") from None


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
    job = Job.objects.get(pk=job.pk)
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


def _store_uploads(value: Any, job_id: uuid.UUID, folder: str, stored: list[JobFile]) -> Any:
    """Store what is an upload and return its id instead; other values as they are."""
    if isinstance(value, list | tuple):
        return [_store_uploads(item, job_id, folder, stored) for item in value]
    if not isinstance(value, UploadedFile):
        return value
    name = value.name or "file"
    if (value.size or 0) > settings.MAX_UPLOAD_BYTES:
        raise FileTooLarge
    media_type = getattr(value, "media_type", None) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    row = job_files.store(
        value, name=name, media_type=media_type, role=JobFile.Role.INPUT, job_id=job_id, folder=folder
    )
    stored.append(row)
    return str(row.pk)


def as_json(serializer: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return validated fields as JSON keeps them: dates, UUIDs and decimals in their written form."""
    return {
        name: value
        if value is None or isinstance(value, str | bool | int | float | list | dict)
        else serializer.fields[name].to_representation(value)
        for name, value in fields.items()
    }
