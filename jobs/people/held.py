"""What the engine keeps about a person: jobs with their events and files, and plans that were made by their label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from jobs import files, lifecycle, retention
from jobs.models import Job, JobEvent, JobFile, JobQuerySet, OperationPlan
from jobs.people.registry import HeldFile, Holder, Note, NotYet, Person, Record, hold

REASON = "erasure"
#: Stands in the filter of a plan for a label that was erased.
ERASED = "(erased)"
_SHOWN = (
    "kind", "state", "owner_id", "user_id", "session_id", "parent_id", "input", "result", "metadata", "error_code",
    "error_message", "progress", "stage", "priority", "attempt", "created_at", "processing_at", "finished_at",
    "expires_at",
)  # fmt: skip


def jobs_of(person: Person) -> JobQuerySet:
    """Return the jobs with the person's label or of their account, and the parts of their batches."""
    if person.account:
        mine: JobQuerySet = Job.objects.filter(owner=person.account)
    elif person.label:
        mine = person.of_owner(Job.objects.filter(**person.label))
    else:
        return Job.objects.none()
    return Job.objects.filter(Q(pk__in=mine.values("pk")) | Q(parent__in=mine.values("pk"))).order_by("pk")


def _sent_files_of(person: Person) -> Any:
    """Return the files that their account has sent and no job has taken yet."""
    if not person.account:
        return JobFile.objects.none()
    return JobFile.objects.filter(owner=person.account, job__isnull=True).order_by("pk")


def _find(person: Person) -> Iterator[Record]:
    for file in _sent_files_of(person):
        about = {"type": "sent file", "name": file.name, "media_type": file.media_type, "created_at": file.created_at}
        yield Record(str(file.pk), about, [_held(file)])
    for job in jobs_of(person).iterator(chunk_size=200):
        events = job.events.order_by("seq").values("seq", "type", "state", "progress", "stage", "data", "created_at")
        held = [file for file in job.files.order_by("pk") if file.file]
        about = {name: getattr(job, name) for name in _SHOWN}
        named = [
            {"id": file.pk, "name": file.name, "role": file.role, "media_type": file.media_type, "sha256": file.sha256}
            for file in job.files.order_by("pk")
        ]
        yield Record(str(job.pk), {**about, "files": named, "events": list(events)}, [_held(file) for file in held])


def _held(file: JobFile) -> HeldFile:
    return HeldFile(file.name, lambda: default_storage.open(str(file.file.name), "rb"))


def _count(person: Person) -> dict[str, int]:
    counts = _of_jobs(jobs_of(person))
    if plans := len(_plans_that_name(person)):
        counts["plans"] = plans
    if sent := _sent_files_of(person).count():
        counts["sent_files"] = sent
    return counts


def _of_jobs(jobs: Any) -> dict[str, int]:
    ids = jobs.order_by().values("pk")
    counts = {
        "jobs": jobs.count(),
        "files": JobFile.objects.filter(job__in=ids).count(),
        "events": JobEvent.objects.filter(job__in=ids).count(),
    }
    return {name: count for name, count in counts.items() if count}


def _stop(person: Person, by: str) -> bool:
    """Cancel what has not ended. What a lost worker held is taken back, should no cluster be there to do it."""
    for key in jobs_of(person).unfinished().filter(cancel_requested_at__isnull=True).values_list("pk", flat=True):
        lifecycle.cancel(key, by=by, reason=REASON)
    for key in jobs_of(person).lease_expired().values_list("pk", flat=True):
        lifecycle.rescue(only=key, by=by, reason=REASON)
    return jobs_of(person).unfinished().exists()


def _erase(person: Person, note: Note, by: str) -> None:
    # In the order of their ids: batches are older than their parts, which go with them.
    for key in list(jobs_of(person).values_list("pk", flat=True)):
        try:
            with transaction.atomic():
                job = Job.objects.get(pk=key)
                counts = _of_jobs(Job.objects.filter(Q(pk=key) | Q(parent=key)))
                note(counts, retention.delete_job(job, by=by, reason=REASON).digest)
        except Job.DoesNotExist:
            continue  # it went with its batch, or somebody else deletes it as well
        except retention.StillRunning:
            raise NotYet(f"Job {key} was run again a moment ago. Erase once more.") from None
    for plan in _plans_that_name(person):
        with transaction.atomic():
            hidden = {name: ERASED if _names(value, person) else value for name, value in plan.filter.items()}
            OperationPlan.objects.filter(pk=plan.pk).update(filter=hidden)
            note({"plans": 1}, str(plan.pk))
    for sent in list(_sent_files_of(person)):
        with transaction.atomic():
            if JobFile.objects.filter(pk=sent.pk, job__isnull=True).update(owner=None, expires_at=Now()):
                note({"sent_files": 1}, sent.sha256)
    # Contents that a killed run left: their rows were let go of, and lost their job with it.
    left = JobFile.objects.filter(job__isnull=True, expires_at__lte=Now())
    files.discard(left)
    if count := left.all().count():  # asked anew
        raise NotYet(f"Files that the storage did not delete: {count}. Erase once more.")


def _plans_that_name(person: Person) -> list[OperationPlan]:
    """Return plans whose filter has the label in it; they are few, and go after a month."""
    if not person.label:
        return []
    plans = person.of_owner(OperationPlan.objects.exclude(filter={}), "actor")
    return [plan for plan in plans if any(_names(value, person) for value in plan.filter.values())]


def _names(value: Any, person: Person) -> bool:
    parts = value if isinstance(value, list) else [value]
    # In a search line it stands among other words. One that is hidden for nothing harms nobody.
    return any(isinstance(part, str) and person.name in part for part in parts)


hold(Holder("jobs", find=_find, count=_count, erase=_erase, stop=_stop))
