"""What a mail says, and which mail it is."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from orders.reading.addresses import find_addresses, find_one_address
from orders.reading.body import read_body
from orders.reading.headers import Headers
from orders.reading.mime import BROKEN, Opened
from orders.reading.quotes import without_quotes
from orders.reading.words import one_line
from parsers.language import detect_language

LONGEST_SUBJECT, LONGEST_NAME = 500, 200
MOST_REFERENCES, MOST_RECIPIENTS = 50, 50
_LONGEST_DATE = 100

TOO_LARGE, UNCLEAR_SENDER, UNKNOWN_CHARSET = "too_large", "unclear_sender", "unknown_charset"

_MESSAGE_ID = re.compile(r"<[!-;=?-~]{3,490}>")
_AUTOMATIC_PRECEDENCE = frozenset({"bulk", "list", "junk", "auto_reply"})


@dataclass(frozen=True)
class ParsedMail:
    """What a mail says.

    Addresses are in lower case, "" for none; sender: "" as well when the mail names several. date: what the sender's
    clock said, in UTC. text: what a person wrote, as plain text. language: of the new part, "tr", "en" or None.
    attachments: {"name", "media_type", "size" in bytes}; nobody has opened them. is_automatic: a machine sent it.
    problems: broken, too_large, headers_too_long, too_many_parts, text_cut, unknown_charset, unclear_sender. identity:
    SHA-256, the same for every copy of the mail and for no other.
    """

    identity: str
    message_id: str = ""
    in_reply_to: str = ""
    references: list[str] = field(default_factory=list)
    sender: str = ""
    sender_name: str = ""
    reply_to: str = ""
    to: list[str] = field(default_factory=list)
    subject: str = ""
    date: datetime | None = None
    text: str = ""
    language: str | None = None
    attachments: list[dict[str, Any]] = field(default_factory=list)
    is_automatic: bool = False
    problems: list[str] = field(default_factory=list)


def read_mail(raw: bytes, *, is_whole: bool = True) -> ParsedMail:
    """Return what a mail's bytes say. is_whole: False when they were cut.

    Never raises, whatever the bytes are: what cannot be read is a problem of the mail's.
    """
    try:
        return _read(raw, is_whole)
    except Exception:  # strangers choose these bytes, and one of them must not hold up all mails behind it
        return ParsedMail(_digest_of(raw), problems=[BROKEN])


def _read(raw: bytes, is_whole: bool) -> ParsedMail:
    problems = dict.fromkeys([] if is_whole else [TOO_LARGE])

    def note(problem: str) -> None:
        problems.setdefault(problem)

    opened = Opened(raw, note, is_whole=is_whole)
    headers = opened.root.headers
    if not headers:
        note(BROKEN)
    sender_name, sender, is_clear = find_one_address(headers.all("from"))
    if not is_clear:
        note(UNCLEAR_SENDER)
    message_id = next(iter(_ids(headers.raw("message-id"))), "")
    subject = one_line(headers.text("subject"), LONGEST_SUBJECT)
    date = _find_date(headers.raw("date"))
    body = read_body(opened, note)
    shown_name = one_line(headers.decoded(sender_name), LONGEST_NAME)
    if headers.has_unknown_charset:
        note(UNKNOWN_CHARSET)
    new = without_quotes(body.text)
    return ParsedMail(
        identity=_identity(message_id, sender or sender_name, date, subject, body.text)
        if message_id
        else _digest_of(raw),
        message_id=message_id,
        in_reply_to=next(iter(_ids(headers.raw("in-reply-to"))), ""),
        references=_ids(headers.raw("references"))[-MOST_REFERENCES:],
        sender=sender,
        sender_name=shown_name,
        reply_to=find_one_address(headers.all("reply-to"))[1],
        to=[address for _, address in find_addresses(headers.raw("to")) if address][:MOST_RECIPIENTS],
        subject=subject,
        date=date,
        text=body.text,
        language=detect_language(new) or detect_language(f"{subject}\n{new}"),
        attachments=body.attachments,
        is_automatic=_is_automatic(headers, sender, opened.root.media_type),
        problems=list(problems),
    )


def _ids(value: str) -> list[str]:
    return list(dict.fromkeys(_MESSAGE_ID.findall(value)))


def _find_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value[:_LONGEST_DATE])
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _is_automatic(headers: Headers, sender: str, media_type: str) -> bool:
    return (
        headers.token("auto-submitted") not in ("", "no")
        or headers.token("precedence") in _AUTOMATIC_PRECEDENCE
        or headers.has("list-id")
        or headers.has("list-unsubscribe")
        or headers.raw("return-path").replace(" ", "") == "<>"
        or sender.partition("@")[0] == "mailer-daemon"
        or media_type == "multipart/report"
    )


def _identity(message_id: str, sender: str, date: datetime | None, subject: str, text: str) -> str:
    """Return a digest of what the sender wrote; servers add headers to each copy.

    The id alone is not enough: who takes over another mail's id could make that one disappear.
    """
    return _digest_of(json.dumps([message_id, sender, str(date), subject, text]).encode())


def _digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
