"""What of a page may be shown: the place of a finding, and neither it nor its neighbours' values."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from classifier.detectors import Span
from classifier.detectors.secret_like import secret_like
from parsers.privacy import name_like

CONTEXT_CHARS = 40  # shown on either side of a finding
#: In a document with passwords, keys or cards: what stands beside one is often another one in a form nobody knows.
GUARDED_CONTEXT_CHARS = 16
_BEYOND_CHARS = 40  # read beyond the edges of an excerpt
MOST_SHOWN = 120  # characters of a long finding
MASK = "•"
#: How many characters of a value stay at either end: (from this length on, so many).
_KEPT = ((16, 2), (12, 1))
_SAME_VALUE = 4  # a value this long is masked also where no detector found it again
#: Numbers are masked even when no detector knows what they are.
_NUMBER = re.compile(r"\d(?:[ ./-]?\d){4,24}")


def masked(text: str, hidden: Iterable[Span]) -> str:
    """Return `text` of the same length with the spans masked, each but for its edges."""
    pieces: list[str] = []
    reached = 0
    for start, end in merged(hidden):
        pieces += [text[reached:start], mask(text[start:end])]
        reached = end
    return "".join([*pieces, text[reached:]])


def blanked(text: str, spans: Iterable[Span]) -> str:
    """Return `text` of the same length with nothing left of the spans: of a password even an edge is too much."""
    pieces: list[str] = []
    reached = 0
    for start, end in merged(spans):
        pieces += [text[reached:start], re.sub(r"[^ \n\t]", MASK, text[start:end])]
        reached = end
    return "".join([*pieces, text[reached:]])


def mask(value: str) -> str:
    """Return a value as long as it was, of which only the first and last characters are left, if it is long."""
    kept = next((kept for length, kept in _KEPT if len(value) >= length), 0)
    edge = len(value) - kept
    return "".join(
        char if char in " \n\t" or index < kept or index >= edge else MASK for index, char in enumerate(value)
    )


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order, those that touch made one."""
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start < result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


@dataclass(frozen=True)
class Values:
    """What a document holds that is masked wherever it stands.

    sure: values that were found. likely: perhaps names. secret: passwords and keys, of which not even an edge is left.
    guarded: the document holds such secrets or cards, so that little is shown around a finding, and no digit.
    """

    sure: Sequence[str] = ()
    likely: Sequence[str] = ()
    secret: Sequence[str] = ()
    guarded: bool = False


def excerpt(
    text: str, span: Span, hidden: Sequence[Span], values: Values, *, is_value: bool, secret: Sequence[Span] = ()
) -> str:
    """Return the surroundings of a finding in one line, with every value in it masked.

    span: the finding. hidden: what is to be masked on the page (`merged`). is_value: the finding is a value as well;
    else it stays to be read. secret: passwords and keys on the page (`merged`). Numbers, words that stand like names
    and what looks like a secret are masked too: what no detector knows may be somebody's all the same.
    """
    context = GUARDED_CONTEXT_CHARS if values.guarded else CONTEXT_CHARS
    start, end = span[0], min(span[1], span[0] + MOST_SHOWN)
    first, last = max(0, start - context), min(len(text), end + context)
    # Looked for a little beyond the edges, or the rest of a name would be none.
    low, high = max(0, first - _BEYOND_CHARS), min(len(text), last + _BEYOND_CHARS)
    around = text[low:high]
    sure = [*_touching(hidden, first, last), *places_of(values.sure, around, low)]
    bare = [*_touching(secret, first, last), *places_of(values.secret, around, low)]
    guesses = places_of(values.likely, around, low)
    guesses += [(low + begin, low + stop) for begin, stop in name_like(around)]
    guesses += [(low + match.start(), low + match.end()) for match in _NUMBER.finditer(around)]
    secretive = [(low + begin, low + stop) for begin, stop in secret_like(around, strictly=values.guarded)]
    # What a detector knows keeps its edges, which tell it from others; nothing of an unknown secret is left.
    secretive = [piece for one in secretive for piece in _without_all(one, [*_touching(hidden, *one), span])]
    if is_value:
        sure.append(span)
    else:
        guesses = [piece for guess in guesses for piece in _without(guess, span)]
    # A value that the edge of the excerpt cuts is masked as the whole that it is: what stays of it is its own edge.
    spans = merged([*sure, *guesses])
    bare += secretive
    everything = [*spans, *bare]
    low, high = min([first, *(one[0] for one in everything)]), max([last, *(one[1] for one in everything)])
    shown = masked(text[low:high], [(begin - low, stop - low) for begin, stop in spans])
    shown = blanked(shown, [(begin - low, stop - low) for begin, stop in bare])[first - low : last - low]
    left, right = "…" if first else "", "…" if last < len(text) else ""
    return left + re.sub(r"\s+", " ", shown).strip() + right


def _without_all(one: Span, others: Iterable[Span]) -> list[Span]:
    pieces = [one]
    for other in others:
        pieces = [piece for each in pieces for piece in _without(each, other)]
    return pieces


def _without(one: Span, other: Span) -> list[Span]:
    """Return what is left of a span when another one is cut out of it."""
    pieces = [(one[0], min(one[1], other[0])), (max(one[0], other[1]), one[1])]
    return [(start, end) for start, end in pieces if start < end]


def _touching(spans: Sequence[Span], first: int, last: int) -> list[Span]:
    at = bisect_left(spans, (first, first))
    found = []
    for one in spans[max(0, at - 1) :]:
        if one[0] >= last:
            break
        if one[1] > first:
            found.append(one)
    return found


def places_of(values: Iterable[str], window: str, offset: int = 0) -> list[Span]:
    """Return where any of the values stands in a window of the text that begins at `offset`."""
    found = []
    for value in values:
        at = window.find(value) if len(value) >= _SAME_VALUE else -1
        while at >= 0:
            found.append((offset + at, offset + at + len(value)))
            at = window.find(value, at + 1)
    return found
