"""How the processes of a cluster learn that it is time to go.

Everything here is made when the module is first imported, in the cluster's main process, and inherited by fork.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from typing import Any

#: A SIGTERM to the whole process group reaches us before the sentinel has begun to stop the cluster in its order.
#: Only when it does not begin within this time was the signal meant for this process alone.
WAIT_FOR_SENTINEL_SECONDS = 5.0

MAIN_PID = os.getpid()
# A bare byte, not an Event: a process that is killed while it asks an Event takes its lock along.
_cluster_drains = multiprocessing.RawValue("b", 0)
_told_at: float | None = None
_parent: int | None = None


def settle_in_new_process() -> None:
    """Remember who our parent is, and make SIGTERM mean "finish and leave". May be called again; main thread only."""
    global _parent
    if _parent is None:
        _parent = os.getppid()
        signal.signal(signal.SIGTERM, _on_sigterm)


def _on_sigterm(*_: Any) -> None:
    begin_drain()


def begin_drain() -> None:
    """Tell this process alone to claim no more."""
    global _told_at
    _told_at = _told_at or time.monotonic()


def begin_cluster_drain() -> None:
    """Tell every process of this cluster to claim no more."""
    _cluster_drains.value = 1


def is_draining() -> bool:
    return _told_at is not None or bool(_cluster_drains.value)


def is_orphan() -> bool:
    """Whether the process that started us is gone. The kernel then gives us another parent."""
    return _parent is not None and os.getppid() != _parent


def kill_parent() -> None:
    """SIGKILL the sentinel that started us; nobody else, should it be gone already."""
    if _parent is not None and os.getppid() == _parent:
        os.kill(_parent, signal.SIGKILL)


def is_sibling(pid: int) -> bool:
    """Whether a process has the same parent as this one (Linux; False where that cannot be read)."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return int(stat.read().rpartition(")")[2].split()[1]) == _parent
    except (OSError, ValueError, IndexError):
        return False


def must_leave() -> bool:
    """Whether a process that waits for something to do should leave on its own.

    Not while the sentinel stops the cluster: it sends each worker a last message, and waits until somebody reads it.
    """
    if is_orphan():
        return True
    told_alone = _told_at is not None and not _cluster_drains.value
    return told_alone and time.monotonic() - (_told_at or 0) > WAIT_FOR_SENTINEL_SECONDS
