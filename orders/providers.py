"""What stands outside: mailboxes, the shop, who writes replies, and the way out. Each is chosen by a setting.

Each has one purpose, a time-out of its own, and speaks in our errors: Unavailable (later, perhaps), RateLimited (told
to wait), InvalidInput and JobError (never).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from jobs.errors import JobError
from orders.snapshot import Snapshot

MAILDIR, IMAP = "maildir", "imap"
SAMPLE, IKAS = "sample", "ikas"
TEMPLATE, OPENAI = "template", "openai"
FILES, SMTP = "files", "smtp"


# --- mail in ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class RawMail:
    """A mail's bytes. size: of the whole mail. is_whole: False when `raw` was cut at the limit."""

    raw: bytes
    size: int
    is_whole: bool = True


class MailSession(Protocol):
    """A mailbox while it is open. validity: what its uids belong to (UIDVALIDITY); another one makes them all anew."""

    validity: str

    def list_after(self, last: str) -> Sequence[str]:
        """Return the uids of mails that came after `last` ("": all), oldest first. May name earlier ones again."""
        ...

    def get(self, uid: str, limit: int) -> RawMail | None:
        """Return a mail, at most `limit` bytes of it, without marking it as read; None when it is gone meanwhile."""
        ...

    def wait(self, longest: timedelta) -> bool:
        """Wait until the mailbox hints that something came. False when the time is over, or at once if it cannot."""
        ...


class Mailbox(Protocol):
    """Where mails come from. address: which mailbox this is, without a secret, such as imap://me@host:993/INBOX."""

    name: str
    address: str

    def open(self) -> AbstractContextManager[MailSession]:
        """Connect. Raises Unavailable, or JobError for what the operator must repair (mailbox_refused_login, …)."""
        ...


# --- the shop ---------------------------------------------------------------------------------------------------
class Shop(Protocol):
    """Where orders are. Both return [] for "not found", and raise RateLimited, Unavailable or JobError."""

    name: str

    def find_by_number(self, number: str) -> list[Snapshot]:
        """Return the orders of that number: one, as a rule."""
        ...

    def find_by_email(self, email: str, most: int) -> list[Snapshot]:
        """Return the customer's latest orders, newest first."""
        ...


# --- replies ----------------------------------------------------------------------------------------------------
#: Why a reply has no order to speak of.
PENDING, NOT_FOUND, NO_REFERENCE, OTHER_CUSTOMER, UNAVAILABLE = (
    "pending", "not_found", "no_reference", "other_customer", "unavailable",
)  # fmt: skip


@dataclass(frozen=True)
class ReplyRequest:
    """What a reply is written from.

    text: the customer's mail, which nobody has checked. language: "tr" or "en". orders: those that may be told to this
    customer, the most important first. missing: why there is none (see above), "" when there is one.
    """

    subject: str
    text: str
    sender_name: str
    language: str
    orders: Sequence[Snapshot]
    missing: str = ""
    shop_name: str = ""


@dataclass(frozen=True)
class WrittenReply:
    """body: plain text, paragraphs parted by blank lines. model: who wrote it. ai: whether a language model did."""

    body: str
    model: str
    ai: bool


class ReplyWriter(Protocol):
    name: str

    def write(self, request: ReplyRequest) -> WrittenReply:
        """Draft a reply. Raises RateLimited, Unavailable, InvalidInput or JobError."""
        ...


# --- mail out ---------------------------------------------------------------------------------------------------
class OutcomeUnknown(JobError):
    """The message was handed over, or not: nobody can tell. Never sent again without a person's word."""

    code = "outcome_unknown"


class Outbox(Protocol):
    """The way out. is_idempotent: whether the same message handed over twice is one message in the end."""

    name: str
    is_idempotent: bool

    def send(self, message: bytes, *, sender: str, recipient: str, about_to_transmit: Callable[[], None]) -> None:
        """Hand over a message (RFC 5322, with its Message-ID).

        about_to_transmit: called right before the first byte of it goes out; until then nothing can have been sent,
        and what it raises stops the sending. Raises Unavailable (it was not taken, later perhaps), InvalidInput
        (refused for good: recipient_refused, message_refused), JobError (the operator's to repair), OutcomeUnknown
        (the answer to the message itself was lost).
        """
        ...
