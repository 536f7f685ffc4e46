"""What seed 004 answers, as the API's description shows it. `serializers.py` makes it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs.api.openapi import Fault
from jobs.api.openapi.common import OF_SUBMISSIONS
from jobs.api.openapi.endings import OF_ENGINE, OF_PROVIDERS, endings
from jobs.api.shapes.endings import ReasonInput
from jobs.api.shapes.examples import JOB
from jobs.api.shapes.jobs import JobErrorShape
from jobs.states import State
from orders.models import Draft, Mail, MailOrder
from orders.providers import IKAS, OPENAI, SAMPLE, TEMPLATE
from orders.replies import claims
from orders.serializers import NumberInput, ResolveInput, VersionInput
from orders.words import TYPE, WORDS
from parsers.language import LANGUAGES

_MAIL = "0193a2f2-6b10-7a31-8c44-5d6e7f809a1b"
_DRAFT = "0193a2f2-7c21-7b42-9d55-6e7f809a1b2c"
_ORDERED, _NOW = "2026-11-20T09:30:00Z", "2026-11-24T10:30:03.120000Z"
_SHOP = "the shop's word: CREATED, PAID, FULFILLED …"
_CUSTOMER = "ayse.demir@example.com"
_REPLY = "Merhaba Ayşe Hanım,\n\n1028 numaralı siparişiniz kargoya verildi."


# --- orders ---------------------------------------------------------------------------------------------------


class CustomerShape(serializers.Serializer):
    """Who ordered."""

    email = serializers.CharField(allow_null=True)
    first_name = serializers.CharField(allow_null=True)
    full_name = serializers.CharField(allow_null=True)


class OrderLineShape(serializers.Serializer):
    """Something that was ordered."""

    name = serializers.CharField()
    quantity = serializers.IntegerField(min_value=0)
    price = serializers.CharField(allow_null=True, help_text="of all its pieces, such as `1249.90`")
    status = serializers.CharField(help_text=_SHOP)


class PackageShape(serializers.Serializer):
    """What was, or will be, sent."""

    number = serializers.CharField()
    status = serializers.CharField(help_text=_SHOP)
    carrier = serializers.CharField(allow_null=True)
    tracking_number = serializers.CharField(allow_null=True)
    tracking_url = serializers.CharField(allow_null=True)
    lines = serializers.ListField(
        child=serializers.IntegerField(min_value=0), help_text="indices into the order's lines"
    )


class _ShortOrderShape(serializers.Serializer):
    number = serializers.CharField(help_text="as the customer knows it")
    status = serializers.CharField(help_text=_SHOP)
    payment_status = serializers.CharField(help_text=_SHOP)
    package_status = serializers.CharField(help_text=_SHOP)


class ShortOrderShape(_ShortOrderShape):
    """An order in a list."""

    example = {"number": "1028", "status": "CREATED", "payment_status": "PAID", "package_status": "FULFILLED"}


class OrderShape(_ShortOrderShape):
    """An order as the shop told it last, and how old that is."""

    ordered_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)
    cancel_reason = serializers.CharField(allow_null=True)
    currency = serializers.CharField(help_text="ISO 4217")
    total = serializers.CharField(help_text="what the customer pays in the end, such as `1249.90`")
    customer = CustomerShape()
    city = serializers.CharField(allow_null=True)
    lines = OrderLineShape(many=True)
    packages = PackageShape(many=True)
    fetched_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    is_fresh = serializers.BooleanField(help_text="false: ask the shop again before it is told")
    source = serializers.ChoiceField((SAMPLE, IKAS))  # type: ignore[assignment]

    example: dict[str, Any] = ShortOrderShape.example | {
        "ordered_at": _ORDERED,
        "updated_at": "2026-11-22T14:05:00Z",
        "cancelled_at": None,
        "cancel_reason": None,
        "currency": "TRY",
        "total": "1249.90",
        "customer": {"email": _CUSTOMER, "first_name": "Ayşe", "full_name": "Ayşe Demir"},
        "city": "Ankara",
        "lines": [{"name": "Keten gömlek", "quantity": 1, "price": "1249.90", "status": "FULFILLED"}],
        "packages": [
            {
                "number": "1028-1",
                "status": "FULFILLED",
                "carrier": "Aras Kargo",
                "tracking_number": "7340001028",
                "tracking_url": "https://example.com/track/7340001028",
                "lines": [0],
            }
        ],
        "fetched_at": _NOW,
        "expires_at": "2026-11-24T11:30:03.120000Z",
        "is_fresh": True,
        "source": SAMPLE,
    }


class MailOrderShape(serializers.Serializer):
    """An order that a mail may be about."""

    number = serializers.CharField()
    by = serializers.ChoiceField(MailOrder.By.values, help_text="how it was found")
    belongs = serializers.BooleanField(help_text="it was placed with the address that an answer goes to")
    chosen = serializers.BooleanField()
    confirmed_by = serializers.CharField(allow_blank=True, help_text="who vouched for it; empty: nobody")

    example = {"number": "1028", "by": "number", "belongs": True, "chosen": True, "confirmed_by": ""}


class OrderWarningShape(serializers.Serializer):
    """Why an order that was found is not shown."""

    code = serializers.ChoiceField([Mail.Outcome.OTHER_CUSTOMER.value])
    message = serializers.CharField()


# --- drafts ---------------------------------------------------------------------------------------------------


class ClaimShape(serializers.Serializer):
    """A part of a reply that says something about an order."""

    start = serializers.IntegerField(min_value=0, help_text="where in the reply")
    end = serializers.IntegerField(min_value=0)
    text = serializers.CharField(trim_whitespace=False)
    type = serializers.ChoiceField(claims.TYPES)
    field = serializers.CharField(allow_null=True, help_text="of an order, that says the same; null: none does")
    value = serializers.CharField(allow_null=True, help_text="of that field")
    confirmed_by = serializers.CharField(allow_blank=True, help_text="who vouched for it where no field does")

    example = {
        "start": 21,
        "end": 25,
        "text": "1028",
        "type": claims.NUMBER,
        "field": "orders.0.number",
        "value": "1028",
        "confirmed_by": "",
    }


class BlockerShape(serializers.Serializer):
    """What stands between a draft and being sent."""

    code = serializers.CharField(help_text="as the problems of approving have it")
    message = serializers.CharField()

    example = {"code": "thread_changed", "message": "The customer wrote again after this draft was made."}


class DraftShape(serializers.Serializer):
    """A reply, what it claims, and what stands between it and being sent."""

    id = serializers.UUIDField()
    version = serializers.IntegerField(min_value=1, help_text="grows with every change; send it back with yours")
    state = serializers.ChoiceField(Draft.State.values)
    subject = serializers.CharField(allow_blank=True)
    body = serializers.CharField(allow_blank=True, trim_whitespace=False)
    language = serializers.ChoiceField(LANGUAGES)
    provider = serializers.ChoiceField((TEMPLATE, OPENAI))
    model = serializers.CharField(allow_blank=True)
    ai = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    edited_at = serializers.DateTimeField(allow_null=True)
    edited_by = serializers.CharField(allow_blank=True)
    claims = ClaimShape(many=True)
    unmatched = serializers.IntegerField(min_value=0, help_text="claims for which neither an order nor a person stands")
    out_of_date = BlockerShape(allow_null=True, help_text="what has changed since it was checked")
    can_send = serializers.BooleanField()
    blockers = BlockerShape(many=True)
    recipient = serializers.CharField(allow_blank=True)
    approved_at = serializers.DateTimeField(allow_null=True)
    approved_by = serializers.CharField(allow_blank=True)
    sent_at = serializers.DateTimeField(allow_null=True)
    message_id = serializers.CharField(allow_blank=True, help_text="of the mail that is sent")
    send_job_id = serializers.UUIDField(allow_null=True)
    send_error = JobErrorShape(allow_null=True, help_text="why the last sending failed")

    example: dict[str, Any] = {
        "id": _DRAFT,
        "version": 1,
        "state": "open",
        "subject": "Siparişim nerede?",
        "body": _REPLY,
        "language": "tr",
        "provider": TEMPLATE,
        "model": "",
        "ai": False,
        "created_at": _NOW,
        "edited_at": None,
        "edited_by": "",
        "claims": [ClaimShape.example],
        "unmatched": 0,
        "out_of_date": None,
        "can_send": True,
        "blockers": [],
        "recipient": _CUSTOMER,
        "approved_at": None,
        "approved_by": "",
        "sent_at": None,
        "message_id": "",
        "send_job_id": None,
        "send_error": None,
    }


SENDING: dict[str, Any] = DraftShape.example | {
    "version": 2,
    "state": "sending",
    "can_send": False,
    "approved_at": _NOW,
    "approved_by": "agent",
    "message_id": "<0193a2f2.7c21@shop.example>",
    "send_job_id": JOB,
}


# --- mails ----------------------------------------------------------------------------------------------------


class AttachmentShape(serializers.Serializer):
    """An attachment; nobody has opened it."""

    name = serializers.CharField(allow_blank=True)
    media_type = serializers.CharField()
    size = serializers.IntegerField(min_value=0, help_text="bytes")


class LookupShape(serializers.Serializer):
    """How the search for a mail's order stands."""

    outcome = serializers.ChoiceField(Mail.Outcome.values)
    status = serializers.ChoiceField(WORDS.choices(), allow_null=True, help_text="null: the job is not kept any more")
    state = serializers.ChoiceField(State.values, allow_null=True)
    job_id = serializers.UUIDField(allow_null=True)
    error = JobErrorShape(allow_null=True)

    example = {"outcome": "found", "status": "completed", "state": "succeeded", "job_id": JOB, "error": None}


