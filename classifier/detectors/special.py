"""Special categories of personal data, as statements about a person: KVKK article 6, GDPR articles 9 and 10.

Faith, politics, unions, sexual life, origin, biometric and genetic data, criminal records. A notice that lists these
words ("religion, political opinions and trade union membership") says nothing of anybody, so a word counts with what
is written behind it as in a form. Health has a detector of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .page import PageText, Span

_VALUE = re.compile(r"[ \t]{0,3}(?:[:=|\t]|->|→| - | – )[ \t]{0,3}(?P<value>[^\n.;|\t]{2,80})")
_MOST_WORDS = 8  # of a value; more are a sentence about the word
_WITHIN = 24  # characters between a word with many meanings and the value that tells it
_NOTHING = re.compile(
    r"[\W_]*|.*(?<!\w)(?:yok(?:tur)?|bulunmamaktadir|belirtilmemis(?:tir)?|bilinmiyor|none|no|n/?a"
    r"|unknown|not (?:specified|stated|asked"
    r"|applicable|required|collected)|nil|prefer not to say|gerekli|zorunlu|istenmez|toplanmaz|islenmez"
    r"|required|optional)(?!\w).*"
)
_PROSE = re.compile(
    r"(?<!\w)(?:the|is|are|was|were|of|and|or|ve|veya|ile|bir|icin|why|how|what|nasil|neden|nedir|history"
    r"|tarihi|data|veri\w*|law|rights|kvkk|gdpr|madde\w*|article|kanun\w*"
    r"|isle\w*|amac\w*|collected|processed|kapsam\w*|bilgi\w*|belge\w*)(?!\w)"
)


def special_categories(page: PageText) -> Iterator[Span]:
    """Find "Dini inancı: Alevi", "trade union membership: Unite", "has a criminal record"."""
    for term in page.terms("special", "field"):
        if end := _told(page, term.end):
            yield term.start, end
    groups = iter(page.terms("special", "group"))
    group = next(groups, None)
    for term in page.terms("special", "short"):
        match = _VALUE.match(page.folded, term.end)
        if match is None or len(match["value"].split()) > _MOST_WORDS:
            continue
        while group is not None and group.start < term.end:
            group = next(groups, None)
        if group is not None and group.start < match.end() and group.start - term.end <= _WITHIN:
            yield term.start, group.end
    for term in page.terms("special", "statement"):
        yield term.start, term.end


def _told(page: PageText, at: int) -> int | None:
    """Return where the value that is written behind a field ends; None when there is none, or it is no value."""
    match = _VALUE.match(page.folded, at)
    if match is None:
        return None
    value = match["value"].strip()
    if len(value.split()) > _MOST_WORDS or _NOTHING.fullmatch(value) or _PROSE.search(value):
        return None
    return match.start("value") + len(match["value"].rstrip())
