"""A file of a job on its way to the disk: whole and right, or not there at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ._calls import path_of
from ._effects import Answer, Close, Lost, Open, Read, Request, Sleep, Steps
from ._errors import DownloadBroken, Unreachable, api_error
from ._models import File
from ._retries import TRANSIENT, Patience, Pauses

SHA256_ETAG = re.compile(r'"([0-9a-f]{64})"')


def download(patience: Patience, file: File, to: str | os.PathLike[str]) -> Steps[Path]:
    """Write the file's bytes to `to`, or below it under the file's own name if it is a folder; return the path.

    What breaks is begun anew, within the patience. Size and SHA-256 (the ETag) are checked; until then the bytes are
    in a temporary file beside it. Raises DownloadBroken, ApiError, Unreachable, OSError.
    """
    target = Path(to)
    if target.is_dir():
        target = target / _safe_name(file)
    request = Request("GET", path_of(file.job_id, f"files/{file.id}/"), headers={"Accept-Encoding": "identity"})
    began, pauses = patience.clock(), Pauses()
    with _Part(target) as part:
        while True:
            answer = yield Open(request)
            if isinstance(answer, Answer) and answer.status == 200:
                lost = yield from _fill(part)
                yield Close()
                if lost is None and part.is_whole(file, answer.headers):
                    part.keep()
                    return target
                outcome: Answer | Lost = lost or Lost("other bytes than the file's")
            else:
                outcome = answer
            again = isinstance(outcome, Lost) or outcome.status in TRANSIENT
            pause = pauses.next()
            if not again or patience.clock() + pause > began + patience.seconds:
                break
            yield Sleep(pause)
    if isinstance(outcome, Answer):
        raise api_error(request, outcome, pauses.count)
    if lost is None and isinstance(answer, Answer):
        raise DownloadBroken(f"{file.name or file.id}: what came is not the file, {pauses.count} times")
    raise Unreachable(request, outcome.reason, pauses.count, patience.clock() - began)


def _fill(part: _Part) -> Steps[Lost | None]:
    part.begin()
    while True:
        piece = yield Read()
        if isinstance(piece, Lost):
            return piece
        if not piece:
            return None
        part.write(piece)


class _Part:
    """A temporary file beside the target, which takes its place when all is well."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __enter__(self) -> _Part:
        number, self.path = tempfile.mkstemp(
            prefix=f".{self.target.name[:50]}.", suffix=".part", dir=self.target.parent
        )
        self._file = os.fdopen(number, "wb")
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)

    def begin(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._size, self._hash = 0, hashlib.sha256()

    def write(self, piece: bytes) -> None:
        self._file.write(piece)
        self._hash.update(piece)
        self._size += len(piece)

    def is_whole(self, file: File, headers: Mapping[str, str]) -> bool:
        etag = SHA256_ETAG.fullmatch(headers.get("etag", ""))
        return self._size == file.size and (etag is None or etag[1] == self._hash.hexdigest())

    def keep(self) -> None:
        self._file.close()
        os.chmod(self.path, 0o666 & ~_umask())
        os.replace(self.path, self.target)


def _safe_name(file: File) -> str:
    """Return the last part of the file's name, whatever system it was made on; never a way out of the folder."""
    name = re.split(r"[/\\\\]", file.name)[-1].strip().strip(".")
    return "".join(char for char in name if char.isprintable() and char not in '<>:"|?*') or file.id


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
