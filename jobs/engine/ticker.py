"""Once a second: rescue, promote, warn, count. A thread of the broker's process: busy workers cannot hold it up.

Every cluster ticks. That is harmless, because each step is a guarded UPDATE, and useful, because any one of them is
enough.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from contextlib import suppress

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Max
from django.db.models.functions import Now

from jobs import lifecycle
from jobs.engine import claiming, shutdown
from jobs.kinds import registry
from jobs.metrics import tallies
from jobs.models import EventType, Job, JobEvent, Worker
from jobs.positions import live_workers

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
#: A cluster whose idle workers claim nothing for so long although jobs are due is wedged.
WEDGED_AFTER_SECONDS = 30.0
#: How often waiting jobs are moved along with a kind whose queue or resource a release has changed.
FOLLOW_KINDS_EVERY_SECONDS = 60.0
#: A worker of ours that is there but has been silent for so many leases is stopped or stuck: another takes its place.
STUCK_AFTER_LEASES = 4
#: A worker that was ended and is still there so long after has a sentinel that looks after nobody any more.
UNBURIED_AFTER_SECONDS = 10.0
#: Forget workers that have been silent for this many heartbeats.
FORGET_AFTER_HEARTBEATS = 30


class Ticker(threading.Thread):
    """The tick of one cluster."""

    def __init__(self) -> None:
        super().__init__(name="ticker", daemon=True)
        self._due_since: float | None = None
        self._due_from = 0  # the newest event at that time
        self._database_away = False  # said once for each outage
        self._next_follow = 0.0
        self._ended: dict[str, float] = {}  # workers that were silent for too long: when they were ended
        self._counter = tallies.Counter()

    def run(self) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            if shutdown.is_orphan():
                os._exit(0)  # the main thread may be blocked on a queue that nobody reads any more
            self.tick()

    def tick(self) -> None:
        """Take every step; one that fails does not keep the others from being taken."""
        for step in (
            _leave_with_main,
            lifecycle.rescue,
            lifecycle.promote_due,
            lifecycle.promote_finished_batches,
            lifecycle.fail_past_deadline,
            lifecycle.warn_of_long_holders,
            self._follow_kinds,
            self._forget_silent_workers,
            self._watch_for_wedge,
            self._counter.count_events,
        ):
            try:
                step()
            except (OperationalError, InterfaceError) as error:
                if not self._database_away:
                    logger.warning("tick: the database does not answer %s (%s)", step.__name__, type(error).__name__)
                self._database_away = True
                connection.close()
                return
            except Exception:
                logger.exception("tick: %s", step.__name__)
                connection.close()
        self._database_away = False

    def _follow_kinds(self) -> None:
        if time.monotonic() >= self._next_follow:
            self._next_follow = time.monotonic() + FOLLOW_KINDS_EVERY_SECONDS
            lifecycle.follow_kinds()

    def _forget_silent_workers(self) -> None:
        """Take workers that are gone off the list: at once where we can see it, else after long silence."""
        here = f"{socket.gethostname()}:"
        ours = Worker.objects.filter(cluster=settings.SIRA_CLUSTER_NAME, name__startswith=here)
        for name in ours.values_list("name", flat=True):
            with suppress(PermissionError):  # it is there, under another account
                try:
                    os.kill(_pid(name), 0)
                except ProcessLookupError:
                    Worker.objects.filter(name=name).delete()
        stuck = ours.filter(heartbeat_at__lt=Now() - STUCK_AFTER_LEASES * settings.SIRA_LEASE)
        for name in stuck.values_list("name", flat=True):
            if not shutdown.is_sibling(_pid(name)):
                continue
            ended_at = self._ended.setdefault(name, time.monotonic())
            if time.monotonic() - ended_at > UNBURIED_AFTER_SECONDS:
                logger.critical("worker %s is dead and nobody takes its place: ending this cluster", name)
                _end_cluster()
            logger.critical("worker %s has been silent for too long: ending it", name)
            os.kill(_pid(name), signal.SIGKILL)
        Worker.objects.filter(heartbeat_at__lt=Now() - FORGET_AFTER_HEARTBEATS * settings.SIRA_HEARTBEAT).delete()

    def _watch_for_wedge(self) -> None:
        """The canary. A process killed at the wrong microsecond can take a lock of django-q2's queues along.

        Work is due, a worker of ours is idle, nobody has claimed anything for 30 s: no repair from inside is sure, so
        the cluster ends itself and its supervisor starts another.
        """
        now = time.monotonic()
        if not claiming.claimable_heads(registry.in_queues(claiming.served_queues())):
            self._due_since = None
            return
        here = f"{socket.gethostname()}:"
        alive = [
            worker.name
            for worker in live_workers()
            if worker.cluster == settings.SIRA_CLUSTER_NAME and worker.name.startswith(here)
        ]
        busy = Job.objects.running().filter(worker__in=alive).count()
        if busy >= len(alive):  # nobody here is idle: still loading, or at work
            # Whoever gets idle now has 30 s from now: the job before may have taken longer than that.
            self._due_since = None
            return
        if self._due_since is None:
            self._note_due(now)
            return
        if now - self._due_since < WEDGED_AFTER_SECONDS:
            return
        # By their ids: to find them by their time, every event there is would be read.
        since = JobEvent.objects.filter(pk__gt=self._due_from)
        if since.filter(type=EventType.STARTED, data__worker__startswith=here).exists():
            self._note_due(now)
            return
        logger.critical(
            "work is due and idle workers claim nothing for %.0f s: ending this cluster", WEDGED_AFTER_SECONDS
        )
        _end_cluster()

    def _note_due(self, now: float) -> None:
        """Count from now on how long nobody here has claimed anything."""
        self._due_since = now
        self._due_from = JobEvent.objects.aggregate(newest=Max("id"))["newest"] or 0


def _end_cluster() -> None:
    """End this cluster, from the inside of its broker: the supervisor starts another."""
    with suppress(ProcessLookupError):
        os.kill(shutdown.MAIN_PID, signal.SIGKILL)
    shutdown.kill_parent()
    os._exit(1)


def _pid(worker: str) -> int:
    return int(worker.split(":")[1])


def _leave_with_main() -> None:
    """Take the sentinel along when the main process is gone: it would guard a cluster that nobody can stop."""
    try:
        os.kill(shutdown.MAIN_PID, 0)
    except ProcessLookupError:
        logger.warning("the cluster's main process is gone: ending its sentinel")
        shutdown.kill_parent()  # its workers notice, finish what they do and leave
