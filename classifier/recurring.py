"""Recurring batches: what is new in a folder or in the storage becomes an ordinary batch, once.

What a run has found it submits under the row's lock, together with the rows that remember it: two runs at once submit
each file once, and the unique constraint stands behind that. A run that dies has submitted whole batches or nothing,
and is made again.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, transaction
from django.utils import timezone

from classifier.models import CollectedFile, RecurringBatch
from classifier.serializers import BATCH_KIND, DOCUMENT_KIND, FOLDER
from classifier.sources import Found, LeftOut, SourceProblem, StillWritten, folder_files, storage_files
from jobs import files as job_files
from jobs.errors import InvalidInput, StorageUnavailable
from jobs.files import Incoming
from jobs.lifecycle import Submission, submit_batch
from jobs.models import Job, JobFile, new_id
from parsers.documents import DocumentField

logger = logging.getLogger(__name__)

#: Of one batch; what is beyond becomes the next one.
MOST_AT_ONCE = 500
OUR_BUG = "An error of ours stopped this run. It was logged; the next run tries again."

#: Holds the engine's interruptions back while the database is at work; see RunningJob.shielded.
Shield = Callable[[], AbstractContextManager[None]]


@dataclass
class _Fresh:
    """A file that was stored and waits to be submitted."""

    found: Found
    fingerprint: str
    doc_id: uuid.UUID
    stored: JobFile
    refused: InvalidInput | None


@dataclass
class Done:
    """What a run did. jobs: the batches it submitted; documents: how many files are in them."""

    jobs: list[Job] = field(default_factory=list)
    documents: int = 0


def run(only: int | None = None, *, shield: Shield = nullcontext) -> Done:
    """Run every enabled row whose time has come, or `only` this one, due or not.

    A row whose location cannot be read gets the problem written on it.
    """
    with shield():
        chosen = {"is_enabled": True} if only is None else {"pk": only}
        rows = list(RecurringBatch.objects.filter(**chosen))
    done = Done()
    for row in rows:
        if only is None and not row.is_due(timezone.now()):
            continue
        ran = _run_one(row, shield)
        done.jobs += ran.jobs
        done.documents += ran.documents
    return done


def _run_one(row: RecurringBatch, shield: Shield) -> Done:
    """Submit what is new in the row's location, and write down that it ran, only now: a run that dies is due again."""
    began = timezone.now()
    run = _Run(row, shield)
    try:
        problem = run.collect()
    except SourceProblem as found:
        problem = str(found)
    except StorageUnavailable as away:
        problem = away.message
    except DatabaseError:
        raise
    except Exception:  # one location must not keep the others waiting
        logger.exception("recurring batch %s could not be run", row.pk)
        problem = OUR_BUG
    with shield():
        RecurringBatch.objects.filter(pk=row.pk).update(last_run_at=began, last_problem=problem)
    return run.done


