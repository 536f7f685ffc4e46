"""The union: what the tagger says, told in the rules' own words, and what only the tagger saw.

The rules find sections, dates and most values; the tagger is right more often. So in a text with tags a segment that
the tagger names is what it says, and one that only the rules name counts when a lexicon is sure of it.
"""

from __future__ import annotations

from parsers.privacy.folding import fold

from .entry import Entry
from .layout import Line
from .sections import Section
from .segments import Segment
from .tags import Tag, Tags, trimmed

APART = 80  # characters between a title and its company, and around a line whose guesses are believed
CLEAR = 2  # entries with title, company and dates: a CV whose layout the rules understand
NEAR = 200  # characters between an entry without a company and a company that only the tagger saw
MAX_NAME_WORDS = 7  # of a title or a company that only the rules saw
LEAST_LETTERS = 3  # words up to here ("of", "and") may be small in a name
_ROLES = {"Title": "title", "Company": "company", "School": "school"}


def retold(line: Line, segments: list[Segment], tags: Tags) -> list[Segment]:
    """Put the tagger's titles, companies and schools in the place of the segments that they overlap."""
    told: list[Segment] = []
    spans: list[tuple[int, int]] = []
    for tag in tags.within(line.start, line.end, *_ROLES):
        spans.append((tag.start, tag.end))
        if tag.start < line.start:
            continue  # told with the line that it began on
        text = trimmed(tag.text)
        if len(text) > 1:
            told.append(Segment(text, fold(text), _ROLES[tag.kind], True, tag.start, tag.end))
    kept = [one for one in segments if not any(one.start < end and one.end > start for start, end in spans)]
    return sorted(told + [one for one in kept if not _is_doubted(one, line, tags)], key=lambda one: one.start)


def _is_doubted(segment: Segment, line: Line, tags: Tags) -> bool:
    """Doubt what the tagger calls something else, a school where people work, and a guess not beside a title."""
    if segment.role in ("place", "noise"):
        return False
    if segment.role == "school" or tags.within(segment.start, segment.end):
        return True
    if segment.role == "other":
        return not tags.within(line.start - APART, line.end + APART, "Title")
    words = [word for word in segment.text.split() if len(word) > LEAST_LETTERS]
    return len(words) > MAX_NAME_WORDS or sum(word[0].islower() for word in words) * 3 > len(words)


def with_leftovers(entries: list[Entry], sections: list[Section], tags: Tags) -> list[Entry]:
    """Return the entries and, in the text's order, those of titles and companies that no entry has yet.

    A company alone goes to an entry beside it that has none.
    """
    added: list[Entry] = []
    clear = sum(bool(one.title and one.company and one.period and one.period.is_range) for one in entries)
    left = _left(entries, tags)
    while left:
        tag = left.pop(0)
        entry = Entry(at=tag.start)
        _give(entry, tag)
        if left and left[0].kind != tag.kind and left[0].start - tag.end <= APART:
            _give(entry, left.pop(0))
        elif entry.title and _is_elsewhere(tag, sections, clear >= CLEAR):
            continue
        near = [one for one in entries if not one.company and abs(one.at - tag.start) <= NEAR]
        if near and not entry.title:
            min(near, key=lambda one: abs(one.at - tag.start)).company = entry.company
        else:
            added.append(entry)
    return sorted([*entries, *added], key=lambda one: one.at) if added else entries


def _is_elsewhere(title: Tag, sections: list[Section], is_clear: bool) -> bool:
    """Tell a referee's title, and in a clearly laid-out CV a headline's, from a job's."""
    kinds = ("references", "head", "summary") if is_clear else ("references",)
    return any(
        line.start <= title.start < line.end for section in sections if section.kind in kinds for line in section.lines
    )


def _left(entries: list[Entry], tags: Tags) -> list[Tag]:
    """Return the first tag of each title and company that is in no entry."""
    used = {_key(value) for entry in entries for value in (entry.title, entry.company) if value}
    left: list[Tag] = []
    for tag in tags.all:
        key = _key(tag.text)
        if tag.kind in ("Title", "Company") and key and key not in used:
            used.add(key)
            left.append(tag)
    return left


def _give(entry: Entry, tag: Tag) -> None:
    if tag.kind == "Title":
        entry.title = trimmed(tag.text)
    else:
        entry.company = trimmed(tag.text)


def _key(value: str) -> str:
    return fold(trimmed(value)).rstrip(".")
