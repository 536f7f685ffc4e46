"""Words and phrases of all lexicons, found in one pass over a page.

A lexicon is lexicons/<name>.txt: `[part]` opens a part, `#` a comment, every other line is a phrase. A word that ends
in `*` stands for every word that begins so: Turkish writes its grammar behind the stem. Everything is compared folded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from parsers.privacy.folding import fold

FOLDER = Path(__file__).resolve().parent.parent / "lexicons"
_WORD = re.compile(r"[^\W_]+")
#: What may stand between two words of a phrase, at most so many of these.
_JOINTS = frozenset(" \t\n-/'&.,")
_LONGEST_JOINT = 3
#: A stem shorter than this would stand for half the language.
LEAST_STEM = 3


class Term(NamedTuple):
    """A phrase that was found: positions in the page, and the phrase as the lexicon writes it (folded)."""

    start: int
    end: int
    phrase: str


class _Entry(NamedTuple):
    lexicon: str
    part: str
    words: tuple[str, ...]
    phrase: str


@cache
def _index() -> tuple[dict[str, list[_Entry]], dict[str, list[_Entry]]]:
    """Return the entries by their first word: those that begin with a whole word, and those that begin with a stem."""
    whole: dict[str, list[_Entry]] = {}
    stems: dict[str, list[_Entry]] = {}
    for path in sorted(FOLDER.glob("*.txt")):
        for part, line in _lines(path):
            words = tuple(fold(line).split())
            entry = _Entry(path.stem, part, words, " ".join(words))
            first = words[0]
            (stems if first.endswith("*") else whole).setdefault(first.rstrip("*"), []).append(entry)
    return whole, stems


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    part = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.strip()
        if line.startswith("["):
            part = line.strip("[]")
        elif line and not line.startswith("#"):
            yield part, line


def phrases(lexicon: str, part: str) -> list[str]:
    """Return the phrases of a part, folded."""
    return [fold(line) for written, line in _lines(FOLDER / f"{lexicon}.txt") if written == part]


def find_terms(folded: str) -> dict[tuple[str, str], list[Term]]:
    """Return the terms of every (lexicon, part) in text order. Time is linear in the text."""
    whole, stems = _index()
    found: dict[tuple[str, str], list[Term]] = {}
    words = [(match.group(), match.start(), match.end()) for match in _WORD.finditer(folded)]
    known: dict[str, list[_Entry]] = {}  # each different word is looked up once
    for position, (word, start, _) in enumerate(words):
        entries = known.get(word)
        if entries is None:
            entries = list(whole.get(word, ()))
            for length in range(LEAST_STEM, min(len(word), 24) + 1):
                entries += stems.get(word[:length], ())
            known[word] = entries
        for entry in entries:
            end = _end(entry.words, words, position, folded)
            if end is not None:
                found.setdefault((entry.lexicon, entry.part), []).append(Term(start, end, entry.phrase))
    return found


def _end(wanted: tuple[str, ...], words: list[tuple[str, int, int]], position: int, folded: str) -> int | None:
    """Return where the phrase ends when it stands at `position`, else None."""
    if position + len(wanted) > len(words):
        return None
    reached = words[position][2]
    for offset, want in enumerate(wanted[1:], start=1):
        word, start, end = words[position + offset]
        gap = folded[reached : min(start, reached + _LONGEST_JOINT + 1)]
        if len(gap) > _LONGEST_JOINT or not _JOINTS.issuperset(gap):
            return None
        if not (word.startswith(want[:-1]) if want.endswith("*") else word == want):
            return None
        reached = end
    return reached
