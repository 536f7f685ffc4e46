"""Files on their way to the server."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

#: A path, which is read when it is sent; bytes; an open binary file, which is read at once and whole; or (name, one of
#: these), so that the server learns of a name.
FileLike: TypeAlias = (
    "str | os.PathLike[str] | bytes | BinaryIO | tuple[str, str | os.PathLike[str] | bytes | BinaryIO]"
)


@dataclass(frozen=True)
class Upload:
    """One file of one field. It can be opened as often as the request has to be sent."""

    field: str
    name: str
    source: Path | bytes

    def open(self) -> BinaryIO:
        return io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb")


def uploads_of(files: Mapping[str, FileLike | Sequence[FileLike]]) -> tuple[Upload, ...]:
    """Return the files of a submission by the input fields that take them; a list where a field takes many.

    Raises OSError for a path that is no file, before anything is sent.
    """
    return tuple(_upload(field, file) for field, given in files.items() for file in _many(given))


def _many(given: FileLike | Sequence[FileLike]) -> Iterable[FileLike]:
    return given if isinstance(given, list) else [given]  # type: ignore[list-item]


def _upload(field: str, file: FileLike) -> Upload:
    name, content = file if isinstance(file, tuple) else ("", file)
    if isinstance(content, bytes):
        return Upload(field, name or field, content)
    if isinstance(content, (str, os.PathLike)):
        path = Path(content)
        path.open("rb").close()
        return Upload(field, name or path.name, path)
    data = content.read()
    if not isinstance(data, bytes):
        raise TypeError(f"{field}: open the file in binary mode")
    return Upload(field, name or os.path.basename(str(getattr(content, "name", "") or field)), data)
