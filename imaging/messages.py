"""Messages and their jobs: one cannot change without the other.

An answer's `extra_metadata` holds two kinds of keys. Ours (`OURS`) mirror the job: they are written in the transaction
of each of its events, so the two never disagree once it has committed. All others are the client's. Both are
deep-merged under the row lock, so neither loses the other's.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.urls import reverse

from imaging.models import Conversation, Message, Preview
from imaging.words import WORDS
from jobs import retention
from jobs.errors import InvalidInput
from jobs.merge import deep_merge
from jobs.models import Job, new_id
from jobs.states import State

#: The keys of `extra_metadata` that mirror the job.
OURS = frozenset(
    {"job_id", "status", "queue_position", "progress", "stage", "attempt", "parameters", "error", "image"}
    | {"pending_at", "queued_at", "processing_at", "complete_at", "error_at"}
)


class ReservedKey(InvalidInput):
    """A client wrote to a key that mirrors the job."""

    code = "reserved_key"


def add_exchange(conversation: Conversation, job: Job) -> Message:
    """Write question and answer of a new job, in the transaction that submits it. Returns the answer."""
    now = Job.objects.values_list("created_at", flat=True).get(pk=job.pk)
    common = {"conversation": conversation, "job": job, "created_at": now, "updated_at": now}
    first, second = sorted((new_id(), new_id()))  # ids of one millisecond come in any order
    Message.objects.create(id=first, role=Message.Role.USER, content=job.input["prompt"], **common)
    answer = Message.objects.create(id=second, role=Message.Role.ASSISTANT, extra_metadata=metadata_of(job), **common)
    Conversation.objects.filter(pk=conversation.pk).update(updated_at=Now())
    return answer


def mirror(jobs: list[Job]) -> None:
    """Bring the answers of these jobs level with them: the `mirror` of their kind."""
    idle = [job.pk for job in jobs if job.state != State.PROCESSING]
    if idle:
        Preview.objects.filter(job__in=idle).delete()
    by_id = {job.pk: job for job in jobs}
    answers = Message.objects.select_for_update().filter(job__in=by_id, role=Message.Role.ASSISTANT).order_by("pk")
    for answer in answers:
        _merge(answer, metadata_of(by_id[answer.job_id]))


def merge_metadata(message_id: uuid.UUID, patch: Mapping[str, Any]) -> Message:
    """Deep-merge a client's own keys into a message under its row lock, and return it as it is then.

    Raises ReservedKey, Message.DoesNotExist.
    """
    if reserved := sorted(OURS.intersection(patch)):
        raise ReservedKey(f"extra_metadata.{reserved[0]} mirrors the job and cannot be written. Use a key of your own.")
    with transaction.atomic():
        message = Message.objects.select_for_update().get(pk=message_id)
        _merge(message, patch)
    message.refresh_from_db()
    return message


def _merge(message: Message, patch: Mapping[str, Any]) -> None:
    merged = deep_merge(message.extra_metadata, patch)
    Message.objects.filter(pk=message.pk).update(extra_metadata=merged, updated_at=Now())


def metadata_of(job: Job) -> dict[str, Any]:
    """Return what an answer says about its job: a value for each of our keys. Times are ISO 8601 or None.

    queue_position: as of the job's last change; readers put today's in its place. error: {"code", "message"} or None.
    image: None until there is one; see `image_of`.
    """
    status = WORDS.word(job.state)
    return {
        "job_id": str(job.pk),
        "status": status,
        "queue_position": job.queue_position if job.state == State.QUEUED else 0,
        "progress": job.progress,
        "stage": job.stage,
        "attempt": job.attempt,
        "parameters": {
            "width": job.input["width"],
            "height": job.input["height"],
            "steps": job.input["steps"],
            "seed": seed_of(job),
        },
        "error": _error_of(job),
        "image": image_of(job),
        "pending_at": _iso(job.pending_at),
        "queued_at": _iso(job.queued_at),
        "processing_at": _iso(job.processing_at),
        "complete_at": _iso(job.finished_at) if job.state == State.SUCCEEDED else None,
        "error_at": _iso(job.finished_at) if status == "error" else None,
    }


def seed_of(job: Job) -> int:
    """Return the seed that was asked for; without one, the same for every attempt at this job."""
    if job.input["seed"] is not None:
        return job.input["seed"]
    return int.from_bytes(hashlib.sha256(job.pk.bytes).digest()[:4], "big")


def _error_of(job: Job) -> dict[str, str] | None:
    if job.state == State.CANCELLED:
        return {"code": "cancelled", "message": "cancelled"}
    return {"code": job.error_code, "message": job.error_message} if job.error_code else None


def image_of(job: Job) -> dict[str, Any] | None:
    """Return what was painted: its address, size in pixels, seed (None: the provider has none), who painted it."""
    if job.state != State.SUCCEEDED or not job.result:
        return None
    result = dict(job.result)
    file_id = result.pop("image")
    return {
        "file_id": file_id,
        "url": reverse("api:job-file", args=[job.pk, file_id]),
        "media_type": "image/png",
        **result,
    }


def _iso(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat()


def delete_exchange(message: Message, *, by: str) -> None:
    """Delete question, answer, job and image; a receipt stays. Raises retention.StillRunning."""
    retention.delete_job(message.job, by=by, reason="the message was deleted")


def delete_conversation(conversation: Conversation, *, by: str) -> int:
    """Delete a conversation with all that was painted in it; returns how many jobs. Raises retention.StillRunning."""
    with transaction.atomic():
        # Whoever asks in it meanwhile waits for this lock, and finds it gone.
        Conversation.objects.select_for_update().get(pk=conversation.pk)
        jobs = list(Job.objects.filter(messages__conversation=conversation).distinct().order_by("pk"))
        for job in jobs:
            retention.delete_job(job, by=by, reason="the conversation was deleted")
        conversation.delete()
    return len(jobs)
