"""What is new in a mail: without what it quotes of those before it."""

from __future__ import annotations

import re

#: Characters of a line that are looked at.
_LOOKED_AT = 300
#: Lines that mail programs break an introduction into, at most.
_MOST_BROKEN_LINES = 3

_QUOTED = re.compile(r" {0,3}>")
#: "On 20 Nov 2026, at 09:30, … wrote:" and the like; behind it follows the mail that is answered.
_INTRODUCTIONS = (
    re.compile(r"\s{0,3}on\b.{4,250}\bwrote\s*:\s*", re.IGNORECASE),
    re.compile(
        r".{0,250}\b(?:tarihinde|tarihli|günü|saat|şunu|şunları)\b.{0,250}\byazdı(?:\s*\([^()]{4,60}\))?\s*:\s*", re.I
    ),
    re.compile(r".{0,200}@.{0,100}>?\s+(?:wrote|yazdı)(?:\s*\([^()]{4,60}\))?\s*:\s*", re.IGNORECASE),
)
_LAST_WORDS = re.compile(r"(?:wrote|yazdı)(?:\s*\([^()]{4,60}\))?\s*:\s*$", re.IGNORECASE)
_SEPARATOR = re.compile(
    r"\s{0,3}-{2,20}\s*(?:original message|özgün ileti|orijinal ileti|orijinal mesaj|orjinal mesaj|asıl ileti"
    r"|iletilen mesaj|iletilmiş mesaj|forwarded message)\s*-{2,20}\s*",
    re.IGNORECASE,
)
_SENDER_LINE = re.compile(r"\s{0,3}\*?(?:kimden|gönderen|from)\s?:\*?\s?\S.{0,250}", re.IGNORECASE)
_HEADER_LINE = re.compile(
    r"\s{0,3}\*?(?:kime|to|alıcı|tarih|date|sent|gönderme|gönderildi|gönderilme tarihi|gönderim zamanı|konu"
    r"|subject|bilgi|cc)\s?:",
    re.IGNORECASE,
)
_RULE = re.compile(r"\s{0,3}(?:_{10,}|-{10,})\s*")


def without_quotes(text: str) -> str:
    """Return the new part of a mail; all of it when nothing else would be left."""
    lines = text.split("\n")
    kept: list[str] = []
    for number, line in enumerate(lines):
        if line.strip() and _begins_quote(lines, number):
            break
        if not _QUOTED.match(line):
            kept.append(line)
    while kept and (not kept[-1].strip() or _RULE.fullmatch(kept[-1][:_LOOKED_AT])):
        kept.pop()  # the rule that Outlook draws above what it quotes
    return "\n".join(kept).strip() or text.strip()


def _begins_quote(lines: list[str], number: int) -> bool:
    line = lines[number][:_LOOKED_AT]
    if _SEPARATOR.fullmatch(line):
        return True
    if _SENDER_LINE.fullmatch(line) and any(_HEADER_LINE.match(other) for other in lines[number + 1 : number + 3]):
        return True
    return _introduces(line) or _begins_introduction(lines, number)


def _introduces(line: str) -> bool:
    if not _LAST_WORDS.search(line[-80:]) or not any(char.isdigit() or char == "@" for char in line):
        return False
    return any(introduction.fullmatch(line) for introduction in _INTRODUCTIONS)


def _begins_introduction(lines: list[str], number: int) -> bool:
    """Return whether an introduction begins here that goes on in the next lines."""
    line = lines[number]
    is_paragraph = number == 0 or not lines[number - 1].strip()
    if not is_paragraph or not any(char.isdigit() or char == "@" for char in line[:_LOOKED_AT]):
        return False
    joined = line[:_LOOKED_AT]
    for following in lines[number + 1 : number + _MOST_BROKEN_LINES]:
        if not following.strip():
            return False
        joined += " " + following[:_LOOKED_AT].strip()
        if _introduces(joined):
            return True
    return False
