"""Where somebody lives: Turkish and English street addresses and postcodes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .findings import ADDRESS, Finding
from .folding import fold

_WORD = r"[^\W\d_][\w.'-]{0,24}"
# "Atatürk Mah. 123. Sok. No: 4/5 Daire 6 34710 Kadıköy": two of these parts near one another make an address
_TURKISH_PART = (
    r"(?:mahallesi|mah\.|mh\.|caddesi|cad\.|cd\.|sokagi|sokak|sok\.|sk\.|bulvari|blv\.|bulv\.|apartmani"
    r"|apt\.|ap\.|sitesi|sit\.|blok|kat ?:? ?\d{1,2}|daire ?:? ?\d{1,3}|d: ?\d{1,3}|no ?[:.]? ?\d{1,4}(?:"
    r" ?[/-] ?\w{1,4})?)"
)
_PART = re.compile(rf"\b{_TURKISH_PART}")
_TURKISH = re.compile(
    rf"(?:(?:\d{{1,4}}\.? |{_WORD} ){{0,3}}\b{_TURKISH_PART}(?:[ ,./-]{{1,3}}(?:(?:\d{{1,5}}\.?|{_WORD})"
    rf"[ ,./-]{{1,3}}){{0,3}}?{_TURKISH_PART}){{1,6}}"
    rf"(?:[ ,./-]{{1,3}}\d{{5}}\b)?(?:[ ,/-]{{1,3}}{_WORD}){{0,3}})"
)
_TURKISH_SURE = re.compile(
    rf"(?:\d{{1,4}}\.? |{_WORD} ){{1,3}}(?:mahallesi|mah\.|mh\.|caddesi|cad\.|sokagi|sok\.|bulvari)(?=[ ,./-]|$)(?:[ "
    rf",/]{{1,3}}no ?[:.]? ?\d{{1,4}}(?: ?[/-] ?\w{{1,4}})?)?"
)
_ENGLISH_KIND = (
    r"(?:street|st\.?|avenue|ave\.?|road|rd\.?|lane|ln\.?|drive|dr\.?|boulevard|blvd\.?|court|ct\.?|place"
    r"|pl\.?|plaza|terrace|way|circle|cir\.?|parkway|pkwy\.?|square|sq\.?|highway|hwy\.?|close|crescent"
    r"|gardens|mews|row)"
)
_ENGLISH = re.compile(
    rf"\b\d{{1,6}}[a-z]?(?:[-/]\d{{1,5}})?,? (?:[nsew]\.? |(?:north|south|east|west) )?(?:{_WORD} |\d{{1,3}}(?:st|nd"
    rf"|rd|th) ){{1,3}}{_ENGLISH_KIND}(?![\w'])"
    rf"(?:,? (?:apt|apartment|suite|ste|unit|flat|floor|#)\.? ?#?\w{{1,6}})?"
    rf"(?:[ ,]{{1,3}}(?:{_WORD}[ ,]{{1,2}}){{0,3}}(?:[a-z]{{2}} )?\d{{5}}(?:-\d{{4}})?\b)?"
)
_PO_BOX = re.compile(r"\b(?:p\.? ?o\.? ?box|post office box|posta kutusu|pk) ?:? ?\d{1,6}\b")
_UK_POSTCODE = re.compile(r"(?<![\w])[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}(?![\w])")
_US_ZIP = re.compile(
    r"\b(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]"
    r"|W[AIVY]),? \d{5}(?:-\d{4})?\b"
)
_LABELLED = re.compile(
    r"(?:^|(?<=[\n ]))(?:ev adresi|adres(?:i)?|home address|permanent address|mailing address|address|ikametgah"
    r"|ikamet adresi|posta kodu|zip code|postcode) ?: ?(?P<value>[^\n]{3,120})"
)


def addresses(text: str) -> Iterator[Finding]:
    """Find street addresses, PO boxes, UK and US postcodes with their place, and what follows "Adres:"."""
    folded = fold(text)
    for start, stop in _lines_with_a_part(folded):
        for pattern in (_TURKISH, _TURKISH_SURE):
            for match in pattern.finditer(folded, start, stop):
                yield Finding(ADDRESS, match.start(), match.end(), text[match.start() : match.end()])
    for pattern in (_ENGLISH, _PO_BOX):
        for match in pattern.finditer(folded):
            if pattern is _ENGLISH and not _is_capitalised(text[match.start() : match.end()]):
                continue
            yield Finding(ADDRESS, match.start(), match.end(), text[match.start() : match.end()])
    for pattern in (_UK_POSTCODE, _US_ZIP):
        for match in pattern.finditer(text):
            yield Finding(ADDRESS, match.start(), match.end(), match.group())
    for match in _LABELLED.finditer(folded):
        start, end = match.span("value")
        # Flattened text has no line breaks; two spaces stand for one.
        stop = folded.find("  ", start, end)
        end = stop if stop > start else end
        yield Finding(ADDRESS, start, end, text[start:end])


def _lines_with_a_part(folded: str) -> Iterator[tuple[int, int]]:
    """Yield the lines worth the slow patterns: those that hold a word of addresses. No address goes over a line."""
    reached = 0
    for match in _PART.finditer(folded):
        if match.start() < reached:
            continue
        end = folded.find("\n", match.end())
        reached = end if end >= 0 else len(folded)
        # With the line feed and one character more, so that `$` means the end of the text alone.
        yield folded.rfind("\n", 0, match.start()) + 1, min(reached + 2, len(folded))


def _is_capitalised(address: str) -> bool:
    """Tell "12 Park Row" from "12 people in a row"."""
    words = [word for word in address.split() if word[0].isalpha()]
    return bool(words) and (sum(word[0].isupper() for word in words) * 2 > len(words)) and words[0][0].isupper()
