"""The detectors together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from .addresses import addresses
from .birth import birth_dates
from .contacts import emails, ip_addresses, phones, urls
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
    without_overlaps,
)
from .folding import plain_signs
from .identifiers import cards, ibans, national_ids, ssns
from .names import names

DETECTORS: dict[str, Callable[[str], Iterator[Finding]]] = {
    EMAIL: emails,
    URL: urls,
    IBAN: ibans,
    CARD: cards,
    NATIONAL_ID: national_ids,
    SSN: ssns,
    IP: ip_addresses,
    BIRTH_DATE: birth_dates,
    PHONE: phones,
    ADDRESS: addresses,
    NAME: names,
}
assert set(DETECTORS) == set(ENTITIES)


def find_personal_data(text: str, *, entities: Iterable[str] | None = None) -> list[Finding]:
    """Find personal data in `text`, in text order, without overlaps.

    entities: which of ENTITIES to look for; all when None. Digits and signs of other scripts count as ASCII's.
    Time is linear in the text. Names are found by context only.
    Raises KeyError for an unknown entity.
    """
    chosen = ENTITIES if entities is None else tuple(entities)
    plain = plain_signs(text)
    kept = without_overlaps([found for entity in chosen for found in DETECTORS[entity](plain)])
    if plain == text:
        return kept
    return [found._replace(text=text[found.start : found.end]) for found in kept]
