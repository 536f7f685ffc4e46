"""Text as it may be stored and shown."""

from __future__ import annotations

import re

# Control characters, those that turn the direction of what follows, and byte order marks.
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
_LINE_END = re.compile(r"\r\n?|[\u2028\u2029\x85]")


def clean(text: str) -> str:
    """Return a text without characters that are invisible or no characters; its lines end in a newline."""
    text = _INVISIBLE.sub("", _LINE_END.sub("\n", text).expandtabs(4))
    whole = text.encode("utf-8", "replace").decode("utf-8")  # half a pair of UTF-16 cannot be stored
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(line.rstrip() for line in whole.split("\n"))).strip("\n")


def one_line(text: str, longest: int) -> str:
    """Return a text in one line, at most so many characters of it."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:longest].strip()
