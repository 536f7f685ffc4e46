"""What the tagger sees of each token: its words, its shape, and where the rules say that it stands.

A new line and a gap of two spaces say the same, so flattened and well-laid-out CVs look alike. Sections, dates and the
roles of segments come from the rules: they are the tagger's anchors. Features that hold a word begin with one of
WORD_FEATURES, so that training can keep out the words it must not remember.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from parsers.privacy.folding import fold

from .dates import find_periods
from .layout import Line, lines_of
from .lexicons import lexicon, places, tokens_of
from .sections import sections_of
from .segments import segments_of

MAX_TOKENS = 8_000  # the longest CV of the set has fewer; what follows is not tagged
MAX_WORD = 40  # characters; a longer token is no word
MAX_LINE = 240  # characters of a line whose dates and segments are looked for
LONG_ENOUGH = 6  # letters of a word that has an ending worth a feature
WORD_FEATURES = ("w=", "w-1=", "w+1=", "w-2=", "w+2=", "w-1,0=", "w0,+1=", "gap-1=", "end=")
_TOKEN = re.compile(r"[^\W_]+(?:['’.&+#-][^\W_]+)*[+#]*|[^\w\s]|_")
_LEXICONS = (
    ("t", "titles", ""),
    ("x", "tools", ""),
    ("s", "skills", ""),
    ("u", "schools", ""),
    ("d", "degrees", "degree"),
    ("f", "fields", ""),
    ("c", "companies", "suffix"),
    ("k", "companies", "kind"),
    ("n", "companies", "known"),
)


class Token(NamedTuple):
    """A word or one mark of punctuation: `text[start:end]`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A CV as the tagger sees it. lines[i]: the number of token i's line; of_lines: what a line's tokens share."""

    tokens: list[Token]
    lines: list[int]
    own: list[list[str]]
    of_lines: list[list[str]]

    @property
    def features(self) -> list[list[str]]:
        """All features of each token."""
        return [own + self.of_lines[number] for own, number in zip(self.own, self.lines, strict=True)]


def see(text: str, *, today: date) -> Seen:
    """Cut a text into at most MAX_TOKENS tokens and describe each. Takes time in proportion to the text."""
    lines = lines_of(text)
    tokens: list[Token] = []
    numbers: list[int] = []
    for number, line in enumerate(lines):
        for match in _TOKEN.finditer(line.text):
            if len(tokens) >= MAX_TOKENS:
                break
            tokens.append(Token(line.start + match.start(), line.start + match.end()))
            numbers.append(number)
    if not tokens:
        return Seen([], [], [], [])
    lines = lines[: numbers[-1] + 1]
    folded = fold(text[: tokens[-1].end])
    words = [folded[token.start : min(token.end, token.start + MAX_WORD)] for token in tokens]
    known = _known(lines, tokens, numbers)
    anchors = _anchors(lines, tokens, numbers, today)
    sections = _sections(lines)
    sides = _sides(lines, known, anchors, numbers)
    shapes = [_shape(text[token.start : token.end]) for token in tokens]
    features = []
    last = len(tokens) - 1
    for index, number in enumerate(numbers):
        word = words[index]
        before = words[index - 1] if index and numbers[index - 1] == number else "<"
        after = words[index + 1] if index < last and numbers[index + 1] == number else ">"
        before2 = words[index - 2] if index > 1 else "<<"
        after2 = words[index + 2] if index < last - 1 else ">>"
        shape = shapes[index]
        section = sections[number]
        role = anchors[index]
        found = [
            f"w={word}",
            f"w-1={before}",
            f"w+1={after}",
            f"w-2={before2}",
            f"w+2={after2}",
            f"w-1,0={before} {word}",
            f"w0,+1={word} {after}",
            f"shape={shape}",
            f"in,shape={section},{shape[0]}",
            f"lex={known[index]}",
            f"lex,in={known[index]},{section}",
            f"role={role}",
            f"role,in={role},{section}",
            f"role,lex={role},{known[index]}",
        ]
        if before == "<":
            found.append("opens")
            found.append(f"opens,in={section}")
            found.append(f"above,opens={sides[number][1]}")
            if index:
                found.append(f"lex-1={known[index - 1]},<")
                found.append(f"role-1={anchors[index - 1]},<")
                found.append(f"gap-1={words[index - 1]}")
        else:
            found.append(f"lex-1={known[index - 1]}")
            found.append(f"role-1={anchors[index - 1]}")
            found.append(f"shape-1={shapes[index - 1]}")
        if after == ">":
            found.append("closes")
            if index < last:
                found.append(f"lex+1={known[index + 1]},>")
        else:
            found.append(f"lex+1={known[index + 1]}")
            found.append(f"role+1={anchors[index + 1]}")
            found.append(f"shape+1={shapes[index + 1]}")
        if index < last - 1:
            found.append(f"lex+2={known[index + 2]}")
        if len(word) >= LONG_ENOUGH:
            found.append(f"end={word[-3:]}")
        features.append(found)
    return Seen(
        tokens, numbers, features, [_of_line(section, *side) for section, side in zip(sections, sides, strict=True)]
    )


def _of_line(section: str, line: str, above: str, below: str) -> list[str]:
    return [
        "bias",
        f"in={section}",
        f"line={line}",
        f"above={above}",
        f"below={below}",
        f"in,line={section},{line}",
        f"line,above={line},{above}",
        f"line,below={line},{below}",
    ]


def _shape(written: str) -> str:
    """Return what kind of token it is: X one capital, XX capitals, Xx, x, xX mixed, 9 digits, 9x, or the mark."""
    if written.isdigit():
        return f"9{min(len(written), 5)}"
    if not written[0].isalnum():
        return f".{written}" if written.isascii() else "."
    if any(char.isdigit() for char in written):
        return "m9"
    if written.isupper():
        return "X" if len(written) == 1 else "XX"
    if written.islower():
        return "x"
    return "Xx" if written[0].isupper() and written[1:].islower() else "xX"


def _known(lines: list[Line], tokens: list[Token], numbers: list[int]) -> list[str]:
    """Return the letters of the lexicons that know each token, "" for none; an upper-case letter opens the phrase."""
    marks: list[str] = [""] * len(tokens)
    at = 0
    for number, line in enumerate(lines):
        end = at
        while end < len(tokens) and numbers[end] == number:
            end += 1
        own = tokens_of(line.folded)
        hits = [
            (letter, hit)
            for letter, name, part in _LEXICONS
            for hit in lexicon(name, part).hits(line.folded, tokens=own)
        ]
        hits += [("p", hit) for hit in places().hits(line.folded, tokens=own)]
        ends = [token.end - line.start for token in tokens[at:end]]
        for letter, hit in hits:
            first = at + bisect_right(ends, hit.start)
            for index in range(first, end):
                if tokens[index].start - line.start >= hit.end:
                    break
                marks[index] += letter.upper() if index == first else letter
        at = end
    return marks


def _anchors(lines: list[Line], tokens: list[Token], numbers: list[int], today: date) -> list[str]:
    """Return each token's part by the rules: a date's, or the role of its segment ("!" when a lexicon is sure)."""
    parts = [""] * len(tokens)
    at = 0
    for number, line in enumerate(lines):
        end = at
        while end < len(tokens) and numbers[end] == number:
            end += 1
        if len(line.text) <= MAX_LINE:
            periods = find_periods(line.text, today=today, folded=line.folded)
            holes = [(period.begin, period.finish) for period in periods]
            spans = [
                (line.start + period.begin, line.start + period.finish, "range" if period.is_range else "date")
                for period in periods
            ]
            spans += [
                (segment.start, segment.end, segment.role + "!" * segment.sure)
                for segment in segments_of(line, holes=holes)
            ]
            for start, stop, part in spans:
                for index in range(at, end):
                    if start <= tokens[index].start < stop:
                        parts[index] = part
        at = end
    return parts


def _sections(lines: list[Line]) -> list[str]:
    """Return the kind of section of each line, and "heading" for the headings themselves."""
    # What follows a heading on its own line begins later, but ends with it.
    kinds = {line.end: section.kind for section in sections_of(lines) for line in section.lines}
    return [kinds.get(line.end, "heading") for line in lines]


def _sides(lines: list[Line], known: list[str], anchors: list[str], numbers: list[int]) -> list[tuple[str, str, str]]:
    """Return for each line what it, the one above and the one below hold: date, title, school …, or how long it is."""
    marks: list[set[str]] = [set() for _ in lines]
    counts = [0] * len(lines)
    for index, number in enumerate(numbers):
        counts[number] += 1
        if anchors[index] in ("range", "date"):
            marks[number].add("D" if anchors[index] == "range" else "d")
        elif anchors[index].endswith("!"):
            marks[number].add(anchors[index][0])
    kinds = []
    for line, count, held in zip(lines, counts, marks, strict=True):
        length = "1" if count <= 3 else "2" if count <= 10 else "3" if count <= 25 else "4"
        kinds.append(("*" if line.is_bullet else "") + length + "".join(sorted(held)))
    padded = ["^", *kinds, "$"]
    return [(padded[i], padded[i - 1], padded[i + 1]) for i in range(1, len(padded) - 1)]
