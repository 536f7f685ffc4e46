"""What this app keeps about a person, who is known by an address: mails, replies, orders, answers of the shop."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import Q

from jobs.people.registry import HeldFile, Holder, Note, NotYet, Person, Record, hold
from orders import inbox
from orders.chosen import chosen_outbox
from orders.lookups import Question
from orders.models import Draft, Mail, MailSource, Order, OrderLookup
from orders.outboxes.files import FileOutbox
from orders.providers import IKAS, SAMPLE

SHOPS = (SAMPLE, IKAS)
_SHOWN = (
    "sender",
    "sender_name",
    "reply_to",
    "to",
    "subject",
    "text",
    "language",
    "sent_at",
    "received_at",
    "box",
    "outcome",
)
_SHOWN_OF_A_DRAFT = ("id", "state", "subject", "body", "recipient", "created_at", "approved_at", "sent_at")


def mails_of(person: Person) -> Any:
    """Return the mails that came from the address, or are answered to it."""
    if not person.email:
        return Mail.objects.none()
    wrote = Q(sender__iexact=person.email) | Q(reply_to__iexact=person.email)
    written_to = Draft.objects.filter(recipient__iexact=person.email).values("mail")
    return Mail.objects.filter(wrote | Q(pk__in=written_to)).order_by("pk")


def _orders_of(person: Person) -> Any:
    if not person.email:
        return Order.objects.none()
    return Order.objects.filter(snapshot__customer__email=person.email.lower()).order_by("pk")


def _lookups_of(person: Person) -> Any:
    if not person.email:
        return OrderLookup.objects.none()
    keys = [Question(shop, email=email).key for shop in SHOPS for email in {person.email, person.email.lower()}]
    return OrderLookup.objects.filter(pk__in=keys)


def _find(person: Person) -> Iterator[Record]:
    for mail in mails_of(person).iterator(chunk_size=50):
        about = {name: getattr(mail, name) for name in _SHOWN}
        drafts = list(mail.drafts.order_by("pk").values(*_SHOWN_OF_A_DRAFT))
        source = MailSource.objects.filter(mail=mail).first()
        yield Record(str(mail.pk), {"type": "mail", **about, "drafts": drafts}, [_raw(source)] if source else [])
    for order in _orders_of(person).iterator(chunk_size=50):
        about = {"number": order.number, "snapshot": order.snapshot, "fetched_at": order.fetched_at}
        yield Record(f"order-{order.pk}", {"type": "order", **about})


def _raw(source: MailSource) -> HeldFile:
    return HeldFile("mail.eml", lambda: io.BytesIO(zlib.decompress(bytes(source.content))))


def _count(person: Person) -> dict[str, int]:
    counts = {
        "mails": mails_of(person).count(),
        "drafts": Draft.objects.filter(mail__in=mails_of(person).order_by().values("pk")).count(),
        "orders": _orders_of(person).count(),
        "lookups": _lookups_of(person).count(),
    }
    return {name: count for name, count in counts.items() if count}


def _erase(person: Person, note: Note, by: str) -> None:
    for mail in list(mails_of(person)):
        try:
            _erase_mail(mail, note, by)
        except Mail.DoesNotExist:
            continue  # somebody else deletes it as well
        except inbox.StillSending:
            raise NotYet(
                f"A reply to mail {mail.pk} is on its way, or may have gone out. Settle it on its page; erase again."
            ) from None
    for order in list(_orders_of(person)):
        with transaction.atomic():
            note({"orders": 1}, hashlib.sha256(repr(order.snapshot).encode()).hexdigest())
            order.delete()
    with transaction.atomic():
        if lookups := _lookups_of(person).count():
            note({"lookups": lookups}, "")
            _lookups_of(person).delete()


def _erase_mail(mail: Mail, note: Note, by: str) -> None:
    drafts = list(mail.drafts.exclude(message_id="").values_list("message_id", flat=True))
    outbox = chosen_outbox()
    if isinstance(outbox, FileOutbox) and not inbox.is_being_answered(mail):
        # Before the rows, which alone know the files' names: a killed erasure finds them again.
        for message_id in drafts:
            outbox.forget(message_id)
    with transaction.atomic():
        counts = {"mails": 1, "drafts": mail.drafts.count()}
        note(counts, inbox.delete_mail(mail.pk, by=by, reason="erasure").digest)


hold(Holder("mails", find=_find, count=_count, erase=_erase))
