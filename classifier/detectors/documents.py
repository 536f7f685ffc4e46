"""Numbers of identity documents, by the label before them: driving licence, passport, tax and social security number.

They have no check digit that all countries share, so without a label they are not looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .page import PageText, Span

_LABELLED = re.compile(
    r"\b(?:driv(?:er'?s?|ing) licen[cs]e|passport|pasaport|ehliyet|surucu belgesi|vergi kimlik|tax id(?:entification)?"
    r"|national id(?:entity)?|identity card|kimlik kart[i]?|nufus cuzdani?|sgk sicil|sgk|ssk sicil|national insurance)"
    r"(?: (?:number|no|numarasi|nr|seri no|seri|card|karti))?[.:#]{0,2}(?: (?:is|olan))?[ :#]{1,3}"
    r"(?P<value>[a-z]{0,3}[ -]?\d[\da-z-]{4,17})(?!\w)"
)
_LEAST_DIGITS = 5


def identity_documents(page: PageText) -> Iterator[Span]:
    """Find what follows "Passport no:", "Ehliyet No", "driver's license number is" and the like."""
    for match in _LABELLED.finditer(page.folded):
        if sum(char.isdigit() for char in match["value"]) >= _LEAST_DIGITS:
            yield match.span("value")
