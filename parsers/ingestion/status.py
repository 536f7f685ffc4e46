"""How a batch or a session stands, told from the best evidence there is (seed 000).

    by its id  ->  by the session's latest batch  ->  from the session's chunks  ->  unknown

Only rows of the one who asks are looked at, so what is somebody else's looks exactly like what never was.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db.models import Count, Max, Min

from jobs import batches
from jobs.batches import Member, Summary
from jobs.clock import database_now
from jobs.errors import InvalidInput
from jobs.lifecycle import UNSUCCESSFUL
from jobs.models import Job, JobFile, Worker
from jobs.positions import explain, live_workers
from jobs.states import FINISHED, WAITING, State, Vocabulary
from parsers.ingestion.messages import error_sentence, say
from parsers.ingestion.store import check_label
from parsers.models import Chunk, Document, DocumentSession

BATCH_KIND, DOCUMENT_KIND = "parsers.ingest_batch", "parsers.ingest_document"

RUNNING, COMPLETED, COMPLETED_WITH_ERRORS, FAILED = "running", "completed", "completed_with_errors", "failed"
UNKNOWN, LIKELY_COMPLETED = "unknown", "likely_completed"

#: WIRE.md, column 000. `completed` is `completed_with_errors` when a document failed.
WORDS = Vocabulary(
    "ingestion",
    {
        State.PENDING: RUNNING,
        State.QUEUED: RUNNING,
        State.PROCESSING: RUNNING,
        State.SUCCEEDED: COMPLETED,
        State.FAILED: FAILED,
        State.CANCELLED: FAILED,
    },
)
#: How `found_by` names where an answer came from.
FOUND_BY = BY_JOB, BY_SESSION, BY_CHUNKS, BY_NOTHING = "job", "session", "chunks", "nothing"
#: The kinds of evidence; each but `waiting` is a sentence of messages.py.
EVIDENCE = ("children", "chunks", "workers", "waiting", "attempts", "session", "job_missing", "job_id_not_found")


def find_status(user: Any, *, job_id: str = "", session_id: str = "") -> dict[str, Any]:
    """Return how the batch stands: the body of GET …/status/{job_id}. Never fails, whatever the ids are."""
    batch = find_batch(user, job_id)
    if batch is not None:
        return describe_batch(batch, found_by=BY_JOB)
    label = _known_label(session_id)
    batch = latest_batch(user, label)
    if batch is not None:
        body = describe_batch(batch, found_by=BY_SESSION)
        body["message"] = say("other_batch", message=body["message"])
        body["evidence"].append(_evidence("job_id_not_found"))
        return body
    return describe_without_batch(user, label, job_id=job_id)


def find_batch(user: Any, job_id: str) -> Job | None:
    """Return the batch of this id, or the one that this document belongs to, if the user may see it."""
    try:
        key = uuid.UUID(job_id)
    except ValueError:
        return None
    own = Job.objects.visible_to(user).filter(kind__in=[BATCH_KIND, DOCUMENT_KIND])
    job = own.select_related("parent").filter(pk=key).first()
    return job.parent if job is not None and job.parent is not None else job


def batches_of(owner: Any, session_id: Any) -> Any:
    """Return the batches that were sent to a session, newest first; a document that was sent alone is one as well."""
    sent = Job.objects.filter(owner=owner, session_id=session_id, kind__in=[BATCH_KIND, DOCUMENT_KIND])
    return sent.filter(parent__isnull=True).order_by("-id")


def latest_batch(user: Any, session_id: str) -> Job | None:
    """Return the latest batch that the user sent to the session."""
    return batches_of(user, session_id).first() if session_id else None


def status_word(job: Job, summary: Summary) -> str:
    """Return the seed's word for a batch whose documents stand so. It has not ended before the last of them."""
    if summary.ended < summary.total:
        return RUNNING
    word = WORDS.word(job.state)
    return COMPLETED_WITH_ERRORS if word == COMPLETED and summary.failed else word


