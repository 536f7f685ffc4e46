"""A reply as the bytes of a mail. The same arguments give the same bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from uuid import uuid4

from jobs.errors import InvalidInput

#: How many ids of a conversation are named: the first, and the latest.
MOST_REFERENCES = 20
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{3,490}>")  # ASCII that is seen
_REPLY = re.compile(r"^\s*(?:re|ynt|yan|cevap|aw|sv)\s*(?:\[\d+\])?\s*:", re.IGNORECASE)
_FOLD = "\r\n "
#: CRLF, lines that every server takes, and nothing in the header but ASCII.
_POLICY = policy.SMTP.clone(max_line_length=78, cte_type="7bit")


def is_address(text: str) -> bool:
    """Say whether mail can be sent there."""
    return bool(_ADDRESS.fullmatch(text)) and ".." not in text


def new_message_id(domain: str) -> str:
    """Return a Message-ID that was never used. It says nothing of this machine or the time."""
    return f"<{uuid4().hex}@{domain}>"


def compose(
    *,
    message_id: str,
    sender: str,
    recipient: str,
    subject: str,
    body: str,
    in_reply_to: str,
    references: Sequence[str],
    date: datetime,
) -> bytes:
    """Return a reply as RFC 5322 bytes.

    in_reply_to: the Message-ID of the mail that is answered, "" if it had none; references: those before it, oldest
    first. Raises InvalidInput (invalid_recipient) and ValueError for a sender or an id that is none.
    """
    if not is_address(recipient):
        raise InvalidInput("The address that the reply would go to is none.", code="invalid_recipient")
    if not is_address(sender) or not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("sender and message_id must be an address and a Message-ID")
    message = EmailMessage(policy=_POLICY)
    message["From"], message["To"] = sender, recipient
    message["Subject"] = reply_subject(subject)
    message["Date"] = format_datetime(date)
    ids = [one for one in dict.fromkeys([*references, in_reply_to]) if _MESSAGE_ID.fullmatch(one)]
    shown = ids if len(ids) <= MOST_REFERENCES else [ids[0], *ids[-(MOST_REFERENCES - 1) :]]
    # Written by hand: the library would encode an id that is longer than a line.
    head = f"Message-ID: {message_id}\r\n"
    if _MESSAGE_ID.fullmatch(in_reply_to):
        head += f"In-Reply-To: {in_reply_to}\r\n"
    if shown:
        head += "References: " + _FOLD.join(shown) + "\r\n"
    message.set_content(body.replace("\r\n", "\n").rstrip() + "\n", charset="utf-8", cte="quoted-printable")
    return head.encode("ascii") + message.as_bytes()


def reply_subject(subject: str) -> str:
    """Return the subject of an answer: in one line, with one "Re:"."""
    line = " ".join("".join(char if char.isprintable() else " " for char in subject).split())
    return line if _REPLY.match(line) else f"Re: {line}".strip()
