"""Words with boxes to lines in the order a person reads them.

An XY-cut: a page is a stack of bands; a band that has a gutter (empty from its top to its bottom, text on both sides)
is read left side first. What a plain XY-cut gets wrong is left whole: dates beside their jobs, labels beside values,
bullets beside their text. They look like columns and are rows.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from statistics import median
from typing import NamedTuple


class Word(NamedTuple):
    """left, top, right, bottom: points, growing to the right and down."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


class _Row(NamedTuple):
    """Words side by side, left to right, and the box around them."""

    words: list[Word]
    left: float
    top: float
    right: float
    bottom: float

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


class _Gutter(NamedTuple):
    """first, last: the rows it runs along. left, right: its sides."""

    first: int
    last: int
    left: float
    right: float


# In line heights: an empty strip as wide as this may be a gutter (the space of a typewriter font is 0.51), and one as
# wide as `_WIDE_GUTTER` needs fewer rows to be one; a space as wide as `_TAB` is a tab; an empty strip as high as
# `_PARAGRAPH` starts a new paragraph.
_GUTTER = 0.55
_WIDE_GUTTER = 1.0
_TAB = 1.8
_PARAGRAPH = 0.75
# A gutter runs along this many rows, and has as many lines on each side.
_GUTTER_ROWS = 3
_NARROW_GUTTER_ROWS = 6
# A side where this share of the lines are dates, labels or bullets belongs to the other side's rows.
_MARGINALIA = 0.6
_HYPHEN = "\u00ad"
# How much looking for gutters may cost on one page, in rows and spaces looked at: about a second. A dense page of a
# report takes 30,000; what takes more is a table of thousands of cells, and those are read row by row anyway.
_MOST_STEPS = 1_000_000

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|oca|şub|sub|mart|nis|haz|tem|ağu|agu|eyl|eki|kas|ara)\w*+"
_UNTIL_NOW = (
    r"(?:present|now|today|current|ongoing|since|halen|hâlen|günümüz|gunumuz|bugün|devam|ediyor|şu|an|to|until)"
)
# Each part can be read in one way only: were there two, the time for a line that is nearly a date would double with
# each part.
_DATE_LINE = re.compile(rf"^(?:{_MONTH}|{_UNTIL_NOW}|\d|[\s\-–—/.,'’()•|])+$", re.IGNORECASE)
_LABEL_LINE = re.compile(r"^.{1,40}:$")
_BULLET_LINE = re.compile(r"^(?:[^\w\s]|[oO]|\d{1,2}[.)]?|[a-z][.)])$")
_DATE_LINE_LENGTH = 32


