"""How mails come in and go: each stored once, with its place, its job and the cursor, in one transaction.

Whatever kills a fetch, the next one goes on where it stood. A mail that cannot be read is stored as well, with what
is wrong with it.
"""

from __future__ import annotations

import hashlib
import uuid
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.db.models.functions import Now

from jobs import lifecycle
from jobs.models import Job, Receipt
from orders.models import Draft, Mail, MailFolder, MailPlace, MailSource, Order, OrderLookup, WebhookEvent
from orders.providers import MailSession, RawMail
from orders.reading import ParsedMail, read_mail
from orders.references import find_order_numbers

FETCH_ORDER = "orders.fetch_order"
#: Priorities of a look-up (seed 004).
SOMEBODY_WAITS, NEW_MAIL, BULK = 10, 5, 0
#: Uids that are compared with the database at once.
GROUP = 200


class StillSending(Exception):
    """A reply to the mail is on its way, or may have gone out; that has to be settled first."""


@dataclass
class Fetched:
    """What a fetch did. new: mails stored, each with a job; copies: mails that were there already; odd: new ones that
    could not be read as they should."""

    new: int = 0
    copies: int = 0
    odd: int = 0


def receive(
    session: MailSession,
    address: str,
    *,
    limit: int,
    shield: Callable[[], AbstractContextManager[None]],
    show: Callable[[int, int], None],
) -> Fetched:
    """Store what is new in a mailbox. limit: bytes of one mail. show: called with how many are done, and of how many.

    Raises what the mailbox raises; what was stored until then stays.
    """
    with shield():
        folder = _open_folder(address, session.validity)
    done = Fetched()
    uids = list(session.list_after(folder.last_uid))
    for start in range(0, len(uids), GROUP):
        group = uids[start : start + GROUP]
        with shield():
            places = MailPlace.objects.filter(folder=folder, validity=session.validity, uid__in=group)
            known = set(places.values_list("uid", flat=True))
        for uid in group:
            if uid in known:
                continue
            raw = session.get(uid, limit)
            if raw is not None:
                parsed = read_mail(raw.raw, is_whole=raw.is_whole)
                with shield():
                    _store(folder, session.validity, uid, raw, parsed, done)
        show(min(start + GROUP, len(uids)), len(uids))
    with shield():
        MailFolder.objects.filter(pk=folder.pk).update(fetched_at=Now())
    return done


def _open_folder(address: str, validity: str) -> MailFolder:
    folder, _ = MailFolder.objects.get_or_create(address=address, defaults={"validity": validity})
    if folder.validity != validity:
        # The mailbox numbers its mails anew: all are looked at again, and those that are known are recognised.
        MailFolder.objects.filter(pk=folder.pk).update(validity=validity, last_uid="")
        folder.refresh_from_db()
    return folder


@transaction.atomic
def _store(folder: MailFolder, validity: str, uid: str, raw: RawMail, parsed: ParsedMail, done: Fetched) -> None:
    """Store one mail with its place, its job and the cursor, unless another fetch or another copy was faster."""
    folder = MailFolder.objects.select_for_update().get(pk=folder.pk)
    if folder.validity != validity or MailPlace.objects.filter(folder=folder, validity=validity, uid=uid).exists():
        return
    earlier = MailPlace.objects.filter(folder=folder, identity=parsed.identity).order_by("id").first()
    mail: Mail | None
    if earlier is None:
        mail = _create(folder, raw, parsed)
        done.new += 1
        done.odd += bool(parsed.problems)
    else:
        mail = earlier.mail  # None: it was deleted here, and does not come back
        done.copies += 1
    MailPlace.objects.create(folder=folder, validity=validity, uid=uid, identity=parsed.identity, mail=mail)
    MailFolder.objects.filter(pk=folder.pk).update(last_uid=uid)


