"""A page as detectors read it: what each of them would work out for itself is worked out once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from parsers.privacy import Finding, find_personal_data
from parsers.privacy.folding import fold

from .terms import Term, find_terms

Span = tuple[int, int]


@dataclass(frozen=True)
class PageText:
    """The text of page `number` (from 1). Every span of a detector is a pair of positions in `text`."""

    number: int
    text: str

    @cached_property
    def folded(self) -> str:
        """The text in lower case without diacritics, as long as the text."""
        return fold(self.text)

    @cached_property
    def personal(self) -> list[Finding]:
        """The personal data of the page, in text order, without overlaps."""
        return find_personal_data(self.text)

    @cached_property
    def _terms(self) -> dict[tuple[str, str], list[Term]]:
        return find_terms(self.folded)

    def terms(self, lexicon: str, part: str) -> list[Term]:
        """Return the terms of lexicons/<lexicon>.txt [part] that stand on the page, in text order."""
        return self._terms.get((lexicon, part), [])


def near(first: list[Term], second: list[Term], *, within: int, page: PageText, stop: str = "") -> Iterator[Span]:
    """Yield, for each of `first` that has one of `second` beside it, the span of both together."""
    for one, other in pairs(first, second, within=within, page=page, stop=stop):
        yield min(one.start, other.start), max(one.end, other.end)


def pairs(
    first: list[Term], second: list[Term], *, within: int, page: PageText, stop: str = ""
) -> Iterator[tuple[Term, Term]]:
    """Yield each of `first` with the nearest of `second` before or behind it, if that is near enough.

    Both in text order. within: at most so many characters between the two. stop: what must not stand between them.
    """
    starts = [other.start for other in second]
    for one in first:
        at = bisect_left(starts, one.start)
        for other in second[max(0, at - 1) : at + 2]:
            left, right = (one, other) if one.start <= other.start else (other, one)
            if left.end <= right.start <= left.end + within:
                gap = page.folded[left.end : right.start]
                if not any(char in gap for char in stop):
                    yield one, other
                    break
