"""Education: schools, degrees, fields and dates, grouped in the order in which a CV tells them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from parsers.privacy.folding import fold

from .dates import Period, find_periods
from .layout import Line
from .lexicons import Hit, lexicon, places, tokens_of
from .tags import Tag, Tags, trimmed

MAX_ENTRIES = 30
MAX_LINE = 300  # characters of a line that are looked at
_FIELD_AFTER = re.compile(
    r"^(?:\.|'s)?(?: degree| program(?:me)?| \((?:hons|honours|honors)\.?\)| honours| honors| \([a-z.]{2,8}\)){0,2} ?"
    r"(?:in|of|-|,|:|\(|–) ?(?:the )?(?P<field>[^\W\d_][^,;|()\n:–—]{1,70})"
)
_STOP_FIELD = re.compile(
    r"(?:\s[-–—]\s|\s{2,}|\bfrom\b|\bat\b|\bwith\b|\b(?:19|20)\d\d\b|\.\s|\bgpa\b|\bcgpa\b|\bhonou?rs\b|\bexpected\b"
    r"|\bsumma\b|\bmagna\b|\bcum\b|\bmajor\b|\bminor\b|\bdegree\b|\d).*$",
    re.IGNORECASE,
)
_MAJOR = re.compile(
    r"^(?:major|majors|bolum|bolumu|field of study|specialization|concentration|alan|program|programi|anabilim "
    r"dali)\s?:\s*(?P<field>[^,;|()\n]{2,60})"
)
_DEPARTMENT = re.compile(r"(?P<field>[^\W\d_][^,;|()\n\d]{2,58}?) (?:bolumu|anabilim dali|programi|abd)\b")
_JOINT = re.compile(r"^(?:\W+|(?:in|of|with)\b)+", re.IGNORECASE)  # between a degree and its field
_NAMELESS = {"high school", "school", "school year", "higher secondary school", "name of university", "university"}
# A school's name: capitalised words with small joints around a word such as University.
_JOINTS = {"of", "for", "the", "and", "&", "at", "in", "de", "du", "di", "ve", "st.", "st", "-"}
_SHORT = re.compile(r"^(?:b|m)\.?(?:a|s|e)\.?$|^(?:ba|bs|ma|ms|be|me|jd|med|bed|as|aa)$")


@dataclass
class _Piece:
    role: str  # school, degree, field, period
    text: str
    start: int
    end: int
    line: int
    period: Period | None = None


def education_of(
    lines: list[Line], *, today: date, is_section: bool = True, tags: Tags | None = None
) -> list[dict[str, str | None]]:
    """Return [{"school", "degree", "field", "start", "end"}] for lines about education.

    is_section: False for lines of other sections, where an entry needs both a degree and a school.
    """
    pieces: list[_Piece] = []
    for number, line in enumerate(lines):
        found = _pieces(line, number, today, is_section)
        pieces += _with_tags(found, line, number, tags) if tags else found
    entries = [_as_dict(group) for group in _groups(pieces)]
    entries = [entry for entry in entries if entry["school"] or entry["degree"]]
    if not is_section:
        entries = [entry for entry in entries if entry["school"] and entry["degree"]]
    return unique(entries)[:MAX_ENTRIES]


def tagged_education(lines: list[Line], *, today: date, tags: Tags) -> list[dict[str, str | None]]:
    """Return the same for lines outside education, where only what the tagger calls a school or a degree counts."""
    pieces: list[_Piece] = []
    for number, line in enumerate(lines):
        if tags.within(line.start, line.end, "School", "Degree"):
            found = _with_tags(_pieces(line, number, today, True), line, number, tags)
            pieces += [
                piece
                for piece in found
                if piece.role in ("period", "field") or tags.within(piece.start, piece.end, "School", "Degree")
            ]
    return unique([entry for entry in map(_as_dict, _groups(pieces)) if entry["school"] or entry["degree"]])


def _pieces(line: Line, number: int, today: date, is_section: bool) -> list[_Piece]:
    line = line.cut(0, min(len(line.text), MAX_LINE))
    if not is_section and line.is_bullet and len(line.text) > MAX_LINE // 2:
        return []
    found: list[_Piece] = []
    degrees = [hit for hit in lexicon("degrees", "degree").hits(line.folded) if _is_degree(hit, line)]
    schools = school_spans(line.text, line.folded)
    for start, end in schools:
        found.append(_Piece("school", line.text[start:end], line.start + start, line.start + end, number))
    for hit in degrees:
        if any(start < hit.end and end > hit.start for start, end in schools):
            continue
        end = hit.end + (line.text[hit.end : hit.end + 1] == "." and "." in line.text[hit.start : hit.end])
        found.append(_Piece("degree", line.text[hit.start : end], line.start + hit.start, line.start + end, number))
        after = _FIELD_AFTER.match(line.folded[end : end + 110])
        if after:
            begin = end + after.start("field")
            stop = min([start for start, _ in schools if start >= begin] + [end + after.end("field")])
            field = _STOP_FIELD.sub("", line.text[begin:stop]).strip(" .,-–")
            if _is_field(field):
                at = line.text.index(field, begin)
                found.append(_Piece("field", field, line.start + at, line.start + at + len(field), number))
    if not any(piece.role == "field" for piece in found):
        found += _other_fields(line, number, schools)
    for period in find_periods(line.text, today=today, folded=line.folded):
        found.append(_Piece("period", "", line.start + period.begin, line.start + period.finish, number, period))
    return sorted(found, key=lambda piece: piece.start)


def _with_tags(pieces: list[_Piece], line: Line, number: int, tags: Tags) -> list[_Piece]:
    """Add the schools and degrees that only the tagger saw in a line, and let a degree go as far as it says."""
    pieces = [piece for piece in pieces if not _is_other(piece, tags)]
    for tag in tags.within(line.start, line.end, "School", "Degree"):
        if tag.start < line.start:
            continue  # told with the line that it began on
        role = tag.kind.lower()
        over = [one for one in pieces if one.role in (role, "field") and one.start < tag.end and one.end > tag.start]
        if role == "degree" and over:
            _stretch(pieces, over, tag, number)
        elif not any(one.role == role for one in over) and len(trimmed(tag.text)) > 1:
            pieces.append(_Piece(role, trimmed(tag.text), tag.start, tag.end, number))
    return sorted(pieces, key=lambda piece: piece.start)


def _is_other(piece: _Piece, tags: Tags) -> bool:
    """Say whether the tagger takes a school for something else, or passes over one without a name ("High School")."""
    if piece.role != "school":
        return False
    over = tags.within(piece.start, piece.end)
    return all(tag.kind != "School" for tag in over) if over else fold(piece.text) in _NAMELESS


def _stretch(pieces: list[_Piece], over: list[_Piece], tag: Tag, number: int) -> None:
    """Give a degree of the rules the words before it, and the field after it, that the tag has too."""
    degree = over[0]
    if degree.role != "degree" or degree.text not in tag.text:
        return
    before, _, after = tag.text.partition(degree.text)
    if before.strip():
        degree.text, degree.start = before + degree.text, tag.start
    field = trimmed(_JOINT.sub("", after))
    fields = [one for one in over if one.role == "field"]
    if len(field) > 2 and all(one.end + 1 < tag.end for one in fields):
        pieces[:] = [one for one in pieces if one not in fields]
        pieces.append(_Piece("field", field, degree.end + 1, tag.end, number))


def _is_degree(hit: Hit, line: Line) -> bool:
    """Tell "BE, Civil" from "to be": short degrees count in capitals only."""
    text = line.text[hit.start : hit.end]
    if text == "MA" and line.text[: hit.start].rstrip().endswith(","):
        return False  # Boston, MA
    if _SHORT.match(hit.phrase):
        return text[0].isupper() and (text.isupper() or "." in text)
    if hit.phrase in ("degree", "certificate", "graduation", "intermediate", "mezun", "mezunu"):
        return False
    if hit.phrase in ("master", "masters", "bachelor", "bachelors", "diploma", "lise", "lisans"):
        return text[0].isupper()
    return True


def _is_field(field: str) -> bool:
    return 2 <= len(field) <= 70 and len(field.split()) <= 8 and field[0].isupper() and fold(field) not in places()


def _other_fields(line: Line, number: int, schools: list[tuple[int, int]]) -> list[_Piece]:
    """Find a field without a degree before it: "Bölüm: …", "… Bölümü", or a known one."""
    match = _MAJOR.match(line.folded)
    if match is None:
        match = _DEPARTMENT.search(line.folded)
        if match is not None:
            # The school may stand on the same line: "İTÜ, Makine Mühendisliği Bölümü"
            inside = [end for _, end in schools if match.start("field") < end <= match.end("field")]
            start = max([match.start("field"), *inside])
            field = line.text[start : match.end("field")].strip(" ,-–/")
            if field and _is_field(field):
                at = line.text.index(field, start)
                return [_Piece("field", field, line.start + at, line.start + at + len(field), number)]
            return []
    if match is not None:
        start, end = match.span("field")
        field = line.text[start:end].strip()
        return (
            [_Piece("field", field, line.start + start, line.start + start + len(field), number)]
            if _is_field(field)
            else []
        )
    for hit in lexicon("fields").hits(line.folded):
        if not any(start < hit.end and end > hit.start for start, end in schools) and line.text[hit.start].isupper():
            return [
                _Piece("field", line.text[hit.start : hit.end], line.start + hit.start, line.start + hit.end, number)
            ]
    return []


def school_spans(text: str, folded: str) -> list[tuple[int, int]]:
    """Find the names of schools in a line: the capitalised words around University, Lisesi, Institute …"""
    tokens = tokens_of(folded)
    spans: list[tuple[int, int]] = []
    for hit in lexicon("schools").hits(folded, tokens=tokens):
        if not text[hit.start].isupper():
            continue
        first = next(index for index, token in enumerate(tokens) if token.start == hit.start)
        last = max(index for index, token in enumerate(tokens) if token.end <= hit.end)
        left = _widen(text, folded, tokens, first, -1)
        right = _widen(text, folded, tokens, last, +1)
        start, end = tokens[left].start, tokens[right].end
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        elif (left, right) != (first, last) or hit.phrase in (
            "mit",
            "odtu",
            "metu",
            "itu",
            "ytu",
            "ucla",
            "usc",
            "nyu",
            "suny",
            "caltech",
            "harvard",
            "stanford",
            "oxford",
            "state board",
        ):
            spans.append((start, end))
    return spans


def _widen(text: str, folded: str, tokens: list, index: int, step: int) -> int:
    """Walk from the school's own word over capitalised neighbours; joints only between two of them."""
    kept = index
    at = index
    for _ in range(8):
        at += step
        if not 0 <= at < len(tokens):
            break
        left, right = (tokens[at], tokens[at - step]) if step < 0 else (tokens[at - step], tokens[at])
        gap = text[left.end : right.start]
        if gap not in (" ", " & ", "-", ". ", "'", ".") or (gap == ". " and len(left.word) > 3):
            break
        word = tokens[at].word
        if word in _JOINTS:
            if step > 0 and word in ("in", "at", "-"):
                break
            continue
        if not text[tokens[at].start].isupper():
            break
        if step < 0 and (word in lexicon_words("degrees") or tokens[at].word.isdigit()):
            break
        if step > 0 and (
            word in lexicon_words("degrees")
            or word in _AFTER_SCHOOL
            or (
                step > 0
                and at - index > 1
                and tokens[at - 1].word not in _JOINTS
                and _is_turkish_end(tokens[index].word)
            )
        ):
            break
        if step > 0 and _is_turkish_end(tokens[index].word):
            break
        kept = at
    return kept


