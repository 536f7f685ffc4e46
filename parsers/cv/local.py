"""The local provider's work: a CV's text to a profile by rules and lexicons, Turkish and English, and a tagger."""

from __future__ import annotations

from datetime import date
from typing import Any

from .dates import stated_years, years_covered
from .education import education_of, tagged_education, unique
from .entry import Entry
from .experience import experiences_of, is_title
from .layout import lines_of
from .licence import has_driving_license
from .profile import for_mode
from .prose import experiences_in_prose
from .sections import Section, sections_of
from .skills import skills_of
from .summary import profession_of, summary_of
from .tagged import with_leftovers
from .tagger import tags_of
from .tags import Tags

_LOOSE = ("head", "summary", "other", "projects", "certificates", "personal")
MAX_STATED_TEXT = 50_000  # characters looked at for "11 years of experience"


def parse_locally(text: str, *, mode: str, today: date, tags: Tags | None = None) -> dict[str, Any]:
    """Read a profile (shape: profile.py) out of a CV's text. It never raises, whatever the text is.

    Values are verbatim pieces of the text wherever they can be. today: what "present" and "halen" mean.
    tags: what a tagger says of the text; by default ours does, for English. `Tags()` is the rules alone.
    """
    lines = lines_of(text)
    sections = sections_of(lines)
    tags = tags_of(text, today=today) if tags is None else tags
    entries = _experiences(sections, today, tags)
    entries = with_leftovers(entries, sections, tags)
    education = _education(sections, today, tags)
    covered = years_covered(
        ((e.period.first, e.period.last, e.period.is_current) for e in entries if e.period and e.period.is_range),
        today=today,
    )
    read = "\n".join(line.text for line in lines)[:MAX_STATED_TEXT]
    profile = {
        "basics": {
            "profession": profession_of(sections, entries, tags),
            "total_experience_in_years": covered if covered is not None else stated_years(read),
            "summary": summary_of(sections),
            "has_driving_license": has_driving_license(read),
            "skills": skills_of(lines, sections, today=today, tags=tags),
        },
        "professional_experiences": [entry.as_dict() for entry in entries],
        "education": education,
    }
    return for_mode(profile, mode)


def _experiences(sections: list[Section], today: date, tags: Tags) -> list[Entry]:
    found = [
        entry
        for section in sections
        if section.kind == "experience"
        for entry in experiences_of(section.lines, today=today, tags=tags)
    ]
    # Jobs stand under other headings too, and free text has none: there an entry needs a range, a title and a company.
    for section in sections:
        if section.kind in _LOOSE:
            loose = [
                entry
                for entry in experiences_of(section.lines, today=today, tags=tags)
                if entry.period and entry.period.is_range
            ]
            found += [
                entry for entry in loose if entry.title and (entry.company or not found) and is_title(entry.title)
            ]
    return found or experiences_in_prose(
        [line for section in sections if section.kind in _LOOSE for line in section.lines], today=today
    )


def _education(sections: list[Section], today: date, tags: Tags) -> list[dict[str, str | None]]:
    found = [
        entry
        for section in sections
        if section.kind == "education"
        for entry in education_of(section.lines, today=today, tags=tags)
    ]
    elsewhere = [section for section in sections if section.kind not in ("education", "references")]
    if tags:
        for section in elsewhere:
            found += tagged_education(section.lines, today=today, tags=tags)
        return unique(found)
    if found:
        return found
    return education_of([line for section in elsewhere for line in section.lines], today=today, is_section=False)
