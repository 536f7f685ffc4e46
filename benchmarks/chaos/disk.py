"""A small disk of their own for the files of jobs, which can be filled: a tmpfs, where one may be mounted (Linux)."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

MEGABYTES = 192
_FILLER = "filler"


class SmallDisk:
    """The folder is on a disk of its own."""

    def __init__(self, folder: Path) -> None:
        self.filler = folder / _FILLER

    def fill(self) -> None:
        """Leave no byte."""
        room = os.statvfs(self.filler.parent)
        with self.filler.open("wb") as file:
            with contextlib.suppress(OSError):  # somebody wrote meanwhile
                os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize)
            with contextlib.suppress(OSError):
                file.seek(0, os.SEEK_END)
                while True:
                    os.write(file.fileno(), bytes(4096))

    def empty(self) -> None:
        self.filler.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk | None]:
    """Mount a small disk on the folder, which is made; None where that is not allowed."""
    folder.mkdir(mode=0o700, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=0700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        yield None
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
