"""The parts of a mail, as ranges of its bytes: nothing is copied, and every part costs a bounded time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from orders.reading.headers import Headers, read_headers

BROKEN, HEADERS_TOO_LONG, TOO_MANY_PARTS = "broken", "headers_too_long", "too_many_parts"

#: Bytes of headers that are read, of the mail and of each part of it.
LONGEST_HEADERS, LONGEST_PART_HEADERS = 256 * 1024, 16 * 1024
#: Parts that are looked at, and how deep they may be nested.
MOST_PARTS, DEEPEST = 200, 10
#: Lines that look like a boundary and are none; a mail has hardly ever one.
_MOST_LOOKALIKES = 2_000
_LONGEST_BOUNDARY = 200

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+_-]{0,60}/[a-z0-9][a-z0-9.+_-]{0,100}")


@dataclass(frozen=True)
class Part:
    """A part of a mail; its body is raw[start:end]."""

    raw: bytes
    headers: Headers
    start: int
    end: int

    @property
    def media_type(self) -> str:
        """What its label says, in lower case; text/plain where that is no media type (RFC 2045 5.2)."""
        label = self.headers.token("content-type")
        return label if _MEDIA_TYPE.fullmatch(label) else "text/plain"

    @property
    def disposition(self) -> str:
        return self.headers.token("content-disposition")

    @property
    def encoding(self) -> str:
        return self.headers.token("content-transfer-encoding")

    @property
    def body(self) -> bytes:
        return self.raw[self.start : self.end]

    @property
    def file_name(self) -> str:
        """The name of its file as it was sent, "" for none."""
        return self.headers.parameter("content-disposition", "filename") or self.headers.parameter(
            "content-type", "name"
        )


class Opened:
    """A mail that is taken apart. note: called with the codes of what is wrong with it."""

    def __init__(self, raw: bytes, note: Callable[[str], None], *, is_whole: bool) -> None:
        self._raw = raw
        self._note = note
        self._is_whole = is_whole
        self._seen = 0
        self._lookalikes = 0
        start = _first_line(raw)
        self.root = self._part(start, len(raw), LONGEST_HEADERS)

    def children(self, part: Part, depth: int) -> Iterator[Part]:
        """Yield the parts of a multipart, as many as are looked at. depth: of the multipart, 0 for the mail's own."""
        boundary = part.headers.parameter("content-type", "boundary").rstrip()
        if not 0 < len(boundary) <= _LONGEST_BOUNDARY:
            return
        for start, end in self._ranges(part, b"--" + boundary.encode("utf-8", "replace")):
            self._seen += 1
            if self._seen > MOST_PARTS or depth >= DEEPEST:
                self._note(TOO_MANY_PARTS)
                return
            yield self._part(start, end, LONGEST_PART_HEADERS)

    def _part(self, start: int, end: int, limit: int) -> Part:
        headers, body, is_parted, is_too_long = read_headers(self._raw, start, end, limit)
        if not is_parted:
            self._note(BROKEN)
        if is_too_long:
            self._note(HEADERS_TOO_LONG)
        return Part(self._raw, headers, body, end)

    def _ranges(self, part: Part, delimiter: bytes) -> Iterator[tuple[int, int]]:
        """Yield where each part begins and ends, between lines that are the delimiter."""
        raw, begin = self._raw, -1
        at = raw.find(delimiter, part.start, part.end)
        while at >= 0:
            after = at + len(delimiter)
            rest = raw[after : min(after + 80, part.end)].partition(b"\n")[0].strip()
            if rest in (b"", b"--") and (at == part.start or raw[at - 1] == ord("\n")):
                if begin >= 0:
                    yield begin, max(begin, _before_line_end(raw, at))
                if rest:
                    return
                begin = raw.find(b"\n", after, part.end) + 1 or part.end
            else:
                self._lookalikes += 1
                if self._lookalikes > _MOST_LOOKALIKES:
                    self._note(TOO_MANY_PARTS)
                    break
            at = raw.find(delimiter, after, part.end)
        if begin >= 0:
            if self._is_whole:
                self._note(BROKEN)  # the mail breaks off before its last boundary
            yield begin, part.end


def _first_line(raw: bytes) -> int:
    """Return where the mail begins: behind a byte order mark and blank lines."""
    start = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    head = raw[start : start + 1024]
    return start + len(head) - len(head.lstrip(b"\r\n"))


def _before_line_end(raw: bytes, at: int) -> int:
    """Return where the line before `at` ends, its line end left out."""
    at -= 1
    return at - 1 if at > 0 and raw[at - 1] == ord("\r") else at
