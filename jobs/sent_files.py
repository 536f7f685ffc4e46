"""Files that were sent before their job: its input names them by id, and it takes them when it is submitted."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Count, Q, Sum
from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from jobs import files
from jobs.errors import InvalidInput, StorageAway
from jobs.models import JobFile, new_id

#: A file that no job has taken by then is deleted.
KEPT_FOR = timedelta(hours=24)
FOLDER = "uploads"


class TooManySent(InvalidInput):
    """413."""

    code = "too_many_files"

    def __init__(self) -> None:
        super().__init__(
            f"Files that no job has taken may be {settings.MAX_BATCH_FILES:,} and have "
            f"{settings.MAX_BATCH_BYTES // 1024**2:,} MB together. Submit their jobs, or delete some."
        )


class SentFile(UploadedFile):
    """A file that is kept already, as an upload: so a serializer looks at it as at any other."""

    def __init__(self, row: JobFile) -> None:
        super().__init__(row.file, row.name, row.media_type, row.size)
        self.row = row

    def close(self) -> None:
        self.row.file.close()


def keep(content: UploadedFile, *, name: str, media_type: str, owner: Any) -> JobFile:
    """Keep a file for a job that is still to come. Raises TooManySent."""
    untaken = JobFile.objects.filter(owner=owner, job__isnull=True).aggregate(count=Count("pk"), size=Sum("size"))
    size = (untaken["size"] or 0) + (content.size or 0)
    if untaken["count"] >= settings.MAX_BATCH_FILES or size > settings.MAX_BATCH_BYTES:
        raise TooManySent
    incoming = files.Incoming(content, name, media_type, new_id(), owner=owner, expires_at=timezone.now() + KEPT_FOR)
    return files.store_many([incoming], role=JobFile.Role.INPUT, folder=FOLDER)[0]


def forget(file: JobFile) -> bool:
    """Delete a file that no job has taken. False when one has. Raises StorageAway when it is still there."""
    with transaction.atomic():
        # Whoever takes it at this moment comes before, or finds nothing.
        found = list(JobFile.objects.select_for_update().filter(pk=file.pk, job__isnull=True))
        if files.discard(found) < len(found):
            raise StorageAway
        return bool(found)


def ids_in(data: Mapping[str, Any], fields: Mapping[str, bool]) -> set[uuid.UUID]:
    """Return the ids that stand where an input takes files. fields: as `door.file_fields` returns them."""
    given = [one for name in fields for one in _listed(data.get(name))]
    return {id for one in given if (id := _as_id(one)) is not None}


def find(owner: Any, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, JobFile]:
    """Return those of these files that somebody sent. Also those that a job has: the request may be a repetition."""
    ids = set(ids)
    if not ids:
        return {}
    live = Q(job__isnull=False) | Q(expires_at__gt=timezone.now())
    sent = JobFile.objects.filter(live, owner=owner, role=JobFile.Role.INPUT, pk__in=ids).exclude(file="")
    return {file.pk: file for file in sent}


def put_in(data: Mapping[str, Any], fields: Mapping[str, bool], found: Mapping[uuid.UUID, JobFile]) -> dict[str, Any]:
    """Return an input with files in place of their ids. Raises ValidationError for ids of which there is no file."""
    result, errors = dict(data), {}
    for name in fields:
        if not ids_in(data, {name: fields[name]}):
            continue
        given = data[name]
        missing = [one for one in _listed(given) if (id := _as_id(one)) is not None and id not in found]
        if missing:
            sentence = "There is no such file, it is not yours, or it has expired. Send it to /api/v1/files/ first."
            errors[name] = [ErrorDetail(sentence, code="file_not_found")]
            continue
        result[name] = [_put(one, found) for one in given] if isinstance(given, list) else _put(given, found)
    if errors:
        raise serializers.ValidationError(errors)
    return result


def _put(one: Any, found: Mapping[uuid.UUID, JobFile]) -> Any:
    id = _as_id(one)
    return one if id is None else SentFile(found[id])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _as_id(value: Any) -> uuid.UUID | None:
    if not isinstance(value, str) or len(value) != 36:
        return None
    try:
        return uuid.UUID(value)
    except ValueError:
        return None
