"""A mail comes in, its order is found, a reply is drafted, a person sends it."""

from __future__ import annotations

from pathlib import Path

import pytest
from rest_framework.test import APIClient

from orders.models import Draft, Mail
from tests.orders.conftest import fetch, letter, see, work

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_mail_becomes_an_order_a_draft_and_a_sent_reply(api: APIClient, maildir: Path, settings) -> None:
    (mail,) = fetch(api, maildir, letter("1028 numaralı siparişim nerede?", message_id="<a1@example.com>"))
    seen = see(api, mail)
    assert (seen["sender"], seen["language"], seen["order_numbers"]) == ("ayse.demir@example.com", "tr", ["1028"])
    assert (seen["lookup"]["outcome"], seen["lookup"]["status"]) == ("found", "completed")
    assert seen["order"]["packages"][0]["tracking_number"] == "YK8834221099"
    draft = seen["draft"]
    assert draft["state"] == "open"
    assert "YK8834221099" in draft["body"]
    assert draft["can_send"] is True, draft["blockers"]
    assert draft["unmatched"] == 0
    assert {claim["field"] for claim in draft["claims"]} >= {"orders.0.packages.0.tracking_number", "orders.0.total"}
    answer = api.post(f"/api/mails/{mail.pk}/draft/approve", {"version": draft["version"]}, format="json")
    assert answer.status_code == 202, answer.content
    assert answer.json()["state"] == "sending"
    work()
    seen = see(api, mail)
    assert (seen["box"], seen["draft"]["state"]) == ("answered", "sent")
    (sent,) = Path(settings.OUTBOX_DIR).glob("*.eml")
    text = sent.read_bytes()
    assert b"In-Reply-To: <a1@example.com>" in text
    assert b"To: ayse.demir@example.com" in text
    assert seen["draft"]["message_id"].encode() in text
    assert Draft.objects.count() == 1
    assert Mail.objects.count() == 1
