"""The device as the benchmark sees it: a lock file that knows nothing of the engine's own locks.

The kernel takes the lock from a process when that ends, and from none that is only frozen.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def held(path: str, holder: str) -> Iterator[None]:
    """Be on the device in this block; whoever finds somebody else there goes on, and it is noted as an overlap."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with _notes(path).open("a") as notes:
                notes.write(f"{holder} (pid {os.getpid()}) came while {os.pread(file, 200, 0).decode()} was there\n")
        else:
            os.truncate(file, 0)
            os.pwrite(file, f"{holder} (pid {os.getpid()})".encode(), 0)
        yield
    finally:
        os.close(file)


def overlaps(path: str) -> list[str]:
    """Return what was noted of a device: one line for each holder that was not alone."""
    notes = _notes(path)
    return notes.read_text().splitlines() if notes.exists() else []


def _notes(path: str) -> Path:
    return Path(f"{path}.overlaps")
