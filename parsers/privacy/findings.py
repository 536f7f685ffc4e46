"""What a detector says: which kind of personal data stands where."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """A span of personal data: `source[start:end] == text`. `entity` is one of ENTITIES."""

    entity: str
    start: int
    end: int
    text: str


EMAIL = "email"
PHONE = "phone"
URL = "url"
IP = "ip"
NATIONAL_ID = "national_id"
SSN = "ssn"
IBAN = "iban"
CARD = "card"
BIRTH_DATE = "birth_date"
ADDRESS = "address"
NAME = "name"

ENTITIES = (EMAIL, URL, IBAN, CARD, NATIONAL_ID, SSN, IP, BIRTH_DATE, PHONE, ADDRESS, NAME)


def without_overlaps(findings: list[Finding]) -> list[Finding]:
    """Keep, of findings that overlap, the one whose detector is surer (earlier in ENTITIES), in text order."""
    surest = {entity: rank for rank, entity in enumerate(ENTITIES)}
    findings = sorted(findings, key=lambda found: (found.start, surest[found.entity], -found.end))
    kept: list[Finding] = []
    for found in findings:
        # Kept spans do not overlap one another, so only the last one can reach into this one.
        if not kept or kept[-1].end <= found.start:
            kept.append(found)
        elif surest[found.entity] < surest[kept[-1].entity]:
            kept[-1] = found
    return kept
