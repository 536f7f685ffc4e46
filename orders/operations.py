"""The work of this app: plain values in, plain values out."""

from __future__ import annotations

from collections.abc import Sequence

from orders.providers import ReplyRequest, ReplyWriter, WrittenReply
from orders.reading import without_quotes
from orders.snapshot import Snapshot

DEFAULT_LANGUAGE = "tr"
STAGES = ("asked", "found")


def write_reply(
    writer: ReplyWriter,
    *,
    subject: str,
    text: str,
    sender_name: str,
    language: str,
    orders: Sequence[Snapshot],
    missing: str,
    shop_name: str,
) -> tuple[WrittenReply, str]:
    """Draft a reply in the language of the mail; Turkish where that cannot be told. Returns it and the language.

    orders: those that may be told. missing: why there is none to speak of; then none of them is shown to the writer.
    Raises what the writer raises.
    """
    spoken = language or DEFAULT_LANGUAGE
    request = ReplyRequest(
        subject=subject,
        text=without_quotes(text),
        sender_name=sender_name,
        language=spoken,
        orders=[] if missing else list(orders),
        missing=missing,
        shop_name=shop_name,
    )
    return writer.write(request), spoken
