"""A text as lines, each knowing where it stands, whichever way the text was laid out or flattened."""

from __future__ import annotations

import re
from dataclasses import dataclass

from parsers.privacy.folding import fold

MAX_CHARACTERS = 200_000  # 50 dense pages; what follows is not read
MAX_LINES = 5_000
FLAT_LINE = 400  # characters; a longer line was several before somebody flattened it
_BREAK = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")
_FLAT_BREAK = re.compile(r"\s{2,}|\t")
_ENDS_IN_YEAR = re.compile(r"(?:19|20)\d\d$")
_BEGINS_AS_DATE = re.compile(
    r"(?:(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.? (?:19|20)\d\d|\d{1,2}[./]\d{4}|(?:19"
    r"|20)\d\d|present|current)\b",
    re.IGNORECASE,
)
_BULLET = re.compile(
    r"^(?:[•·▪▫■□●○◦‣⁃∙➢➤➔►▶✓✔✦❖◆◇★*»›§〓\uf000-\uf0ff]|[-–—](?=\s)|o(?=\s[A-ZÇĞİÖŞÜ])|\(?\d{1,2}[.)](?=\s)|[a-z]\)"
    r"(?=\s))\s*"
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its bullet. `text` is verbatim; `start` and `end` are its offsets in the document."""

    text: str
    folded: str
    start: int
    end: int
    is_bullet: bool
    follows_blank: bool

    def cut(self, start: int, end: int) -> Line:
        """Return a part of this line, given by offsets within it."""
        part = self.text[start:end]
        left = start + len(part) - len(part.lstrip())
        right = start + len(part.rstrip())
        right = max(left, right)
        return Line(
            self.text[left:right],
            self.folded[left:right],
            self.start + left,
            self.start + right,
            self.is_bullet,
            self.follows_blank,
        )


def lines_of(text: str) -> list[Line]:
    """Cut the first MAX_CHARACTERS of `text` into at most MAX_LINES lines that are not blank.

    A line longer than FLAT_LINE with gaps of two spaces was flattened: there two spaces end a line.
    """
    text = text[:MAX_CHARACTERS]
    lines: list[Line] = []
    blank = True
    start = 0
    for match in [*_BREAK.finditer(text), None]:
        end = match.start() if match else len(text)
        if not text[start:end].strip():
            blank = True
        elif end - start > FLAT_LINE and _FLAT_BREAK.search(text, start, end):
            _append_flat(lines, text, start, end)
            blank = False
        else:
            _append(lines, text, start, end, blank)
            blank = False
        start = match.end() if match else end
        if len(lines) >= MAX_LINES:
            break
    return lines[:MAX_LINES]


def _append_flat(lines: list[Line], text: str, start: int, end: int) -> None:
    at = start
    blank = True
    for match in _FLAT_BREAK.finditer(text, start, end):
        if len(lines) >= MAX_LINES:
            return
        if _ENDS_IN_YEAR.search(text, max(at, match.start() - 5), match.start()) and _BEGINS_AS_DATE.match(
            text, match.end()
        ):
            continue  # the dash between two dates was lost: "March 2015  August 2021"
        _append(lines, text, at, match.start(), blank)
        blank = match.end() - match.start() > 2
        at = match.end()
    _append(lines, text, at, end, blank)


def _append(lines: list[Line], text: str, start: int, end: int, blank: bool) -> None:
    raw = text[start:end]
    start += len(raw) - len(raw.lstrip())
    end -= len(raw) - len(raw.rstrip())
    if start >= end:
        return
    part = text[start:end]
    bullet = _BULLET.match(part)
    if bullet:
        start += bullet.end()
        part = text[start:end]
        if not part:
            return
    lines.append(Line(part, fold(part), start, end, bool(bullet), blank))
