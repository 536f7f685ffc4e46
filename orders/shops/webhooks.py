"""Webhooks of İkas: who signs with our client's secret is İkas."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from jobs.errors import InvalidInput

LARGEST_BODY = 1024 * 1024
LONGEST_ID = 200


@dataclass(frozen=True)
class Webhook:
    """id: the same when İkas sends it again. scope: what happened.
    order_number: None when it is about something else.
    """

    id: str
    scope: str
    order_number: str | None


def verify_webhook(body: bytes, secret: str) -> Webhook:
    """Return what a webhook says. Raises InvalidInput (invalid_signature, malformed_webhook).

    `signature` is the hexadecimal HMAC-SHA256 of `data`, a JSON text inside the JSON, with the client's secret.
    """
    envelope = _object(body) if len(body) <= LARGEST_BODY else None
    data, signature = (envelope or {}).get("data"), (envelope or {}).get("signature")
    if envelope is None or not isinstance(data, str) or not isinstance(signature, str):
        raise _malformed()
    expected = hmac.new(secret.encode(), data.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    if not secret or not hmac.compare_digest(expected.encode(), signature.strip().lower().encode("utf-8", "replace")):
        raise InvalidInput("The signature does not fit the data. Check the client's secret.", code="invalid_signature")
    id, scope = envelope.get("id"), envelope.get("scope")
    if not isinstance(id, str) or not 0 < len(id) <= LONGEST_ID:
        raise _malformed()
    return Webhook(id, scope[:100] if isinstance(scope, str) else "", _order_number(data))


def _order_number(data: str) -> str | None:
    order = _object(data.encode("utf-8", "replace")) or {}
    inner = order.get("order")
    number = order.get("orderNumber") or (inner.get("orderNumber") if isinstance(inner, dict) else None)
    return str(number)[:50] if isinstance(number, str | int) and not isinstance(number, bool) else None


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _malformed() -> InvalidInput:
    return InvalidInput("This is no webhook of İkas: id, data and signature are needed.", code="malformed_webhook")