class MailLinksShape(serializers.Serializer):
    """Where a mail is."""

    self = serializers.CharField()


class _EnvelopeShape(serializers.Serializer):
    id = serializers.UUIDField()
    subject = serializers.CharField(allow_blank=True)
    sender = serializers.CharField(allow_blank=True, help_text="empty: none, or several")
    sender_name = serializers.CharField(allow_blank=True)
    reply_to = serializers.CharField(allow_blank=True)
    received_at = serializers.DateTimeField()
    date = serializers.DateTimeField(allow_null=True, help_text="what the sender's clock said")
    box = serializers.ChoiceField(Mail.Box.values)
    language = serializers.ChoiceField(LANGUAGES, allow_null=True)
    preview = serializers.CharField(allow_blank=True, help_text="how the text begins")
    attachments = AttachmentShape(many=True)
    problems = serializers.ListField(child=serializers.CharField(), help_text="what could not be read as it should")
    is_automatic = serializers.BooleanField(help_text="a machine sent it")
    order_numbers = serializers.ListField(child=serializers.CharField(), help_text="that the mail names")
    links = MailLinksShape()
    lookup = LookupShape()


_ENVELOPE: dict[str, Any] = {
    "id": _MAIL,
    "subject": "Siparişim nerede?",
    "sender": _CUSTOMER,
    "sender_name": "Ayşe Demir",
    "reply_to": "",
    "received_at": _NOW,
    "date": "2026-11-24T10:29:41Z",
    "box": "open",
    "language": "tr",
    "preview": "Merhaba, 1028 numaralı siparişim nerede?",
    "attachments": [],
    "problems": [],
    "is_automatic": False,
    "order_numbers": ["1028"],
    "links": {"self": f"/api/mails/{_MAIL}"},
    "lookup": LookupShape.example,
}


