"""Dates of birth: a date is personal when a word beside it says so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .findings import BIRTH_DATE, Finding
from .folding import fold

_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun"
    r"|jul|aug|sept?|oct|nov|dec"
    r"|ocak|subat|mart|nisan|mayis|haziran|temmuz|agustos|eylul|ekim|kasim|aralik)"
)
_DATE = (
    rf"(?:\d{{1,2}}(?:st|nd|rd|th)?[ ./-]{{1,2}}(?:\d{{1,2}}|{_MONTH})[ .,/-]{{1,3}}(?:19|20)?\d{{2}}"
    rf"|{_MONTH}\.?[ ]{{1,2}}\d{{1,2}} ?(?:st|nd|rd|th)?,? {{1,2}}(?:19|20)\d{{2}}"
    rf"|(?:19|20)\d{{2}}[ ./-]\d{{1,2}}[ ./-]\d{{1,2}}"
    rf"|{_MONTH}[ ,]{{1,2}}(?:19|20)\d{{2}}|(?:19|20)\d{{2}})"
)
_LABELLED = re.compile(
    r"(?:\b(?:dogum tarihi(?: ?(?:ve|/|&|-) ?yeri)?|dogum yeri(?: ?(?:ve|/|&|-) ?tarihi| ?(?:ve|/|&|-) ?yili)|dogum "
    r"yili|dogum|d\.? ?tarihi|d\.? ?t\.?|date of birth|birth ?date|birthday|birth|d\.? ?o\.? ?b\.?|born(?: on| in)?"
    r"|dogumluyum|dogdum|geboren)\b|\*)"
    rf"[^0-9\n]{{0,30}}?(?P<date>{_DATE})\b"
)
_TAIL = re.compile(
    rf"(?P<date>{_DATE})(?: (?:tarihinde|yilinda|dogum(?:lu)?|dogmus(?:tur)?|'?(?:de|da|te|ta)))? ?[^.\n]{{0,20}}?\b"
    rf"(?:dogumlu(?:yum)?|dogdum|dogmustur|dogmus|was born)\b"
)


def birth_dates(text: str) -> Iterator[Finding]:
    """Find dates that "Doğum tarihi", "DOB", "born", "1990 doğumlu" and the like mark as a birth date."""
    folded = fold(text)
    for pattern in (_LABELLED, _TAIL):
        for match in pattern.finditer(folded):
            if match.group().startswith("*"):
                continue
            start, end = match.span("date")
            yield Finding(BIRTH_DATE, start, end, text[start:end])
