"""Segments: what a header line says, cut at its separators, and what each piece most likely is."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from .layout import Line
from .lexicons import Lexicon, lexicon, places, tokens_of

MAX_TITLE_WORDS = 9
MAX_NAME_WORDS = 12
# Commas part segments; brackets, too. A dash only with a space beside it: "Full-Stack" and "Coca-Cola" are one.
_SPLIT = re.compile(
    r"\s*[|•·;\t\uf0b7]\s*|\s{2,}|\s+[-–—~/]+\s+|[-–—]+\s*$|^\s*[-–—]+|\s[-–—](?=\S)|(?<=\S)[-–—]\s|,\s*|[()\[\]]"
    r"|\s+@\s+|(?<=[a-zçğıöşü]):\s+"
)
_AT = re.compile(r"\s+(?:at|@|with)\s+(?=[A-ZÇĞİÖŞÜ])")
_STATE = re.compile(r"^[A-Z]{2}(?: \d{5})?$")
_LEGAL = re.compile(
    r"^(?:inc|ltd|llc|llp|plc|corp|co|gmbh|a\.?s|s\.?a|pvt|pty|ltd\. ?sti|limited|incorporated|san\.|tic\.|ph\.?d|lp"
    r"|p\.?a|p\.?c)\b\.?"
)
_LABEL = re.compile(
    r"^(?:position(?: held| title)?|designation|job title|title|role|unvan|pozisyon|gorev|gorevi|company|company name"
    r"|employer|organi[sz]ation|client|firma|sirket|kurum|isyeri|is yeri"
    r"|duration|period|dates?|years? of experience|sure|tarih|donem|location|yer|sehir|department|departman|bolum"
    r"|school|okul|universite|university|degree|derece|field|alan|bolumu|mezuniyet(?: tarihi)?|giris|major|minor"
    r"|specialization)\s?:\s*",
)
_WORKING_AS = re.compile(r"^(?:currently )?(?:work(?:ing|ed)|served|serving|employed) as (?:an? |the )?(?=\w)")
_SPOKEN = {"i", "my", "we", "worked", "ben", "benim", "calistim"}  # words of a sentence, never of a title
ROLES_OF_LABELS = {
    "title": re.compile(r"^(?:position|designation|job title|title|role|unvan|pozisyon|gorev)"),
    "company": re.compile(r"^(?:company|employer|organi[sz]ation|client|firma|sirket|kurum|isyeri|is yeri)"),
    "school": re.compile(r"^(?:school|okul|universite|university)"),
    "field": re.compile(r"^(?:field|alan|bolum|major|minor|specialization)"),
    "degree": re.compile(r"^(?:degree|derece)"),
    "place": re.compile(r"^(?:location|yer|sehir)"),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a header line. role: title, company, school, degree, field, place, other; sure: a lexicon says so."""

    text: str
    folded: str
    role: str
    sure: bool
    start: int
    end: int


def segments_of(line: Line, *, holes: list[tuple[int, int]] | None = None) -> list[Segment]:
    """Cut a line into segments. holes: offsets within the line to leave out (its dates)."""
    pieces: list[Line] = []
    at = 0
    for start, end in [*(holes or []), (len(line.text), len(line.text))]:
        if start > at:
            pieces.append(line.cut(at, start))
        at = max(at, end)
    return [segment for piece in pieces for segment in _cut(piece)]


def _cut(line: Line) -> list[Segment]:
    text = line.text
    bounds: list[tuple[int, int]] = []
    at = 0
    for match in _SPLIT.finditer(text):
        if match.group().strip() == "," and _LEGAL.match(line.folded[match.end() :]):
            continue  # "Acme, Inc."
        if match.group() in "([" and match.start() and text[match.start() - 1].isalnum():
            continue
        bounds.append((at, match.start()))
        at = match.end()
    bounds.append((at, len(text)))
    segments: list[Segment] = []
    for start, end in bounds:
        inner = _AT.search(text, start, end)
        for left, right in ((start, inner.start()), (inner.end(), end)) if inner else ((start, end),):
            part = line.cut(left, right)
            stripped = part.text.strip(" .:,;-–—*\"'")
            if stripped:
                offset = part.text.index(stripped)
                # A full stop belongs to "Inc." and "Ltd. Şti.", not to the end of a title.
                keep = 1 if part.text[offset + len(stripped) :].startswith(".") and _ends_in_short_form(stripped) else 0
                segments.append(_segment(part.cut(offset, offset + len(stripped) + keep)))
    return [_town(segment, after) for segment, after in zip(segments, [*segments[1:], None], strict=False)]


