"""The work of this app: plain values in, plain values out."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from classifier.detectors import (
    EMBEDDED_IMAGES,
    NAMES,
    OPINION_REFUSED,
    SHORT_TEXT,
    TRUNCATED,
    UNKNOWN_LANGUAGE,
    UNREADABLE,
    UNSEEN_PAGES,
    PageText,
)
from classifier.detectors.legibility import is_legible
from classifier.language import is_foreign, is_short, language_of
from classifier.policy import PUBLIC, Policy, rank
from classifier.providers import RULES, OpinionProvider
from classifier.survey import MOST_SHOWN, Survey, survey
from classifier.verdict import decide
from jobs.errors import InvalidInput
from parsers.extraction import ExtractedText, Limits, Page, extract_text

logger = logging.getLogger(__name__)

#: The stages of a document, as a person reads them; shown at 10, 30, 60, 90 and 100 %.
STARTED, LOADED, CHECKED, CLASSIFIED, SAVED = "started", "loaded", "checked", "classified", "saved"
STAGES = (STARTED, LOADED, CHECKED, CLASSIFIED, SAVED)

#: Characters that the detectors look at; two seconds' worth. A document of 300 pages is shorter.
MOST_CHARS = 1_000_000
_LANGUAGE_PAGES = 5  # that are looked at to tell the language
_SHORT_PAGE = 200  # characters
#: The codes of extraction that mean: a document, but nobody can read it.
_UNREADABLE = frozenset({"no_text", "ocr_unavailable"})


class Show(Protocol):
    """Called when a stage is reached, with percent, the stage's name, and what else is known by then."""

    def __call__(self, percent: float, stage: str, **data: Any) -> None: ...


def classify(
    source: Path, *, file_name: str, provider: OpinionProvider | None, policy: Policy, limits: Limits, show: Show
) -> dict[str, Any]:
    """Judge how sensitive a document is.

    source: the file. file_name: the one it was sent under. provider: asked for an opinion; None: the rules alone.
    Returns {"final_category", "confidence": 0–1, "reasons": sentences, "reasons_tr": the same in Turkish,
    "evidence": [{"detector", "page", "span": [start, end] in the page's text, "excerpt": masked}],
    "detectors": [{"name", "count", "shown", "category", "hard"}], "readable", "language": "tr" | "en" | None,
    "provider": "rules" | "openai", "pages", "ocr_used", "embedded_images", "warnings": sentences, "seconds"}.
    A document that cannot be read is no error: it has "readable": False and is never Public.
    Raises InvalidInput (a file that is broken or no document) or Unavailable (the provider, or our own machinery).
    """
    began = time.monotonic()
    show(10, STARTED)
    document, unreadable = _read(source, file_name, limits)
    loaded = time.monotonic()
    show(30, LOADED)

    pages, readable, facts, warnings = _pages_to_judge(document)
    if unreadable:
        warnings.append(unreadable)
    head = "\n".join(page.text for page in pages[:_LANGUAGE_PAGES])
    language = language_of(head) if readable else None
    if readable and is_foreign(head):
        facts[UNKNOWN_LANGUAGE] = 1
        warnings.append("It is neither Turkish nor English, as far as can be told: the detectors know only these two.")
    elif readable and is_short(head):
        facts[SHORT_TEXT] = 1
    findings = survey(pages)
    show(60, CHECKED)

    opinion = None
    if provider is not None and readable:
        opinion = provider.judge(findings.masked_text(), language=language)
        if opinion is None:
            facts[OPINION_REFUSED] = 1
            warnings.append("The language model would not judge this document; the rules judged it alone.")
    counts = findings.counts | facts
    verdict = decide(counts, policy, opinion)
    show(90, CLASSIFIED, category=verdict.category)

    seconds = time.monotonic() - began
    # Times and counts only: a log line outlives the file that it is about.
    logger.info(
        "Document of %d pages read in %.2f s, judged in %.2f s",
        document.page_count if document else 0, loaded - began, seconds - (loaded - began),
    )  # fmt: skip
    return {
        "final_category": verdict.category,
        "confidence": verdict.confidence,
        "reasons": verdict.reasons,
        "reasons_tr": verdict.reasons_tr,
        "evidence": findings.evidence(),
        "detectors": _detectors(counts, findings, policy),
        "readable": readable,
        "language": language,
        "provider": provider.name if opinion is not None and provider is not None else RULES,
        "pages": document.page_count if document else 0,
        "ocr_used": document.ocr_used if document else False,
        "embedded_images": document.embedded_images if document else 0,
        "warnings": warnings,
        "seconds": round(seconds, 3),
    }