class _Run:
    """One run of one row."""

    def __init__(self, row: RecurringBatch, shield: Shield) -> None:
        self.row, self.shield = row, shield
        self.done, self.left_out = Done(), LeftOut()
        self.fresh: list[_Fresh] = []
        self.names: set[str] = set()

    def collect(self) -> str:
        """Submit all that is new. Returns what should be known of it, "" for nothing. Raises SourceProblem."""
        if not self.row.owner.is_active:
            raise SourceProblem("The owner's account is switched off. Choose another owner.")
        self.location: Any = self.row.check_location()
        with self.shield():
            self._remember()
        try:
            for found in self._found():
                self._look_at(found)
                if len(self.fresh) >= MOST_AT_ONCE:
                    self._submit()
            self._submit()
        finally:
            if self.fresh:  # interrupted: the next run stores them again
                with self.shield():
                    _discard(self.fresh)
        with self.shield():
            self._forget_what_has_gone()
        return str(self.left_out)

    def _found(self) -> Iterator[Found]:
        if self.row.source == RecurringBatch.Source.FOLDER:
            return folder_files(self.location, self.left_out)
        return storage_files(self.location, default_storage, self.left_out)

    def _remember(self) -> None:
        # What jobs keep in the storage is left alone: a batch of what batches have stored would never end.
        self.ours: set[str] = set()
        if self.row.source == RecurringBatch.Source.STORAGE:
            kept = JobFile.objects.filter(file__startswith=f"{self.location}/")
            self.ours.update(kept.values_list("file", flat=True).iterator())
        known = CollectedFile.objects.filter(recurring=self.row)
        rows = known.values_list("name", "fingerprint", "size", "modified_ns").iterator()
        self.contents: set[tuple[str, str]] = set()
        self.looks: set[tuple[str, int, int]] = set()
        for name, fingerprint, size, modified_ns in rows:
            self.contents.add((name, fingerprint))
            self.looks.add((name, size, modified_ns))

    def _look_at(self, found: Found) -> None:
        self.names.add(found.name)
        if (found.name, found.size, found.modified_ns) in self.looks:
            return  # it looks as it did: not read again
        if self._key(found) in self.ours:
            return
        try:
            content = found.read(settings.MAX_UPLOAD_BYTES + 1)
        except StillWritten:
            return
        except OSError:
            self.left_out.reasons["unreadable files"] += 1
            return
        too_large = len(content) > settings.MAX_UPLOAD_BYTES
        fingerprint = f"{found.size}-{found.modified_ns}" if too_large else hashlib.sha256(content).hexdigest()
        if (found.name, fingerprint) in self.contents:  # touched, but the same
            with self.shield():
                CollectedFile.objects.filter(recurring=self.row, name=found.name, fingerprint=fingerprint).update(
                    size=found.size, modified_ns=found.modified_ns
                )
            return
        with self.shield():
            self.fresh.append(_store(found, content, fingerprint))

    def _key(self, found: Found) -> str:
        """Return a stored file's path in the storage; "" for one of a folder."""
        return f"{self.location}/{found.name}" if self.row.source == RecurringBatch.Source.STORAGE else ""

    def _submit(self) -> None:
        """Submit what was stored as one batch, and remember it, in one transaction."""
        if not self.fresh:
            return
        with self.shield():
            with transaction.atomic():
                row = RecurringBatch.objects.select_for_update().filter(pk=self.row.pk).first()
                known = CollectedFile.objects.filter(
                    recurring=self.row.pk, fingerprint__in=[fresh.fingerprint for fresh in self.fresh]
                )
                taken = set(known.values_list("name", "fingerprint"))
                kept = JobFile.objects.filter(file__in=[key for fresh in self.fresh if (key := self._key(fresh.found))])
                ours = set(kept.values_list("file", flat=True))  # stored since this run began
                new = [
                    fresh
                    for fresh in self.fresh
                    if (fresh.found.name, fresh.fingerprint) not in taken and self._key(fresh.found) not in ours
                ]
                job = self._submit_batch(row, new) if row is not None and new else None
            if job is not None:
                self.done.jobs.append(job)
                self.done.documents += len(new)
            stored, self.fresh = self.fresh, []
            _discard(stored)  # those that somebody was faster with

    def _submit_batch(self, row: RecurringBatch, new: list[_Fresh]) -> Job:
        parent = Submission(BATCH_KIND, priority=row.priority, metadata={"recurring_batch": row.pk})
        children = [
            Submission(
                DOCUMENT_KIND,
                {"file": str(fresh.stored.pk)},
                id=fresh.doc_id,
                priority=row.priority,
                files=[fresh.stored],
                refused=fresh.refused,
            )
            for fresh in new
        ]
        job = submit_batch(parent, children, owner=row.owner)
        CollectedFile.objects.bulk_create(
            CollectedFile(
                recurring=row,
                name=fresh.found.name,
                fingerprint=fresh.fingerprint,
                size=fresh.found.size,
                modified_ns=fresh.found.modified_ns,
                doc_id=fresh.doc_id,
            )
            for fresh in new
        )
        RecurringBatch.objects.filter(pk=row.pk).update(last_job=job)
        return job

    def _forget_what_has_gone(self) -> None:
        """Delete what is remembered of files that are no longer there and whose documents have expired as well."""
        if self.left_out.reasons["unreadable folders"]:
            return  # what could not be seen may be there
        old = CollectedFile.objects.filter(
            recurring=self.row, collected_at__lt=timezone.now() - settings.SIRA_RETENTION
        )
        gone = [pk for pk, name in old.values_list("pk", "name").iterator() if name not in self.names]
        for start in range(0, len(gone), MOST_AT_ONCE):
            CollectedFile.objects.filter(pk__in=gone[start : start + MOST_AT_ONCE]).delete()


def _store(found: Found, content: bytes, fingerprint: str) -> _Fresh:
    """Store a file as an upload would be; of one that the door refuses, only the name is kept."""
    name = found.name.rpartition("/")[2]
    upload = SimpleUploadedFile(name, content)
    doc_id, refused = new_id(), None
    try:
        DocumentField().run_validation(upload)
    except InvalidInput as error:
        refused = error
    media_type = getattr(upload, "media_type", "application/octet-stream")
    incoming = Incoming(ContentFile(content), name, media_type, doc_id, keep=refused is None)
    (stored,) = job_files.store_many([incoming], role=JobFile.Role.INPUT, folder=FOLDER)
    return _Fresh(found, fingerprint, doc_id, stored, refused)


def _discard(stored: list[_Fresh]) -> None:
    """Delete those of these files that no job has."""
    job_files.discard(JobFile.objects.filter(pk__in=[fresh.stored.pk for fresh in stored], job__isnull=True))