def _town(segment: Segment, after: Segment | None) -> Segment:
    """Call a piece before a state's two letters a place: "Lawrence, KS"."""
    if segment.role == "other" and after is not None and _STATE.match(after.text) and len(segment.text.split()) <= 3:
        return replace(segment, role="place")
    return segment


def _ends_in_short_form(text: str) -> bool:
    last = text.rsplit(" ", 1)[-1]
    return len(last) <= 4 or "." in last


def _segment(part: Line) -> Segment:
    opening = _WORKING_AS.match(part.folded)
    if opening:
        part = part.cut(opening.end(), len(part.text))
    label = _LABEL.match(part.folded)
    if label:
        role = next((role for role, pattern in ROLES_OF_LABELS.items() if pattern.match(part.folded)), "other")
        rest = part.cut(label.end(), len(part.text))
        return Segment(rest.text, rest.folded, role, True, rest.start, rest.end)
    role, sure = role_of(part.text, part.folded)
    return Segment(part.text, part.folded, role, sure, part.start, part.end)


def role_of(text: str, folded: str) -> tuple[str, bool]:
    """Judge a short text by the lexicons: (role, whether a lexicon was sure)."""
    if not any(char.isalpha() for char in text):
        return "noise", False
    if is_place(text, folded):
        return "place", True
    tokens = tokens_of(folded)
    words = len(tokens)
    if words > MAX_NAME_WORDS:
        return "noise", False
    if any(token.word in _SPOKEN for token in tokens):
        return "noise", False
    heads = list(lexicon("titles").hits(folded, tokens=tokens))
    is_school = any(True for _ in lexicon("schools").hits(folded, tokens=tokens))
    legal = list(lexicon("companies", "suffix").hits(folded, tokens=tokens))
    if legal and tokens[-1].end <= legal[-1].end + 1 and words > 1 and not _ends_with(heads, folded):
        return "company", True
    if heads and words <= MAX_TITLE_WORDS and _is_title(text, folded, heads, is_school):
        return "title", True
    if is_school:
        return "school", True
    known = list(lexicon("companies", "known").hits(folded, tokens=tokens))
    if known and known[0].start <= 1:
        return "company", True
    kinds = list(lexicon("companies", "kind").hits(folded, tokens=tokens))
    if (legal or kinds) and words > 1 and text[0].isupper():
        return "company", True
    return "other", False


def _ends_with(heads: list, folded: str) -> bool:
    return bool(heads) and heads[-1].end >= len(folded) - 1


def _is_title(text: str, folded: str, heads: list, is_school: bool) -> bool:
    """Tell "Director of Sales" and "Yazılım Geliştirme Uzmanı" from "Engineer Research Institute"."""
    last = heads[-1]
    after = folded[last.end :].strip(" .,/&-")
    before = folded[: last.start]
    if not after or re.match(r"^(?:of|for|in|to|ve|and|or|the|-|/|i{1,3}|iv|v|\d|level|grade|sap|at)\b", after):
        return not (
            is_school
            and re.search(r"\b(?:university|universitesi|college|school|institute)\b", before + after)
            and " of " not in folded
        )
    if heads[0].start <= 1 and (len(after.split()) <= 3) and not is_school:
        return True
    return last.start > 0 and len(after.split()) <= 2 and not is_school


def is_place(text: str, folded: str) -> bool:
    """Tell cities, states and countries, alone or several ("Kadıköy İstanbul", "MD", "Towson MD 21204")."""
    if _STATE.match(text):
        return True
    tokens = tokens_of(folded)
    if not tokens or len(tokens) > 4:
        return False
    covered = sum(len(hit.phrase.split()) for hit in places().hits(folded, tokens=tokens))
    codes = sum(
        1 for token in tokens if re.fullmatch(r"\d{5}", token.word) or _STATE.match(text[token.start - 0 : token.end])
    )
    return covered > 0 and covered + codes >= len(tokens)


def has_any(lex: Lexicon, folded: str) -> bool:
    """Say whether any phrase of the lexicon stands in the text."""
    return any(True for _ in lex.hits(folded))
