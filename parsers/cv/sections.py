"""Sections: which lines are headings, and what stands under each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from parsers.privacy.folding import fold, skeleton

from .layout import Line
from .lexicons import blurred_headings, headings

MAX_HEADING = 60  # characters
_DECORATION = " \t:.-–—=_*#|•·▪■●►\"'()[]{}<>~/"
_NUMBERING = re.compile(r"^(?:\d{1,2}|[IVX]{1,4}|[A-Z])[.)]\s+")
# "Student Affairs Experience", "Administrative Positions": any such heading opens experiences
_EXPERIENCE_END = re.compile(
    r"\b(?:experiences?|employment|job history|work history|career history|positions|appointments|deneyimi"
    r"|deneyimleri|tecrubesi|tecrubeleri)$"
)
_LABEL = re.compile(r"^(?P<label>[^:：]{3,45}?) ?[:：] *(?P<rest>\S.*)$")


@dataclass
class Section:
    """Lines under one heading. kind: "head" before the first heading, else as in lexicons/headings.txt."""

    kind: str
    lines: list[Line] = field(default_factory=list)
    title: str = ""


def sections_of(lines: list[Line]) -> list[Section]:
    """Cut lines into sections, in order; headings themselves are left out."""
    sections = [Section("head")]
    for line in lines:
        kind, title, rest = heading_of(line)
        if kind is None:
            sections[-1].lines.append(line)
            continue
        sections.append(Section(kind, [rest] if rest is not None else [], title))
    return sections


def heading_of(line: Line) -> tuple[str | None, str, Line | None]:
    """Say whether a line is, or begins with, a heading: its kind, its words, and what follows on the line.

    Three forms: the heading alone, also misread by one letter ("lŞ DENEYİMl"); "Skills: Java, SQL"; and, in flattened
    text, "EDUCATION Bachelor of …" with the heading in capitals.
    """
    text = line.text
    if len(text) <= MAX_HEADING:
        kind = _kind(_NUMBERING.sub("", text), is_whole=not line.is_bullet)
        if kind:
            return kind, text, None
    if line.is_bullet:
        return None, "", None
    label = _LABEL.match(text[: MAX_HEADING * 20])
    if label:
        kind = _kind(label["label"], is_whole=False)
        if kind and kind not in ("personal", "other", "projects"):
            return kind, label["label"], line.cut(label.start("rest"), len(text))
    return _capitals(line)


def _kind(text: str, *, is_whole: bool) -> str | None:
    words = text.strip(_DECORATION)
    if not words or not (words[0].isupper() or words[0] in "lı|1") or len(words.split()) > 14:
        return None
    key = skeleton(words)
    kind = headings().get(key)
    if kind or not is_whole:
        return kind
    if (
        _EXPERIENCE_END.search(fold(words))
        and len(words.split()) <= 6
        and (words.isupper() or words.istitle() or len(words.split()) <= 3)
    ):
        return "experience"
    blurred = blurred_headings()
    return next(
        (blurred[form] for index in range(len(key)) if (form := f"{key[:index]}*{key[index + 1 :]}") in blurred), None
    )


def _capitals(line: Line) -> tuple[str | None, str, Line | None]:
    words = list(re.finditer(r"\S+", line.text[: MAX_HEADING * 2]))[:5]
    length = 0
    for word in words:
        if not (word.group().isupper() or word.group() in "&/-"):
            break
        length += 1
    for count in range(min(length, len(words) - 1), 0, -1):
        # The word after the heading must not go on in capitals: "EXPERIENCE DESIGN LTD" is a company.
        if count < length:
            break
        end = words[count - 1].end()
        kind = headings().get(skeleton(line.text[:end]))
        if kind:
            return kind, line.text[:end], line.cut(end, len(line.text))
    return None, "", None
