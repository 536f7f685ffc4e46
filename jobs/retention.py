"""Forgetting: what expires is deleted, and a deleted job leaves a receipt that says when but not what."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import defaultdict
from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models.functions import Now

from jobs import files, lifecycle
from jobs.metrics import tallies
from jobs.models import AuditEntry, Job, JobEvent, JobFile, OperationPlan, Receipt
from jobs.sign_in import limits
from jobs.states import UNFINISHED
from jobs.webhooks import retention as webhooks

#: A file that no job took after this long never will be: its upload was refused or its process died.
ORPHAN_AFTER = timedelta(hours=24)
#: Rows deleted in one transaction.
BATCH = 200
#: The reason that a receipt gives when nobody asked for the deletion.
RETENTION = "retention"


class StillRunning(Exception):
    """The job has not ended; cancel it first."""


def delete_job(job: Job, *, by: str = "", reason: str = "") -> Receipt:
    """Remove a finished job with its children, files, result and events, and leave a receipt.

    A batch goes on without a child that is deleted: it no longer counts.
    Raises StillRunning for an unfinished job: its worker would go on with what is being deleted.
    """
    with transaction.atomic():
        family = _locked_family(job)
        if not all(member.is_finished for member in family):
            raise StillRunning
        receipts = _delete(family, by, reason)
    if job.parent_id is not None:
        lifecycle.promote_parent(job.parent_id)  # should its end not have done it
    return receipts[-1]


def _delete(jobs: list[Job], by: str, reason: str) -> list[Receipt]:
    """Delete locked rows with what hangs on them, and leave their receipts. Must run in a transaction."""
    receipts = _receipts(jobs, by, reason)
    tallies.count_before_deletion(job.pk for job in jobs)
    # The rows of files go last, with their content: what fails on the way is found by the next prune.
    doomed = list(JobFile.objects.filter(job__in=jobs))
    JobFile.objects.filter(job__in=jobs).update(job=None, expires_at=Now())
    Receipt.objects.bulk_create(receipts, ignore_conflicts=True)
    Job.objects.filter(pk__in=[job.pk for job in jobs]).delete()
    # Last, and only if the rows really go: a rollback must not leave rows that point at nothing.
    transaction.on_commit(lambda: files.discard(doomed))
    return receipts


def _locked_family(job: Job) -> list[Job]:
    """Return the job after all its descendants, deepest first, each row locked."""
    locked = Job.objects.select_for_update()
    generation = [locked.get(pk=job.pk)]
    family: list[Job] = []
    while generation:
        family = generation + family
        generation = list(locked.filter(parent__in=[member.pk for member in generation]))
    return family


def _receipts(family: list[Job], by: str, reason: str) -> list[Receipt]:
    ids = [job.pk for job in family]
    hashes: dict[uuid.UUID, list[str]] = defaultdict(list)
    for job_id, sha256 in JobFile.objects.filter(job__in=ids).order_by("pk").values_list("job_id", "sha256"):
        hashes[job_id].append(sha256)
    steps: dict[uuid.UUID, list[tuple[int, str]]] = defaultdict(list)
    for job_id, seq, type in JobEvent.objects.filter(job__in=ids).order_by("seq").values_list("job_id", "seq", "type"):
        steps[job_id].append((seq, type))
    return [_receipt(job, hashes[job.pk], steps[job.pk], by, reason) for job in family]


def _receipt(job: Job, hashes: list[str], steps: list[tuple[int, str]], by: str, reason: str) -> Receipt:
    content = {
        "job": [str(job.pk), job.kind, job.input, job.result, job.metadata],
        "files": hashes,
        "events": steps,
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
    return Receipt(job_id=job.pk, kind=job.kind, digest=digest, deleted_by=by, reason=reason)


def prune() -> dict[str, int]:
    """Delete expired jobs, files and deliveries of webhooks, in small transactions. Returns how many of each."""
    deliveries = webhooks.prune()
    # Not the input of a job that still waits: it would fail for no fault of its own.
    expired_files = JobFile.objects.filter(expires_at__lt=Now()).exclude(job__state__in=UNFINISHED)
    pruned_files = files.discard(expired_files)
    pruned_files += files.discard(JobFile.objects.filter(job__isnull=True, created_at__lt=Now() - ORPHAN_AFTER))
    pruned_jobs = 0
    kept: set[uuid.UUID] = set()
    # In the order of the index `job_expires`: newest first, the whole table would be read to find what is old.
    over = Job.objects.finished().filter(expires_at__lt=Now(), parent__isnull=True).order_by("expires_at")
    while expired := list(over.exclude(pk__in=kept)[:BATCH]):
        deleted = _delete_expired(expired)
        pruned_jobs += len(deleted)
        kept.update(job.pk for job in expired if job.pk not in deleted)
    return {"jobs": pruned_jobs, "files": pruned_files, "deliveries": deliveries}


def _delete_expired(expired: list[Job]) -> set[uuid.UUID]:
    """Delete jobs without a parent: those without children together, each batch by itself. Returns which are gone.

    Left for the next time: a batch whose child runs again, and what somebody else holds or was faster to delete.
    """
    with transaction.atomic():
        locked = list(Job.objects.finished().filter(pk__in=[job.pk for job in expired]).order_by("pk").unlocked())
        batches = set(Job.objects.filter(parent__in=locked).order_by().values_list("parent_id", flat=True).distinct())
        single = [job for job in locked if job.pk not in batches]
        _delete(single, "", RETENTION)
    deleted = {job.pk for job in single}
    for job in expired:
        if job.pk in batches:
            with suppress(StillRunning, Job.DoesNotExist):
                delete_job(job, reason=RETENTION)
                deleted.add(job.pk)
    return deleted


def prune_sign_ins() -> dict[str, int]:
    """Delete sessions that have ended and tries to sign in that have come back. Returns how many sessions."""
    limits.forget()
    sessions, _ = Session.objects.filter(expire_date__lt=Now()).delete()
    return {"sessions": sessions}


def prune_records() -> dict[str, int]:
    """Delete plans that are as old as jobs get, and audit entries of which nobody needs to know any more.

    Returns how many of each.
    """
    old = OperationPlan.objects.filter(created_at__lt=Now() - settings.SIRA_RETENTION)
    plans = old.exclude(job__state__in=UNFINISHED)
    pruned_plans = plans.count()
    plans.delete()
    pruned_entries, _ = AuditEntry.objects.filter(at__lt=Now() - settings.SIRA_AUDIT_RETENTION).delete()
    return {"plans": pruned_plans, "audit_entries": pruned_entries}