class _Effort:
    """What may still be spent on a page."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int) -> bool:
        """Take so many steps; False when there were not that many left."""
        self.left -= steps
        return self.left >= 0


def in_reading_order(words: Sequence[Word]) -> str:
    """Return the words as lines, blocks in reading order; a wide space is a tab, a wide gap an empty line."""
    words = [word for word in words if word.right > word.left or word.bottom > word.top]
    if not words:
        return ""
    height = median(word.bottom - word.top for word in words) or 1.0
    lines: list[str] = []
    for block in _blocks(_rows(words), height, _Effort(_MOST_STEPS)):
        if lines:
            lines.append("")
        lines += _lines(block)
    return _dehyphenate("\n".join(lines))


def _rows(words: Iterable[Word]) -> list[_Row]:
    """Group words that stand beside each other, top to bottom."""
    groups: list[list[Word]] = []
    for word in sorted(words, key=lambda word: word.top + word.bottom):
        if groups and _side_by_side(groups[-1][0], word):
            groups[-1].append(word)
        else:
            groups.append([word])
    rows = []
    for group in groups:
        group.sort(key=lambda word: word.left)
        rows.append(
            _Row(
                group,
                group[0].left,
                min(word.top for word in group),
                max(word.right for word in group),
                max(word.bottom for word in group),
            )
        )
    return rows


def _side_by_side(one: Word, other: Word) -> bool:
    """Say whether two words share most of the height of the smaller."""
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return shared > 0.5 * min(one.bottom - one.top, other.bottom - other.top)


def _blocks(rows: list[_Row], height: float, effort: _Effort, depth: int = 0) -> list[list[_Row]]:
    """Cut rows into blocks in reading order. height: of a usual line."""
    gutter = _find_gutter(rows, height, effort) if depth < 8 else None
    if gutter is None:
        return [rows] if rows else []
    left: list[Word] = []
    right: list[Word] = []
    for row in rows[gutter.first : gutter.last + 1]:
        for word in row.words:
            (left if word.right <= gutter.left + 0.1 else right).append(word)
    return [
        *_blocks(rows[: gutter.first], height, effort, depth + 1),
        *_blocks(_rows(left), height, effort, depth + 1),
        *_blocks(_rows(right), height, effort, depth + 1),
        *_blocks(rows[gutter.last + 1 :], height, effort, depth + 1),
    ]


def _find_gutter(rows: list[_Row], height: float, effort: _Effort) -> _Gutter | None:
    """Return the gutter that runs along the most rows, if it parts columns and not the halves of rows.

    None also when the page's effort is spent.
    """
    if len(rows) < _GUTTER_ROWS:
        return None
    edges = min(row.left for row in rows), max(row.right for row in rows)
    spaces = [_spaces(row, edges, height) for row in rows]
    candidates = [
        gutter
        for first in range(len(rows))
        for gutter in _gutters_from(first, spaces, height, effort)
        if gutter.left > edges[0] and gutter.right < edges[1] and _is_long(gutter, height)
    ]
    candidates.sort(key=lambda gutter: (gutter.last - gutter.first, gutter.right - gutter.left), reverse=True)
    sides = _Sides(rows, effort)
    for candidate in candidates:
        if not effort.spend(2 * (candidate.last - candidate.first + 1)):
            return None
        gutter = _trimmed(candidate, rows)
        if sides.parts_columns(gutter):
            return gutter
    return None


def _is_long(gutter: _Gutter, height: float) -> bool:
    wide = gutter.right - gutter.left >= _WIDE_GUTTER * height
    return gutter.last - gutter.first + 1 >= (_GUTTER_ROWS if wide else _NARROW_GUTTER_ROWS)


def _gutters_from(
    first: int, spaces: list[list[tuple[float, float]]], height: float, effort: _Effort
) -> Iterator[_Gutter]:
    """Follow each space of a row down the page, narrowing, to the row that closes it."""
    open_spaces = spaces[first]
    for last in range(first, len(spaces)):
        if not effort.spend(len(open_spaces)):
            return
        below = spaces[last + 1] if last + 1 < len(spaces) else []
        still: list[tuple[float, float]] = []
        for space in open_spaces:
            common = _common(space, below, height)
            if not common:
                yield _Gutter(first, last, *space)
            still += common
        if not still:
            return
        open_spaces = still


def _spaces(row: _Row, edges: tuple[float, float], height: float) -> list[tuple[float, float]]:
    """Return the empty stretches of a row that are wide enough for a gutter, its ends included."""
    spaces = []
    position = edges[0] - height * _GUTTER
    for word in row.words:
        if word.left - position >= height * _GUTTER:
            spaces.append((position, word.left))
        position = max(position, word.right)
    spaces.append((position, edges[1] + height * _GUTTER))
    return spaces


def _common(space: tuple[float, float], others: list[tuple[float, float]], height: float) -> list[tuple[float, float]]:
    """Return what a space shares with others, which stand left to right and do not overlap."""
    common = []
    for index in range(bisect_right(others, space[0], key=itemgetter(1)), len(others)):
        left, right = max(space[0], others[index][0]), min(space[1], others[index][1])
        if right - left >= height * _GUTTER:
            common.append((left, right))
        if others[index][1] >= space[1]:
            break
    return common


def _trimmed(gutter: _Gutter, rows: list[_Row]) -> _Gutter:
    """Leave out rows at either end that stand apart and on one side only, where the other side's text comes between.

    At the end that is the heading of what spans the page below; at the beginning, a date or an address at the right.
    """
    inside = range(gutter.first, gutter.last + 1)
    with_left = [index for index in inside if rows[index].left < gutter.left]
    with_right = [index for index in inside if rows[index].right > gutter.right]
    if not with_left or not with_right:
        return gutter
    first, last = gutter.first, gutter.last
    for index in range(with_left[0], first, -1):
        if _is_apart(rows[index - 1], rows[index]):
            first = index
            break
    if last < len(rows) - 1:
        for index in range(last, with_right[-1], -1):
            if _is_apart(rows[index - 1], rows[index]):
                last = index - 1
                break
    return gutter._replace(first=first, last=last)


def _is_apart(above: _Row, below: _Row) -> bool:
    return below.top - above.bottom > _PARAGRAPH * min(below.bottom - below.top, above.bottom - above.top)


class _Sides:
    """What stands left and right of a gutter. Gutters that begin at different rows share most of their rows."""

    def __init__(self, rows: list[_Row], effort: _Effort) -> None:
        self.rows, self.effort = rows, effort
        self.known: dict[tuple[int, float], tuple[bool | None, bool | None]] = {}

    def parts_columns(self, gutter: _Gutter) -> bool:
        """Say whether both sides of a gutter have lines enough, and lines that are more than dates and labels."""
        band = [self._judge(index, gutter.left) for index in range(gutter.first, gutter.last + 1)]
        for side in (0, 1):
            lines = [marginal for marginals in band if (marginal := marginals[side]) is not None]
            if len(lines) < _GUTTER_ROWS or sum(lines) >= _MARGINALIA * len(lines):
                return False
        return True

    def _judge(self, index: int, edge: float) -> tuple[bool | None, bool | None]:
        """Say of a row's part left of an edge, and of the other part, whether it is marginal; None if it is empty."""
        if (index, edge) not in self.known:
            words = self.rows[index].words
            self.effort.spend(len(words))
            left = [word.text for word in words if word.right <= edge + 0.1]
            right = [word.text for word in words if word.right > edge + 0.1]
            self.known[index, edge] = (_is_marginal(left), _is_marginal(right))
        return self.known[index, edge]


