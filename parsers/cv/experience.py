"""Work experiences: entries anchored at their dates.

In every layout a date range stands on or beside the line that names the job. So each range is an anchor; the header
lines around it (short, capitalised, no bullet, no sentence) give title and company; what follows until the next
header is the entry's text. Entries without a date are taken where a line is surely a title.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from parsers.privacy.folding import fold

from .dates import Period, find_periods
from .entry import Entry
from .layout import Line
from .segments import Segment, role_of, segments_of
from .tagged import retold
from .tags import Tags

MAX_HEADER = 120  # characters
MAX_HEADER_WORDS = 16
REACH = 3  # header lines looked at on each side of an anchor
MAX_ENTRIES = 60
_SENTENCE = re.compile(r"[a-zçğıöşü)\"']{3,}[.!?;:]$|[.!?] [A-ZÇĞİÖŞÜ]\w+ ")
_VERBS = re.compile(
    r"^(?:responsib|manag(?:ed|ing|e)\b|develop(?:ed|ing|)\b|design(?:ed|ing|)\b|creat(?:ed|ing|e)\b|implement|work"
    r"(?:ed|ing|)\b|provid|led\b|lead(?:ing)? the|us(?:ed|ing)\b|assist(?:ed|ing)\b|support(?:ed|ing)\b"
    r"|perform|conduct|coordinat(?:ed|ing|e)\b|maintain|prepar|train(?:ed|ing)\b|supervis(?:ed|ing|e)\b|respons"
    r"|analy[sz](?:ed|ing|e)\b|wrote\b|writ(?:ing|e)\b|built\b|buil(?:d|ding)\b|test(?:ed|ing)\b|handl|ensur|includ"
    r"|project ?:|description|technolog|environment ?:|role ?:|team size|key |tools? ?:|achiev|help(?:ed|ing)\b|serv"
    r"(?:ed|ing)\b|taught|plann(?:ed|ing)\b|the\b|a\b|an\b|my\b|i\b|we\b|in\b|for\b|and\b|to\b|with\b|of\b)"
)


@dataclass
class _Row:
    """A line of the section, judged."""

    line: Line
    periods: list[Period]
    segments: list[Segment]
    is_header: bool
    is_anchor: bool
    used: bool = False

    @property
    def roles(self) -> set[str]:
        return {segment.role for segment in self.segments}


def experiences_of(lines: list[Line], *, today: date, tags: Tags | None = None) -> list[Entry]:
    """Return the experiences of one section's lines, in the text's order. tags: hints, where there are some."""
    rows = _rows(lines, today, tags or Tags())
    anchors = [index for index, row in enumerate(rows) if row.is_anchor]
    date_first = _is_date_first(rows, anchors)
    heads: dict[int, Entry] = {}
    for number, anchor in enumerate(anchors[:MAX_ENTRIES]):
        before_limit = anchors[number - 1] if number else -1
        after_limit = anchors[number + 1] if number + 1 < len(anchors) else len(rows)
        entry, first_row = _entry_at(rows, anchor, before_limit, after_limit, date_first)
        heads[first_row] = entry
    _add_undated(rows, heads)
    return _with_text(rows, heads)


def _rows(lines: list[Line], today: date, tags: Tags) -> list[_Row]:
    rows: list[_Row] = []
    for line in lines:
        short = len(line.text) <= MAX_HEADER * 2
        periods = find_periods(line.text, today=today, folded=line.folded) if short else []
        holes = [(period.begin, period.finish) for period in periods]
        rest = len(line.text) - sum(end - start for start, end in holes)
        is_header = short and (_is_header(line, bool(periods), rest) or _is_tagged(line, tags, bool(periods)))
        segments = segments_of(line, holes=holes) if is_header else []
        if tags and is_header:
            segments = retold(line, segments, tags)
        is_anchor = is_header and any(_anchors(period, line, rest) for period in periods)
        rows.append(_Row(line, periods, segments, is_header, is_anchor))
    return rows


def _anchors(period: Period, line: Line, rest: int) -> bool:
    if period.is_range:
        return True
    # A lone year is an anchor at an end of a short line, or as a line of its own: "2007", "Acme, 2007".
    at_end = period.begin <= 1 or period.finish >= len(line.text) - 2
    return at_end and rest <= 80


def _is_header(line: Line, has_date: bool, rest: int) -> bool:
    text = line.text
    if rest > MAX_HEADER or (line.is_bullet and not has_date):
        return False
    if has_date and rest <= 4:
        return True
    words = len(text.split())
    if words > MAX_HEADER_WORDS + 6 * has_date:
        return False
    first = next((char for char in text if char.isalnum()), "")
    if first.islower() and not has_date:
        return False
    if _VERBS.match(line.folded) and not (has_date or _is_surely_title(line)):
        return False
    if _SENTENCE.search(text) and not has_date:
        last = text.rstrip().rsplit(" ", 1)[-1]
        return text.rstrip().endswith(".") and len(last) <= 5 and words <= 8  # "Acme Ltd. Şti."
    return True


def _is_tagged(line: Line, tags: Tags, has_date: bool) -> bool:
    """Take a line for a header that the tagger finds a title in, and either a company or a date."""
    held = {tag.kind for tag in tags.within(line.start, line.end)}
    return "Title" in held and (has_date or "Company" in held)


def _is_surely_title(line: Line) -> bool:
    segments = segments_of(line)
    return len(line.text.split()) <= 6 and any(segment.role == "title" for segment in segments)


def _is_date_first(rows: list[_Row], anchors: list[int]) -> bool:
    """Say whether entries of this section open with their date (then nothing before the date is theirs)."""
    bare = [index for index in anchors if not rows[index].segments]
    if not bare:
        return False
    first = anchors[0]
    named_before = any(
        row.roles & {"title", "company", "school"} for row in rows[max(0, first - REACH) : first] if row.is_header
    )
    return not named_before


def _entry_at(
    rows: list[_Row], anchor: int, before_limit: int, after_limit: int, date_first: bool
) -> tuple[Entry, int]:
    row = rows[anchor]
    row.used = True
    entry = Entry(period=_best_period(row))
    _fill(entry, row.segments)
    first = anchor
    before = [] if date_first else _reach(rows, range(anchor - 1, before_limit, -1))
    after = _reach(rows, range(anchor + 1, after_limit))
    if not (entry.title and entry.company):
        for index in before:
            if entry.title and entry.company:
                break
            if _fill(entry, rows[index].segments):
                rows[index].used = True
                first = index
    if not (entry.title and entry.company):
        for index in after:
            if entry.title and entry.company:
                break
            # Before the next date stands the next entry's own title: leave it alone when that one would be left bare.
            if entry.title and "title" in rows[index].roles:
                break
            if _fill(entry, rows[index].segments):
                rows[index].used = True
    return entry, first


def _best_period(row: _Row) -> Period:
    ranges = [period for period in row.periods if period.is_range]
    return ranges[0] if ranges else row.periods[0]


def _reach(rows: list[_Row], order: range) -> list[int]:
    """Return up to REACH header rows next to an anchor, stopping at the first row that is none."""
    found: list[int] = []
    for index in order:
        if not rows[index].is_header or rows[index].used or rows[index].is_anchor or len(found) >= REACH:
            break
        found.append(index)
    return found


def _fill(entry: Entry, segments: list[Segment]) -> bool:
    """Give the entry what it lacks from these segments; False when there was nothing for it."""
    gave = False
    titles = [segment for segment in segments if segment.role == "title"]
    if titles and not entry.title:
        entry.title, gave = titles[0].text, True
    if not entry.company:
        named = [segment for segment in segments if segment.role in ("company", "school")]
        others = [segment for segment in segments if segment.role == "other" and _may_be_company(segment)]
        if named:
            entry.company, gave = named[0].text, True
            if others and not entry.title and others[0].start < named[0].start and _is_apart(others[0]):
                entry.title = others[0].text
        elif len(others) >= 2 and not entry.title:
            entry.title, entry.company, gave = others[0].text, others[1].text, True
        elif others:
            entry.company, gave = others[0].text, True
    elif not entry.title and not titles:
        others = [segment for segment in segments if segment.role == "other" and _may_be_company(segment)]
        if others:
            entry.title, gave = others[0].text, True
    return gave


def _is_apart(segment: Segment) -> bool:
    return len(segment.text.split()) <= 6


_NOT_A_NAME = re.compile(
    r"^(?:full[ -]?time|part[ -]?time|tam zamanli|yari zamanli|contract|temporary|internship|staj|remote|present"
    r"|current|location|months?|years?|yrs?|\d+ (?:yil|ay|years?|months?).*|duration|period|tarih|dates?|sure|firma"
    r"|pozisyon|responsibilities.*|duties.*|gorev(?:ler)?.*|sorumluluk.*|email.*|page \d*|expected|e|n/a|toplam.*"
    r"|donem|summer|fall|spring|winter|from|to|home|january|february|march|april|may|june|july|august|september"
    r"|october|november|december)$"
)


def _may_be_company(segment: Segment) -> bool:
    words = segment.text.split()
    return (
        1 <= len(words) <= 9
        and (segment.text[0].isupper() or segment.text[0].isdigit() or not segment.text[0].isascii())
        and sum(char.isalpha() for char in segment.text) >= 2
        and _is_capitalised(words)
        and not _NOT_A_NAME.match(segment.folded)
    )


def _is_capitalised(words: list[str]) -> bool:
    """Tell "Salvation Army" and "Bilgi İşlem" from "Travelled overland for months": most words are capitalised."""
    counted = [word for word in words if len(word) > 3 or word[0].isupper()]
    return not counted or sum(word[0].isupper() or word[0].isdigit() for word in counted) * 3 >= len(counted) * 2


def _add_undated(rows: list[_Row], heads: dict[int, Entry]) -> None:
    """Add entries for short lines that are surely a title, where no date claimed them."""
    for index, row in enumerate(rows):
        if row.used or not row.is_header or row.line.is_bullet or len(heads) >= MAX_ENTRIES:
            continue
        titles = [segment for segment in row.segments if segment.role == "title" and segment.sure]
        if not titles or len(row.line.text.split()) > 10:
            continue
        named = [segment for segment in row.segments if segment.role in ("company", "school")]
        entry = Entry(title=titles[0].text, company=named[0].text if named else None)
        alone = len(row.segments) == 1 and len(titles[0].text.split()) <= 6 and titles[0].text[0].isupper()
        if not named and index + 1 < len(rows) and alone and not rows[index + 1].used:
            below = rows[index + 1]
            surely = [segment for segment in below.segments if segment.role in ("company", "school") and segment.sure]
            if below.is_header and not below.line.is_bullet and surely:
                entry.company = surely[0].text
                below.used = True
        if entry.company or alone:
            row.used = True
            heads[index] = entry


def _with_text(rows: list[_Row], heads: dict[int, Entry]) -> list[Entry]:
    entries: list[Entry] = []
    for index, row in enumerate(rows):
        if index in heads:
            heads[index].at = row.line.start
            entries.append(heads[index])
        if entries and not row.used:
            entries[-1].lines.append(row.line)
    return [entry for entry in entries if _is_believable(entry)]


def _is_believable(entry: Entry) -> bool:
    """Doubt an entry whose only date is a lone year, unless a lexicon knows its title or its company."""
    if not (entry.title or entry.company):
        return False
    if entry.period is None or entry.period.is_range:
        return True
    roles = {role_of(text, fold(text)) for text in (entry.title, entry.company) if text}
    return ("title", True) in roles or ("company", True) in roles


def is_title(text: str) -> bool:
    """Say whether the lexicon of titles is sure of a text."""
    return role_of(text, fold(text)) == ("title", True)
