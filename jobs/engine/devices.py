"""The flock on a device of this host, which an attempt holds while it runs in a slot of a resource.

The database frees a resource when a lease runs out. The process that held it may be there all the same, frozen or in
C code that never returns, with its memory on the device. Its flock lives exactly as long as it does: the kernel
lets go of it when the process ends, however it ends. So nobody shares the device with what should be gone.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from jobs.models import Job

logger = logging.getLogger(__name__)

#: How long an attempt that has just ended may take to let go of its device; a worker waits no longer than this.
HAND_OVER_SECONDS = 0.5
HAND_OVER_LOOK_SECONDS = 0.02
#: After that nobody claims the resource for so long.
TRY_AGAIN_AFTER = timedelta(seconds=1)

#: The files that this process has locked. A child that is forked from it closes them, or it would hold the locks too.
_open: set[int] = set()
#: Jobs whose wait was warned of: once for each.
_warned: set[str] = set()


def lock_file(resource: str, slot: int) -> Path:
    return settings.DEVICE_LOCK_DIR / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', resource)}-{slot}.lock"


@contextmanager
def held_by(job: Job) -> Iterator[bool]:
    """Hold the device of the job's slot in this block. Yields False when an earlier attempt does not let go of it."""
    path = lock_file(job.resource, job.slot or 0)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        # The job keeps its place until somebody has mended it; without the lock it must not run.
        logger.error("%s cannot be locked (%s): check DEVICE_LOCK_DIR", path, error.strerror)
        yield False
        return
    _open.add(file)
    try:
        is_ours = _lock(file)
        if is_ours:
            since = datetime.now().astimezone().isoformat(timespec="seconds")
            _write(file, f"pid {os.getpid()}\njob {job.pk}\nsince {since}\n")
        else:
            _warn(job, ", ".join(path.read_text().splitlines()))
        yield is_ours
        if is_ours:
            _write(file, "")
    finally:
        _open.discard(file)
        os.close(file)


def is_free(resource: str, slot: int) -> bool:
    """Look, without waiting, whether no process of this host holds a device: before a job is claimed for it."""
    try:
        file = os.open(lock_file(resource, slot), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True  # nobody has ever held it
    except OSError:
        return False  # without the lock nothing may run on it
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True


def read_holder(resource: str, slot: int) -> str:
    """Return what the holder of a device wrote, on one line."""
    try:
        return ", ".join(lock_file(resource, slot).read_text().splitlines()) or "it left no name"
    except OSError as error:
        return f"its lock cannot be read, check DEVICE_LOCK_DIR: {error.strerror}"


def _lock(file: int) -> bool:
    give_up = time.monotonic() + HAND_OVER_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > give_up:
                return False
            time.sleep(HAND_OVER_LOOK_SECONDS)


def _write(file: int, text: str) -> None:
    """Say in the file, for people, who holds it."""
    os.ftruncate(file, 0)
    os.pwrite(file, text.encode(), 0)


def _warn(job: Job, holder: str) -> None:
    if str(job.pk) not in _warned:
        _warned.add(str(job.pk))
        logger.warning("job %s waits: an earlier attempt still holds the %s here (%s)", job.pk, job.resource, holder)


def _forget_in_child() -> None:
    for file in _open:
        os.close(file)  # that leaves the lock to the parent
    _open.clear()


# A program that is started closes them by itself (O_CLOEXEC); a mere fork does not.
os.register_at_fork(after_in_child=_forget_in_child)
