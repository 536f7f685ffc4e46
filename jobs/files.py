"""Files of jobs: made safe on the way in, attached in the transaction that makes them count, expired by retention."""

from __future__ import annotations

import errno
import hashlib
import logging
import re
import time
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils import timezone

from jobs.errors import InvalidInput, StorageAway, StorageFull
from jobs.models import Job, JobFile

logger = logging.getLogger(__name__)

LONGEST_NAME = 120
#: What is longer behind a dot is no extension.
LONGEST_EXTENSION = 10
#: Files whose rows are written or deleted together.
GROUP = 100
#: Files that are locked with one statement: no database takes parameters without end.
LOCKED_TOGETHER = 5_000
#: A storage that did not answer is not asked again to delete within this: each try may take a quarter of a minute.
PAUSE_SECONDS = 30.0
#: Letters of any script, digits, dot, dash, underscore, space and parentheses survive in a name.
_UNSAFE = re.compile(r"[^\w.\-() ]+")
#: What Windows takes for a device, whatever follows the first dot; a download would fail there, or print.
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)


def safe_name(name: str, *, default: str = "file") -> str:
    """Return `name` without path, control or direction characters, at most 120 characters, its extension kept.

    Never a name that Windows takes for a device. Safe again is the same.
    """
    name = unicodedata.normalize("NFC", PurePosixPath(name.replace("\\", "/")).name)
    name = "".join(char for char in name if unicodedata.category(char)[0] != "C")
    name = _UNSAFE.sub("_", name).rstrip(" ._").lstrip(" .")
    if _DEVICE.match(name):
        name = f"file_{name}"
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > LONGEST_EXTENSION:
        return name.lstrip(" ._")[:LONGEST_NAME].rstrip(" .") or default
    stem = stem.lstrip(" ._") or default  # of 😀.txt nothing else is left
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


class FileTaken(InvalidInput):
    """409."""

    code = "file_taken"

    def __init__(self) -> None:
        super().__init__(
            "A file of this request has a job already, or was named twice: each job has files of its own. Nothing was "
            "submitted. Send the file once more, and submit with the new id."
        )


@dataclass(frozen=True)
class Incoming:
    """A file on its way in. keep: False for one that was refused: only its name, size and hash are kept."""

    content: File[Any]
    name: str
    media_type: str
    job_id: uuid.UUID
    keep: bool = True
    owner: Any = None  # of a file that is sent before its job
    expires_at: datetime | None = None  # the same


def store(
    content: File[Any], *, name: str, media_type: str, role: str, job_id: uuid.UUID, folder: str = "jobs"
) -> JobFile:
    """Write a file to the storage and return its row, saved but belonging to no job yet.

    job_id: of the job that is going to have it; only its name is made from it.
    """
    return store_many([Incoming(content, name, media_type, job_id)], role=role, folder=folder)[0]


def store_many(incoming: Iterable[Incoming], *, role: str, folder: str = "jobs") -> list[JobFile]:
    """Write files to the storage and return their rows in order, saved but belonging to no job yet.

    All of them or none: when one cannot be written, the others are taken back. Raises StorageUnavailable.
    """
    stored: list[JobFile] = []
    incoming = iter(incoming)
    try:
        # A group at a time: whatever kills this process, the next prune finds all but the last group by its rows.
        while group := list(islice(incoming, GROUP)):
            stored += _store_group(group, role, folder)
    except BaseException:
        discard(stored)
        raise
    return stored