def _is_marginal(words: list[str]) -> bool | None:
    """Say whether words are a line in the margin: a date, a label, a bullet. None if there are none."""
    if not words:
        return None
    line = " ".join(words)
    if len(line) <= _DATE_LINE_LENGTH and _DATE_LINE.match(line):
        return True
    return bool(_LABEL_LINE.match(line) or _BULLET_LINE.match(line))


def _lines(rows: list[_Row]) -> list[str]:
    lines: list[str] = []
    for index, row in enumerate(rows):
        if index and _is_apart(rows[index - 1], row):
            lines.append("")
        pieces = [row.words[0].text]
        for before, word in zip(row.words, row.words[1:], strict=False):
            wide = word.left - before.right > _TAB * (word.bottom - word.top)
            pieces += ("\t" if wide else " ", word.text)
        lines.append("".join(pieces))
    return lines


def _dehyphenate(text: str) -> str:
    """Join words that were parted at the end of a line; the hyphen of "2018-\\n2020" or "Kadıköy-\\nİstanbul" stays."""
    text = re.sub(rf"(?<=[^\W\d_]){_HYPHEN}\n(?=[^\W\d_])", lambda found: _joint(text, found), text)
    return text.replace(_HYPHEN, "-")


def _joint(text: str, found: re.Match[str]) -> str:
    return "" if text[found.start() - 1].islower() and text[found.end()].islower() else "-\n"
