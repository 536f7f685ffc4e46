"""Eight changes to django-q2 1.11.1, and why.

1. `Queue.get` of the standard library waits for data while it holds the read lock. A worker that is killed in that wait
   (one idle worker always is in it) takes the lock along and no worker of the cluster gets anything any more.
   Ours waits for data without the lock and takes it only to read what is there. It also lets a process whose cluster is
   gone leave instead of waiting for ever.
2. `Sentinel.stop` lets workers finish whatever they do, however long. Ours tells them first, so that a running job
   gets its grace time and then goes back to the queue.
3. The sentinel dies of SIGTERM, and a main process that then sets the stop event waits for ever for the dead sentinel
   to wake up. Ours leaves SIGTERM to the main process, so that a signal to the whole process group ends well too.
4. A second SIGTERM to the main process interrupts the first while that holds the stop event's lock, and waits for it
   for ever. Ours heeds the first one only.
5. Every worker would load models and tables by itself: half a second of processor time, memory of its own, and that
   again after each death. Ours loads them in the sentinel, before it forks the workers.
6. After each ring a worker tells how it stands while it holds its timer's lock; the sentinel takes that lock to look
   whether the worker is alive. A worker that is killed in this moment takes the lock along: the sentinel waits for ever
   and starts no worker again. Ours has no lock: what is read and written is one number, and of two writes either is
   right.
7. Queues count what is in them under a lock, and the sentinel reads the count with each look at its processes. A worker
   that is killed while it counts takes that lock along, with the same end. The number is for show, so ours is
   counted without a lock, and may be wrong.
8. The sentinel waits between two looks with a deadline of the wall clock: when that is set back by an hour, it looks
   after nobody for an hour. Ours waits by the clock that cannot be set, and so does `get`.

`tests/engine/test_crashes.py` kills idle workers again and again and signals whole groups, to see that they hold.
"""

from __future__ import annotations

import gc
import multiprocessing.queues
import multiprocessing.sharedctypes
import queue
import signal
import threading
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from multiprocessing.reduction import ForkingPickler
from typing import Any

import django_q
from django_q import cluster, queues

from jobs.engine import shutdown

PATCHED_VERSION = (1, 11, 1)
#: How often a waiting process looks whether its cluster is still there.
LOOK_EVERY_SECONDS = 0.5
#: How late the sentinel hears that it is to stop.
STEADY_SECONDS = 0.1
#: Who holds the read lock lets go of it within microseconds.
BETWEEN_TRIES_SECONDS = 0.001

_stop_of_django_q = cluster.Sentinel.stop
_guard_of_django_q = cluster.Sentinel.guard
_spawn_cluster_of_django_q = cluster.Sentinel.spawn_cluster
_sig_handler_of_django_q = cluster.Cluster.sig_handler


def apply() -> None:
    """Patch django-q2. Raises RuntimeError for a version that nobody has looked at."""
    if tuple(django_q.VERSION) != PATCHED_VERSION:
        raise RuntimeError(
            f"django-q2 is {django_q.VERSION}, not {PATCHED_VERSION}: read jobs/engine/django_q_patch.py first"
        )
    queues.Queue.get = _get
    cluster.Sentinel.stop = _stop
    cluster.Sentinel.guard = _guard
    queues.SharedCounter = _Counter
    cluster.Value = _Timer
    cluster.Sentinel.spawn_cluster = _spawn_cluster
    cluster.Cluster.sig_handler = _sig_handler


class _Timer:
    """Stands in for the `multiprocessing.Value` of a worker: seconds that it may still take; -1 idle, -2 recycled."""

    def __init__(self, typecode: str, value: float) -> None:
        self._number = multiprocessing.sharedctypes.RawValue(typecode, value)

    @property
    def value(self) -> float:
        return self._number.value

    @value.setter
    def value(self, value: float) -> None:
        self._number.value = value

    def get_lock(self) -> AbstractContextManager[None]:
        return nullcontext()


class _SteadyEvent:
    """An event of multiprocessing, with a `wait` that no change of the wall clock makes longer."""

    def __init__(self, event: Any) -> None:
        self._event = event

    def __getattr__(self, name: str) -> Any:
        return getattr(self._event, name)

    def wait(self, timeout: float) -> bool:
        ends = time.monotonic() + timeout
        while not self._event.is_set() and (left := ends - time.monotonic()) > 0:
            time.sleep(min(left, STEADY_SECONDS))
        return self._event.is_set()


class _Counter:
    """Stands in for the `SharedCounter` of a queue."""

    def __init__(self, n: int = 0) -> None:
        self._number = multiprocessing.sharedctypes.RawValue("i", n)

    def increment(self, n: int = 1) -> None:
        self._number.value += n

    @property
    def value(self) -> int:
        return self._number.value


def _sig_handler(self: Any, signum: int, frame: Any) -> None:
    if getattr(self, "sira_is_stopping", False):
        return
    self.sira_is_stopping = True
    _sig_handler_of_django_q(self, signum, frame)


def _spawn_cluster(self: Any) -> None:
    from jobs.engine import worker  # its models are there only when Django has started

    worker.prepare()
    gc.collect()
    gc.freeze()  # or the first collection in each worker would write to, and so copy, every page that they share
    _spawn_cluster_of_django_q(self)


def _guard(self: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    self.stop_event = _SteadyEvent(self.stop_event)
    _guard_of_django_q(self)


def _stop(self: Any) -> None:
    shutdown.begin_cluster_drain()
    threading.Thread(target=_read_for_the_dead, args=(self,), daemon=True).start()
    _stop_of_django_q(self)


def _read_for_the_dead(sentinel: Any) -> None:
    """Read what is meant for workers when none is left: the writers of a full queue would wait for ever."""
    while True:
        if not any(worker.is_alive() for worker in list(sentinel.pool)):
            with suppress(queue.Empty, OSError, ValueError):
                sentinel.task_queue.get(timeout=LOOK_EVERY_SECONDS)
        time.sleep(LOOK_EVERY_SECONDS)


def _get(self: Any, block: bool = True, timeout: float | None = None) -> Any:
    if not block or timeout is not None:
        item = multiprocessing.queues.Queue.get(self, block, timeout)
        self.size.increment(-1)
        return item
    shutdown.settle_in_new_process()
    while True:
        if shutdown.must_leave():
            return "STOP"  # what the sentinel would have sent
        if not self._reader.poll(LOOK_EVERY_SECONDS):
            continue
        if not self._rlock.acquire(block=False):  # a time-out would be one of the wall clock
            time.sleep(BETWEEN_TRIES_SECONDS)
            continue
        try:
            if not self._reader.poll(0):
                continue  # another process was faster
            raw = self._recv_bytes()
            self._sem.release()
        finally:
            self._rlock.release()
        self.size.increment(-1)
        return ForkingPickler.loads(raw)
