"""The headers of a mail or of a part of it: found, unfolded and decoded within bounds."""

from __future__ import annotations

import re
from email.message import Message
from email.utils import collapse_rfc2231_value

from orders.reading.charsets import decode_words, to_text

#: Bytes that are kept of one value, and characters of it once it is decoded.
_LONGEST_RAW, LONGEST_VALUE = 16 * 1024, 4 * 1024
#: Characters of a value with parameters: the time to take them apart grows with the square of this.
_LONGEST_PARAMETERS = 2_000
#: Values that are kept of one name.
_MOST_OF_A_NAME = 10
_LONGEST_NAME = 80

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")


class Headers:
    """Names in lower case with their values, in the order in which they came."""

    def __init__(self) -> None:
        self._values: dict[str, list[bytes]] = {}
        self._last: list[bytes] | None = None
        #: Whether a value holds letters of a charset that nobody knows.
        self.has_unknown_charset = False

    def __bool__(self) -> bool:
        return bool(self._values)

    def add(self, name: bytes, value: bytes) -> None:
        values = self._values.setdefault(name[:_LONGEST_NAME].decode("ascii").lower(), [])
        self._last = values if len(values) < _MOST_OF_A_NAME else None
        if self._last is not None:
            self._last.append(value[:_LONGEST_RAW])

    def continue_last(self, line: bytes) -> None:
        if self._last is not None and len(self._last[-1]) < _LONGEST_RAW:
            self._last[-1] += line

    def has(self, name: str) -> bool:
        return name in self._values

    def all(self, name: str) -> list[str]:
        """Return the values of that name as they were sent, in one line each, their encoded words not decoded yet."""
        raw = (value.replace(b"\r", b"").replace(b"\n", b"")[:_LONGEST_RAW] for value in self._values.get(name, []))
        return [to_text(value, None)[0].strip() for value in raw]

    def raw(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    def text(self, name: str) -> str:
        """Return the first value of that name as people read it, "" for none."""
        return self.decoded(self.raw(name))

    def decoded(self, value: str) -> str:
        text, known = decode_words(value[:_LONGEST_RAW])
        self.has_unknown_charset |= not known
        return text[:LONGEST_VALUE]

    # --- values with parameters -----------------------------------------------------------------------------------
    def token(self, name: str) -> str:
        """Return what stands before the parameters, in lower case, such as "text/plain" or "base64"."""
        return self.raw(name)[:200].partition(";")[0].strip().lower()

    def parameter(self, name: str, parameter: str) -> str:
        """Return a parameter of a value (RFC 2231), "" for none."""
        message = Message()
        message[name] = self.raw(name)[:_LONGEST_PARAMETERS]
        try:
            value = message.get_param(parameter, "", name)
            return str(collapse_rfc2231_value(value) if isinstance(value, tuple) else value).strip()
        except (ValueError, LookupError, TypeError):  # a number or a charset that is none
            return ""


def read_headers(raw: bytes, start: int, end: int, limit: int) -> tuple[Headers, int, bool, bool]:
    """Return the headers that begin at `start`, where the body begins, whether a blank line parted them, and whether
    there was more of them than `limit` bytes; that is not read."""
    headers = Headers()
    stop = min(end, start + limit)
    at = start
    while at < stop:
        line_end = raw.find(b"\n", at, stop) + 1
        if not line_end and stop < end:
            break  # the limit lies in this line
        line_end = line_end or stop
        line = raw[at : min(line_end, at + _LONGEST_RAW)]
        if not line.rstrip(b"\r\n"):
            return headers, line_end, True, False
        if line[:1] in (b" ", b"\t"):
            headers.continue_last(line)
        elif found := _FIELD.match(line):
            headers.add(found[1], line[found.end() :])
        elif not (at == start and line.startswith(b"From ")):  # the first line of a mail in an mbox
            return headers, at, False, False
        at = line_end
    if stop == end:
        return headers, end, True, False
    return headers, _find_body(raw, stop, end), True, True


def _find_body(raw: bytes, start: int, end: int) -> int:
    """Return where the body begins behind headers that are too long."""
    found = [at + len(blank) for blank in (b"\n\r\n", b"\n\n") if (at := raw.find(blank, start, end)) >= 0]
    return min(found, default=end)