_AFTER_SCHOOL = {
    "bolumu",
    "fakultesi",
    "department",
    "faculty",
    "major",
    "gpa",
    "cgpa",
    "present",
    "graduated",
    "dean's",
    "coursework",
    "honors",
    "expected",
}


def _is_turkish_end(word: str) -> bool:
    return word in (
        "universitesi",
        "lisesi",
        "koleji",
        "fakultesi",
        "enstitusu",
        "yuksekokulu",
        "myo",
        "akademisi",
        "ortaokulu",
        "ilkokulu",
    )


def lexicon_words(name: str) -> set[str]:
    return {words[0] for words in lexicon(name, "degree").phrases if len(words) == 1}


def _groups(pieces: list[_Piece]) -> list[list[_Piece]]:
    """Group pieces into entries: a new one begins where a role would come a second time, or far below."""
    groups: list[list[_Piece]] = []
    opening = pieces[0].role if pieces else ""
    for piece in pieces:
        group = groups[-1] if groups else []
        roles = {one.role for one in group}
        same_school = piece.role == "school" and group and group[-1].role == "school" and group[-1].line == piece.line
        far = bool(group) and piece.line - group[-1].line > 3
        if (
            not groups
            or far
            or (piece.role in roles and not same_school and piece.role != "field")
            or (piece.role == opening and len(roles & {"school", "degree"}) == 2)
        ):
            groups.append([piece])
        elif not same_school and not (piece.role == "field" and "field" in roles):
            group.append(piece)
    return groups


def _as_dict(group: list[_Piece]) -> dict[str, str | None]:
    texts = {piece.role: piece.text for piece in reversed(group)}
    period = next((piece.period for piece in group if piece.period is not None), None)
    first, last = (period.first, period.last) if period else (None, None)
    return {
        "school": texts.get("school"),
        "degree": texts.get("degree"),
        "field": texts.get("field"),
        "start": str(first) if first else None,
        "end": str(last) if last and not (period and period.is_current) else None,
    }


def unique(entries: list[dict[str, str | None]]) -> list[dict[str, str | None]]:
    seen: set[tuple[str, ...]] = set()
    kept = []
    for entry in entries:
        key = tuple(fold(entry[name] or "") for name in ("school", "degree", "field", "end"))
        if key not in seen:
            seen.add(key)
            kept.append(entry)
    return kept
