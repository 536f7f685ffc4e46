"""What counts as one word of a text or a query, and which words are forms of one another.

Everything is compared folded: lower case, no diacritics, so that İ, I, ı and i meet and "sozlesme" finds "Sözleşme".
The index holds words as they stand. Which of them are forms of one word is decided when somebody searches, by
suffixes: a better rule needs no new index, and both databases answer alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, product
from typing import NamedTuple

from parsers.extraction import clean_text
from parsers.privacy.folding import fold

#: A longer run of letters is no word, and an index has its limits.
LONGEST_WORD = 60
#: What is asked for beyond this says nothing new.
MOST_QUERY_WORDS = 24
#: Of a query's text, what is looked at.
LONGEST_QUERY = 2_000
#: A shorter beginning of a word is the beginning of too many.
SHORTEST_PREFIX = 3

_WORD = re.compile(r"[^\W_]+")
#: A number in groups of three, with or without decimals: 1.250,00 and 1,250.00, but no date and no decimal fraction.
_GROUPED = re.compile(r"(?<![\w.,])([1-9]\d{0,2}(?:([.,])\d{3})(?:\2\d{3})*)(?:[.,]\d{1,2})?(?!\d|[.,]\d)")
_VOWELS = frozenset("aeiou")

# Endings as they look folded: a stands for a and e, i for ı, i, u and ü, d for d and t.
_PLURAL = "lar larin lari larimiz lariniz"
_POSSESSIVE = "im in imiz iniz miz niz m n si i"
_CASES = "ni yi a ya na da nda dan ndan in nin yla la nca ca ki"
_DERIVED = "li lik lig siz ci sal das"  # of a noun: -lı, -lık, -sız, -cı
_VERBAL = "ma mak maya masi mani mis misti acak acag yacak yacag iyor yor dik dig yan mali dir di ydi ysa"
_ENGLISH = frozenset({"s", "es", "ed", "ing", "ings", "er", "ers", "ly", "ment", "ments", "ies", "y", "e"})


def _written_out(endings: str) -> frozenset[str]:
    """Return endings with every vowel harmony: "da" stands for da, de, ta and te."""
    stands_for = {"a": "ae", "i": "iu", "d": "dt"}
    choices = ([stands_for.get(letter, letter) for letter in ending] for ending in endings.split())
    return frozenset("".join(letters) for choice in choices for letters in product(*choice))


_TURKISH = _written_out(" ".join((_PLURAL, _POSSESSIVE, _CASES, _DERIVED, _VERBAL)))
_LONGEST_ENDING = max(map(len, _TURKISH))
# What is left may be short (ev, iş, göz) only before an ending that cannot be mistaken.
_CLEAR = _written_out("lar da dan in ma mak")
_SHORTEST_BASE, _SHORT_BASE = 2, 3
_LONGEST_TO_LOSE_A_VOWEL = 5

#: p, t, k at the end of a word become b, d, g (ğ) before a vowel: kitap, kitabı. ç and c are one letter when folded.
_HARDEN = str.maketrans("bdg", "ptk")
_SOFT = {"p": "b", "t": "d", "k": "g"}

#: They stand in every text and tell nothing about it. Not "su": folded it is şu (that) but also su (water).
STOP_WORDS = frozenset(
    word
    for line in (
        "acaba ama ancak bir bu da daha de diye en gibi hangi hem hep her icin ile ise kac ki kim mi mu ne neden nasil",
        "o olan olarak oldu olup sen siz ve veya ya yani",
        "a an and are as at be by for from how in is it of on or that the this to was what when where which who with",
    )
    for word in line.split()
)


class Word(NamedTuple):
    """One word of a text. folded: as it is compared. start, end: where it stands, in characters."""

    folded: str
    start: int
    end: int


def words_of(text: str) -> Iterator[Word]:
    """Yield the words of a text in order, each cut at 60 letters.

    Before the parts of a grouped number comes the number itself, without its separators and decimals: 1250.
    """
    folded = fold(text)
    numbers = iter(_GROUPED.finditer(folded))
    number = next(numbers, None)
    for match in _WORD.finditer(folded):
        if number is not None and match.start() == number.start():
            yield Word(re.sub(r"[.,]", "", number[1])[:LONGEST_WORD], number.start(), number.end())
            number = next(numbers, None)
        yield Word(match[0][:LONGEST_WORD], match.start(), match.end())


def query_words(query: str) -> list[str]:
    """Return the folded words of a query, each once, without stop words unless there are no others.

    Whatever is not a word (quotes, operators, emoji) is no part of a query. At most 24 words.
    """
    found = list(dict.fromkeys(word.folded for word in words_of(clean_text(query[:LONGEST_QUERY]))))
    telling = [word for word in found if word not in STOP_WORDS]
    return list(islice(telling or found, MOST_QUERY_WORDS))


@lru_cache(maxsize=20_000)
def bases_of(word: str) -> frozenset[str]:
    """Return what may be left of a folded word when its endings are gone, the word itself included.

    Two words that share one may be forms of the same: kitabımızdan and kitaplar share "kitap". In a base the last
    letter is hard (kitab -> kitap) and a vowel that fell out is back (metni -> metin).
    """
    bases = {_harden(word)}
    chain = _chain_starts(word)
    for length in range(_SHORTEST_BASE, len(word)):
        base = word[:length]
        if _VOWELS.isdisjoint(base) or not _may_end(word, length, chain):
            continue
        bases.add(_harden(base))
        if length <= _LONGEST_TO_LOSE_A_VOWEL and word[length] in _VOWELS and _lost_a_vowel(base):
            bases |= {f"{base[:-1]}{vowel}{_harden(base[-1])}" for vowel in "iu"}
    return frozenset(bases)


def _harden(base: str) -> str:
    return base[:-1] + base[-1].translate(_HARDEN)


def _chain_starts(word: str) -> list[bool]:
    """Say for each place in a word whether the rest is nothing but Turkish endings, one after another.

    Worked out from the end, each place once: a pattern with this many ways to match takes years for "ininin…x".
    """
    starts = [False] * len(word) + [True]
    for at in range(len(word) - 1, 0, -1):
        reach = min(len(word), at + _LONGEST_ENDING)
        starts[at] = any(starts[to] and word[at:to] in _TURKISH for to in range(at + 1, reach + 1))
    return starts


def _may_end(word: str, length: int, chain: list[bool]) -> bool:
    """Say whether what follows the first `length` letters of a word may be endings. chain: of `_chain_starts`."""
    last, ending = word[length - 1], word[length:]
    if length > _SHORT_BASE and ending in _ENGLISH and not (ending == "s" and last in "siu"):
        return True
    if ending[0] in "ny" and last not in _VOWELS:  # they only stand between two vowels
        return False
    if length > _SHORT_BASE:
        return chain[length]
    if ending in _VOWELS:
        return last not in _VOWELS
    return any(ending.startswith(clear) and chain[length + len(clear)] for clear in _CLEAR)


def _lost_a_vowel(base: str) -> bool:
    """Say whether `base` ends in two consonants that no Turkish word ends in: metn(i), ism(i), kayd(ı)."""
    last = base[-2:]
    return len(base) > _SHORTEST_BASE and _VOWELS.isdisjoint(last) and not (last[0] in "lnr" and last[1] not in "lmnr")


def beginnings(word: str) -> list[str]:
    """Return what the forms of a folded word begin with: what an index is asked for. Few, short and different."""
    wanted: set[str] = {word}
    for base in bases_of(word):
        stems = [base]
        if 4 <= len(base) <= _LONGEST_TO_LOSE_A_VOWEL and base[-2] in "iu" and base[-3] not in _VOWELS:
            stems.append(base[:-2] + base[-1])  # metin: metni
        for stem in stems:
            wanted |= {stem, stem[:-1] + _SOFT.get(stem[-1], stem[-1])}
    return sorted(one for one in wanted if not any(other != one and one.startswith(other) for other in wanted))


def similarity(asked: str, found: str) -> float:
    """Return how well a word of a text answers a word of a query, 0 (not at all) to 1 (the same word)."""
    if asked == found:
        return 1.0
    longest = max(len(asked), len(found))
    if shared := bases_of(asked) & bases_of(found):
        return 0.5 + 0.4 * min(1.0, max(map(len, shared)) / longest)
    if len(asked) >= SHORTEST_PREFIX and found.startswith(asked):
        return 0.2 + 0.3 * len(asked) / longest
    return 0.0
