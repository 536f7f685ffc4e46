"""The gate: what leaves a parser is built anew from an allow-list, and every string that is left passes the detectors.

It trusts nothing: the profile may come from a model that was told, or tricked, to repeat the name and the phone.
The source text is read once for what is personal in it (addresses, numbers, likely names), and none of that may
stand in the output, in whatever words it is wrapped.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .detect import find_personal_data
from .findings import (
    ADDRESS,
    BIRTH_DATE,
    CARD,
    EMAIL,
    ENTITIES,
    IBAN,
    IP,
    NAME,
    NATIONAL_ID,
    PHONE,
    SSN,
    URL,
    Finding,
)
from .folding import fold
from .names import MIN_PART_LETTERS, name_candidates, words_of

MAX_SOURCE = 400_000  # characters of the source that are read for personal data; a CV of 50 pages is shorter
MAX_SHORT = 200  # characters of a title, company, school, skill
MAX_LONG = 4_000  # characters of a summary
MAX_ITEMS = 200  # skills, experiences, educations each
MAX_YEARS = 70  # of work
MAX_SECRETS = 600  # addresses and mailboxes of one text that are looked for one by one
TAIL_DIGITS = 7  # two phones with the same last seven digits are the same phone
MASK = "[…]"

_DATE = re.compile(r"^((?:19|20)\d\d)(?:-(0[1-9]|1[0-2]))?(?:-\d\d)?$")
_SENTENCE_END = re.compile(r"(?<=[.!?;…])(?<![A-ZÇĞİÖŞÜ]\.)\s+|\n+|\s{2,}|\s[•·▪➢●*|]\s")
_DIGIT_RUN = re.compile(r"\+?\d(?:[ ()./\-–]{0,3}\d){6,24}")
# Detectors for each kind of field. A company or a school may be called after a person ("James Cook University"):
# there only the names of this CV count. A title, a profession or a summary never needs a person's name.
_CONTACTS = (EMAIL, URL, IBAN, CARD, NATIONAL_ID, SSN, IP, BIRTH_DATE, PHONE, ADDRESS)
_ORGANISATION = tuple(entity for entity in _CONTACTS if entity != ADDRESS)
_DROP_SENTENCE = frozenset(ENTITIES) - {NAME}


@dataclass
class GateReport:
    """What the gate did, as counts only: it is safe to store and to log.

    removed: how many pieces of each entity were taken out. dropped_keys: how many keys were not on the allow-list.
    """

    removed: dict[str, int] = field(default_factory=dict)
    dropped_keys: int = 0

    def count(self, entity: str, pieces: int = 1) -> None:
        self.removed[entity] = self.removed.get(entity, 0) + pieces

    def as_dict(self) -> dict[str, Any]:
        """Return {"removed": {"email": 1, …}, "dropped_keys": 2}."""
        return {"removed": dict(self.removed), "dropped_keys": self.dropped_keys}


def redact_profile(
    profile: dict[str, Any], *, source_text: str, file_name: str = ""
) -> tuple[dict[str, Any], GateReport]:
    """Return a profile of the shape in parsers/cv/profile.py without personal data, and the counts.

    profile: whatever a provider returned; unknown keys and wrong types are dropped at every level, strings are
    cut to MAX_SHORT or MAX_LONG. source_text: the text the provider read; its e-mails, phones, ids and likely
    names are purged from the output wherever they stand. file_name: often holds the name.
    """
    return _Gate(source_text[:MAX_SOURCE], file_name).redact(profile)


class _Gate:
    def __init__(self, source_text: str, file_name: str) -> None:
        self.report = GateReport()
        found = find_personal_data(source_text, entities=(EMAIL, PHONE, NATIONAL_ID, SSN, CARD, IBAN))
        self.secrets = _secret_words(found)
        self.tails = {tail for one in found if one.entity != EMAIL and (tail := _tail(one.text))}
        self.names = _NamePurge(name_candidates(source_text, file_name=file_name))

    def redact(self, profile: dict[str, Any]) -> tuple[dict[str, Any], GateReport]:
        profile = profile if isinstance(profile, dict) else {}
        basics = self._section(
            profile.get("basics"),
            ("profession", "total_experience_in_years", "summary", "has_driving_license", "skills"),
        )
        clean = {
            "basics": {
                "profession": self._short(basics.get("profession"), (*_CONTACTS, NAME)),
                "total_experience_in_years": _years(basics.get("total_experience_in_years")),
                "summary": self._long(basics.get("summary")),
                "has_driving_license": _boolean(basics.get("has_driving_license")),
                "skills": self._skills(basics.get("skills")),
            },
            "professional_experiences": self._entries(profile.get("professional_experiences"), self._experience),
            "education": self._entries(profile.get("education"), self._education),
        }
        self._count_unknown(profile, clean)
        return clean, self.report

    def _section(self, value: Any, known: Iterable[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            return {}
        self._count_unknown(value, known)
        return value

    def _count_unknown(self, value: dict[str, Any], known: Iterable[str]) -> None:
        self.report.dropped_keys += len([key for key in value if key not in known])

    def _entries(self, value: Any, build: Any) -> list[dict[str, Any]]:
        entries = (
            [build(entry) for entry in value[:MAX_ITEMS] if isinstance(entry, dict)] if isinstance(value, list) else []
        )
        return [entry for entry in entries if entry is not None]

    def _experience(self, entry: dict[str, Any]) -> dict[str, Any] | None:
        entry = self._section(entry, ("title", "company", "start", "end", "is_current", "summary"))
        clean = {
            "title": self._short(entry.get("title"), (*_CONTACTS, NAME)),
            "company": self._short(entry.get("company"), _ORGANISATION),
            "start": _date(entry.get("start")),
            "end": _date(entry.get("end")),
            "is_current": bool(_boolean(entry.get("is_current"))),
            "summary": self._long(entry.get("summary")),
        }
        return clean if clean["title"] or clean["company"] or clean["summary"] else None

    def _education(self, entry: dict[str, Any]) -> dict[str, Any] | None:
        entry = self._section(entry, ("school", "degree", "field", "start", "end"))
        clean = {
            "school": self._short(entry.get("school"), _ORGANISATION),
            "degree": self._short(entry.get("degree"), _CONTACTS),
            "field": self._short(entry.get("field"), _CONTACTS),
            "start": _date(entry.get("start")),
            "end": _date(entry.get("end")),
        }
        return clean if clean["school"] or clean["degree"] or clean["field"] else None

    def _skills(self, value: Any) -> list[str]:
        skills = [self._short(skill, _CONTACTS) for skill in value[:MAX_ITEMS]] if isinstance(value, list) else []
        return list(dict.fromkeys(skill for skill in skills if skill))

    def _short(self, value: Any, entities: Iterable[str]) -> str | None:
        """Take personal pieces out of a short string; None when nothing worth keeping is left."""
        if not isinstance(value, str):
            return None
        text = clean_string(value)[:MAX_SHORT]
        redacted = self._mask(text, self._findings(text, entities), "")
        if redacted == text:
            return text or None
        redacted = re.sub(r"\(\s*\)|\[\s*\]", "", redacted)
        redacted = re.sub(r"\s{2,}", " ", redacted).strip(" ,;:|/·•@&-–—\"'()[]")
        redacted = re.sub(r"(?:\b(?:of|by|with|for|at|and|ve|ile|from)\s*)+$", "", redacted, flags=re.IGNORECASE).strip(
            " ,;:|-"
        )
        return redacted if sum(char.isalpha() for char in redacted) >= 2 else None

    def _long(self, value: Any) -> str | None:
        """Drop whole sentences that hold contact data, and mask the names in the rest."""
        if not isinstance(value, str):
            return None
        text = clean_string(value, keep_lines=True)[:MAX_LONG]
        findings = self._findings(text, ENTITIES)
        if not findings:
            return text or None
        pieces: list[str] = []
        kept_from = 0
        for start, end in _sentences(text):
            inside = [found for found in findings if found.start < end and found.end > start]
            if any(found.entity in _DROP_SENTENCE for found in inside):
                for found in inside:
                    self.report.count(found.entity)
                pieces.append(text[kept_from:start])
                kept_from = end
            elif inside:
                pieces.append(text[kept_from:start])
                local = [
                    found._replace(start=max(found.start, start) - start, end=min(found.end, end) - start)
                    for found in inside
                ]
                pieces.append(self._mask(text[start:end], local, MASK))
                kept_from = end
        pieces.append(text[kept_from:])
        kept = re.sub(r"(?:\[…\][ ,]*){2,}", MASK + " ", "".join(pieces)).strip()
        # Taking a sentence out may bring two harmless halves together: what is left is looked at once more.
        again = self._findings(kept, ENTITIES)
        kept = self._mask(kept, again, MASK) if again else kept
        return kept if sum(char.isalpha() for char in kept.replace(MASK, "")) >= 2 else None

    def _findings(self, text: str, entities: Iterable[str]) -> list[Finding]:
        findings = find_personal_data(text, entities=entities)
        findings += [
            Finding(PHONE, *match.span(), match.group())
            for match in _DIGIT_RUN.finditer(text)
            if self._is_known_number(match.group())
        ]
        if self.secrets is not None:
            findings += [Finding(EMAIL, *match.span(), match.group()) for match in self.secrets.finditer(fold(text))]
        findings += [Finding(NAME, start, end, text[start:end]) for start, end in self.names.spans(text)]
        return findings

    def _is_known_number(self, value: str) -> bool:
        digits = re.sub(r"\D", "", value)
        return any(digits[at : at + TAIL_DIGITS] in self.tails for at in range(len(digits) - TAIL_DIGITS + 1))

    def _mask(self, text: str, findings: list[Finding], mask: str) -> str:
        covered_to = 0
        pieces: list[str] = []
        for found in sorted(findings, key=lambda one: (one.start, -one.end)):
            if found.end <= covered_to:
                continue
            self.report.count(found.entity)
            if found.start >= covered_to:
                pieces += [text[covered_to : found.start], mask]
            covered_to = found.end
        return "".join([*pieces, text[covered_to:]])


class _NamePurge:
    """Finds the names of one CV in any string: whole names, and each part that is no ordinary word."""

    def __init__(self, names: Iterable[str]) -> None:
        wholes: set[str] = set()
        parts: set[str] = set()
        for name in names:
            words = [word for word in re.split(r"[^\w'-]+", fold(name)) if word]
            if len(words) > 1:
                wholes.add(r"[\W_]{1,3}".join(map(re.escape, words)))
            parts.update(
                word.strip("'-")
                for word in words
                if len(word.strip("'-")) >= MIN_PART_LETTERS and word not in words_of("not_names")
            )
        patterns = sorted(wholes, key=len, reverse=True) + sorted(map(re.escape, parts), key=len, reverse=True)
        # Turkish sets its endings off with an apostrophe: "Ayşe'nin".
        self.pattern = (
            re.compile(rf"(?<![^\W_])(?:{'|'.join(patterns)})(?![^\W_])(?:'[a-z]{{1,5}}\b)?") if patterns else None
        )

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in self.pattern.finditer(fold(text))] if self.pattern else []


def _secret_words(found: Iterable[Finding]) -> re.Pattern[str] | None:
    """Match the source's e-mail addresses, and their mailbox alone when it is no ordinary word."""
    words: set[str] = set()
    for one in found:
        if one.entity == EMAIL:
            address = fold(one.text)
            words.add(address)
            mailbox = re.split(r"[@\[({ ]", address)[0]
            if len(mailbox) > MIN_PART_LETTERS and mailbox not in words_of("not_names"):
                words.add(mailbox)
    # Addresses are found by their form anyway; this is for the mailbox alone, and for addresses torn apart.
    ordered = sorted(words, key=len, reverse=True)[:MAX_SECRETS]
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, ordered))})(?!\w)") if ordered else None


def _tail(number: str) -> str:
    digits = re.sub(r"\D", "", re.split(r"(?i)x|ext|dahili", number)[0])
    return digits[-TAIL_DIGITS:] if len(digits) >= TAIL_DIGITS else ""


def _sentences(text: str) -> Iterable[tuple[int, int]]:
    start = 0
    for match in _SENTENCE_END.finditer(text):
        yield start, match.end()
        start = match.end()
    yield start, len(text)


def clean_string(value: str, *, keep_lines: bool = False) -> str:
    """Drop what a database or JSON cannot hold (NUL, lone surrogates, control characters) and tidy spaces."""
    value = "".join(char if char.isprintable() or char in "\n\t" else " " for char in value[: MAX_LONG * 2])
    space = r"[^\S\n]+" if keep_lines else r"\s+"
    return re.sub(space, " ", value).strip()


def _date(value: Any) -> str | None:
    """Keep "YYYY" and "YYYY-MM" (a day is cut off), and nothing else."""
    match = _DATE.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    return f"{match[1]}-{match[2]}" if match[2] else match[1]


def _years(value: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) and 0 <= value <= MAX_YEARS else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
