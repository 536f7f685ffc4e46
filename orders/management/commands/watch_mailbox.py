"""`manage.py watch_mailbox`: new mails without waiting for the next fetch."""

from __future__ import annotations

import signal
import sys
import time
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs.errors import JobError
from orders import watching
from orders.chosen import chosen_mailbox


class Command(BaseCommand):
    help = (
        "Listens at the mailbox (IMAP IDLE) and submits a fetch when something comes. Run one beside the workers; the "
        "mails are fetched every five minutes without it as well. Ends with SIGTERM."
    )

    def handle(self, *_args: object, **_options: Any) -> None:
        # An exception, because nothing else ends a wait for the server's word.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            watching.watch(chosen_mailbox(), pause=_sleep)
        except JobError as error:
            raise CommandError(error.message) from None


def _sleep(wait: timedelta) -> bool:
    time.sleep(wait.total_seconds())
    return False
