"""What comes in, checked once at the door, and how mails, orders and drafts go out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import reverse
from rest_framework import serializers

from jobs.api.serializers import LONGEST_PAGE, PAGE
from jobs.models import Job
from orders import drafts
from orders.inbox import later_mails
from orders.models import Draft, Mail, MailOrder, Order
from orders.words import WORDS

PREVIEW_CHARS = 140
LONGEST_BODY = 20_000
#: Other mails of a conversation that are shown.
MOST_OF_THREAD = 20


# --- in: the kinds ----------------------------------------------------------------------------------------------


class OrderNumber(serializers.RegexField):
    """As the customer knows it, with or without "#"."""

    def __init__(self, **options: Any) -> None:
        message = "An order number has 1 to 40 letters, digits, dots or dashes."
        super().__init__(r"^[\w.\-]{1,40}$", error_messages={"invalid": message}, **options)

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(data).strip().lstrip("#").strip()

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, int) and not isinstance(data, bool):
            data = str(data)
        return super().run_validation(data.strip().lstrip("#") if isinstance(data, str) else data)


class FetchOrderInput(serializers.Serializer):
    mail_id = serializers.UUIDField()
    number = OrderNumber(required=False, help_text="look up this one, whatever the mail says")


class RefreshOrderInput(serializers.Serializer):
    number = OrderNumber()


class DraftReplyInput(serializers.Serializer):
    mail_id = serializers.UUIDField()
    replace = serializers.BooleanField(required=False, default=False)


class SendReplyInput(serializers.Serializer):
    draft_id = serializers.UUIDField()


# --- in: requests -----------------------------------------------------------------------------------------------


class MailQuery(serializers.Serializer):
    box = serializers.ChoiceField(
        [*Mail.Box.values, "all"], required=False, default=Mail.Box.OPEN.value, help_text="which mails"
    )
    q = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=200,
        default="",
        help_text="in subject, text or sender; or an order's number",
    )
    cursor = serializers.UUIDField(required=False, help_text="as the last page's `next` has it")
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=LONGEST_PAGE, default=PAGE, help_text="of the rows of a page"
    )


class NumberInput(serializers.Serializer):
    """Which order."""

    number = OrderNumber(help_text="as the customer knows it, with or without `#`")

    example = {"number": "1028"}


class ReplyInput(serializers.Serializer):
    refuses_unknown = True
    example = {"mail_id": "0193a2f2-6b10-7a31-8c44-5d6e7f809a1b"}

    mail_id = serializers.UUIDField(
        help_text="from GET /api/mails",
        error_messages={"required": "Say which mail: its id, from GET /api/mails.", "invalid": "This is no mail's id."},
    )


class DraftPatch(serializers.Serializer):
    never_partial = True
    refuses_unknown = True
    example: dict[str, Any] = {
        "version": 1,
        "body": "Merhaba Ayşe Hanım, siparişiniz yarın elinizde olur.",
        "confirmed_claims": ["yarın"],
    }

    version = serializers.IntegerField(min_value=1, help_text="of the draft that you have seen")
    body = serializers.CharField(max_length=LONGEST_BODY, allow_blank=True, trim_whitespace=False)
    subject = serializers.CharField(max_length=500, required=False, allow_blank=True)
    confirmed_claims = serializers.ListField(
        child=serializers.CharField(max_length=500, trim_whitespace=False),
        required=False,
        max_length=200,
        help_text="texts of claims that you have checked and vouch for",
    )

    def validate_subject(self, subject: str) -> str:
        return " ".join(subject.split())


class VersionInput(serializers.Serializer):
    example = {"version": 1}

    version = serializers.IntegerField(
        min_value=1,
        help_text="of the draft that you have seen",
        error_messages={"required": "Say which version of the draft you have seen."},
    )


class ResolveInput(serializers.Serializer):
    outcome = serializers.ChoiceField(["sent", "send_again"], help_text="`sent`: it went out; else it is sent again")

    example = {"outcome": "sent"}


# --- out --------------------------------------------------------------------------------------------------------


def describe_order(order: Order) -> dict[str, Any]:
    """Return an order as it is known: a snapshot (see snapshot.py), and how old it is."""
    return {
        **{name: value for name, value in order.snapshot.items() if name != "id"},
        "fetched_at": order.fetched_at,
        "expires_at": order.expires_at,
        "is_fresh": drafts.is_fresh(order),
        "source": order.source,
    }


def describe_mails(mails: Iterable[Mail]) -> list[dict[str, Any]]:
    """Return mails for a list. `order` and `lookup_job` must have been selected, `drafts` and `mail_orders`
    prefetched.
    """
    return [_describe_row(mail) for mail in mails]


def _describe_row(mail: Mail) -> dict[str, Any]:
    live = next((draft for draft in mail.drafts.all() if draft.state in drafts.LIVE), None)
    shown = live or next((draft for draft in mail.drafts.all() if draft.state != Draft.State.SUPERSEDED), None)
    links = list(mail.mail_orders.all())
    return _describe_envelope(mail) | {
        "lookup": _describe_lookup(mail),
        "order": _short_order(mail, links),
        "draft": None
        if shown is None
        else {
            "id": str(shown.pk),
            "state": shown.state,
            "version": shown.version,
            "unmatched": len(drafts.unmatched(shown)),
        },
    }


def _short_order(mail: Mail, links: list[MailOrder]) -> dict[str, Any] | None:
    link = next((link for link in links if link.order_id == mail.order_id), None)
    if mail.order is None or link is None or not link.may_be_told:
        return None
    snapshot = mail.order.snapshot
    return {name: snapshot[name] for name in ("number", "status", "payment_status", "package_status")}


def _describe_envelope(mail: Mail) -> dict[str, Any]:
    return {
        "id": str(mail.pk),
        "subject": mail.subject,
        "sender": mail.sender,
        "sender_name": mail.sender_name,
        "reply_to": mail.reply_to,
        "received_at": mail.received_at,
        "date": mail.sent_at,
        "box": mail.box,
        "language": mail.language or None,
        "preview": " ".join(mail.text[: 4 * PREVIEW_CHARS].split())[:PREVIEW_CHARS],
        "attachments": mail.attachments,
        "problems": mail.problems,
        "is_automatic": mail.is_automatic,
        "order_numbers": mail.order_numbers,
        "links": {"self": reverse("orders:mail", args=[mail.pk])},
    }


def _describe_lookup(mail: Mail) -> dict[str, Any]:
    job: Job | None = mail.lookup_job
    has_failed = job is not None and bool(job.error_code)
    return {
        "outcome": mail.outcome,
        "status": WORDS.word(job.state) if job else None,
        "state": job.state if job else None,
        "job_id": str(job.pk) if job else None,
        "error": {"code": job.error_code, "message": job.error_message} if job and has_failed else None,
    }


def describe_mail(mail: Mail) -> dict[str, Any]:
    """Return one mail with its text, its conversation, its orders and its draft."""
    links = list(mail.mail_orders.select_related("order"))
    chosen = next((link for link in links if link.order_id == mail.order_id), None)
    told = chosen is not None and chosen.may_be_told
    draft = drafts.find_shown(mail)
    thread = Mail.objects.filter(thread=mail.thread).exclude(pk=mail.pk).order_by("-id")[:MOST_OF_THREAD]
    return _describe_envelope(mail) | {
        "to": mail.to,
        "text": mail.text,
        "thread": [
            {"id": str(other.pk), "subject": other.subject, "sender": other.sender, "received_at": other.received_at}
            for other in thread
        ],
        "lookup": _describe_lookup(mail),
        "orders": [
            {
                "number": link.order.number,
                "by": link.by,
                "belongs": link.belongs,
                "chosen": link.order_id == mail.order_id,
                "confirmed_by": link.confirmed_by,
            }
            for link in links
        ],
        "order": describe_order(chosen.order) if chosen is not None and told else None,
        "order_warning": None if chosen is None or told else OTHER_CUSTOMER,
        "draft": describe_draft(draft, mail) if draft else None,
        "has_later": later_mails(mail).exists(),
    }


OTHER_CUSTOMER = {
    "code": "other_customer",
    "message": "This order was placed with another e-mail address than the one that an answer would go "
    "to. Show it only "
    "if you have made sure that this is the customer.",
}


def describe_draft(draft: Draft, mail: Mail) -> dict[str, Any]:
    """Return a draft, what it claims, and what stands between it and being sent."""
    is_open = draft.state == Draft.State.OPEN
    stands = drafts.blockers(draft, mail) if is_open else []
    old = drafts.out_of_date(draft, mail) if is_open else None
    return {
        "id": str(draft.pk),
        "version": draft.version,
        "state": draft.state,
        "subject": draft.subject,
        "body": draft.body,
        "language": draft.language,
        "provider": draft.provider,
        "model": draft.model,
        "ai": draft.ai,
        "created_at": draft.created_at,
        "edited_at": draft.edited_at,
        "edited_by": draft.edited_by,
        "claims": [claim | {"confirmed_by": _who_vouched(draft, claim)} for claim in draft.claims],
        "unmatched": len(drafts.unmatched(draft)),
        "out_of_date": old.as_dict() if old else None,
        "can_send": is_open and not stands,
        "blockers": [blocker.as_dict() for blocker in stands],
        "recipient": draft.recipient or mail.answer_to,
        "approved_at": draft.approved_at,
        "approved_by": draft.approved_by,
        "sent_at": draft.sent_at,
        "message_id": draft.message_id,
        "send_job_id": str(draft.send_job_id) if draft.send_job_id else None,
        "send_error": {"code": draft.send_error_code, "message": draft.send_error_message}
        if draft.send_error_code
        else None,
    }


def _who_vouched(draft: Draft, claim: dict[str, Any]) -> str:
    return draft.confirmed.get(claim["text"], "") if claim["field"] is None else ""
