"""A folder of mails (maildir), as mail servers and fetchers write it; only read, so that other programs share it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from jobs.errors import JobError, Unavailable
from orders.providers import MAILDIR, RawMail

#: Where mails lie that have arrived; what is still being written lies in tmp.
_ARRIVED = ("new", "cur")
#: Parts a mail's name from its flags, which change.
_FLAGS = ":"


class Maildir:
    """A Mailbox. A mail's uid is its name without the flags: it stays when a mail program moves the mail to cur."""

    name = MAILDIR

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self.address = f"maildir:{self._path.name}"

    @contextmanager
    def open(self) -> Iterator[MaildirSession]:
        """Yield the folder. Its methods raise Unavailable or JobError (mailbox_not_found, mailbox_refused_login)."""
        yield MaildirSession(self._path)


class MaildirSession:
    """A MailSession."""

    validity = ""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, Path] = {}

    def list_after(self, last: str) -> Sequence[str]:
        """Return the uids of all mails, oldest first: what was written before `last` may arrive after it."""
        del last
        arrived = self._look()
        self._found = {uid: path for _, uid, path in arrived}
        return list(self._found)

    def get(self, uid: str, limit: int) -> RawMail | None:
        """Return a mail, None when it is gone or is no file."""
        if uid in self._found and (mail := _read(self._found[uid], limit)) is not None:
            return mail
        self.list_after("")  # somebody has moved or marked it
        return _read(self._found[uid], limit) if uid in self._found else None

    def wait(self, longest: timedelta) -> bool:
        """Return False at once: a folder gives no hints."""
        return False

    def _look(self) -> list[tuple[int, str, Path]]:
        """Return time of arrival, uid and place of every mail, in that order."""
        try:
            found = []
            for folder in _ARRIVED:
                with os.scandir(self._path / folder) as entries:
                    found += [mail for entry in entries if (mail := _mail_of(entry)) is not None]
            return sorted(found)
        except OSError as error:
            failure = _failure(error)
        raise failure


def _mail_of(entry: os.DirEntry[str]) -> tuple[int, str, Path] | None:
    """Return time, uid and place of a mail; None for hidden files, links, folders and names that cannot be stored."""
    if entry.name.startswith(".") or not entry.name.isprintable():
        return None
    try:
        info = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None  # moved while we looked: it is seen at its new place, now or the next time
    return (info.st_mtime_ns, entry.name.partition(_FLAGS)[0], Path(entry.path)) if stat.S_ISREG(info.st_mode) else None


def _read(path: Path, limit: int) -> RawMail | None:
    """Return a mail's bytes; None when there is no such file."""
    try:
        # Neither through a link nor waiting for somebody to write into a pipe.
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(number, "rb") as file:
            info = os.fstat(number)
            if not stat.S_ISREG(info.st_mode):
                return None
            raw = file.read(limit)
        return RawMail(raw, size=max(info.st_size, len(raw)), is_whole=info.st_size <= limit)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return None
        failure = _failure(error)
    raise failure


def _failure(error: OSError) -> JobError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return JobError(
            "The settings name no maildir: a folder with new and cur in it. The operator must check MAILDIR.",
            code="mailbox_not_found",
        )
    if isinstance(error, PermissionError):
        return JobError(
            "The maildir may not be read. The operator must let Sıra read what lies in its new and cur.",
            code="mailbox_refused_login",
        )
    return Unavailable("The maildir could not be read. It will be tried again.", code="mailbox_unavailable")
