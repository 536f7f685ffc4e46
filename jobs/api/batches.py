"""How one request with many files becomes a batch: a parent job, and a child for each file."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from rest_framework import exceptions
from rest_framework.request import Request

from jobs import files, lifecycle
from jobs.api.parsers import refuse_unstorable
from jobs.api.submissions import cancel_after, idempotency_key, shorter
from jobs.api.uploads import BatchTooLarge, EmptyBatch, TooManyFiles
from jobs.door import FileTooLarge, as_json
from jobs.errors import InvalidInput, JobError
from jobs.idempotency import was_replayed
from jobs.kinds import JobKind, registry
from jobs.lifecycle import Submission
from jobs.models import Job, JobFile, new_id

#: The child kind's field for its file.
FILE = "file"


def accept_batch(
    request: Request,
    *,
    parent_kind: str,
    parent_data: Mapping[str, Any],
    child_kind: str,
    child_data: Mapping[str, Any],
    uploads: Sequence[UploadedFile],
    folder: str = "jobs",
    priority: int | None = None,
    user_id: str = "",
    session_id: str = "",
    timeout: timedelta | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Job:
    """Check a batch and submit it for the request's user. Returns the parent; its children are in the order of uploads.

    parent_data, child_data: inputs of the two kinds as they came; what is wrong with them is wrong for all
    (ValidationError, 400). uploads: one child for each, whose input is child_data and `file`, the id of its only
    JobFile. A file that the child kind's serializer refuses becomes a child that has failed with that reason, and a
    JobFile without content that keeps its name; the others go on. timeout: parent and children end by then.
    folder, priority, user_id, session_id, metadata: as for `submissions.accept`; metadata is the parent's.

    Honours `Idempotency-Key` (`job.was_replayed` is true when an earlier batch is the answer) and `Cancel-After`.
    Raises EmptyBatch (400), TooManyFiles, BatchTooLarge (413), IdempotencyConflict (422).
    """
    _check_size(uploads)
    key = idempotency_key(request)
    refuse_unstorable([parent_data, child_data, user_id, session_id, metadata or {}])
    context = {"request": request}
    owner = request.user if request.user.is_authenticated else None
    common: dict[str, Any] = {
        "priority": priority,
        "user_id": user_id,
        "session_id": session_id,
        "timeout": shorter(timeout, cancel_after(request)),
    }
    parent_input = registry.get(parent_kind).input(data=dict(parent_data), context=context)
    parent_input.is_valid(raise_exception=True)
    parent = Submission(
        parent_kind, as_json(parent_input, parent_input.validated_data), metadata=dict(metadata or {}), **common
    )
    candidates = list(_check_each(registry.get(child_kind), child_data, uploads, context))
    stored = files.store_many((one.incoming for one in candidates), role=JobFile.Role.INPUT, folder=folder)
    try:
        children = [
            Submission(
                child_kind,
                {FILE: str(file.pk), **one.input},
                id=one.incoming.job_id,
                files=[file],
                refused=one.refused,
                **common,
            )
            for one, file in zip(candidates, stored, strict=True)
        ]
        job = lifecycle.submit_batch(parent, children, owner=owner, idempotency_key=key)
    except BaseException:
        # Only what no job took: when the answer to a commit was lost, the batch may well be there.
        _discard_untaken(stored)
        raise
    if was_replayed(job):
        files.discard(stored)
    return job


@dataclass(frozen=True)
class _Candidate:
    """An upload that was looked at. input: the rest of the child's input. refused: why it is not taken, if so."""

    incoming: files.Incoming
    input: dict[str, Any]
    refused: JobError | None


def _check_size(uploads: Sequence[UploadedFile]) -> None:
    if not uploads:
        raise EmptyBatch("There is no file in the batch. Send at least one.")
    if len(uploads) > settings.MAX_BATCH_FILES:
        raise TooManyFiles
    if sum(upload.size or 0 for upload in uploads) > settings.MAX_BATCH_BYTES:
        raise BatchTooLarge


def _check_each(
    kind: JobKind, child_data: Mapping[str, Any], uploads: Iterable[UploadedFile], context: dict[str, Any]
) -> Iterable[_Candidate]:
    # What is not about a file is checked once, for all; and a refused child that is run again needs the same input.
    shared = kind.input(data=dict(child_data), context=context)
    shared.fields.pop(FILE)
    rest = as_json(shared, shared.to_internal_value(dict(child_data)))
    for upload in uploads:
        name = upload.name or "file"
        refused: JobError | None = None
        try:
            upload = _check_one(kind, child_data, upload, context)
        except InvalidInput as error:
            refused = error
        media_type = getattr(upload, "media_type", None) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        incoming = files.Incoming(upload, name, media_type, job_id=new_id(), keep=refused is None)
        yield _Candidate(incoming, rest, refused)


def _check_one(
    kind: JobKind, child_data: Mapping[str, Any], upload: UploadedFile, context: dict[str, Any]
) -> UploadedFile:
    """Return the upload as its kind's serializer leaves it.

    Raises InvalidInput for what is wrong with the file, ValidationError for what is wrong with child_data.
    """
    if (upload.size or 0) > settings.MAX_UPLOAD_BYTES:
        raise FileTooLarge
    serializer = kind.input(data={FILE: upload, **child_data}, context=context)
    if not serializer.is_valid():
        if FILE not in serializer.errors:
            raise exceptions.ValidationError(serializer.errors)
        message, code = _first_error(serializer.errors[FILE])
        raise InvalidInput(message, code=code)
    return serializer.validated_data[FILE]


def _first_error(errors: Any) -> tuple[str, str]:
    while isinstance(errors, Mapping | list):
        errors = next(iter(errors.values() if isinstance(errors, Mapping) else errors))
    return str(errors), getattr(errors, "code", None) or "invalid_input"


def _discard_untaken(stored: Sequence[JobFile]) -> None:
    files.discard(JobFile.objects.filter(pk__in=[file.pk for file in stored], job__isnull=True))
