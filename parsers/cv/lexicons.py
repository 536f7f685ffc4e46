"""The lexicons: plain lists, one phrase a line, found in text by their folded words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from parsers.privacy.folding import fold, skeleton

FOLDER = Path(__file__).parent / "lexicons"
# A word may carry marks inside and behind (c++, c#, node.js, m.sc., mcdonald's); "/" parts words, so C/C++ is two.
_TOKEN = re.compile(r"\.?[^\W_](?:[^\W_]|[.+#&'’-](?=[^\W_])|[+#])*\.?")
_JOINT = re.compile(r"[ \t/-]{1,2}|\n")  # what may stand between two words of one phrase
LEAST_FREE_LETTERS = 4  # "R", "Go" and "COM" are too short to be known by a capital alone


class Token(NamedTuple):
    """A word of a text. `word` is folded and without its last full stop; start and end are offsets in the text."""

    word: str
    start: int
    end: int


class Hit(NamedTuple):
    """A phrase of a lexicon, found: offsets in the text, and the phrase's words joined by one space."""

    phrase: str
    start: int
    end: int


def tokens_of(folded: str) -> list[Token]:
    """Cut folded text into words."""
    return [
        Token(match.group().rstrip("."), match.start(), match.end() - match.group().endswith("."))
        for match in _TOKEN.finditer(folded)
    ]


class Lexicon:
    """A set of phrases. `exact` holds those that count only when written with exactly this case."""

    def __init__(self, lines: list[str]) -> None:
        self.exact: dict[tuple[str, ...], str] = {}
        self.phrases: set[tuple[str, ...]] = set()
        for line in lines:
            phrase = line.removeprefix("=")
            words = tuple(token.word for token in tokens_of(fold(phrase)))
            if words:
                self.phrases.add(words)
                if line.startswith("="):
                    self.exact[words] = phrase
        self.longest = max(map(len, self.phrases), default=0)
        self.firsts = {words[0] for words in self.phrases}

    def __contains__(self, phrase: str) -> bool:
        return tuple(token.word for token in tokens_of(fold(phrase))) in self.phrases

    def hits(self, folded: str, text: str | None = None, tokens: list[Token] | None = None) -> Iterator[Hit]:
        """Yield the longest phrases found, from left to right, without overlaps.

        text: the text before folding; when given, phrases marked exact must have their case.
        """
        tokens = tokens_of(folded) if tokens is None else tokens
        index = 0
        while index < len(tokens):
            taken = 1
            if tokens[index].word in self.firsts:
                for length in range(min(self.longest, len(tokens) - index), 0, -1):
                    span = tokens[index : index + length]
                    words = tuple(token.word for token in span)
                    if words not in self.phrases or not _are_joined(span, folded):
                        continue
                    start, end = span[0].start, span[-1].end
                    if (
                        text is not None
                        and words in self.exact
                        and not _has_its_case(text[start:end], self.exact[words])
                    ):
                        continue
                    yield Hit(" ".join(words), start, end)
                    taken = length
                    break
            index += taken


def _has_its_case(written: str, exact: str) -> bool:
    if len(exact) < LEAST_FREE_LETTERS:
        return written == exact
    return written[0].isupper() or written == exact


def _are_joined(span: list[Token], folded: str) -> bool:
    return all(
        _JOINT.fullmatch(folded, left.end, right.start) or folded[left.end : right.start] == ". "
        for left, right in pairwise(span)
    )


def _read(name: str) -> dict[str, list[str]]:
    """Read a list as {"": lines before any [part], "part": lines, …}; `#` opens a comment."""
    parts: dict[str, list[str]] = {"": []}
    part = ""
    for line in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            part = line[1:-1]
            parts.setdefault(part, [])
        elif line and not line.startswith("# "):
            parts[part].append(line)
    return parts


@cache
def lexicon(name: str, part: str = "") -> Lexicon:
    """Return lexicons/<name>.txt, or one [part] of it. Raises KeyError for an unknown part."""
    return Lexicon(_read(name)[part])


@cache
def places() -> Lexicon:
    """Return cities, states and countries: words of places.txt and its phrases."""
    parts = _read("places")
    return Lexicon([word for line in parts[""] for word in line.split()] + parts["phrases"])


@cache
def headings() -> dict[str, str]:
    """Return {skeleton of a heading: kind of section}."""
    return {skeleton(line): kind for kind, lines in _read("headings").items() for line in lines}


@cache
def blurred_headings() -> dict[str, str]:
    """Return long headings with each one letter in turn blurred, to forgive one misread letter."""
    long_enough = 8
    return {
        f"{key[:index]}*{key[index + 1 :]}": kind
        for key, kind in headings().items()
        if len(key) >= long_enough
        for index in range(len(key))
    }
