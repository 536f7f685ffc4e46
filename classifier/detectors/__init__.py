"""What is looked for in a page. A detector is a name and a function from a page to spans; add yours to `DETECTORS`.

A page goes to every detector by itself, so that a span is a pair of positions in that page's text. Each takes time in
proportion to the text, whatever the text is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from parsers.privacy import findings

from . import credentials, dates, documents, domains, finance, health, markings, personal, special, unsafe
from .page import PageText, Span

__all__ = ["DETECTORS", "FACTS", "NAMES", "Detector", "PageText", "Span"]


@dataclass(frozen=True)
class Detector:
    """is_value: what it finds is somebody's data or may hurt, and is masked wherever an excerpt shows it."""

    name: str
    find: Callable[[PageText], Iterator[Span]]
    is_value: bool = True


DETECTORS = (
    Detector("email", personal.emails),
    Detector("office_email", personal.office_emails),
    Detector("phone", personal.phones),
    Detector("office_phone", personal.office_phones),
    Detector("name", personal.only(findings.NAME)),
    Detector("address", personal.only(findings.ADDRESS)),
    Detector("birth_date", personal.only(findings.BIRTH_DATE)),
    Detector("date", dates.dates, is_value=False),
    Detector("national_id", personal.only(findings.NATIONAL_ID)),
    Detector("ssn", personal.only(findings.SSN)),
    Detector("identity_document", documents.identity_documents),
    Detector("iban", personal.only(findings.IBAN)),
    Detector("card", personal.only(findings.CARD)),
    Detector("finance", finance.finance),
    Detector("health", health.health),
    Detector("special_category", special.special_categories),
    Detector("credential", credentials.credentials),
    Detector("ip", personal.only(findings.IP)),
    Detector("url", personal.only(findings.URL)),
    Detector("domain", domains.domains, is_value=False),
    Detector("internal_host", domains.internal_hosts),
    Detector("secret_marking", markings.secret_markings, is_value=False),
    Detector("confidential_marking", markings.confidential_markings, is_value=False),
    Detector("contract", markings.contracts, is_value=False),
    Detector("hate", unsafe.hate),
    Detector("violence", unsafe.violence),
    Detector("sexual", unsafe.sexual),
    Detector("child_abuse", unsafe.child_abuse),
    Detector("self_harm", unsafe.self_harm),
    Detector("weapon_or_drug_instructions", unsafe.instructions),
)

#: What is known of the document as a whole; a policy has rows for these as for detectors.
UNREADABLE = "unreadable"  # nothing in it could be read
UNSEEN_PAGES = "unseen_pages"  # so many pages could not be read
TRUNCATED = "truncated"  # the text is longer than what is looked at
UNKNOWN_LANGUAGE = "unknown_language"  # neither Turkish nor English, as far as its words tell
SHORT_TEXT = "short_text"  # too few words to be sure of
EMBEDDED_IMAGES = "embedded_images"  # so many pictures, which nothing here can look at
OPINION_REFUSED = "opinion_refused"  # the language model would not judge the document
FACTS = (UNREADABLE, UNSEEN_PAGES, TRUNCATED, UNKNOWN_LANGUAGE, SHORT_TEXT, EMBEDDED_IMAGES, OPINION_REFUSED)

NAMES = (*(detector.name for detector in DETECTORS), *FACTS)
