"""Webhooks that Sıra sends, checked by Standard Webhooks."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._errors import WebhookRefused

TOLERANCE_SECONDS = 300.0


@dataclass(frozen=True)
class WebhookEvent:
    """id: the same when a message comes again. type: "job.succeeded" … data: `job_id`, `kind`, `state` … and links."""

    id: str
    type: str
    timestamp: str
    data: dict[str, Any]


def verify_webhook(
    secret: str,
    headers: Mapping[str, str],
    body: bytes | str,
    *,
    tolerance: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> WebhookEvent:
    """Return what a webhook says, if it was sent by who has the secret, at most `tolerance` seconds from now.

    secret: "whsec_…". headers: of the request, in any case. body: as it came, before any parsing. While a secret is
    being replaced there are several signatures; one must be right. Raises WebhookRefused; ValueError for no secret.
    """
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError("the secret is not one of a webhook: whsec_ and base64")
    given = {name.lower(): value for name, value in headers.items()}
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    if missing := [name for name in names if not given.get(name)]:
        raise WebhookRefused(f"the header {missing[0]} is missing")
    message_id, timestamp, signatures = (given[name] for name in names)
    content = body.encode() if isinstance(body, str) else body
    try:
        age = (time.time() if now is None else now) - int(timestamp)
    except ValueError:
        raise WebhookRefused("webhook-timestamp is no number of seconds") from None
    if abs(age) > tolerance:
        raise WebhookRefused(f"the message is of another time: {age:.0f} s ago")
    signed = f"{message_id}.{timestamp}.".encode() + content
    expected = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    if not any(hmac.compare_digest(expected, signature.encode()) for signature in signatures.split(" ")):
        raise WebhookRefused("no signature is of this secret")
    try:
        said = json.loads(content)
    except ValueError:
        raise WebhookRefused("the body is no JSON") from None
    if not isinstance(said, dict):
        raise WebhookRefused("the body is no JSON object")
    return WebhookEvent(message_id, str(said.get("type", "")), str(said.get("timestamp", "")), said.get("data") or {})