def _store_group(group: list[Incoming], role: str, folder: str) -> list[JobFile]:
    rows: list[JobFile] = []
    try:
        for one in group:
            sha256, size = _measure(one.content)
            with room_for_files():
                path = default_storage.save(storage_path(one.name, one.job_id, folder), one.content) if one.keep else ""
            name, media_type = safe_name(one.name), one.media_type
            rows.append(
                JobFile(
                    role=role,
                    name=name,
                    file=path,
                    size=size,
                    media_type=media_type,
                    sha256=sha256,
                    owner=one.owner,
                    expires_at=one.expires_at,
                )
            )
        if len(rows) == 1:  # which needs no transaction of its own
            rows[0].save(force_insert=True)
        else:
            JobFile.objects.bulk_create(rows)
        return rows
    except BaseException:
        if left := [row for row in rows if not _delete_content(row)]:
            JobFile.objects.bulk_create(left)  # or nothing would ever name them
        raise


@contextmanager
def room_for_files() -> Iterator[None]:
    """Raise StorageFull in place of the operating system's word for it."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull from error
        raise


def _measure(content: File[Any]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    content.seek(0)
    for chunk in content.chunks():
        digest.update(chunk)
        size += len(chunk)
    content.seek(0)
    return digest.hexdigest(), size


def attach_inputs(files: Sequence[tuple[JobFile, Job]]) -> None:
    """Give stored files to new jobs, in few statements for all. Called in the transaction that creates the jobs.

    Raises FileTaken when one of them has a job already, or is gone: of two who name the same file one gets it.
    """
    if not files:
        return
    for file, job in files:
        file.job, file.owner_id, file.expires_at = job, job.owner_id, job.expires_at
    if len(files) == 1:
        file, job = files[0]
        free = JobFile.objects.filter(pk=file.pk, job__isnull=True)
        values = {"owner": job.owner_id, "expires_at": job.expires_at, "media_type": file.media_type}
        if not free.update(job=job.pk, **values):
            raise FileTaken
        return
    # In one order for all, so that nobody waits in a circle.
    ids, locked = sorted(file.pk for file, _ in files), 0
    for first in range(0, len(ids), LOCKED_TOGETHER):
        part = JobFile.objects.select_for_update().filter(pk__in=ids[first : first + LOCKED_TOGETHER])
        locked += len(part.filter(job__isnull=True).order_by("pk").values_list("pk"))
    if locked < len(ids):
        raise FileTaken
    JobFile.objects.bulk_create(
        [file for file, _ in files],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["job", "owner", "expires_at", "media_type"],
    )


def attach(files: Iterable[JobFile], *, job_id: uuid.UUID, fence: int) -> None:
    """Give output files to the job whose attempt wrote them. Called in the transaction that stores the result."""
    expires_at, owner = Job.objects.values_list("expires_at", "owner").get(pk=job_id)
    JobFile.objects.filter(pk__in=[file.pk for file in files]).update(
        job=job_id, fence=fence, expires_at=expires_at, owner=owner
    )


def discard(files: Iterable[JobFile]) -> int:
    """Delete files and their rows. A file that is already gone is no error. Returns how many rows.

    What cannot be deleted now keeps its row, and is found by a later prune; it stops nothing else.
    """
    count = 0
    files = iter(files)
    while group := list(islice(files, GROUP)):
        gone = [file.pk for file in group if _delete_content(file)]
        # After the content: a row whose content could not be deleted is found by the next prune.
        JobFile.objects.filter(pk__in=gone).delete()
        count += len(gone)
    return count


_asked_again_at = 0.0  # time.monotonic(), of a storage that did not answer


def _delete_content(file: JobFile) -> bool:
    global _asked_again_at
    if not file.file:  # the name of a refused file has no content
        return True
    if time.monotonic() < _asked_again_at:
        return False
    try:
        default_storage.delete(str(file.file.name))
    except StorageAway:
        _asked_again_at = time.monotonic() + PAUSE_SECONDS
        logger.warning("files cannot be deleted now; a later prune tries again")
    except Exception as error:
        logger.error("file %s could not be deleted (%s); the next prune tries again", file.pk, type(error).__name__)
    else:
        return True
    return False


def find_input(job: Job) -> JobFile | None:
    """Return the first file that was sent with the job, or None once it has expired."""
    return job.files.filter(role=JobFile.Role.INPUT).first()
