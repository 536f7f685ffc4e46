"""Whether a text can be read at all: by people, and by the detectors here.

A scan that OCR could not make out, a font without a table of its letters, a file of one repeated sign: such text holds
nothing that a detector could find, which must not pass for a text in which nothing is to be found.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache

from parsers.privacy.folding import fold

from .pairs import COMMON_PAIRS

#: With fewer letters and digits each word must be one; what OCR makes of a stain is as short.
LEAST_SIGNS = 20
_SAMPLE = 20_000  # characters from the beginning, the middle and the end; enough to judge by
_LEAST_SIGN_SHARE = 0.5  # of letters and digits among all that is no space
_MOST_BROKEN = 0.05  # of U+FFFD, private-use and unassigned characters
_MOST_FOREIGN = 0.3  # of letters of a script that no detector here reads
_LEAST_WORD_SHARE = 0.6  # of words that could be words
_FEW_WORDS = 5
_MOST_REPEATED = 0.5  # of one word among all of many
_MANY_WORDS = 50
_WORD = re.compile(r"[^\W\d_]{3,40}")
_LONGEST_WORD = 30  # "muvaffakiyetsizleştiricileştiriveremeyebileceklerimizdenmişsinizcesine" is a joke
_LEAST_COMMON_PAIRS = 0.7  # of the pairs of letters in a word
_VOWELS = frozenset("aeiouy")


def is_legible(text: str, *, scanned: bool = False) -> bool:
    """Say whether `text` reads as Turkish, English or another language in Latin letters.

    scanned: it was read from a picture, where a few letters may be a stain; a note of two words is legible otherwise.
    """
    sample = _sample(text)
    signs = [char for char in sample if not char.isspace()]
    good = [char for char in signs if char.isalnum()]
    few = len(good) < LEAST_SIGNS
    if not good or (few and scanned) or len(good) < _LEAST_SIGN_SHARE * len(signs):
        return False
    if sum(map(_is_broken, signs)) > _MOST_BROKEN * len(signs):
        return False
    letters = [char for char in good if char.isalpha()]
    if sum(not _is_latin(char) for char in letters) > _MOST_FOREIGN * max(len(letters), 1):
        return False
    words = _WORD.findall(fold(sample))
    if few:
        return bool(words) and sum(map(_may_be_word, words)) >= _LEAST_WORD_SHARE * len(words)
    if len(words) < _FEW_WORDS:
        # A table of numbers has few words; a run of signs without any says nothing.
        return any(map(_is_word, words))
    common = Counter(words).most_common(1)[0][1]
    if len(words) >= _MANY_WORDS and common > _MOST_REPEATED * len(words):
        return False
    return sum(map(_is_word, words)) >= _LEAST_WORD_SHARE * len(words)


def _sample(text: str) -> str:
    if len(text) <= 3 * _SAMPLE:
        return text
    middle = len(text) // 2
    return text[:_SAMPLE] + " " + text[middle : middle + _SAMPLE] + " " + text[-_SAMPLE:]


def _is_broken(char: str) -> bool:
    return char == "\ufffd" or (char > "\x7f" and _category(char) in ("Co", "Cn", "Cc"))


@cache
def _category(char: str) -> str:
    return unicodedata.category(char)


@cache
def _is_latin(char: str) -> bool:
    return char.isascii() or "LATIN" in unicodedata.name(char, "")


def _is_word(word: str) -> bool:
    """Say whether a folded word has a vowel and is made of pairs of letters that languages have."""
    if len(word) > _LONGEST_WORD or _VOWELS.isdisjoint(word):
        return False
    pairs = len(word) - 1
    return len(set(word)) > 1 and pairs - _uncommon_pairs(word) >= _LEAST_COMMON_PAIRS * pairs


def _may_be_word(word: str) -> bool:
    """Say whether a word of a short note could be one: "buy" and "milk" have one uncommon pair each."""
    return _is_word(word) or (len(set(word)) > 1 and not _VOWELS.isdisjoint(word) and _uncommon_pairs(word) <= 1)


def _uncommon_pairs(word: str) -> int:
    return sum(word[index : index + 2] not in COMMON_PAIRS for index in range(len(word) - 1))
