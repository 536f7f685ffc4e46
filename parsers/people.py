"""What this app keeps about a person: documents of sessions, with their chunks. They outlive their jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from jobs.models import Job, JobFile
from jobs.people.registry import Holder, Note, Person, Record, hold
from parsers.ingestion import store
from parsers.models import Chunk, Document, DocumentSession


def documents_of(person: Person) -> Any:
    """Return the documents with the person's label, of the session of that label, or of their account."""
    if person.email:
        return Document.objects.none()
    if person.account:
        return Document.objects.filter(session__owner=person.account).select_related("session").order_by("pk")
    named = {"user_id": person.user_id} if person.user_id else {"session__session_id": person.session_id}
    return person.of_owner(Document.objects.filter(**named), "session__owner").select_related("session").order_by("pk")


def _sessions_of(person: Person) -> Any:
    if person.account:
        return DocumentSession.objects.filter(owner=person.account).order_by("pk")
    if not person.session_id:
        return DocumentSession.objects.none()
    return person.of_owner(DocumentSession.objects.filter(session_id=person.session_id)).order_by("pk")


def _find(person: Person) -> Iterator[Record]:
    for document in documents_of(person).iterator(chunk_size=50):
        chunks = document.chunks.order_by("position").values("position", "page", "language", "text")
        about = {
            "session_id": document.session.session_id, "owner_id": document.session.owner_id, "name": document.name,
            "sha256": document.sha256, "media_type": document.media_type, "pages": document.pages,
            "language": document.language, "stored_at": document.stored_at, "job_id": document.job_id,
        }  # fmt: skip
        yield Record(str(document.pk), about | {"chunks": list(chunks)})


def _count(person: Person) -> dict[str, int]:
    counts = {
        "documents": documents_of(person).count(),
        "chunks": Chunk.objects.filter(document__in=documents_of(person).order_by().values("pk")).count(),
        "sessions": _sessions_of(person).count(),
    }
    return {name: count for name, count in counts.items() if count}


def _erase(person: Person, note: Note, by: str) -> None:
    touched = set()
    for document in list(documents_of(person)):
        touched.add(document.session_id)
        with transaction.atomic():
            if person.user_id and (label := _also_sent_by(document)) is not None:
                # The same bytes are one document: the other one keeps it.
                Document.objects.filter(pk=document.pk).update(user_id=label, job_id=None)
                continue
            chunks = document.chunks.count()
            if store.delete_document(document.session, document.pk):
                note({"documents": 1, "chunks": chunks}, document.sha256)
    for session in list(_sessions_of(person)):
        with transaction.atomic():
            store.delete_session(session)
            note({"sessions": 1}, str(session.pk))
    # A session that held nothing else has nothing to tell but its label.
    for session in DocumentSession.objects.filter(pk__in=touched):
        with transaction.atomic():
            of_others = Job.objects.filter(owner=session.owner_id, session_id=session.session_id)
            if not session.documents.exists() and not of_others.exists():
                store.delete_session(session)


def _also_sent_by(document: Document) -> str | None:
    """Return the label of somebody else who sent the same document into the session; None when there is nobody."""
    same = JobFile.objects.filter(job=OuterRef("pk"), sha256=document.sha256)
    sent = Job.objects.filter(
        Exists(same), owner=document.session.owner_id, session_id=document.session.session_id
    ).exclude(user_id=document.user_id)
    return sent.values_list("user_id", flat=True).first()


hold(Holder("documents", find=_find, count=_count, erase=_erase))
