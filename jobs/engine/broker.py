"""JobBroker: django-q2's ORM broker, taught to ring workers when a job is due.

What it hands to a worker is permission to look for work, never a job. A ring that is lost, repeated or late can
therefore neither lose, nor repeat, nor delay a job for longer than it takes to ring again.
"""

from __future__ import annotations

import logging
import os
import time
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from jobs.engine import claiming, shutdown
from jobs.engine.listener import Listener
from jobs.engine.ticker import Ticker
from jobs.kinds import registry
from jobs.live.events import DUE_CHANNEL

logger = logging.getLogger(__name__)

#: The poll behind a notification that got lost, and the longest that a stop request waits for this process.
POLL_BEHIND_NOTIFY_SECONDS = 0.25
#: SQLite has no notifications: this is the pickup time of an idle system, at most.
SQLITE_POLL_SECONDS = 0.05
#: A worker needs this long to claim what it was rung for; ringing again earlier would only wake another for nothing.
SETTLE_SECONDS = 0.01
#: Schedules enqueue tasks of django-q2's own; nobody waits for those to the millisecond.
STOCK_TASKS_EVERY_SECONDS = 0.5
#: How long to wait before a database that is away is tried again.
RECONNECT_SECONDS = 0.5


class JobBroker(ORM):
    """Rings workers for due jobs, and delivers django-q2's own tasks (schedules) as its parent does."""

    def __init__(self, list_key: str | None = None) -> None:
        super().__init__(list_key=list_key)
        self._pid: int | None = None
        self._database_away = False  # said once for each outage
        self._next_stock_look = 0.0
        self._rang_at: float | None = None

    def dequeue(self) -> list[tuple[int | None, str]] | None:
        """Return the rings and tasks for the pusher to hand out; None after a short wait with nothing to do."""
        self._start_in_this_process()
        if shutdown.must_leave():
            logger.warning("the broker's process has no cluster any more and leaves")
            os._exit(0)
        try:
            found = self._find_work()
            self._database_away = False
            return found
        except (DatabaseError, InterfaceError) as error:
            # Raising would make the sentinel replace this process after ten seconds; the database is back sooner.
            if not self._database_away:
                logger.warning("broker cannot reach the database (%s); it tries again", type(error).__name__)
            self._database_away = True
            self._listener.close()
            connection.close()
            time.sleep(RECONNECT_SECONDS)
            return None

    def _find_work(self) -> list[tuple[int | None, str]] | None:
        if time.monotonic() >= self._next_stock_look:
            self._next_stock_look = time.monotonic() + STOCK_TASKS_EVERY_SECONDS
            close_old_connections()
            if OrmQ.objects.filter(key=self.list_key).exists() and (tasks := self._stock_tasks()):
                return tasks
        due = claiming.claimable_heads(registry.in_queues(claiming.served_queues()), limit=Conf.WORKERS)
        if due:
            if self._rang_at is not None and time.monotonic() - self._rang_at < SETTLE_SECONDS:
                time.sleep(SETTLE_SECONDS)
                self._rang_at = None
                return None
            self._rang_at = time.monotonic()
            return [(None, self._ring)] * min(len(due), Conf.WORKERS)
        self._rang_at = None
        if connection.vendor == "postgresql":
            self._listener.wait(POLL_BEHIND_NOTIFY_SECONDS)
        else:
            time.sleep(SQLITE_POLL_SECONDS)
        return None

    def _stock_tasks(self) -> list[tuple[int | None, str]] | None:
        poll, Conf.POLL = Conf.POLL, 0  # the parent sleeps when it finds nothing; our own wait is the better one
        try:
            return super().dequeue()
        finally:
            Conf.POLL = poll

    def _start_in_this_process(self) -> None:
        """Open what cannot be inherited by fork: this object is made in the sentinel."""
        if self._pid == os.getpid():
            return
        self._pid = os.getpid()
        shutdown.settle_in_new_process()
        self._listener = Listener(DUE_CHANNEL)
        self._ring: str = _ring()
        self._ticker = Ticker()
        self._ticker.start()


def _ring() -> str:
    """A django-q2 task that says "look for work". It is not saved, and it has nothing to acknowledge."""
    from jobs.engine.worker import work  # which a web process, where schedules are read, need not load

    task: dict[str, Any] = {
        "id": "0" * 32,
        "name": "ring",
        "func": work,  # by its name django-q2 would look for it again with each ring
        "args": (),
        "kwargs": {},
        "save": False,
        "started": timezone.now(),  # django-q2 saves a ring that raised, and wants to know when it began
        "cluster": settings.SIRA_CLUSTER_NAME,
    }
    return SignedPackage.dumps(task)
