"""The life of a reply: written, checked, edited, approved, sent. See `Draft` for the states.

Every change locks the mail first, then the draft: two people and a worker take their turns.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from jobs import lifecycle
from jobs.errors import InvalidInput, JobError
from jobs.models import Job
from jobs.states import State
from orders.inbox import later_mails
from orders.models import Draft, Mail, MailOrder, Order
from orders.outboxes.compose import is_address, new_message_id
from orders.providers import NO_REFERENCE, PENDING, WrittenReply
from orders.replies.claims import check_claims
from orders.snapshot import Snapshot

SEND_REPLY = "orders.send_reply"
#: Orders of one mail that a reply may speak of.
MOST_ORDERS = 3
#: States in which a mail has a reply under way.
LIVE = (Draft.State.OPEN, Draft.State.SENDING, Draft.State.UNKNOWN)


class DraftConflict(JobError):
    """The draft is not what the person saw, or not in a state for this. 409."""


@dataclass(frozen=True)
class Blocker:
    """Why a draft cannot be sent. code: claims_unmatched, order_changed, thread_changed, order_stale, no_recipient."""

    code: str
    message: str

    def as_dict(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message}


# --- what a reply may speak of ----------------------------------------------------------------------------------


def orders_to_tell(mail: Mail) -> list[Order]:
    """Return the orders that whoever gets the answer may know, the chosen one first."""
    linked = [link for link in mail.mail_orders.select_related("order") if link.may_be_told]
    linked.sort(key=lambda link: (link.order_id != mail.order_id, link.rank, link.pk))
    return [link.order for link in linked[:MOST_ORDERS]]


def why_missing(mail: Mail, orders: Sequence[Order]) -> str:
    """Return why a reply has no order to speak of; "" when it has. See providers.py for the words."""
    if orders and all(is_fresh(order) for order in orders):
        return ""
    if mail.outcome == Mail.Outcome.FOUND:
        return PENDING  # what is known is too old to be told
    return str(mail.outcome) or NO_REFERENCE


def is_fresh(order: Order) -> bool:
    return order.expires_at > timezone.now()


def _snapshots(orders: Iterable[Order]) -> list[Snapshot]:
    return [order.snapshot for order in orders]


def _basis(orders: Iterable[Order]) -> list[list[int]]:
    return [[order.pk, order.version] for order in orders]


# --- written ----------------------------------------------------------------------------------------------------


def find_live(mail: Mail) -> Draft | None:
    """Return the reply that is under way, or None."""
    return mail.drafts.filter(state__in=LIVE).select_related("send_job").first()


def find_shown(mail: Mail) -> Draft | None:
    """Return the reply that people see: the one under way, else the last that was sent or dismissed."""
    shown = mail.drafts.exclude(state=Draft.State.SUPERSEDED).select_related("send_job")
    return find_live(mail) or shown.order_by("-id").first()


@transaction.atomic
def keep_written(
    mail_id: uuid.UUID, written: WrittenReply, orders: Sequence[Order], *, language: str, provider: str, replace: bool
) -> Draft | None:
    """Store what a provider wrote as the mail's open draft, with its claims checked.

    replace: also when a person has worked on the one that is there; it is kept as superseded. Returns None when
    nothing was stored: a person's text stands, a reply is on its way, or the mail is gone.
    """
    mail = Mail.objects.select_for_update().filter(pk=mail_id).first()
    if mail is None:
        return None
    live = find_live(mail)
    if live is not None:
        if live.state != Draft.State.OPEN or (live.edited_by and not replace):
            return None
        Draft.objects.filter(pk=live.pk).update(state=Draft.State.SUPERSEDED)
    draft = Draft.objects.create(
        mail=mail,
        subject=mail.subject,
        body=written.body,
        language=language,
        provider=provider,
        model=written.model,
        ai=written.ai,
        claims=claims_of(written.body, orders),
        basis=_basis(orders),
    )
    draft.refresh_from_db()
    return draft


def claims_of(body: str, orders: Sequence[Order]) -> list[dict[str, Any]]:
    """Return what a reply claims, each with the field of an order that says so, or None."""
    zone = timezone.get_default_timezone()
    today = timezone.localdate(timezone=zone)
    return [claim.as_dict() for claim in check_claims(body, _snapshots(orders), today=today, tz=zone)]


# --- judged -----------------------------------------------------------------------------------------------------


def unmatched(draft: Draft) -> list[dict[str, Any]]:
    """Return the claims that neither an order nor a person stands for."""
    return [claim for claim in draft.claims if claim["field"] is None and claim["text"] not in draft.confirmed]


def out_of_date(draft: Draft, mail: Mail) -> Blocker | None:
    """Say what has changed since the draft was checked, or None."""
    now = orders_to_tell(mail)
    if later_mails(mail).filter(received_at__gt=draft.checked_at).exists():
        return Blocker("thread_changed", "The customer wrote again after this draft was made. Read that mail first.")
    if draft.basis != _basis(now):
        return Blocker(
            "order_changed", "The order changed after this draft was made. Write a new draft, or save yours again."
        )
    if not all(is_fresh(order) for order in now):
        return Blocker("order_stale", "What is known of the order is over an hour old. Refresh it, then send.")
    return None


def blockers(draft: Draft, mail: Mail) -> list[Blocker]:
    """Return all that stands between an open draft and being sent."""
    found = []
    if claims := unmatched(draft):
        found.append(
            Blocker(
                "claims_unmatched",
                f"{len(claims)} statements of this draft are in no field of the order. Change them, or vouch for each.",
            )
        )
    if (old := out_of_date(draft, mail)) is not None:
        found.append(old)
    if not is_address(mail.answer_to):
        found.append(Blocker("no_recipient", "The mail names no address that an answer could go to."))
    if not draft.body.strip():
        found.append(Blocker("empty", "The draft is empty."))
    return found


# --- changed by people ------------------------------------------------------------------------------------------


def _locked(mail_id: uuid.UUID, version: int | None = None) -> tuple[Mail, Draft]:
    """Lock a mail and its live draft. Raises Mail.DoesNotExist, DraftConflict."""
    mail = Mail.objects.select_for_update().get(pk=mail_id)
    draft = mail.drafts.select_for_update().filter(state__in=LIVE).first()
    if draft is None:
        raise DraftConflict("There is no open draft. Write a new one.", code="no_draft")
    if version is not None and draft.version != version:
        raise DraftConflict(
            "Somebody changed the draft meanwhile. Look at it, then decide again.", code="draft_changed"
        )
    return mail, draft


def _require(draft: Draft, state: Draft.State) -> None:
    if draft.state != state:
        raise DraftConflict(
            f"The draft is {draft.get_state_display()} now; this cannot be done to it any more.", code="draft_state"
        )


@transaction.atomic
def edit(
    mail_id: uuid.UUID, version: int, *, by: str, body: str, subject: str | None = None, vouched: Iterable[str] = ()
) -> Draft:
    """Save a person's text, checked against the orders as they are now.

    vouched: texts of claims that the person has checked; kept with the name. Raises Mail.DoesNotExist, DraftConflict.
    """
    mail, draft = _locked(mail_id, version)
    _require(draft, Draft.State.OPEN)
    orders = orders_to_tell(mail)
    draft.claims = claims_of(body, orders)
    said = {claim["text"] for claim in draft.claims if claim["field"] is None}
    draft.confirmed = {
        text: who for text, who in (dict.fromkeys(vouched, by) | draft.confirmed).items() if text in said
    }
    draft.basis = _basis(orders)
    if body != draft.body or (subject is not None and subject != draft.subject):
        draft.edited_by = by
    draft.body, draft.subject = body, draft.subject if subject is None else subject
    draft.version += 1
    draft.edited_at = draft.checked_at = timezone.now()
    draft.save()
    return draft


@transaction.atomic
def approve(mail_id: uuid.UUID, version: int, *, by: Any, domain: str) -> Draft:
    """Submit the sending of a draft, under a Message-ID that is stored before anything goes out.

    by: the user. domain: of the Message-ID. Raises Mail.DoesNotExist, DraftConflict: nothing is sent that the person
    has not seen, and nothing that is blocked.
    """
    mail, draft = _locked(mail_id, version)
    _require(draft, Draft.State.OPEN)
    if found := blockers(draft, mail):
        raise DraftConflict(found[0].message, code=found[0].code)
    Draft.objects.filter(pk=draft.pk).update(
        state=Draft.State.SENDING,
        version=F("version") + 1,
        approved_at=Now(),
        approved_by=by.get_username(),
        recipient=mail.answer_to,
        # Kept when an earlier sending was refused: a server that took it after all knows it again.
        message_id=draft.message_id or new_message_id(domain),
    )
    return _submit_sending(draft, by)


def _submit_sending(draft: Draft, by: Any) -> Draft:
    job = lifecycle.submit(SEND_REPLY, {"draft_id": str(draft.pk)}, priority=10, owner=by)
    Draft.objects.filter(pk=draft.pk).update(
        send_job=job, transmitting_at=None, send_error_code="", send_error_message=""
    )
    draft.refresh_from_db()
    return draft


@transaction.atomic
def resolve(mail_id: uuid.UUID, *, was_sent: bool, by: Any) -> Draft:
    """Settle a sending of which nobody could tell how it went. was_sent: else it is sent again, under the same id."""
    _, draft = _locked(mail_id)
    _require(draft, Draft.State.UNKNOWN)
    Draft.objects.filter(pk=draft.pk).update(resolved_by=by.get_username(), version=F("version") + 1)
    if not was_sent:
        Draft.objects.filter(pk=draft.pk).update(state=Draft.State.SENDING)
        return _submit_sending(draft, by)
    settle_sent(draft.pk)
    draft.refresh_from_db()
    return draft


@transaction.atomic
def dismiss(mail_id: uuid.UUID) -> Mail:
    """Put a mail aside without a reply. Raises Mail.DoesNotExist, DraftConflict while a reply is on its way."""
    mail = Mail.objects.select_for_update().get(pk=mail_id)
    live = find_live(mail)
    if live is not None:
        _require(live, Draft.State.OPEN)
        Draft.objects.filter(pk=live.pk).update(state=Draft.State.DISMISSED, version=F("version") + 1)
    Mail.objects.filter(pk=mail.pk).update(box=Mail.Box.DISMISSED)
    mail.box = Mail.Box.DISMISSED
    return mail


@transaction.atomic
def reopen(mail_id: uuid.UUID) -> Mail:
    """Take a mail out of a box it was put into, with the draft it had. Raises Mail.DoesNotExist."""
    mail = Mail.objects.select_for_update().get(pk=mail_id)
    Mail.objects.filter(pk=mail.pk).update(box=Mail.Box.OPEN)
    last = mail.drafts.order_by("-id").first()
    if find_live(mail) is None and last is not None and last.state == Draft.State.DISMISSED:
        Draft.objects.filter(pk=last.pk).update(state=Draft.State.OPEN, version=F("version") + 1)
    mail.box = Mail.Box.OPEN
    return mail


@transaction.atomic
def vouch_for_order(mail_id: uuid.UUID, number: str, *, by: str) -> Mail:
    """Note that a person has checked that an order is this customer's, and choose it. Raises InvalidInput."""
    mail = Mail.objects.select_for_update().get(pk=mail_id)
    link = mail.mail_orders.select_related("order").filter(order__number=number).first()
    if link is None:
        raise InvalidInput("This order was not found for this mail. Look it up first.", code="order_not_found")
    if not link.belongs:
        MailOrder.objects.filter(pk=link.pk).update(confirmed_by=by, confirmed_at=Now())
    Mail.objects.filter(pk=mail.pk).update(order=link.order, outcome=Mail.Outcome.FOUND)
    mail.refresh_from_db()
    return mail


# --- sent -------------------------------------------------------------------------------------------------------


def settle_sent(draft_id: uuid.UUID) -> None:
    """Note that a draft was handed over. Run in the transaction that stores the result of the sending."""
    Mail.objects.filter(drafts=draft_id).update(box=Mail.Box.ANSWERED)  # mails are locked before their drafts
    Draft.objects.filter(pk=draft_id).update(state=Draft.State.SENT, sent_at=Now(), version=F("version") + 1)


def mirror_sending(jobs: list[Job]) -> None:
    """Keep drafts level with the jobs that send them: called in the transaction of every event of those."""
    for job in sorted(jobs, key=lambda job: job.pk):
        mine = Draft.objects.filter(send_job=job, state__in=LIVE)
        if job.state in (State.FAILED, State.CANCELLED):
            said = {"send_error_code": job.error_code or "cancelled", "send_error_message": job.error_message}
            later = {"version": F("version") + 1, **said}
            mine.filter(transmitting_at__isnull=True).update(state=Draft.State.OPEN, **later)
            mine.filter(transmitting_at__isnull=False).update(state=Draft.State.UNKNOWN, **later)
