"""The summary and the profession."""

from __future__ import annotations

import re

from .entry import Entry
from .layout import Line
from .sections import Section
from .segments import segments_of
from .tags import Tags, trimmed

MAX_SUMMARY = 1_200  # characters
HEAD_LINES = 12  # where the profession stands
LEAST_WORDS = 10  # of a paragraph in the head that counts as a summary
_CONTACT = re.compile(
    r"@|https?:|www\.|\+?\d[\d ()-]{7,}|^(?:tel|telefon|phone|e-?mail|e-?posta|adres|address|dogum|gsm|cep)\b"
)
_LABEL = re.compile(r"^(?:unvan|meslek|pozisyon|profession|title|position|job title|current position)\s?:\s*")


def summary_of(sections: list[Section]) -> str | None:
    """Return the summary section's text, or the first paragraph of the head; None without one."""
    for section in sections:
        if section.kind == "summary" and section.lines:
            return _text(section.lines)
    head = [line for line in sections[0].lines if not _CONTACT.search(line.folded)]
    for index, line in enumerate(head):
        if len(line.text.split()) >= LEAST_WORDS:
            return _text(head[index:])
    return None


def _text(lines: list[Line]) -> str | None:
    kept: list[str] = []
    length = 0
    for line in lines:
        length += len(line.text) + 1
        if length > MAX_SUMMARY and kept:
            break
        kept.append(line.text)
    return "\n".join(kept)[:MAX_SUMMARY].strip() or None


def profession_of(sections: list[Section], entries: list[Entry], tags: Tags) -> str | None:
    """Return the title that stands under the name or in the summary, else that of the current or first experience."""
    for line in sections[0].lines[:HEAD_LINES]:
        if _CONTACT.search(line.folded) or len(line.text) > 120 or len(line.text.split()) > 12:
            continue
        label = _LABEL.match(line.folded)
        if label:
            return line.text[label.end() :].strip() or None
        titles = [segment for segment in segments_of(line) if segment.role == "title" and segment.text[0].isupper()]
        if titles:
            return titles[0].text
    for section in sections:
        for line in section.lines[:HEAD_LINES] if section.kind in ("head", "summary") else ():
            for tag in tags.within(line.start, line.end, "Title"):
                return trimmed(tag.text)
    dated = [entry for entry in entries if entry.title]
    current = [entry for entry in dated if entry.period and entry.period.is_current]
    chosen = (current or dated)[:1]
    return chosen[0].title if chosen else None
