"""What this app keeps about a person: the conversations of their account. Messages are part of their jobs as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction

from imaging import messages
from imaging.models import Conversation
from jobs.people.registry import Holder, Note, NotYet, Person, Record, hold
from jobs.retention import StillRunning

_SHOWN_OF_A_MESSAGE = ("id", "role", "content", "job_id", "extra_metadata", "created_at")


def conversations_of(person: Person) -> Any:
    """Return the conversations of the person's account. They have no label."""
    if not person.account:
        return Conversation.objects.none()
    return Conversation.objects.filter(owner=person.account).order_by("pk")


def _find(person: Person) -> Iterator[Record]:
    for conversation in conversations_of(person).iterator(chunk_size=50):
        about = {
            "title": conversation.title, "owner_id": conversation.owner_id, "created_at": conversation.created_at,
            "updated_at": conversation.updated_at,
        }  # fmt: skip
        said = list(conversation.messages.order_by("pk").values(*_SHOWN_OF_A_MESSAGE))
        yield Record(str(conversation.pk), about | {"messages": said})


def _count(person: Person) -> dict[str, int]:
    return {"conversations": count} if (count := conversations_of(person).count()) else {}


def _erase(person: Person, note: Note, by: str) -> None:
    for conversation in list(conversations_of(person)):
        key = str(conversation.pk)
        try:
            with transaction.atomic():
                jobs = messages.delete_conversation(conversation, by=by)
                note({"conversations": 1, "jobs": jobs}, key)
        except Conversation.DoesNotExist:
            continue  # somebody else deletes it as well
        except StillRunning:
            raise NotYet(f"In conversation {key} something was asked for a moment ago. Erase once more.") from None


hold(Holder("conversations", find=_find, count=_count, erase=_erase))
