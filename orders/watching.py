"""Listening at the mailbox: what it hints at is fetched at once. The schedule fetches as well."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import close_old_connections

from jobs import lifecycle
from jobs.errors import Unavailable
from jobs.models import Job
from orders.providers import Mailbox

logger = logging.getLogger(__name__)

FETCH_MAILS = "orders.fetch_mails"
#: Servers hang up on who listens for half an hour (RFC 2177).
LISTEN = timedelta(minutes=9)
#: Waits before a mailbox that is away is tried again.
BACKOFF = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 60, 300))


def watch(mailbox: Mailbox, *, pause: Callable[[timedelta], bool], listen: timedelta = LISTEN) -> None:
    """Submit a fetch for each hint, until `pause` says that it is over.

    pause: waits that long; returns True when it is time to stop. listen: how long at once. Where the
    mailbox cannot hint the schedule alone fetches. Raises JobError for what the operator must repair.
    """
    failures = 0
    while not pause(timedelta()):
        try:
            with mailbox.open() as session:
                # What came before we listened is not hinted at any more.
                submit_fetch()
                failures = 0
                while not pause(timedelta()):
                    began = time.monotonic()
                    if session.wait(listen):
                        submit_fetch()
                    elif time.monotonic() - began < 1 and pause(listen):  # it cannot hint
                        return
        except Unavailable as error:
            logger.warning("the mailbox cannot be listened at (%s); trying again", error.code)
            if pause(BACKOFF[min(failures, len(BACKOFF) - 1)]):
                return
            failures += 1


def submit_fetch() -> bool:
    """Submit a fetch, unless one waits already. Returns whether it did."""
    close_old_connections()
    if Job.objects.waiting().filter(kind=FETCH_MAILS).exists():
        return False
    lifecycle.submit(FETCH_MAILS)
    return True