def load_classifier() -> None:
    """Load lexicons, the language model and the phone number tables, which take a second the first time."""
    page = PageText(1, "Yazılım Mühendisi, Tel: +90 555 000 12 34. The quick brown fox jumps over the lazy dog.")
    language_of(page.text)
    is_foreign("Bestellung, Liste, Preise, Kunden")
    is_legible(page.text)
    survey([page])


def _read(source: Path, file_name: str, limits: Limits) -> tuple[ExtractedText | None, str]:
    """Return the document, or None and the sentence that says why nobody can read it."""
    try:
        return extract_text(source, limits=limits, filename=file_name), ""
    except InvalidInput as error:
        if error.code not in _UNREADABLE:
            raise
        return None, error.message


def _pages_to_judge(document: ExtractedText | None) -> tuple[list[PageText], bool, dict[str, int], list[str]]:
    """Return the pages with text, whether any reads as language, what is known of the rest, and sentences that say so.

    A page that does not read as language is looked at all the same: a key file is no language, and full of secrets.
    """
    if document is None:
        return [], False, {UNREADABLE: 1}, []
    facts: dict[str, int] = {}
    warnings = list(document.warnings)
    written = [page for page in document.pages if page.text.strip()]
    legible = _legible(written, scanned=document.ocr_used or document.media_type.is_image)
    illegible = len(written) - len(legible)
    if illegible:
        warnings.append(f"Pages whose text does not read as language: {illegible}. What they say is not known.")
    if not legible:
        facts[UNREADABLE] = 1
    elif unseen := illegible + len(document.unread_pages):
        facts[UNSEEN_PAGES] = unseen
    if document.embedded_images:
        facts[EMBEDDED_IMAGES] = document.embedded_images
    if document.embedded_images or document.media_type.is_image or document.ocr_used:
        warnings.append("Pictures were not looked at beyond their text: nothing here can tell an unsafe picture.")
    pages, cut = _within_cap(written)
    if cut:
        facts[TRUNCATED] = 1
        warnings.append(f"Only the first {MOST_CHARS:,} characters were looked at.")
    return pages, bool(legible), facts, warnings


def _legible(pages: Sequence[Page], *, scanned: bool) -> list[Page]:
    """Return the pages that read as language. A short one is judged by all of them: a title alone is hard to tell."""
    whole = is_legible("\n".join(page.text for page in pages), scanned=scanned)
    return [
        page for page in pages if (whole if len(page.text) < _SHORT_PAGE else is_legible(page.text, scanned=scanned))
    ]


def _within_cap(pages: Sequence[Page]) -> tuple[list[PageText], bool]:
    kept: list[PageText] = []
    left = MOST_CHARS
    for page in pages:
        if left <= 0:
            return kept, True
        kept.append(PageText(page.number, page.text[:left]))
        if len(page.text) > left:
            return kept, True
        left -= len(page.text)
    return kept, False


def _detectors(counts: dict[str, int], findings: Survey, policy: Policy) -> list[dict[str, Any]]:
    reached = {row.detector: row for row in policy.reached(counts)}
    entries = []
    for name in NAMES:
        if count := counts.get(name, 0):
            row = reached.get(name)
            entries.append(
                {
                    "name": name,
                    "count": count,
                    "shown": min(len(findings.found.get(name, ())), MOST_SHOWN),
                    "category": row.category if row else PUBLIC,
                    "hard": row.hard if row else False,
                }
            )
    return sorted(entries, key=lambda entry: -rank(entry["category"]))
