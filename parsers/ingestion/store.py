"""What ingestion writes to the tables, each change in one transaction.

A session's row is locked by whoever stores into it or deletes from it. So the same document sent twice at the same
moment is stored once, a reader sees the old chunks of a document or the new ones, and nothing is stored into a session
that is being deleted.
"""

from __future__ import annotations

import unicodedata
import uuid
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from jobs.errors import InvalidInput
from parsers.ingestion.index import terms_of
from parsers.ingestion.messages import say
from parsers.ingestion.operations import SplitDocument
from parsers.models import Chunk, Document, DocumentSession

LONGEST_LABEL = 200
#: Control, format (bidi, zero-width), surrogate, line and paragraph separator: two labels that look alike would differ.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: Rows of one INSERT.
BATCH = 500


def check_label(session_id: str) -> str:
    """Return a session's label as it is kept and looked up: NFC, without space around it.

    It is a part of an address: no slashes, and nothing that a client or a proxy would tidy away. Raises InvalidInput.
    """
    session_id = unicodedata.normalize("NFC", session_id)
    unseen = next((sign for sign in session_id if unicodedata.category(sign) in _UNSEEN), None)
    if unseen is not None:
        raise _no_label("label_unseen", sign=f"U+{ord(unseen):04X}")
    session_id = session_id.strip()
    if not session_id:
        raise InvalidInput(say("session_required"), code="session_required")
    if len(session_id) > LONGEST_LABEL:
        raise _no_label("label_too_long", longest=LONGEST_LABEL)
    if "/" in session_id or "\\" in session_id:
        raise _no_label("label_slash")
    if session_id in (".", ".."):
        raise _no_label("label_dots")
    return session_id


def _no_label(sentence: str, **values: Any) -> InvalidInput:
    return InvalidInput(say(sentence, **values), code="invalid_session_id")


def open_session(owner_id: int | None, session_id: str) -> DocumentSession:
    """Return the owner's session of this label, made when there is none. Raises InvalidInput.

    session_id: as `check_label` returns it. A job keeps the label that it was sent with; one that is written in
    another way would fill a session that is not deleted with it.
    """
    if owner_id is None:
        raise InvalidInput("A session belongs to somebody: submit the job as a user.", code="owner_required")
    if check_label(session_id) != session_id:
        raise _no_label("label_not_as_kept")
    return DocumentSession.objects.get_or_create(owner_id=owner_id, session_id=session_id)[0]


def find_document(session: DocumentSession, sha256: str, *, chunk_size: int, chunk_overlap: int) -> Document | None:
    """Return the document if it is stored, cut in this way."""
    return session.documents.filter(sha256=sha256, chunk_size=chunk_size, chunk_overlap=chunk_overlap).first()


def store_document(
    session_pk: int,
    split: SplitDocument,
    *,
    sha256: str,
    name: str,
    chunk_size: int,
    chunk_overlap: int,
    job_id: uuid.UUID,
    user_id: str = "",
) -> bool:
    """Store a document and its chunks; a document that was cut in another way gets the new chunks for its old ones.

    Returns False, and stores nothing, when just these chunks are there or the session was deleted meanwhile.
    """
    values: dict[str, Any] = {
        "name": name,
        "media_type": split.media_type,
        "pages": split.pages,
        "language": split.language,
        "characters": split.characters,
        "chunk_size": chunk_size,
        "chunk_overlap": chunk_overlap,
        "job_id": job_id,
        "user_id": user_id,
    }
    with transaction.atomic():
        session = DocumentSession.objects.select_for_update().filter(pk=session_pk).first()
        if session is None or find_document(session, sha256, chunk_size=chunk_size, chunk_overlap=chunk_overlap):
            return False
        document, _ = Document.objects.update_or_create(
            session=session, sha256=sha256, defaults=values | {"stored_at": Now()}
        )
        document.chunks.all().delete()
        Chunk.objects.bulk_create(
            [
                Chunk(  # type: ignore[misc]
                    document=document,
                    position=position,
                    text=chunk.text,
                    page=chunk.page,
                    language=chunk.language,
                    terms=terms_of(session_pk, chunk.words),
                )
                for position, chunk in enumerate(split.chunks)
            ],
            batch_size=BATCH,
        )
        DocumentSession.objects.filter(pk=session_pk).update(updated_at=Now())
    return True


def delete_document(session: DocumentSession, document_pk: int) -> bool:
    """Delete one document with its chunks. False if the session has no such document."""
    with transaction.atomic():
        DocumentSession.objects.select_for_update().filter(pk=session.pk).first()
        deleted = bool(session.documents.filter(pk=document_pk).delete()[0])
        if deleted:
            DocumentSession.objects.filter(pk=session.pk).update(updated_at=Now())
        return deleted


def delete_session(session: DocumentSession) -> dict[str, int]:
    """Delete a session with its documents and chunks. Returns how many of both there were."""
    with transaction.atomic():
        DocumentSession.objects.select_for_update().filter(pk=session.pk).first()
        counts = {
            "documents": session.documents.count(),
            "chunks": Chunk.objects.filter(document__session=session).count(),
        }
        DocumentSession.objects.filter(pk=session.pk).delete()
    return counts
