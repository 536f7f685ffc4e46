"""Calendar dates, times of day beside them, and days of the week, in Turkish and English."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .page import PageText, Span

_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul"
    r"|aug|sept?|oct|nov|dec|ocak|subat|mart|nisan|mayis|haziran|temmuz|agustos|eylul|ekim|kasim|aralik)"
)
_TIME = r"(?:[ t,]{1,2}(?:saat )?\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?: ?[ap]\.?m\b)?)?"
_DAY, _MONTH_NUMBER, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:1[89]|20)\d\d"
_DATE = re.compile(
    rf"(?<![\w./-])(?:{_YEAR}(?P<mark>[./-]){_MONTH_NUMBER}(?P=mark){_DAY}"
    rf"|{_DAY}(?P<first>[./-]){_MONTH_NUMBER}(?P=first)(?:{_YEAR}|\d\d)"
    rf"|{_MONTH_NUMBER}(?P<second>[./-]){_DAY}(?P=second)(?:{_YEAR}|\d\d)"
    rf"|{_DAY}(?:st|nd|rd|th)?(?: of)? {_MONTH}\.?(?:,? {_YEAR})?"
    rf"|{_MONTH}\.? {_DAY}(?:st|nd|rd|th)?(?:,? {_YEAR})?|{_MONTH},? {_YEAR}){_TIME}(?![\w/-]|[.,]\d)"
)
_WEEKDAY = re.compile(
    r"(?<!\w)(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday|pazartesi|sali gunu|carsamba|persembe"
    r"|cuma gunu|cumartesi|pazar gunu)(?!\w)"
)


def dates(page: PageText) -> Iterator[Span]:
    """Find dates ("3/23/1940", "1993-01-04 14:56:41", "5 Mart 2021") and days of the week."""
    for pattern in (_DATE, _WEEKDAY):
        for match in pattern.finditer(page.folded):
            yield match.span()
