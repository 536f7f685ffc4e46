"""The door: what is looked at before a job comes in, the same for the API and the terminal.

checked = door.check("parsers.parse_cv", {"file": upload})   # raises; nothing was stored
job = door.enter(checked, owner=user)
"""

from __future__ import annotations

import difflib
import mimetypes
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from jobs import files as job_files
from jobs import lifecycle
from jobs.api.parsers import refuse_unstorable
from jobs.errors import InvalidInput
from jobs.idempotency import was_replayed
from jobs.kinds import JobKind, UnknownKind, registry
from jobs.models import Job, JobFile, new_id
from jobs.sent_files import SentFile

IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class FileTooLarge(InvalidInput):
    """413."""

    code = "file_too_large"

    def __init__(self) -> None:
        super().__init__(
            f"The file is larger than {settings.MAX_UPLOAD_BYTES // 1024**2} MB. Send a smaller one, or split it."
        )


@dataclass(frozen=True)
class Checked:
    """An input that its kind takes. fields: validated; a file is still an upload."""

    kind: JobKind
    serializer: serializers.Serializer
    fields: dict[str, Any]


def open_kind(name: str) -> JobKind:
    """Return a kind that anybody may submit. Raises UnknownKind, also for the engine's own."""
    kind = registry.get(name)
    if kind.internal:
        raise UnknownKind(f"unknown kind {name!r}.")
    return kind


def field_names(kind: JobKind) -> frozenset[str]:
    """Return the names of the fields of a kind's input."""
    return _field_names(kind.input)


@lru_cache(maxsize=1000)
def _field_names(input: type[serializers.Serializer]) -> frozenset[str]:
    return frozenset(input().fields)


def file_fields(kind: JobKind) -> dict[str, bool]:
    """Return the fields of a kind's input that take files, and whether they take many. Not to be changed."""
    return _file_fields(kind.input)


@lru_cache(maxsize=1000)
def _file_fields(input: type[serializers.Serializer]) -> dict[str, bool]:
    fields = input().fields
    one = {name: False for name, field in fields.items() if isinstance(field, serializers.FileField)}
    many = {
        name: True
        for name, field in fields.items()
        if isinstance(field, serializers.ListField) and isinstance(field.child, serializers.FileField)
    }
    return one | many


def refuse_unknown(data: Any, known: Any, prefix: str = "") -> None:
    """Raise ValidationError (400) for a field that nobody reads: it is a typo, and would silently do nothing."""
    errors = {}
    for name in data:
        if name not in known:
            near = difflib.get_close_matches(str(name), list(known), n=1)
            hint = f", did you mean {near[0]!r}?" if near else "."
            errors[str(name)] = [ErrorDetail(f"Unknown field{hint}", code="unknown_field")]
    if errors:
        raise serializers.ValidationError({prefix: errors} if prefix else errors)


def check(kind: str, data: Mapping[str, Any], *, context: dict[str, Any] | None = None, prefix: str = "") -> Checked:
    """Check `data` with the kind's serializer. Nothing is stored.

    data: the input as it came; an uploaded file (or a list of them) where the serializer has a FileField. context: for
    the serializer. prefix: put before field names in errors. Raises UnknownKind, ParseError (text that no database
    keeps), ValidationError, InvalidInput.
    """
    declared = open_kind(kind)
    refuse_unstorable({name: value for name, value in data.items() if not isinstance(value, UploadedFile)})
    serializer = declared.input(data=dict(data), context=context or {})
    try:
        is_valid = serializer.is_valid()
    except FileNotFoundError:  # the content of a file that was sent before
        raise InvalidInput("A file of this request has expired. Send it once more.", code="file_not_found") from None
    finally:
        for upload in _uploads(list(data.values())):
            if isinstance(upload, SentFile):
                upload.close()  # of many jobs each has some
    if not is_valid:
        errors = serializer.errors
        raise serializers.ValidationError({prefix: errors} if prefix else errors)
    fields = dict(serializer.validated_data)
    if any((upload.size or 0) > settings.MAX_UPLOAD_BYTES for upload in _uploads(list(fields.values()))):
        raise FileTooLarge
    return Checked(declared, serializer, fields)


