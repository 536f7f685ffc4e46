"""Somebody listens at the mailbox, and what comes is fetched without waiting for the schedule."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from jobs.models import Job
from orders.mailboxes.imap import ImapMailbox, password_login
from orders.watching import watch
from tests.harness.waiting import wait_until
from tests.orders.conftest import letter
from tests.standins.imap_server import ImapServer

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_mail_that_comes_is_fetched_at_once_and_a_server_that_goes_away_is_waited_for() -> None:
    over = threading.Event()
    with ImapServer() as server:
        mailbox = ImapMailbox(
            server.host, server.port, server.user, "INBOX", security="none",
            login=password_login(server.user, server.password), timeout=timedelta(seconds=5),
        )  # fmt: skip

        def listen() -> None:
            try:
                watch(
                    mailbox, pause=lambda wait: over.wait(min(wait.total_seconds(), 0.2)), listen=timedelta(seconds=2)
                )
            finally:
                connection.close()

        fetches = Job.objects.filter(kind="orders.fetch_mails")
        listening = threading.Thread(target=listen)
        listening.start()
        try:
            wait_until(lambda: fetches.count() == 1)  # what came before
            fetches.update(state="succeeded")
            server.append(letter("order #1028"))
            wait_until(lambda: fetches.count() == 2)
            fetches.update(state="succeeded")
            server.restart()
            wait_until(lambda: fetches.count() == 3)
            server.append(letter("order #1029"))
            assert fetches.waiting().count() == 1, "two fetches wait"
        finally:
            over.set()
            listening.join(20)