def describe_batch(job: Job, *, found_by: str) -> dict[str, Any]:
    """Return how a batch stands, with each of its documents."""
    members = _members(job)
    summary = _summarise(members)
    word = status_word(job, summary)
    documents = [_describe_member(member) for member in members]
    expected = expected_chunks(member.extra for member in members)
    present = _present_chunks(job)
    evidence = [_evidence("children", **_count_states(summary)), _chunk_evidence(present, expected)]
    if word == RUNNING:
        evidence += _life_evidence(job, members)
    evidence += _attempt_evidence(job)
    return {
        "job_id": str(job.pk),
        "session_id": job.session_id,
        "status": word,
        "message": _message(job, word, summary, present=present, expected=expected, evidence=evidence),
        "total_files": summary.total,
        "processed": summary.ended,
        "failed": summary.failed,
        "progress": 100.0 if job.state == State.SUCCEEDED else summary.progress,
        "chunks": expected,
        "documents": documents,
        "errors": [
            {"job_id": one["job_id"], "filename": one["filename"], **one["error"]} for one in documents if one["error"]
        ],
        "evidence": evidence,
        "found_by": found_by,
        "as_of": database_now(),
    }


def describe_without_batch(user: Any, session_id: str, *, job_id: str = "") -> dict[str, Any]:
    """Return what can be said when no batch is found: likely_completed when the session has chunks, else unknown."""
    session = DocumentSession.objects.filter(owner=user, session_id=session_id).first() if session_id else None
    documents, chunks = count_stored(session) if session else (0, 0)
    evidence: list[dict[str, Any]] = []
    if session is not None:
        stored = session.documents.aggregate(first_stored_at=Min("stored_at"), last_stored_at=Max("stored_at"))
        evidence.append(_evidence("session", documents=documents, chunks=chunks, **stored))
        evidence.append(_evidence("job_missing"))
    word, found_by = (LIKELY_COMPLETED, BY_CHUNKS) if chunks else (UNKNOWN, BY_NOTHING)
    return {
        "job_id": job_id or None,
        "session_id": session_id or None,
        "status": word,
        "message": say(word, documents=documents, chunks=chunks),
        "total_files": documents,
        "processed": documents,
        "failed": 0,
        "progress": 100.0 if chunks else 0.0,
        "chunks": chunks,
        "documents": [],
        "errors": [],
        "evidence": evidence,
        "found_by": found_by,
        "as_of": database_now(),
    }


def describe_session_status(user: Any, session: DocumentSession) -> dict[str, Any]:
    """Return how a session stands: by its latest batch, else from its chunks."""
    batch = latest_batch(user, session.session_id)
    if batch is not None:
        body = describe_batch(batch, found_by=BY_SESSION)
    else:
        body = describe_without_batch(user, session.session_id)
        if body["status"] == UNKNOWN:
            body["message"] = say("empty")
    return {name: body[name] for name in ("status", "message", "progress", "evidence", "as_of")}


def count_stored(session: DocumentSession) -> tuple[int, int]:
    """Return how many documents and chunks a session has."""
    return session.documents.count(), Chunk.objects.filter(document__session=session).count()


def expected_chunks(results: Any) -> int:
    """Return how many chunks the documents of a batch made; the same document sent twice made its chunks once."""
    made = {one["document"]: one["chunks"] for one in results if one.get("chunks") is not None}
    return sum(made.values())


# --- the parts ------------------------------------------------------------------------------------------------------


def _known_label(session_id: str) -> str:
    """Return a label as sessions keep it; "" for what cannot be one."""
    try:
        return check_label(session_id)
    except InvalidInput:
        return ""


def _members(job: Job) -> list[Member]:
    keys = ("chunks", "document", "already_stored")
    if job.kind == BATCH_KIND:
        return batches.members(job.pk, result_keys=keys)
    file = job.files.filter(role=JobFile.Role.INPUT).first()
    extra = {key: (job.result or {}).get(key) for key in keys}
    return [
        Member(
            job.pk, file.name if file else "", State(job.state), job.progress, job.stage, job.error_code,
            job.error_message, job.event_seq, extra,
        )
    ]  # fmt: skip


def _summarise(members: Sequence[Member]) -> Summary:
    """Count what was read once, so that the numbers of an answer agree with its list."""
    done = [100.0 if member.state in FINISHED else member.progress for member in members]
    return Summary(
        counts=Counter(member.state for member in members), progress=round(sum(done) / len(done), 2) if done else 100.0
    )


