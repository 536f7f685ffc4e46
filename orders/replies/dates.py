"""Dates in a folded text, Turkish and English, exact or vague."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

_MONTHS = {
    1: ("ocak", "oca", "january", "jan"),
    2: ("subat", "sub", "february", "feb"),
    3: ("mart", "mar", "march"),
    4: ("nisan", "nis", "april", "apr"),
    5: ("mayis", "may"),
    6: ("haziran", "haz", "june", "jun"),
    7: ("temmuz", "tem", "july", "jul"),
    8: ("agustos", "agu", "august", "aug"),
    9: ("eylul", "eyl", "september", "sept", "sep"),
    10: ("ekim", "eki", "october", "oct"),
    11: ("kasim", "kas", "november", "nov"),
    12: ("aralik", "ara", "december", "dec"),
}
_BY_NAME = {name: month for month, names in _MONTHS.items() for name in names}
_NAME = "|".join(sorted(_BY_NAME, key=len, reverse=True))
#: Months by names that mean nothing else, or seldom: "may" and "ara" are verbs.
_MONTH = "|".join(name for name in _BY_NAME if len(name) > 3)
_EXACT = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        r"(?<!\d)(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})(?!\d)",
        r"(?<!\d)(?P<day>\d{1,2})[-/.](?P<month>\d{1,2})[-/.](?P<year>\d{4}|\d{2})(?!\d)",
        rf"(?<!\d)(?P<day>\d{{1,2}})(?:st|nd|rd|th|'?[a-z]{{0,3}})?\.?\s+(?:of\s+)?(?P<name>{_NAME})\b\.?(?:,?\s+(?P<year>\d{{4}}))?(?!\d)",
        rf"\b(?P<name>{_NAME})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?!\d)(?:,?\s+(?P<year>\d{{4}}))?(?!\d)",
    )
)
_VAGUE = re.compile(
    r"\b(?:bugun|yarin|dun|haftaya|onumuzdeki|gelecek (?:hafta|ay)|bu hafta|hafta ?sonu|pazartesi|sali|"
    r"carsamba|persembe|cuma|"
    r"cumartesi|pazar|today|tonight|tomorrow|yesterday|(?:next|this|last) (?:week|month)|weekend|monday|"
    r"tuesday|wednesday|"
    r"thursday|friday|saturday|sunday|within (?:a|the) \w+|(?:in )?a (?:few|couple)\w*|birkac (?:gun|saat|hafta)|"
    r"en kisa (?:sure|zaman)|kisa sure|hemen|derhal|bir an once|yakinda|ertesi|(?:obur|ayni|ilk|ayin) \w+|"
    r"ay son|hafta ici|bu (?:aksam|sabah|gece|ay|yil)|yilbasi|bayram|soon|shortly|immediately|right away|asap|"
    r"several (?:day|week)|new year|holiday|this (?:evening|morning|afternoon)|"
    r"(?:end|middle|beginning) of|(?:same|next) day)\w{0,4}\b"
    rf"|\b(?:in|of|by|until|before|during)\s+(?:{_NAME})\b|\b(?:{_NAME})'?[dt][ae]\b"
    # A month without a day, and one whose day is Roman or still to be filled in: XX Aralık, ?? May.
    rf"|\b(?:{_MONTH})\b|(?:\bx[xvi]{{0,4}}|\?{{2,4}}|[_*]{{1,4}})\s*\.?\s*(?:{_NAME})\b",
    re.ASCII,
)


@dataclass(frozen=True)
class FoundDate:
    """day, month: None for a vague one. year: None when it was not said."""

    start: int
    end: int
    day: int | None = None
    month: int | None = None
    year: int | None = None

    def is_of(self, moment: date) -> bool:
        return (self.day, self.month) == (moment.day, moment.month) and self.year in (None, moment.year)


def find_dates(folded: str) -> Iterator[FoundDate]:
    """Yield the dates of a folded text; those that are exact first."""
    for pattern in _EXACT:
        for match in pattern.finditer(folded):
            groups = match.groupdict()
            month = _BY_NAME[groups["name"]] if groups.get("name") else int(groups["month"])
            year = int(groups["year"]) if groups.get("year") else None
            if year is not None and year < 100:
                year += 2000
            yield FoundDate(match.start(), match.end(), int(groups["day"]), month, year)
    for match in _VAGUE.finditer(folded):
        yield FoundDate(match.start(), match.end())
