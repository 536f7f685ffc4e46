"""Where recurring batches find files: a folder of this host, or a folder of the storage.

Both yield `Found`, one at a time and only to be read before the next: a folder's descriptor is open for so long.
What is left out for a reason that a person should know is counted in `LeftOut`.
"""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from django.core.exceptions import SuspiciousFileOperation

from jobs.errors import Unavailable

#: A file that changed within this is still being written, or may be: the next run takes it.
SETTLED_AFTER = timedelta(seconds=5)
#: Of a path below the location.
LONGEST_NAME = 400


class SourceProblem(Exception):
    """The location cannot be read as it stands; the message says to its owner what to do."""


class StillWritten(Exception):
    """The file changed while it was read."""


@dataclass(frozen=True)
class Found:
    """One settled file. name: its path below the location, "/" between parts; size: bytes.

    read: returns its content, at most `limit` bytes of it. Raises StillWritten or OSError.
    """

    name: str
    size: int
    modified_ns: int
    read: Callable[[int], bytes]


@dataclass
class LeftOut:
    """Files that were passed by, by reason; files that are still being written are none of them."""

    reasons: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        if not self.reasons:
            return ""
        return "Left out: " + ", ".join(f"{count} {reason}" for reason, count in sorted(self.reasons.items())) + "."


# --- a folder -------------------------------------------------------------------------------------------------


def allowed_folder(location: str, roots: Sequence[Path]) -> Path:
    """Return the real path of `location`, which may not exist yet. Raises SourceProblem unless it is below a root."""
    if not roots:
        raise SourceProblem(
            "No folder may be read: the CLASSIFIER_FOLDERS setting is empty. Name the folders there and restart."
        )
    if "\0" in location or not Path(location).is_absolute():
        raise SourceProblem("The location of a folder is its full path, for example /srv/scans/incoming.")
    real = Path(location).resolve()
    if not any(real.is_relative_to(root.resolve()) for root in roots):
        raise SourceProblem("The folder is not below one of those that the CLASSIFIER_FOLDERS setting names.")
    return real


def folder_files(folder: Path, left_out: LeftOut) -> Iterator[Found]:
    """Yield the settled files below `folder`, by name. Links are never followed. Raises SourceProblem."""
    if not folder.is_dir():
        raise SourceProblem("The folder does not exist on this host, or may not be read.")

    def unreadable(_: OSError) -> None:
        left_out.reasons["unreadable folders"] += 1

    # Descriptors and not paths: nothing that is renamed or linked meanwhile leads out of the folder.
    try:
        for where, folders, names, descriptor in os.fwalk(folder, onerror=unreadable, follow_symlinks=False):
            folders[:] = sorted(name for name in folders if not _is_hidden(name))
            left_out.reasons["symbolic links"] += sum(_is_link(name, descriptor) for name in folders)
            for name in sorted(names):
                found = _look_at(name, Path(where).relative_to(folder), descriptor, left_out)
                if found is not None:
                    yield found
    except OSError as error:
        raise SourceProblem(f"The folder could not be read: {os.strerror(error.errno or 0)}.") from None
    finally:
        left_out.reasons += Counter()  # drops what is zero


def _look_at(name: str, where: Path, descriptor: int, left_out: LeftOut) -> Found | None:
    if _is_hidden(name):
        return None
    path = (PurePosixPath(where) / name).as_posix()
    if not _is_storable(path):
        left_out.reasons["names that are no text or too long"] += 1
        return None
    try:
        seen = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError:
        return None  # it has gone since the folder was listed
    if stat.S_ISLNK(seen.st_mode):
        left_out.reasons["symbolic links"] += 1
    elif not stat.S_ISREG(seen.st_mode):
        left_out.reasons["things that are no files"] += 1
    elif is_settled(seen.st_mtime_ns):
        return Found(path, seen.st_size, seen.st_mtime_ns, partial(_read, name, descriptor, seen))
    return None


def _read(name: str, descriptor: int, seen: os.stat_result, limit: int) -> bytes:
    # O_NOFOLLOW and O_NONBLOCK: what was a file a moment ago may be a link or a pipe by now.
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=descriptor)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise StillWritten
        content = file.read(limit)
        now = os.fstat(handle)
    if (now.st_size, now.st_mtime_ns) != (seen.st_size, seen.st_mtime_ns):
        raise StillWritten
    return content


def _is_link(name: str, descriptor: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode)
    except OSError:
        return False


# --- a folder of the storage ----------------------------------------------------------------------------------


def allowed_prefix(location: str) -> str:
    """Return `location` as a path in the storage without slashes around it. Raises SourceProblem."""
    parts = PurePosixPath(location.strip("/")).parts
    if not location.strip(" /") or ".." in parts or "\\" in location or "\0" in location:
        raise SourceProblem("The location in the storage is a path such as incoming/contracts, without '..'.")
    return "/".join(parts)


def storage_files(prefix: str, storage: Any, left_out: LeftOut) -> Iterator[Found]:
    """Yield the settled files of the storage below `prefix`, by name. Raises SourceProblem."""
    try:
        yield from _storage_files(prefix, "", storage, left_out)
    except FileNotFoundError:
        raise SourceProblem("The storage has no such folder.") from None
    except (OSError, SuspiciousFileOperation, Unavailable):
        raise SourceProblem("The storage could not be read.") from None


def _storage_files(prefix: str, below: str, storage: Any, left_out: LeftOut) -> Iterator[Found]:
    here = f"{prefix}/{below}".rstrip("/")
    folders, names = storage.listdir(here)
    for name in sorted(names):
        path, key = f"{below}{name}", f"{here}/{name}"
        if _is_hidden(name) or not name:
            continue
        if not _is_storable(path):
            left_out.reasons["names that are no text or too long"] += 1
            continue
        if _is_linked(key, storage):
            left_out.reasons["symbolic links"] += 1
            continue
        try:
            modified_ns, size = _in_ns(storage.get_modified_time(key)), storage.size(key)
        except FileNotFoundError:
            continue  # it has gone since the folder was listed
        if is_settled(modified_ns):
            yield Found(path, size, modified_ns, partial(_read_stored, key, storage))
    for name in sorted(folders):
        if _is_linked(f"{here}/{name}", storage):
            left_out.reasons["symbolic links"] += 1
        elif name and not _is_hidden(name):
            yield from _storage_files(prefix, f"{below}{name}/", storage, left_out)


def _read_stored(key: str, storage: Any, limit: int) -> bytes:
    with storage.open(key, "rb") as file:
        return file.read(limit)


def _in_ns(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000


def _is_linked(key: str, storage: Any) -> bool:
    try:
        return os.path.islink(storage.path(key))
    except NotImplementedError:  # a storage without paths has no links
        return False


# --- both -----------------------------------------------------------------------------------------------------


def is_settled(modified_ns: int) -> bool:
    """Whether a file was left alone for a while. One from the future has a wrong clock, and is as settled as any."""
    return abs(time.time_ns() - modified_ns) >= SETTLED_AFTER.total_seconds() * 1_000_000_000


def _is_hidden(name: str) -> bool:
    """Whether a name is of a file that programs keep for themselves: .x.swp, ~$contract.docx, upload.part."""
    return name.startswith((".", "~$")) or name.endswith((".part", ".tmp", ".crdownload"))


def _is_storable(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:  # a name in bytes that are no UTF-8
        return False
    return len(path) <= LONGEST_NAME
