"""Dates and date ranges as CVs write them, in Turkish and English, and the time they add up to.

A month table is right here: dateparser reads "2018 Mart" as a time zone, and is slow.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from parsers.privacy.folding import fold

_MONTHS = {
    1: "january jan ocak oca",
    2: "february feb subat sub",
    3: "march mar mart",
    4: "april apr nisan nis",
    5: "may mai mayis",
    6: "june jun haziran haz",
    7: "july jul temmuz tem temm",
    8: "august aug agustos agu ag",
    9: "september sept sep eylul eyl",
    10: "october oct ekim eki",
    11: "november nov kasim kas",
    12: "december dec aralik ara",
}
MONTH_NUMBERS = {name: number for number, names in _MONTHS.items() for name in names.split()}
_MONTH = "|".join(sorted(MONTH_NUMBERS, key=len, reverse=True))
_YEAR = r"(?:19[4-9]\d|20[0-4]\d)"
_NOW = (
    r"present|current(?:ly)?|now|today|to date|till date|until now|till now|date|ongoing|onwards|continuing"
    r"|halen(?: devam(?: etmekte| ediyor)?)?|hala(?: devam(?: etmekte| ediyor)?)?|devam(?: etmekte(?:yim)?| ediyor"
    r"(?:um)?| eden)?|gunumuz(?:e(?: kadar)?)?|bugun(?:e kadar)?|su an(?:da)?|simdi|present day"
)


def _point_pattern(side: str) -> str:
    """Return the pattern of one date; its groups are named for the side of the range it stands on."""
    return (
        r"(?:(?:(?:spring|summer|fall|autumn|winter|bahar|yaz|guz|kis|early|late|mid|end of)[ -]{1,2})?"
        rf"(?:(?:\d{{1,2}}(?:st|nd|rd|th)?[ ./-]{{1,2}})?(?P<mname{side}>{_MONTH})\b\.?[ ,.'/-]{{0,3}}(?:"
        rf"(?P<y1{side}>{_YEAR})|'?(?P<yy1{side}>\d\d)(?![\d./:]|\s*(?:%|years|yil)))"
        rf"|(?:\d{{1,2}}[./-])?(?P<mnum{side}>0?[1-9]|1[0-2]) ?[./-] ?(?P<y2{side}>{_YEAR})"
        rf"|(?P<y3{side}>{_YEAR})(?:[./-](?P<mnum2{side}>0[1-9]|1[0-2])(?!\d)(?:[./-]\d\d(?!\d))?"
        rf"|[ ,./-]{{1,2}}(?P<mname2{side}>{_MONTH})\b\.?(?![ .,'-]{{0,2}}{_YEAR}))?))"
    )


_START, _END = _point_pattern("a"), _point_pattern("b")
_TO = r"(?:[ ,.]{0,3}(?:-{1,3}|~|/|>|->|to|until|till|thru|through|upto|up to|ile|and)[ ,.]{0,3}|\s{2,4}| )"
_RANGE = re.compile(
    rf"(?<![\w$€£₺#])(?:(?:from|since|between)[ :]{{1,2}})?{_START}"
    rf"(?:{_TO}(?:{_END}|(?P<now>{_NOW})(?!\w)|(?P<yyb>\d\d)(?![\d./,%])))(?!\w)"
    rf"|(?<![\w$€£₺#])(?P<glued>{_YEAR})(?P<glued2>{_YEAR})(?!\d)"
    rf"|(?<![\w$€£₺#])(?P<m_only>{_MONTH})\.?(?:[ ]{{0,2}}-[ ]{{0,2}}| to |[ ]{{2,3}})(?P<m_end>{_MONTH})\.?"
    rf"[ ,]{{1,2}}(?P<y_only>{_YEAR})(?!\d)"
    rf"|(?<![\w$€£₺#/])(?P<ma>0?[1-9]|1[0-2])/(?P<yya>\d\d) ?(?:-|to) ?(?:(?P<mb>0?[1-9]|1[0-2])/(?P<yyc>\d\d)"
    rf"(?![\d/])|(?P<now2>{_NOW})(?!\w))"
)
_POINT_ALONE = re.compile(rf"(?<![\w$€£₺#]){_START}(?![\d]|[.,]\d)")
_SINCE = re.compile(r"(?:\b(?:since|from)[ :]{1,2}$)")
_SINCE_AFTER = re.compile(
    r"^(?:'?(?:d|t)[ea]n(?: bu yana| beri| itibaren)|'?(?:den|dan|ten|tan) (?:beri|bu yana))|^ ?(?:yilindan"
    r"|tarihinden) (?:beri|bu yana|itibaren)|^ ?- ?$|^ ?- ?\)|^ ?(?:ve|and) onwards"
)
FUTURE_YEARS = 8  # "expected 2028" is a date, 2045 is a number
CENTURY_SPLIT = 45  # '46 is 1946, '44 would be 2044
WINDOW = 160  # characters of a date range at the most, so that time stays linear


class Month(NamedTuple):
    """A year and, if known, a month (1-12)."""

    year: int
    month: int | None = None

    def __str__(self) -> str:
        return f"{self.year:04d}" if self.month is None else f"{self.year:04d}-{self.month:02d}"


class Period(NamedTuple):
    """A range found in a text: offsets, first and last month (either may be unknown), and whether it goes on.

    is_range: False for a single date, which then stands in `last`.
    """

    begin: int
    finish: int
    first: Month | None
    last: Month | None
    is_current: bool
    is_range: bool


def find_periods(text: str, *, today: date, folded: str | None = None) -> list[Period]:
    """Find date ranges and single dates (a year, or a month of a year), in text order."""
    folded = fold(text) if folded is None else folded
    if not any(char.isdigit() for char in folded):
        return []
    found: list[Period] = []
    starts: list[int] = []  # of the ranges, which come in order and do not overlap
    ends: list[int] = []
    for match in _RANGE.finditer(folded):
        period = _range_of(match, today)
        if period is not None:
            found.append(period)
            starts.append(match.start())
            ends.append(match.end())
    for match in _POINT_ALONE.finditer(folded):
        next_range = bisect_right(ends, match.start())
        if next_range < len(starts) and starts[next_range] < match.end():
            continue
        point = _point(match, "a", today)
        if point is None:
            continue
        before, after = folded[max(0, match.start() - 8) : match.start()], folded[match.end() : match.end() + 24]
        since = _SINCE.search(before)
        after_since = _SINCE_AFTER.match(after)
        if since or after_since:
            begin = match.start() - (len(since.group()) if since else 0)
            finish = match.end() + (after_since.end() if after_since else 0)
            found.append(Period(begin, finish, point, None, True, True))
        else:
            found.append(Period(match.start(), match.end(), None, point, False, False))
    return sorted(found)


def _range_of(match: re.Match[str], today: date) -> Period | None:
    begin, finish = match.span()
    if match["glued"]:
        first, last = _checked(int(match["glued"]), None, today), _checked(int(match["glued2"]), None, today)
    elif match["m_only"]:
        year = int(match["y_only"])
        first, last = (
            _checked(year, MONTH_NUMBERS[match["m_only"]], today),
            _checked(year, MONTH_NUMBERS[match["m_end"]], today),
        )
    elif match["ma"]:
        first = _checked(_century(match["yya"]), int(match["ma"]), today)
        if match["now2"]:
            return Period(begin, finish, first, None, True, True) if first else None
        last = _checked(_century(match["yyc"]), int(match["mb"]), today)
    else:
        first = _point(match, "a", today)
        if match["now"]:
            return Period(begin, finish, first, None, True, True) if first else None
        if match["yyb"]:
            if first is None or first.month is not None:
                return None
            last = _checked(first.year // 100 * 100 + int(match["yyb"]), None, today)
        else:
            last = _point(match, "b", today)
    if first is None or last is None or (last.year, last.month or 12) < (first.year, first.month or 1):
        return None
    return Period(begin, finish, first, last, False, True)


def _point(match: re.Match[str], side: str, today: date) -> Month | None:
    name = match[f"mname{side}"] or match[f"mname2{side}"]
    number = match[f"mnum{side}"] or match[f"mnum2{side}"]
    year = match[f"y1{side}"] or match[f"y2{side}"] or match[f"y3{side}"]
    if year is None:
        year = str(_century(match[f"yy1{side}"]))
    month = MONTH_NUMBERS[name] if name else int(number) if number else None
    return _checked(int(year), month, today)


def _century(two_digits: str) -> int:
    return int(two_digits) + (1900 if int(two_digits) >= CENTURY_SPLIT else 2000)


def _checked(year: int, month: int | None, today: date) -> Month | None:
    return Month(year, month) if 1940 <= year <= today.year + FUTURE_YEARS else None


def years_covered(periods: Iterable[tuple[Month | None, Month | None, bool]], *, today: date) -> float | int | None:
    """Add up (first, last, is_current) periods into years, overlaps counted once; None without any.

    A month counts whole, first and last included. A year without a month stands for its middle, so 2010-2012 is two
    years; a year alone counts half a year. Rounded to one decimal; whole numbers are int.
    """
    spans: list[tuple[int, int]] = []
    now = today.year * 12 + today.month - 1
    for first, last, is_current in periods:
        if first is None and last is None:
            continue
        first = first or last
        assert first is not None
        begin = first.year * 12 + (first.month - 1 if first.month else 6)
        if is_current or last is None:
            finish = now
        elif last.month:
            finish = last.year * 12 + last.month - 1
        else:
            finish = last.year * 12 + (11 if last.year == first.year else 5)
        finish = min(finish, now)
        if begin <= finish:
            spans.append((begin, finish))
    if not spans:
        return None
    months, reached = 0, -1
    for begin, finish in sorted(spans):
        begin = max(begin, reached + 1)
        if finish >= begin:
            months += finish - begin + 1
            reached = finish
    return tidy_years(months / 12)


def tidy_years(years: float) -> float | int:
    """Round to one decimal, whole numbers as int."""
    rounded = round(years, 1)
    return int(rounded) if rounded == int(rounded) else rounded


_NUMBER_WORDS = {
    **{
        word: number
        for number, word in enumerate(
            ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], 1
        )
    },
    **{
        word: number
        for number, word in enumerate(["bir", "iki", "uc", "dort", "bes", "alti", "yedi", "sekiz", "dokuz", "on"], 1)
    },
    "fifteen": 15,
    "twenty": 20,
}
_COUNT = rf"(?P<count>\d{{1,2}}(?:[.,]\d{{1,2}})?|{'|'.join(sorted(_NUMBER_WORDS, key=len, reverse=True))})"
_STATED = (
    re.compile(
        rf"(?<![\w.,]){_COUNT} ?\+?(?: ?\(\d{{1,2}}\))? ?(?:plus )?(?:years?|yrs?)\b\.?'?(?:,? ?(?:and|&)? ?"
        rf"(?P<months>\d{{1,2}}) ?(?:months?|mos?))?[^.\n]{{0,45}}?\bexperience"
    ),
    re.compile(
        rf"experience[^.\n\d]{{0,25}}?(?<![\w.,]){_COUNT} ?\+? ?(?:years?|yrs?)\b(?: ?(?:and|&)? ?(?P<months>"
        rf"\d{{1,2}}) ?months?)?"
    ),
    re.compile(
        rf"(?<![\w.,]){_COUNT} ?\+?(?:'?(?:i|u) askin)? (?:yil(?:lik|dir|i askin|in uzerinde|dan fazla)?|sene(?:lik"
        rf"|dir)?)\b[^.\n]{{0,40}}?\b(?:deneyim|tecrube)"
    ),
    re.compile(
        rf"(?:deneyim|tecrube)(?:si|m|im|suresi|sure|ler)?[^.\n\d]{{0,25}}?(?<![\w.,]){_COUNT} ?\+? ?(?:yil|sene)\b"
    ),
)
MAX_STATED = 60


def stated_years(text: str) -> float | int | None:
    """Return the largest figure of "11 years of experience", "8 yıllık deneyim" and the like."""
    folded = fold(text)
    figures = []
    for pattern in _STATED:
        for match in pattern.finditer(folded):
            count = match["count"].replace(",", ".")
            years = float(_NUMBER_WORDS.get(count, 0) or count)
            months = match.groupdict().get("months")
            years += int(months) / 12 if months else 0
            if 0 < years <= MAX_STATED:
                figures.append(years)
    return tidy_years(max(figures)) if figures else None


def iter_dates(periods: Iterable[Period]) -> Iterator[str]:
    """Yield every date of `periods` as "YYYY" or "YYYY-MM"."""
    for period in periods:
        yield from (str(point) for point in (period.first, period.last) if point)
