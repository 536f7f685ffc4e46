"""Server-sent events out of the bytes of a connection, however they are cut.

Our own and not httpx2's: the caller must get the turn at every piece, comments included, to look at the clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LINE_END = re.compile(rb"[\r\n]")


@dataclass(frozen=True)
class Frame:
    id: str
    event: str
    data: str


class Frames:
    """The frames of one connection. What has not come whole when it ends was never said."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._looked_at = 0  # so far there is no end of a line in the rest
        self._skip_newline = False  # the last line ended in \r: a \n that follows belongs to it
        self._first = True
        self._id = self._event = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """Yield the frames that are whole with this piece."""
        self._rest += piece
        while (line := self._next_line()) is not None:
            if line:
                self._take(line)
            else:
                if self._data:
                    yield Frame(self._id, self._event or "message", "\n".join(self._data))
                self._event, self._data = "", []

    def _next_line(self) -> str | None:
        if self._skip_newline and self._rest:
            self._skip_newline = False
            if self._rest.startswith(b"\n"):
                del self._rest[:1]
        found = LINE_END.search(self._rest, self._looked_at)
        if found is None:
            self._looked_at = len(self._rest)
            return None
        end, self._skip_newline = found.start(), found[0] == b"\r"
        del found  # a match holds on to the buffer, which could not shrink
        line = self._rest[:end].decode("utf-8", "replace")
        del self._rest[: end + 1]
        self._looked_at = 0
        if self._first:
            self._first, line = False, line.removeprefix("\ufeff")
        return line

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
