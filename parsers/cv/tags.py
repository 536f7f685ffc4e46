"""Tags: what the tagger says of stretches of a text, looked up by place."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

SHORT_FORM = 4  # letters of "Inc", "Corp", "Ltd"
_EDGES = " .:,;-–—*\"'|/•"
KINDS = ("Name", "Place", "Title", "Company", "Years", "Degree", "School", "Graduation", "Tool", "Skill")


class Tag(NamedTuple):
    """The document's stretch from start to end is a `kind`, one of KINDS. text: its words, one space between them."""

    kind: str
    start: int
    end: int
    text: str


def trimmed(text: str) -> str:
    """Cut the marks off a value's ends, but for the full stop of "Inc." and "Ltd. Şti."."""
    value = text.strip(_EDGES)
    is_short_form = 0 < len(value.rsplit(" ", 1)[-1]) <= SHORT_FORM
    if value.count("(") != value.count(")"):
        value = value.strip("()" + _EDGES)
    return value + "." if is_short_form and f"{value}." in text else value


class Tags:
    """The tags of one text; they do not overlap. Empty where nothing was tagged: a Turkish CV, no model."""

    def __init__(self, tags: Iterable[Tag] = ()) -> None:
        self.all = sorted(tags, key=lambda tag: tag.start)
        self._ends = [tag.end for tag in self.all]

    def __bool__(self) -> bool:
        return bool(self.all)

    def within(self, start: int, end: int, *kinds: str) -> list[Tag]:
        """Return the tags that overlap text[start:end], in order; only of these kinds when some are named."""
        found: list[Tag] = []
        at = bisect_left(self._ends, start + 1)
        while at < len(self.all) and self.all[at].start < end:
            if not kinds or self.all[at].kind in kinds:
                found.append(self.all[at])
            at += 1
        return found
