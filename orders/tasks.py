"""The kinds of this app: mail in, its order, a reply drafted, a reply sent."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models.functions import Now

from jobs.errors import InvalidInput, JobError
from jobs.kinds import Backoff, job_kind
from jobs.models import HIGHEST_PRIORITY
from jobs.running import RunningJob
from orders import chosen, drafts, finding, inbox, operations
from orders.models import Draft, Mail
from orders.outboxes.compose import compose
from orders.providers import IKAS, OPENAI, OutcomeUnknown
from orders.serializers import DraftReplyInput, FetchOrderInput, RefreshOrderInput, SendReplyInput
from orders.words import WORDS
from parsers.chosen import OPENAI_LIMIT

QUEUE = "orders"
#: Seed 004: finished jobs are cleaned up after this.
KEPT_FOR = timedelta(days=7)
#: The shop is asked under one limit by every job of every host.
SHOP_LIMIT = chosen.SHOP_LIMIT if settings.ORDER_PROVIDER == IKAS else ""


@job_kind(
    "orders.fetch_mails",
    queue=QUEUE,
    resource="mailbox",
    timeout=timedelta(minutes=20),
    backoff=Backoff(max_attempts=1),  # the next fetch is five minutes away, and goes on where this one stopped
    priority=HIGHEST_PRIORITY,
    every=timedelta(minutes=5),
    retention=KEPT_FOR,
    internal=True,  # staff ask for it at the mail; the jobs API is everybody's
    words=WORDS,
)
def fetch_mails(job: RunningJob) -> dict[str, int]:
    """Fetch new mails from the mailbox and look up the order of each.

    Returns {"fetched": mails stored, "enqueued": look-ups submitted, "copies": mails that were there already, "odd":
    new ones with problems}. Raises Unavailable (the mailbox does not answer) or JobError (the operator's to repair).
    """
    mailbox = chosen.chosen_mailbox()

    def show(done: int, of: int) -> None:
        job.progress(100 * done / of if of else 100, done=done, of=of)

    with mailbox.open() as session:
        done = inbox.receive(session, mailbox.address, limit=settings.MAX_MAIL_BYTES, shield=job.shielded, show=show)
    return {"fetched": done.new, "enqueued": done.new, "copies": done.copies, "odd": done.odd}


@job_kind(
    inbox.FETCH_ORDER,
    input=FetchOrderInput,
    queue=QUEUE,
    rate_limit=SHOP_LIMIT,
    timeout=timedelta(minutes=2),
    backoff=Backoff(max_attempts=3),
    priority=inbox.NEW_MAIL,
    retention=KEPT_FOR,
    internal=True,  # staff ask for it at the mail; the jobs API is everybody's
    words=WORDS,
    mirror=finding.mirror_lookup,
)
def fetch_order(job: RunningJob, *, mail_id: str, number: str = "") -> dict[str, Any]:
    """Find the order that a mail is about.

    number: the one that a person chose; else those that the mail names, else the sender's latest.
    Returns {"outcome": see Mail.Outcome, "orders": how many, "cache": "hit" | "miss"}.
    Raises RateLimited, Unavailable (the shop), InvalidInput (the mail was deleted) or JobError (the operator's).
    """
    with job.shielded():
        mail = _mail(mail_id)
    found = finding.find_orders(mail, chosen.chosen_shop(), number=number, job_id=job.job.pk, shield=job.shielded)

    def keep() -> None:
        finding.keep(mail.pk, found)
        if settings.REPLY_AUTOMATIC_DRAFTS and finding.wants_draft(mail.pk):
            finding.ask_for_draft(mail.pk, priority=job.job.priority)

    job.save_with_result(keep)
    return {"outcome": found.outcome, "orders": len(found.orders), "cache": "hit" if found.was_cached else "miss"}


@job_kind(
    finding.REFRESH_ORDER,
    input=RefreshOrderInput,
    queue=QUEUE,
    rate_limit=SHOP_LIMIT,
    timeout=timedelta(minutes=2),
    retention=KEPT_FOR,
    internal=True,
)
def refresh_order(job: RunningJob, *, number: str) -> dict[str, Any]:
    """Ask the shop again for an order that it said has changed.

    Returns {"orders": how many were found, "cache": "hit" | "miss"}. Raises RateLimited, Unavailable or JobError.
    """
    found = finding.ask(number=number, shop=chosen.chosen_shop(), job_id=job.job.pk, shield=job.shielded)
    return {"orders": len(found.orders), "cache": "hit" if found.was_cached else "miss"}


@job_kind(
    finding.DRAFT_REPLY,
    input=DraftReplyInput,
    queue=QUEUE,
    rate_limit=OPENAI_LIMIT if settings.REPLY_PROVIDER == OPENAI else "",
    timeout=timedelta(minutes=3),
    backoff=Backoff(max_attempts=3, base=timedelta(seconds=15)),  # a person may be looking at the empty frame
    priority=inbox.NEW_MAIL,
    retention=KEPT_FOR,
    internal=True,  # staff ask for it at the mail; the jobs API is everybody's
)
def draft_reply(job: RunningJob, *, mail_id: str, replace: bool = False) -> dict[str, Any]:
    """Draft a reply to a mail from what is known of its order, and check what it claims.

    replace: also when a person has worked on the draft that is there.
    Returns {"draft": its id, or None when a person's text or a reply on its way stands, "claims", "unmatched": how
    many}. Raises RateLimited, Unavailable (the model), InvalidInput (the mail was deleted) or JobError.
    """
    with job.shielded():
        mail = _mail(mail_id)
        orders = drafts.orders_to_tell(mail)
        missing = drafts.why_missing(mail, orders)
    writer = chosen.chosen_writer()
    written, language = operations.write_reply(
        writer,
        subject=mail.subject,
        text=mail.text,
        sender_name=mail.sender_name,
        language=mail.language,
        orders=[order.snapshot for order in orders],
        missing=missing,
        shop_name=settings.SHOP_NAME,
    )
    told = [] if missing else orders
    result: dict[str, Any] = {"draft": None, "claims": 0, "unmatched": 0}

    def keep() -> None:
        draft = drafts.keep_written(mail.pk, written, told, language=language, provider=writer.name, replace=replace)
        if draft is not None:
            unmatched = len(drafts.unmatched(draft))
            result.update(draft=str(draft.pk), claims=len(draft.claims), unmatched=unmatched)

    job.save_with_result(keep)
    return result


@job_kind(
    drafts.SEND_REPLY,
    input=SendReplyInput,
    queue=QUEUE,
    timeout=timedelta(minutes=3),
    backoff=Backoff(max_attempts=3),
    priority=HIGHEST_PRIORITY,
    retention=KEPT_FOR,
    internal=True,
    mirror=drafts.mirror_sending,
)
def send_reply(job: RunningJob, *, draft_id: str) -> dict[str, Any]:
    """Send a reply that a person approved.

    Mail cannot be taken back, and a server does not know a message again: once the first byte of it may have gone out,
    no later attempt sends it without a person's word. Returns {"recipients": 1}. Raises OutcomeUnknown; Unavailable,
    InvalidInput or JobError for what was certainly not taken.
    """
    with job.shielded():
        draft = Draft.objects.select_related("mail").filter(pk=draft_id).first()
    if draft is None or draft.state != Draft.State.SENDING or draft.send_job_id != job.job.pk:
        raise InvalidInput("This reply is not approved any more; nothing was sent.", code="not_approved")
    outbox = chosen.chosen_outbox()
    if draft.transmitting_at is not None and not outbox.is_idempotent:
        raise OutcomeUnknown(
            "An earlier attempt broke off while the reply was being handed over. Whether it went out is not known: "
            "look into the mailbox of the sender, then say so on the page."
        )

    def note(stage: str, **changes: Any) -> None:
        def save() -> None:
            Draft.objects.filter(pk=draft.pk).update(**changes)

        job.progress(50, stage, save=save)

    message = compose(
        message_id=draft.message_id,
        sender=settings.MAIL_FROM,
        recipient=draft.recipient,
        subject=draft.subject,
        body=draft.body,
        in_reply_to=draft.mail.message_id,
        references=draft.mail.references,
        date=draft.approved_at or draft.created_at,
    )
    refused: JobError | None = None
    try:
        outbox.send(
            message,
            sender=settings.MAIL_FROM,
            recipient=draft.recipient,
            about_to_transmit=lambda: note("transmitting", transmitting_at=Now()),
        )
    except OutcomeUnknown:
        raise
    except JobError as error:
        refused = error
    if refused is not None:
        note("refused", transmitting_at=None)
        raise refused
    job.save_with_result(lambda: drafts.settle_sent(draft.pk))
    return {"recipients": 1}


@job_kind("orders.prune_mails", queue=QUEUE, internal=True, every=timedelta(hours=1), retention=KEPT_FOR)
def prune_mails(job: RunningJob) -> dict[str, int]:
    """Delete mails and orders that have outlived their retention.

    Returns {"mails", "orders": how many}.
    """
    return inbox.prune(settings.SIRA_RETENTION, shield=job.shielded)


def _mail(mail_id: str) -> Mail:
    mail = Mail.objects.filter(pk=uuid.UUID(mail_id)).first()
    if mail is None:
        raise InvalidInput("The mail was deleted.", code="mail_deleted")
    return mail
