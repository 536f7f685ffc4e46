"""What a mailbox may do to us: number its mails anew, break off in the middle, hold mails that are bombs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from jobs import lifecycle
from jobs.models import Job
from orders.models import Mail, MailFolder, MailPlace
from tests.orders.conftest import fetch, letter, see, work
from tests.standins.imap_server import PASSWORD, USER, ImapServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def imap(settings: Any) -> Iterator[ImapServer]:
    with ImapServer() as server:
        settings.MAIL_PROVIDER = "imap"
        settings.IMAP_HOST, settings.IMAP_PORT, settings.IMAP_SECURITY = server.host, server.port, "none"
        settings.IMAP_USER, settings.IMAP_PASSWORD = USER, PASSWORD
        yield server


def fetch_all() -> Job:
    job = lifecycle.submit("orders.fetch_mails")
    work()
    return Job.objects.get(pk=job.pk)


def test_a_mailbox_that_numbers_its_mails_anew_doubles_nothing(any_database: str, imap: ImapServer) -> None:
    mails = [letter(f"order #{1028 + n}", message_id=f"<{n}@example.com>") for n in range(3)]
    imap.append_many(mails)
    assert fetch_all().result == {"fetched": 3, "enqueued": 3, "copies": 0, "odd": 0}
    assert fetch_all().result == {"fetched": 0, "enqueued": 0, "copies": 0, "odd": 0}
    before = MailFolder.objects.get().validity
    imap.restart()
    imap.append_many([*mails, letter("order #1057", message_id="<new@example.com>")])
    assert fetch_all().result == {"fetched": 1, "enqueued": 1, "copies": 3, "odd": 0}
    assert MailFolder.objects.get().validity != before
    assert (Mail.objects.count(), MailPlace.objects.count()) == (4, 7)
    assert Job.objects.filter(kind="orders.fetch_order").count() == 4


def test_a_mailbox_that_is_away_loses_nothing(imap: ImapServer) -> None:
    imap.append(letter("order #1028"))
    imap.stop()
    job = fetch_all()
    assert (job.state, job.error_code) == ("failed", "provider_unreachable")
    imap.start()
    imap.append(letter("order #1028"))
    assert fetch_all().result["fetched"] == 1


def test_bombs_and_broken_mails_are_stored_and_hold_up_nobody(api: APIClient, maildir: Path, settings: Any) -> None:
    settings.MAX_MAIL_BYTES = 200_000
    nested = b"From: a@example.com\r\n" + b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(2_000)
    )
    odd = [
        b"",
        b"\x00\xff" * 500,
        b"Subject: " + b"x" * 150_000 + b"\r\n\r\nhi",
        b"From: a@example.com\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\nhi",
        nested,
        b"From: a@example.com\r\nContent-Type: text/html; charset=nobody-knows\r\n\r\n" + b"<div>" * 30_000 + b"hi",
        b"From: a@example.com\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
    ]
    stored = fetch(api, maildir, *odd, letter("1028 numaralı siparişim nerede?", subject="good"))
    assert len(stored) == len(odd) + 1
    good = next(mail for mail in stored if mail.subject == "good")
    assert see(api, good)["draft"]["can_send"] is True
    assert all(see(api, mail)["lookup"]["status"] == "completed" for mail in stored)
    assert not Job.objects.filter(state="failed").exists()