def _describe_member(member: Member) -> dict[str, Any]:
    error = None
    if member.state == State.CANCELLED:
        error = {"code": "cancelled", "message": say("document_cancelled")}
    elif member.state == State.FAILED:
        error = {
            "code": member.error_code,
            "message": error_sentence(member.error_code, member.error_message),
        }
    return {
        "job_id": str(member.id),
        "filename": member.name,
        "status": WORDS.word(member.state),
        "progress": member.progress,
        "stage": member.stage,
        "seq": member.seq,
        "error": error,
        "chunks": member.extra["chunks"],
        "already_stored": bool(member.extra["already_stored"]),
    }


def _count_states(summary: Summary) -> dict[str, int]:
    return {
        "succeeded": summary.succeeded,
        "failed": summary.failed,
        "waiting": sum(summary.counts.get(state, 0) for state in WAITING),
        "processing": summary.counts.get(State.PROCESSING, 0),
    }


def _present_chunks(job: Job) -> int:
    """Count the chunks that the session has, here and now, of this batch's documents."""
    # Not "either or" in one query: no index serves that.
    mine = {"job__parent": job} if job.kind == BATCH_KIND else {"job": job}
    sent = JobFile.objects.filter(**mine, role=JobFile.Role.INPUT).order_by().values("sha256")
    stored = Document.objects.filter(session__owner=job.owner_id, session__session_id=job.session_id, sha256__in=sent)
    return Chunk.objects.filter(document__in=stored.order_by().values("pk")).count()


def _life_evidence(job: Job, members: Sequence[Member]) -> list[dict[str, Any]]:
    """Say whether anybody works, and what the first waiting document waits for when none is being worked on."""
    last = Worker.objects.aggregate(last=Max("heartbeat_at"))["last"]
    found = [_evidence("workers", alive=len(live_workers(job.queue)), last_heartbeat_at=last)]
    states = {member.state for member in members}
    if State.PROCESSING not in states and (waiting := next((one for one in members if one.state in WAITING), None)):
        standing = explain(Job.objects.get(pk=waiting.id))
        found.append(
            {
                "kind": "waiting",
                "detail": standing.sentence,
                "code": standing.waiting_for,
                "position": standing.position,
                "until": standing.until,
            }
        )
    return found


def _attempt_evidence(job: Job) -> list[dict[str, Any]]:
    documents = Job.objects.filter(parent=job) if job.kind == BATCH_KIND else Job.objects.filter(pk=job.pk)
    counted = documents.filter(attempt__gt=1).aggregate(retried=Count("pk"), most=Max("attempt"))
    return [_evidence("attempts", **counted)] if counted["retried"] else []


def _chunk_evidence(present: int, expected: int) -> dict[str, Any]:
    return _evidence("chunks", present=present, expected=expected)


def _message(
    job: Job, word: str, summary: Summary, *, present: int, expected: int, evidence: list[dict[str, Any]]
) -> str:
    numbers = {
        "total": summary.total,
        "ended": summary.ended,
        "failed": summary.failed,
        "stored": summary.succeeded,
        "chunks": expected,
        "present": present,
        "error": error_sentence(job.error_code, job.error_message),
    }
    code = word
    # That it failed or was cancelled is settled, but not that nobody works on it: some of its documents still run.
    if word == RUNNING and (job.state in UNSUCCESSFUL or job.cancel_requested_at is not None):
        code = "stopping"
    elif word == RUNNING and any(one["kind"] == "workers" and not one["alive"] for one in evidence):
        code = "running_no_worker"
    elif word == COMPLETED and present < expected:
        code = "completed_but_deleted"
    elif job.state == State.CANCELLED:
        code = "cancelled"
    elif word == FAILED and summary.succeeded:
        code = "failed_after_all"
    return say(code, **numbers)


def _evidence(code: str, **numbers: Any) -> dict[str, Any]:
    """Return one piece of evidence: its kind, a sentence, and the numbers that the sentence is made of."""
    return {"kind": code, "detail": say(code, **numbers), **numbers}