def enter(
    checked: Checked,
    *,
    owner: Any,
    files: Iterable[JobFile] = (),
    folder: str = "jobs",
    job_id: uuid.UUID | None = None,
    metadata: Mapping[str, Any] | None = None,
    user_id: str = "",
    session_id: str = "",
    **options: Any,
) -> Job:
    """Store the files of a checked input and submit it. `job.was_replayed`: an earlier job is the answer.

    Each upload becomes a JobFile whose id takes its place in the job's input. A serializer may have set `media_type` on
    an upload that it judged; else it is guessed from the name. owner: a user or None. files: JobFiles saved before, for
    this job as well. folder: where in the storage. options: others of `lifecycle.submit`.
    Raises ParseError (400), IdempotencyConflict (422).
    """
    refuse_unstorable([user_id, session_id, metadata or {}])
    job_id = job_id or new_id()
    stored: list[JobFile] = []
    taken: list[JobFile] = []
    try:
        fields = {name: _store_uploads(value, job_id, folder, stored, taken) for name, value in checked.fields.items()}
        job = lifecycle.submit(
            checked.kind.name,
            as_json(checked.serializer, fields),
            owner=owner,
            id=job_id,
            files=[*files, *stored, *taken],
            user_id=user_id,
            session_id=session_id,
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


def enter_many(
    entries: Iterable[tuple[Checked, Mapping[str, Any]]], *, owner: Any, idempotency_key: str | None = None
) -> list[Job]:
    """Submit many checked inputs in one transaction, all of them or none. Returns the jobs in order.

    entries: each with the other fields of its `lifecycle.Submission`; its files were sent before.
    `job.was_replayed`: an earlier request is the answer. Raises ParseError (400), FileTaken (409),
    IdempotencyConflict (422).
    """
    submissions = []
    for checked, options in entries:
        refuse_unstorable(dict(options))
        taken: list[JobFile] = []
        fields = {name: _take(value, taken) for name, value in checked.fields.items()}
        submissions.append(
            lifecycle.Submission(checked.kind.name, as_json(checked.serializer, fields), files=taken, **options)
        )
    return lifecycle.submit_many(submissions, owner=owner, idempotency_key=idempotency_key)


def as_json(serializer: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return validated fields as JSON keeps them: dates, UUIDs and decimals in their written form."""
    return {
        name: value
        if value is None or isinstance(value, str | bool | int | float | list | dict)
        else serializer.fields[name].to_representation(value)
        for name, value in fields.items()
    }


def _uploads(value: Any) -> Iterator[UploadedFile]:
    if isinstance(value, UploadedFile):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _uploads(item)


def _take(value: Any, taken: list[JobFile]) -> Any:
    """Return the id of a file that was sent before, in place of it; other values as they are."""
    if isinstance(value, list | tuple):
        return [_take(item, taken) for item in value]
    if not isinstance(value, SentFile):
        return value
    value.row.media_type = getattr(value, "media_type", None) or value.row.media_type  # as the serializer judged it
    taken.append(value.row)
    return str(value.row.pk)


def _store_uploads(value: Any, job_id: uuid.UUID, folder: str, stored: list[JobFile], taken: list[JobFile]) -> Any:
    """Store what is an upload and return its id instead; other values as they are."""
    if isinstance(value, list | tuple):
        return [_store_uploads(item, job_id, folder, stored, taken) for item in value]
    if isinstance(value, SentFile):
        return _take(value, taken)
    if not isinstance(value, UploadedFile):
        return value
    name = value.name or "file"
    media_type = getattr(value, "media_type", None) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    row = job_files.store(
        value, name=name, media_type=media_type, role=JobFile.Role.INPUT, job_id=job_id, folder=folder
    )
    stored.append(row)
    return str(row.pk)
