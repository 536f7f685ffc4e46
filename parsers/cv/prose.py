"""Experiences told in sentences: "I have worked as a backend developer at Acme Ltd since 2019"."""

from __future__ import annotations

import re
from datetime import date

from .dates import find_periods
from .entry import Entry
from .experience import is_title
from .layout import Line

MAX_SENTENCES = 400
MAX_SENTENCE = 400  # characters
MAX_ENTRIES = 30
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+(?=[A-ZÇĞİÖŞÜ0-9])")
_NAME = r"[A-ZÇĞİÖŞÜ0-9][^,;()\n]{1,60}?"
_ENGLISH = re.compile(
    r"\b(?:[Ww]ork(?:ed|ing|s)?|[Ss]erv(?:ed|ing)|[Ee]mployed|[Jj]oined)\b(?: \w+){0,4}? as (?:an? |the )?"
    r"(?P<title>[^,.;()\n]{3,60}?)"
    rf"(?: (?:at|with|for|in) (?:the )?(?P<company>{_NAME}))?(?=[,;()\n]|\.\s|\.$| from\b| since\b| between\b| "
    rf"until\b| where\b| and\b| in (?:19|20)\d\d|$)"
)
_ENGLISH_COMPANY_FIRST = re.compile(
    rf"\b(?:at|with|for|joined) (?P<company>{_NAME}),? as (?:an? |the )?(?P<title>[^,.;()\n]{{3,60}}?)(?=[,.;()\n]| "
    rf"from\b| since\b| in\b|$)"
)
_TURKISH = re.compile(
    r"(?P<company>[A-ZÇĞİÖŞÜ][^,;:()\n]{1,60}?)['’]?(?:n?[dt][ae]|bünyesinde|firmasında|şirketinde) (?:\S+ ){0,4}?"
    r"(?P<title>[^,.;()\n]{3,60}?) (?:olarak|pozisyonunda|göreviyle) (?:\S+ ){0,2}?(?:çalış|görev|başla|yürüt)"
)


def experiences_in_prose(lines: list[Line], *, today: date) -> list[Entry]:
    """Return an entry for each sentence that says who worked as what, and where."""
    entries: list[Entry] = []
    for line in lines:
        for sentence in _SENTENCE_END.split(line.text)[:MAX_SENTENCES]:
            entry = _entry(sentence[:MAX_SENTENCE], today)
            if entry is not None:
                entries.append(entry)
            if len(entries) >= MAX_ENTRIES:
                return entries
    return entries


def _entry(sentence: str, today: date) -> Entry | None:
    for pattern in (_ENGLISH, _ENGLISH_COMPANY_FIRST, _TURKISH):
        match = pattern.search(sentence)
        if match is None:
            continue
        title = match["title"].strip()
        if not is_title(title):
            continue
        company = (match["company"] or "").strip(" .'’") or None
        periods = find_periods(sentence, today=today)
        ranges = [period for period in periods if period.is_range]
        return Entry(title=title, company=_plain_company(company), period=next(iter(ranges or periods), None))
    return None


def _plain_company(company: str | None) -> str | None:
    """Cut what a Turkish sentence puts before the company: "2015-2019 yılları arasında Acme A.Ş."."""
    if company is None:
        return None
    return re.split(r"\b(?:arasında|itibaren|beri|yılında|tarihinde|olarak)\s+", company)[-1].strip() or None
