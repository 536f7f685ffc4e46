"""Skills: known tools wherever they stand, and the items of the skills sections."""

from __future__ import annotations

import re
from datetime import date

from parsers.privacy.folding import fold

from .dates import find_periods
from .layout import Line
from .lexicons import lexicon, tokens_of
from .licence import mentions_driving_license
from .sections import Section
from .tags import Tags, trimmed

MAX_SKILLS = 120
MAX_ITEM_WORDS = 4
MAX_ITEM = 48  # characters
_LEVEL = re.compile(
    r"\s*[(\[]?\b(?:less than \d+ years?|\d+\+? ?(?:years?|yrs?|yil|months?|ay)|advanced|intermediate|beginner|basic"
    r"|expert|proficient|fluent|ileri(?: seviye| duzey)?|orta(?: seviye| duzey)?|baslangic|temel(?: seviye| duzey)?"
    r"|iyi|cok iyi)\b[)\]]?\s*$"
)
_ITEM_BREAK = re.compile(r"[,;•·|●▪\t/]|\s{2,}|\s[-–—]\s|\.\s|\.$|\band\b|\bve\b|&|:")
_NOT_AN_ITEM = re.compile(
    r"^(?:etc|(?:to|the|of|in|with|for|from|by|its|using|a|an|my|able|ability|experienced?|knowledge|number|working"
    r"|good|strong|excellent|very|all) .*|others?|vb|gibi|and|or|ve|e\.?g|i\.?e|such as|including|various|good|strong"
    r"|excellent|knowledge|years?|less than.*|\d.*|skills?|tools?|languages?|none|n/a|yok)$"
)


def skills_of(text_lines: list[Line], sections: list[Section], *, today: date, tags: Tags | None = None) -> list[str]:
    """Return skills as written, each once, those of skills sections first, then tools named elsewhere."""
    found: dict[str, str] = {}
    for section in sections:
        if section.kind == "skills":
            for line in _until_dates(section.lines, today):
                for item in _items(line):
                    found.setdefault(fold(item), item)
    for line in text_lines:
        for item in _known(line, "tools"):
            found.setdefault(fold(item), item)
    for tag in tags.all if tags else ():
        item = trimmed(tag.text)
        if tag.kind in ("Tool", "Skill") and 1 < len(item) <= MAX_ITEM and len(item.split()) <= MAX_ITEM_WORDS:
            found.setdefault(fold(item), item)
    for section in sections:
        if section.kind in ("summary", "head", "other"):
            for line in section.lines:
                for item in _known(line, "skills") if _is_list(line) else ():
                    found.setdefault(fold(item), item)
    return list(found.values())[:MAX_SKILLS]


def _until_dates(lines: list[Line], today: date) -> list[Line]:
    """Stop where jobs or schools begin without a heading: at the first line with a range of dates."""
    for index, line in enumerate(lines):
        if any(period.is_range for period in find_periods(line.text, today=today, folded=line.folded)):
            return lines[:index]
    return lines


def _known(line: Line, name: str) -> list[str]:
    return [
        line.text[hit.start : hit.end]
        for hit in lexicon(name).hits(line.folded, line.text)
        if not _is_in_name(line, hit.start, hit.end)
    ]


def _is_in_name(line: Line, start: int, end: int) -> bool:
    """Tell the tool from an address it stands in: github.com/x, user@oracle.com."""
    return (line.text[max(0, start - 1) : start] in ("@", "/", ".") and "." in line.text[end : end + 5]) or line.text[
        end : end + 4
    ] in (".com", ".org", ".net", ".io/")


def _is_list(line: Line) -> bool:
    return line.is_bullet or line.text.count(",") >= 2 or len(line.text.split()) <= MAX_ITEM_WORDS


def _is_prose(line: Line) -> bool:
    words = line.text.split()
    return len(words) > 8 and len(words) / (line.text.count(",") + line.text.count(";") + 1) > MAX_ITEM_WORDS


def _items(line: Line) -> list[str]:
    """Cut a line of a skills section into skills: known phrases, else short pieces between separators."""
    if mentions_driving_license(line.text):
        return []
    tools = _known(line, "tools")
    known = tools + _known(line, "skills")
    if not _is_list(line) or _is_prose(line):
        return known
    pieces: list[str] = []
    covered = {word for item in tools for word in fold(item).split()}
    label = re.match(r"^[^,:]{2,40}:\s*", line.text)
    rest = line.text[label.end() :] if label else line.text
    for piece in _ITEM_BREAK.split(rest):
        if piece is None:
            continue
        folded = fold(piece)
        level = _LEVEL.search(folded)
        item = (piece[: level.start()] if level else piece).strip(" .,:;-–—*()[]\"'")
        if not item or len(item) > MAX_ITEM or len(item.split()) > MAX_ITEM_WORDS or _NOT_AN_ITEM.match(fold(item)):
            continue
        words = {token.word for token in tokens_of(fold(item))}
        if words and not words & covered and item[0].isalnum() and any(char.isalpha() for char in item):
            pieces.append(item)
    # "Team leadership" is the skill, not the "leadership" in it.
    wholes = [f" {fold(piece)} " for piece in pieces]
    return [item for item in known if item in tools or not any(f" {fold(item)} " in piece for piece in wholes)] + pieces
