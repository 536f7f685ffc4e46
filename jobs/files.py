"""Files of jobs: made safe on the way in, attached in the transaction that makes them count, expired by retention."""

from __future__ import annotations

import hashlib
import re
import unicodedata
import uuid
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils import timezone

from jobs.models import Job, JobFile

LONGEST_NAME = 120
#: Letters of any script, digits, dot, dash, underscore, space and parentheses survive in a name.
_UNSAFE = re.compile(r"[^\w.\-() ]+")


def safe_name(name: str, *, default: str = "file") -> str:
    """Return `name` without path, control or direction characters, at most 120 characters, its extension kept."""
    name = unicodedata.normalize("NFC", PurePosixPath(name.replace("\\", "/")).name)
    name = "".join(char for char in name if unicodedata.category(char)[0] != "C")
    name = _UNSAFE.sub("_", name).strip(" ._") or default
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 10:
        return name[:LONGEST_NAME]
    return f"{stem[: LONGEST_NAME - len(extension) - 1]}.{extension}"


def storage_path(name: str, job_id: uuid.UUID, folder: str) -> str:
    """Return `<folder>/<name>_<YYYYMMDD_HHMMSS>_<first 8 of the id>.<ext>`, relative to the storage (seed 001)."""
    stem, dot, extension = safe_name(name).rpartition(".")
    if not dot:
        stem, extension = extension, "bin"
    ascii_stem = unicodedata.normalize("NFKD", stem.replace("ı", "i")).encode("ascii", "ignore").decode()
    ascii_stem = re.sub(r"[^A-Za-z0-9.-]+", "_", ascii_stem).strip("_.") or "file"
    # The first 8 characters of a UUIDv7 are shared by jobs of one minute: the storage adds to a name that is taken.
    return f"{folder}/{ascii_stem[:60]}_{timezone.now():%Y%m%d_%H%M%S}_{str(job_id)[:8]}.{extension.lower()}"


def store(
    content: File[Any], *, name: str, media_type: str, role: str, job_id: uuid.UUID, folder: str = "jobs"
) -> JobFile:
    """Write a file to the storage and return its row, saved but belonging to no job yet.

    job_id: of the job that is going to have it; only its name is made from it.
    """
    digest, size = hashlib.sha256(), 0
    content.seek(0)
    for chunk in content.chunks():
        digest.update(chunk)
        size += len(chunk)
    content.seek(0)
    path = default_storage.save(storage_path(name, job_id, folder), content)
    try:
        return JobFile.objects.create(
            role=role, name=safe_name(name), file=path, size=size, media_type=media_type, sha256=digest.hexdigest()
        )
    except BaseException:
        default_storage.delete(path)  # no row will ever name it
        raise


def attach(files: Iterable[JobFile], *, job_id: uuid.UUID, fence: int) -> None:
    """Give output files to the job whose attempt wrote them. Called in the transaction that stores the result."""
    expires_at = Job.objects.values_list("expires_at", flat=True).get(pk=job_id)
    JobFile.objects.filter(pk__in=[file.pk for file in files]).update(job=job_id, fence=fence, expires_at=expires_at)


def discard(files: Iterable[JobFile]) -> int:
    """Delete files and their rows. A file that is already gone is no error. Returns how many rows."""
    count = 0
    for file in files:
        default_storage.delete(str(file.file.name))
        file.delete()
        count += 1
    return count
