"""What may be a secret, for masking alone: far too much for a finding, right for what is shown to others.

A detector that misses a password must not be what shows it. Words of letters alone stay readable, unless they stand
behind a word for a password. Time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from parsers.privacy.folding import fold

from .credential_words import ASSIGNED, PASSWORD, is_term
from .page import Span

_TOKEN = re.compile(r"[^\s|]{4,}")
_EDGES = "\"'`“”‘’()[]{}<>,;:.!?…•-"
_MARKS = frozenset("!@#$%^&*+~=\\<>{}§€£")
_LEAST_MIXED = 5  # characters of letters and digits together
_LEAST_MARKED = 6  # characters of a word with signs in it
_MOST_HUMPS = 2  # "MacBookPro" has two, a key many
_LONG_MIXED, _LONG = 24, 32  # characters without a space, in both cases, and in any
_MAIL = re.compile(r"(?:\"[^\"\n@]{1,64}\"|[^\s|@]{0,64})[@＠﹫][ \t]{0,2}\n?[ \t]{0,2}[^\s|@]{1,100}")
_BARE_PASSWORD = re.compile(
    rf"(?<![^\W_])(?:{PASSWORD.pattern})(?!\w)[\"'`]?[ \t]{{0,3}}["
    rf"|/-]?[ \t]{{0,3}}\n?[ \t]{{0,3}}(?P<value>[^\s|]{{2,100}})"
)
_FOLLOWING = re.compile(r"[\"'`]?(?P<first>[^\s|]{1,200})(?P<rest>[^\n.,;|]{0,60})")
_CARD_EXTRAS = re.compile(
    r"(?<![^\W_])(?:cvv ?2?|cvc ?2?|cid|csc|guvenlik (?:kodu|no)|security code|skt|s\.k\.t\.?"
    r"|son kul(?:lanma|\.)? ?(?:tarihi|tar\.?)?"
    r"|exp(?:\.|iry|ires|iration)?(?: date)?|valid (?:thru|until)|gecerlilik(?: tarihi)?)[ \t\n:./=|-]{0,5}"
    r"(?P<value>\d{1,4}(?: ?[/.-] ?\d{2,4})?)(?!\d)"
)
_DIGITS = re.compile(r"(?:(?<![^\W\d_])[^\W\d_]{1,40})?\d[\w./:-]*")


def secret_like(text: str, *, strictly: bool = False) -> Iterator[Span]:
    """Yield what looks like a secret, stands behind a word for one, or is an address with an at sign.

    strictly: also everything with a digit in it, in a document that is known to hold secrets.
    """
    folded = fold(text)
    for match in _TOKEN.finditer(text):
        core = match.group().strip(_EDGES)
        if core and _is_secret_like(core, fold(core)):
            yield match.span()
    for match in _MAIL.finditer(text):
        yield match.span()
    for match in ASSIGNED.finditer(folded):
        following = _FOLLOWING.match(text, match.end())
        if following:
            # A first word without a digit may begin a phrase, which is one secret as a whole.
            whole = PASSWORD.match(match["word"]) and not any(map(str.isdigit, following["first"]))
            yield following.start(), following.end() if whole else following.end("first")
    for pattern in (_BARE_PASSWORD, _CARD_EXTRAS):
        for match in pattern.finditer(folded):
            yield match.span("value")
    if strictly:
        for match in _DIGITS.finditer(text):
            yield match.span()


def _is_secret_like(core: str, folded: str) -> bool:
    letters = any(map(str.isalpha, core))
    if not letters:
        return False
    if any(map(str.isdigit, core)) and len(core) >= _LEAST_MIXED and not is_term(folded):
        return True
    if len(core) >= _LEAST_MARKED and not _MARKS.isdisjoint(core):
        return True
    humps = sum(first.islower() and second.isupper() for first, second in pairwise(core))
    return humps > _MOST_HUMPS or (humps > 0 and len(core) >= _LONG_MIXED) or len(core) >= _LONG