class DraftRowShape(serializers.Serializer):
    """A draft in a list."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(Draft.State.values)
    version = serializers.IntegerField(min_value=1)
    unmatched = serializers.IntegerField(min_value=0)


class MailRowShape(_EnvelopeShape):
    """A mail in a list."""

    order = ShortOrderShape(allow_null=True)
    draft = DraftRowShape(allow_null=True)

    example: dict[str, Any] = _ENVELOPE | {
        "order": ShortOrderShape.example,
        "draft": {"id": _DRAFT, "state": "open", "version": 1, "unmatched": 0},
    }


BoxCountsShape = type(
    "BoxCountsShape",
    (serializers.Serializer,),
    {
        "__doc__": "Mails in each box.",
        **{box: serializers.IntegerField(min_value=0) for box in Mail.Box.values},
    },
)


class MailPageShape(serializers.Serializer):
    """A page of mails, newest first."""

    results = MailRowShape(many=True)
    next = serializers.CharField(allow_null=True, help_text="address of the next page; null: this is the last")
    counts = BoxCountsShape()

    example = {
        "results": [MailRowShape.example],
        "next": None,
        "counts": {"open": 1, "answered": 12, "dismissed": 3},
    }


class ThreadMailShape(serializers.Serializer):
    """Another mail of the conversation."""

    id = serializers.UUIDField()
    subject = serializers.CharField(allow_blank=True)
    sender = serializers.CharField(allow_blank=True)
    received_at = serializers.DateTimeField()


class MailShape(_EnvelopeShape):
    """A mail with its conversation, its orders and its draft."""

    to = serializers.ListField(child=serializers.CharField())
    text = serializers.CharField(allow_blank=True, trim_whitespace=False)
    thread = ThreadMailShape(many=True)
    orders = MailOrderShape(many=True)
    order = OrderShape(allow_null=True, help_text="the chosen one; null: none, or `order_warning` says why not")
    order_warning = OrderWarningShape(allow_null=True)
    draft = DraftShape(allow_null=True)
    has_later = serializers.BooleanField(help_text="the customer wrote again")

    example: dict[str, Any] = _ENVELOPE | {
        "to": ["destek@example.org"],
        "text": "Merhaba, 1028 numaralı siparişim nerede?",
        "thread": [],
        "orders": [MailOrderShape.example],
        "order": OrderShape.example,
        "order_warning": None,
        "draft": DraftShape.example,
        "has_later": False,
    }


class ForgottenMailShape(serializers.Serializer):
    """What is left of a mail that was deleted."""

    mail_id = serializers.UUIDField()
    digest = serializers.CharField(help_text="SHA-256 of what was deleted")
    deleted_at = serializers.DateTimeField()

    example = {
        "mail_id": _MAIL,
        "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "deleted_at": _NOW,
    }


class FetchedMailsShape(serializers.Serializer):
    """What a fetch brought."""

    success = serializers.BooleanField(help_text="false: `errors` says why")
    fetched = serializers.IntegerField(min_value=0, help_text="new mails")
    enqueued = serializers.IntegerField(min_value=0, help_text="look-ups of orders")
    errors = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]
    job_id = serializers.UUIDField()

    example = {"success": True, "fetched": 3, "enqueued": 3, "errors": [], "job_id": JOB}


class ProcessedShape(serializers.Serializer):
    """How the look-ups ended."""

    success = serializers.BooleanField(help_text="false: no worker runs")
    processed = serializers.IntegerField(min_value=0)
    failed = serializers.IntegerField(min_value=0)
    errors = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]

    example = {"success": True, "processed": 5, "failed": 0, "errors": []}


ByStatusShape = type(
    "ByStatusShape",
    (serializers.Serializer,),
    {
        "__doc__": "Look-ups by what this API calls their state.",
        **{word: serializers.IntegerField(min_value=0) for word in WORDS.choices()},
    },
)
ByTypeShape = type(
    "ByTypeShape",
    (serializers.Serializer,),
    {"__doc__": "Look-ups by what this API calls their kind.", TYPE: serializers.IntegerField(min_value=0)},
)


class QueueStatsShape(serializers.Serializer):
    """The look-ups of orders in numbers."""

    byStatus = ByStatusShape()
    byType = ByTypeShape()
    total = serializers.IntegerField(min_value=0)


class QueueStandingShape(serializers.Serializer):
    """How the look-ups stand."""

    success = serializers.BooleanField()
    stats = QueueStatsShape()

    example = {
        "success": True,
        "stats": {
            "byStatus": {"pending": 12, "processing": 2, "completed": 150, "failed": 3},
            "byType": {TYPE: 167},
            "total": 167,
        },
    }


class ReplyShape(serializers.Serializer):
    """A draft of a reply, and what it was made from."""

    success = serializers.BooleanField()
    mail_id = serializers.UUIDField()
    reply = serializers.CharField(trim_whitespace=False)
    order = OrderShape(allow_null=True)
    cache = serializers.ChoiceField(
        ["hit", "miss"], help_text="`miss`: the order is being asked for, before all others"
    )
    claims = ClaimShape(many=True)
    draft = DraftShape()
    job_id = serializers.UUIDField(allow_null=True, help_text="of the look-up, after a miss")
    draft_job_id = serializers.UUIDField()

    example: dict[str, Any] = {
        "success": True,
        "mail_id": _MAIL,
        "reply": _REPLY,
        "order": OrderShape.example,
        "cache": "hit",
        "claims": [ClaimShape.example],
        "draft": DraftShape.example,
        "job_id": None,
        "draft_job_id": JOB,
    }


class ApprovalInput(ReasonInput, VersionInput):
    """Which version of the draft is sent, and why if that should be on record."""

    example = VersionInput.example  # type: ignore[assignment]


class ResolutionInput(ReasonInput, ResolveInput):
    """What became of the sending, and how that is known if it should be on record."""

    example = ResolveInput.example | {"reason": "it is in the mailbox's Sent folder"}


class ConfirmationInput(ReasonInput, NumberInput):
    """Which order is this customer's, and how that is known if it should be on record."""

    example = NumberInput.example | {"reason": "the customer named the street of the order"}


