"""Passwords in the column of a table: the head of the column says what stands below it, not the line itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .credential_words import PASSWORD, is_placeholder
from .page import PageText, Span

_LINE = re.compile(r"[^\n]*\n?")
_LONGEST_LINE = 2_000
_CELL = {mark: re.compile(rf"[^{re.escape(mark)}]*") for mark in "|\t;,"}
_SPACES = re.compile(r"(?:(?!  )[^\n])+")  # cells parted by two spaces or more
_HEAD_WORDS = 4
_LEAST = 3  # characters of a value
_RULE = re.compile(r"[\s|:+=-]*")


def columns(page: PageText) -> Iterator[Span]:
    """Find the cells below a head such as "password" or "Şifre", down to the first line that is no row of the table."""
    mark, column, width = "", -1, 0
    for match in _LINE.finditer(page.text):
        line, folded = match.group(), page.folded[match.start() : match.end()]
        if len(line) > _LONGEST_LINE:
            mark = ""
        elif head := _head(line, folded):
            mark, column, width = head
        elif mark and not (line.strip() and _RULE.fullmatch(line)):
            cells = _cells(line, mark)
            if len(cells) < 2 or abs(len(cells) - width) > 1 or column >= len(cells):
                mark = ""
                continue
            start, end = cells[column]
            if end - start >= _LEAST and not is_placeholder(folded[start:end]):
                yield match.start() + start, match.start() + end


def _head(line: str, folded: str) -> tuple[str, int, int] | None:
    """Return how the cells of a head are parted, which of them is the password's, and how many they are."""
    if PASSWORD.search(folded) is None:
        return None
    for mark in ("|", "\t", ";", ",", "  "):
        if mark in line.strip():
            cells = _cells(line, mark)
            words = [folded[start:end].strip(" *\"'_").split() for start, end in cells]
            if len(cells) >= 2 and all(len(each) <= _HEAD_WORDS for each in words):
                for column, each in enumerate(words):
                    if each and any(PASSWORD.fullmatch(word.strip(":()")) for word in (each[-1], " ".join(each))):
                        others = [one for index, one in enumerate(words) if index != column]
                        # "Şifre: Kedi1234 | Ali" is a row of labels, no head.
                        if not any(any(map(str.isdigit, "".join(one))) for one in others):
                            return mark, column, len(cells)
            return None
    return None


def _cells(line: str, mark: str) -> list[Span]:
    """Return where the cells of a line stand in it, without the blanks around them."""
    pattern = _SPACES if mark == "  " else _CELL[mark]
    spans = []
    stripped = line.rstrip("\n\r")
    first = len(stripped) - len(stripped.lstrip(" |" if mark == "|" else " "))
    at = first
    last = len(stripped.rstrip(" |" if mark == "|" else " "))
    while at <= last:
        match = pattern.match(stripped, at, last)
        end = match.end() if match else at
        cell = stripped[at:end]
        spans.append((at + len(cell) - len(cell.lstrip(" \"'")), at + len(cell.rstrip(" \"'"))))
        at = end + 1
        if mark == "  ":
            while at < last and stripped[at] == " ":
                at += 1
    return spans
