"""Mail out into a folder, one file for each message: the default, and a way to look before anything is connected."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from email.parser import BytesHeaderParser
from pathlib import Path

from jobs.errors import JobError
from orders.providers import FILES


class FileOutbox:
    """An Outbox. The name of a file is made from the Message-ID: the same message twice is one file."""

    name = FILES
    is_idempotent = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def send(self, message: bytes, *, sender: str, recipient: str, about_to_transmit: Callable[[], None]) -> None:
        """Write the message, all of it or nothing. Raises JobError when the folder takes no files."""
        del sender, recipient  # they stand in the message
        about_to_transmit()
        message_id = str(BytesHeaderParser().parsebytes(message)["Message-ID"])
        path = self._path(message_id)
        try:
            self._write(path, message)
            failed = False
        except OSError:
            failed = True
        if failed:
            raise JobError("The folder for outgoing mail takes no files. Check OUTBOX_DIR.", code="outbox_unwritable")

    def forget(self, message_id: str) -> None:
        """Delete a message, if it was ever written here."""
        self._path(message_id).unlink(missing_ok=True)

    def _path(self, message_id: str) -> Path:
        return self.folder / f"{hashlib.sha256(message_id.encode()).hexdigest()[:32]}.eml"

    def _write(self, path: Path, message: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes files that only their owner can read.
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(message)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