class IkasWebhookInput(serializers.Serializer):
    """What İkas sends. Other members are passed over."""

    id = serializers.CharField(max_length=200, help_text="the same when it is sent again")
    scope = serializers.CharField(required=False, help_text="what happened")
    data = serializers.CharField(help_text="a JSON text")  # type: ignore[assignment]
    signature = serializers.CharField(help_text="hexadecimal HMAC-SHA256 of `data` with the client's secret")

    example = {
        "id": "4f0c7f5e-1",
        "scope": "store/order/updated",
        "data": '{"orderNumber":"1028"}',
        "signature": "5f1d…",
    }


class WebhookTakenShape(serializers.Serializer):
    """The webhook was taken."""

    success = serializers.BooleanField()
    duplicate = serializers.BooleanField(help_text="it was taken before")

    example = {"success": True, "duplicate": False}


# --- errors ---------------------------------------------------------------------------------------------------


class DraftFaultShape(serializers.Serializer):
    """The draft as it is now."""

    draft = DraftShape(required=False, allow_null=True)

    example = {"draft": DraftShape.example}


class ReplyFaultShape(serializers.Serializer):
    """The jobs that go on."""

    job_id = serializers.UUIDField(required=False, allow_null=True, help_text="of the look-up, after a miss")
    draft_job_id = serializers.UUIDField(required=False)

    example = {"job_id": None, "draft_job_id": JOB}


