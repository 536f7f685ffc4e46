"""One thread in each worker process that keeps its promises while the main thread is busy.

It renews the lease, notices a cancel, a time-out, a deadline or a drain and interrupts the attempt. When the main
thread does not react (it is inside C code), the watchdog records the ending itself and ends the
process: the sentinel starts another worker.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models.functions import Now
from django.utils import timezone

from jobs import lifecycle, logs
from jobs.attempts import SUPERSEDED, UNRECORDED, log_end, outcome_of
from jobs.deadlines import STILL_RUNNING, DeadlineExceeded
from jobs.engine import claiming, shutdown
from jobs.errors import (
    CancelRequested,
    DeadlineReached,
    Draining,
    Interrupt,
    Superseded,
    TimedOut,
    TimeLimitReached,
)
from jobs.kinds import JobKind, registry
from jobs.models import Job, Worker
from jobs.running import RunningJob

logger = logging.getLogger(__name__)

#: How often a running job is looked at: a cancel must stop it within two seconds.
LOOK_EVERY_SECONDS = 0.5
#: How long the main thread may take to react to an interruption before the watchdog ends the process.
PATIENCE_SECONDS = 1.0


class Watchdog:
    """The thread and what it watches. One for each worker process; see `guard`."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{os.urandom(3).hex()}"
        self._wake = threading.Condition()
        self._watched: _Attempt | None = None
        self._next_heartbeat = 0.0
        self._database_away = False  # said once for each outage
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def guard(self, running: RunningJob, kind: JobKind) -> None:
        """Watch this attempt until `leave` is called."""
        with self._wake:
            self._watched = _Attempt(running, kind)
            # No notify: an attempt shorter than one look costs nothing.

    def leave(self) -> None:
        with self._wake:
            self._watched = None

    def sign_off(self) -> None:
        """Take this worker off the list of the living, when its process ends in order."""
        with suppress(DatabaseError):
            Worker.objects.filter(name=self.name).delete()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait(LOOK_EVERY_SECONDS)
                attempt = self._watched
            try:
                if shutdown.is_orphan():
                    shutdown.begin_drain()
                if attempt is not None:
                    with logs.about_attempt(attempt.running.job):
                        attempt.look(end_if_stuck=partial(self._end_if_stuck, attempt))
                elif shutdown.is_orphan():
                    logger.warning("worker %s lost its cluster and leaves", self.name)
                    self.sign_off()
                    os._exit(0)
                self._heartbeat()
                self._database_away = False
            except DatabaseError as error:
                # The database may be restarting. The lease decides what becomes of the job, not this thread.
                if not self._database_away:
                    logger.warning("watchdog of %s cannot reach the database: %s", self.name, type(error).__name__)
                self._database_away = True
                connection.close()
            except Exception:
                logger.exception("watchdog of %s", self.name)
                connection.close()

    def _end_if_stuck(self, attempt: _Attempt) -> None:
        with self._wake:  # while we hold it the main thread cannot leave, succeed, and claim the next job
            if self._watched is attempt:
                attempt.end_process()

    def _heartbeat(self) -> None:
        if time.monotonic() < self._next_heartbeat:
            return
        Worker.objects.update_or_create(
            name=self.name,
            defaults={"heartbeat_at": Now()},
            create_defaults={
                "cluster": settings.SIRA_CLUSTER_NAME,
                "queues": settings.SIRA_WORKER_QUEUES,
                "kinds": sorted(kind.name for kind in registry.in_queues(claiming.served_queues())),
                "heartbeat_at": Now(),
            },
        )
        self._next_heartbeat = time.monotonic() + settings.SIRA_HEARTBEAT.total_seconds()


class _Attempt:
    """A running attempt as the watchdog sees it."""

    def __init__(self, running: RunningJob, kind: JobKind) -> None:
        self.running = running
        self.kind = kind
        self.started = time.monotonic()
        self.renewed = self.started
        self.drain_seen: float | None = None
        self.interrupted: float | None = None

    def look(self, end_if_stuck: Callable[[], None]) -> None:
        now = time.monotonic()
        if self.interrupted is not None:
            if now - self.interrupted > PATIENCE_SECONDS:
                end_if_stuck()
            return
        if now - self.started > self.kind.timeout.total_seconds():
            return self._interrupt(TimeLimitReached())
        if shutdown.is_draining():
            self.drain_seen = self.drain_seen or now
            if now - self.drain_seen > settings.SIRA_DRAIN_GRACE.total_seconds():
                return self._interrupt(Draining())
        deadline = self.running.job.deadline_at
        if deadline is not None and deadline <= timezone.now():
            return self._interrupt(DeadlineReached())
        try:
            row = self._renew_or_read(now)
        except Superseded as superseded:
            return self._interrupt(superseded)
        if row.cancel_requested_at is not None:
            self._interrupt(CancelRequested())

    def _renew_or_read(self, now: float) -> Job:
        if now - self.renewed >= settings.SIRA_HEARTBEAT.total_seconds():
            renewed = lifecycle.renew_lease(self.running.job)
            self.renewed = now
            return renewed
        row = lifecycle.find_attempt(self.running.job)
        if row is None:
            raise Superseded
        return row

    def _interrupt(self, reason: Interrupt) -> None:
        self.interrupted = time.monotonic()
        self.running.interrupt(reason)

    def end_process(self) -> None:
        """The main thread is stuck in C code: record the ending here, then leave. Nothing it does later would count."""
        job, reason = self.running.job, self.running.interruption
        logger.warning(
            "job %s (%s) did not stop when told to (%s): ending its worker", job.pk, job.kind, type(reason).__name__
        )
        outcome = UNRECORDED
        try:
            outcome = outcome_of(end_interrupted(self.running, self.kind, reason))
        except Superseded:
            outcome = SUPERSEDED
            lifecycle.note_superseded(job)
        finally:
            log_end(outcome, time.monotonic() - self.started)
            os._exit(1)


def end_interrupted(running: RunningJob, kind: JobKind, reason: Interrupt | None) -> Job:
    """Record what an interruption means for the job, and return it as it is then. Raises Superseded."""
    job = running.job
    if isinstance(reason, CancelRequested):
        return lifecycle.acknowledge_cancel(job)
    if isinstance(reason, TimeLimitReached):
        limit = round(kind.timeout.total_seconds())
        error = TimedOut(f"The work took longer than the {limit} seconds that are allowed for one attempt.")
        return lifecycle.retry_later(job, error, kind.backoff.delay(job.attempt))
    if isinstance(reason, DeadlineReached):
        return lifecycle.fail(job, DeadlineExceeded(STILL_RUNNING))
    if isinstance(reason, Draining):
        return lifecycle.release(job)
    raise Superseded
