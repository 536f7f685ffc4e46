"""The driving licence: said to be there, said not to be there, or not mentioned."""

from __future__ import annotations

import re

from parsers.privacy.folding import fold

_MENTION = re.compile(
    r"\b(?:surucu belge(?:si|m|niz)?|surucu ehliyeti|ehliyet(?:i|im|li)?|driv(?:ing|er'?s?'?) ?(?:licen[cs]e|permit)"
    r"|driver licen[cs]e|driving ?: ?yes|full uk licen[cs]e)\b"
)
_NOT = re.compile(
    r"\b(?:yok(?:tur)?|none|no|hayir|not?|don't|do not|does not|without|bulunmamaktadir|sahip degil(?:im)?|degil)\b"
)
_NOT_BEFORE = re.compile(r"\b(?:no|without|not have(?: a)?|don't have(?: a)?)[ a-z]{0,10}$")
AFTER = 40  # characters that belong to the mention


def mentions_driving_license(text: str) -> bool:
    """Say whether a text speaks of a driving licence at all."""
    return bool(_MENTION.search(fold(text)))


def has_driving_license(text: str) -> bool | None:
    """Return True for "Sürücü belgesi: B" or "driver's license", False for "Ehliyet: yok", else None."""
    answer = None
    folded = fold(text)
    for match in _MENTION.finditer(folded):
        after = re.split(r"[.;\n]| {2,}", folded[match.end() : match.end() + AFTER].lstrip(" \n:.-"))[0]
        before = folded[max(0, match.start() - 20) : match.start()].rsplit("\n", 1)[-1]
        if _NOT.search(after[:25]) or _NOT_BEFORE.search(before):
            answer = False if answer is None else answer
        else:
            answer = True
    return answer