def _create(folder: MailFolder, raw: RawMail, parsed: ParsedMail) -> Mail:
    mail = Mail(
        folder=folder,
        identity=parsed.identity,
        message_id=parsed.message_id[:500],
        references=[*dict.fromkeys([*parsed.references, *([parsed.in_reply_to] if parsed.in_reply_to else [])])],
        sender=parsed.sender[:320],
        sender_name=parsed.sender_name[:200],
        reply_to=parsed.reply_to[:320],
        to=parsed.to,
        subject=parsed.subject[:500],
        text=parsed.text,
        language=parsed.language or "",
        attachments=parsed.attachments,
        problems=parsed.problems,
        is_automatic=parsed.is_automatic,
        sent_at=parsed.date,
        order_numbers=find_order_numbers(parsed.subject, parsed.text),
    )
    mail.thread = _thread_of(mail)
    mail.save(force_insert=True)
    MailSource.objects.create(mail=mail, content=zlib.compress(raw.raw), size=raw.size, is_whole=raw.is_whole)
    ask_for_order(mail, priority=NEW_MAIL)
    return mail


def _thread_of(mail: Mail) -> uuid.UUID:
    """Return the conversation that a mail belongs to: that of a mail or a reply of ours that it refers to."""
    if mail.references:
        known = Mail.objects.filter(message_id__in=mail.references).order_by("-id").values_list("thread", flat=True)
        replied = Draft.objects.filter(message_id__in=mail.references).values_list("mail__thread", flat=True)
        found = known.first() or replied.first()
        if found is not None:
            return found
    return mail.pk


def ask_for_order(mail: Mail, *, priority: int, number: str = "", owner: Any = None) -> Job:
    """Submit the job that finds a mail's order. number: the one that a person chose."""
    given = {"mail_id": str(mail.pk)} | ({"number": number} if number else {})
    job = lifecycle.submit(FETCH_ORDER, given, priority=priority, owner=owner)
    Mail.objects.filter(pk=mail.pk).update(lookup_job=job)
    mail.lookup_job = job
    return job


def later_mails(mail: Mail) -> Any:
    """Return the mails of the customer that came into the conversation after this one."""
    return Mail.objects.filter(thread=mail.thread, pk__gt=mail.pk)


def is_being_answered(mail: Mail) -> bool:
    """Return whether a reply to the mail is on its way, or may have gone out."""
    return mail.drafts.filter(state__in=[Draft.State.SENDING, Draft.State.UNKNOWN]).exists()


@transaction.atomic
def delete_mail(mail_id: uuid.UUID, *, by: str, reason: str) -> Receipt:
    """Delete a mail with its bytes and drafts; a receipt stays, and it does not come back from the mailbox.

    Raises StillSending, Mail.DoesNotExist.
    """
    mail = Mail.objects.select_for_update().get(pk=mail_id)
    if is_being_answered(mail):
        raise StillSending
    source = MailSource.objects.filter(mail=mail).first()
    digest = hashlib.sha256(zlib.decompress(bytes(source.content)) if source else mail.identity.encode()).hexdigest()
    receipt, _ = Receipt.objects.get_or_create(
        job_id=mail.pk, defaults={"kind": "orders.mail", "digest": digest, "deleted_by": by, "reason": reason}
    )
    mail.delete()
    return receipt


def prune(after: timedelta, *, shield: Callable[[], AbstractContextManager[None]]) -> dict[str, int]:
    """Delete mails that came longer ago than this, orders and answers that old, and webhooks of the past."""
    pruned = 0
    sending = Draft.objects.filter(state__in=[Draft.State.SENDING, Draft.State.UNKNOWN]).values("mail")
    with shield():
        expired = Mail.objects.filter(received_at__lt=Now() - after).exclude(pk__in=sending)
        old = list(expired.values_list("pk", flat=True))
    for mail_id in old:
        with shield(), suppress(StillSending, Mail.DoesNotExist):
            delete_mail(mail_id, by="", reason="retention")
            pruned += 1
    with shield():
        orders, _ = Order.objects.filter(fetched_at__lt=Now() - after, mail_orders__isnull=True).delete()
        OrderLookup.objects.filter(expires_at__lt=Now() - after).delete()
        WebhookEvent.objects.filter(received_at__lt=Now() - after).delete()
    return {"mails": pruned, "orders": orders}


def count_boxes() -> dict[str, int]:
    """Return how many mails lie in each box."""
    rows = Mail.objects.order_by().values("box").annotate(mails=Count("pk"))
    return dict.fromkeys(Mail.Box.values, 0) | {row["box"]: row["mails"] for row in rows}