MAIL_NOT_FOUND = Fault(404, "mail_not_found", "There is no such mail; it may have been deleted.")
JOB_GONE = Fault(404, "job_not_found", "The job was deleted.")
NO_DRAFT_YET = Fault(404, "no_draft", "There is no draft yet. Ask for one: POST /api/ai/generate-reply.")
UNDER_WAY = Fault(
    409, "reply_under_way", "A reply to this mail is on its way, or may have gone out. Settle that first."
)
ORDER_NOT_FOUND = Fault(400, "order_not_found", "This order was not found for this mail. Look it up first.")
DRAINING = tuple(fault for fault in OF_SUBMISSIONS if fault.status == 503)

_STATE = Fault(
    409, "draft_state", "The draft is in another state now; this cannot be done to it any more.", DraftFaultShape
)
_GONE = Fault(409, "no_draft", "There is no open draft. Write a new one.", DraftFaultShape)
_CHANGED = Fault(
    409, "draft_changed", "Somebody changed the draft meanwhile. Look at it, then decide.", DraftFaultShape
)
OF_DISMISSING = (MAIL_NOT_FOUND, _STATE)
OF_RESOLVING = (MAIL_NOT_FOUND, _STATE, _GONE)
OF_EDITING = (*OF_RESOLVING, _CHANGED)
OF_APPROVING = (
    *OF_EDITING,
    *endings(
        409,
        {
            "claims_unmatched": "Statements of this draft are in no field of the order: change them, or vouch.",
            "order_changed": "The order changed after this draft was made. Write a new draft, or save yours again.",
            "thread_changed": "The customer wrote again after this draft was made. Read that mail first.",
            "order_stale": "What is known of the order is over an hour old. Refresh it, then send.",
            "no_recipient": "The mail names no address that an answer could go to.",
            "empty": "The draft is empty.",
        },
        DraftFaultShape,
    ),
)
OF_REPLIES = (
    MAIL_NOT_FOUND,
    JOB_GONE,
    UNDER_WAY,
    Fault(409, "draft_changed", "The draft was replaced meanwhile. Look at the mail.", ReplyFaultShape),
    *endings(
        503,
        {
            "no_worker": "No worker for this queue is running. The jobs are safe and wait for one.",
            **OF_PROVIDERS,
            "text_too_long": "The mail is too long for the language model.",
            "refused": "The language model refused to answer.",
            "mail_deleted": "The mail was deleted.",
            **OF_ENGINE,
        },
        ReplyFaultShape,
    ),
    Fault(504, "still_processing", "The draft is not written yet. The job goes on.", ReplyFaultShape),
    *DRAINING,
)
OF_WEBHOOKS = (
    Fault(400, "invalid_signature", "The signature does not fit the data. Check the client's secret."),
    Fault(400, "malformed_webhook", "This is no webhook of İkas: id, data and signature are needed."),
    Fault(404, "not_found", "This installation has no İkas store (ORDER_PROVIDER)."),
)
