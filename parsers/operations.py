"""The work of this app: plain values in, plain values out."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any, Protocol

from parsers.cv import parse_cv_text
from parsers.extraction import Limits, extract_text
from parsers.providers import CVProvider

logger = logging.getLogger(__name__)

#: The stages of a CV, as a person reads them, with the progress shown when each is reached.
RECEIVED, EXTRACTED, PARSED, SAVED = "received", "extracted", "parsed", "saved"
CHECKED = "checked"
CV_STAGES = (RECEIVED, EXTRACTED, PARSED, CHECKED, SAVED)


class Show(Protocol):
    """Called when a stage is reached, with percent and the stage's name."""

    def __call__(self, percent: float, stage: str) -> None: ...


def parse_cv(
    source: Path, *, file_name: str, mode: str, provider: CVProvider, limits: Limits, show: Show
) -> dict[str, Any]:
    """Read a CV file into a profile without personal data.

    source: the file. file_name: the one it was sent under; a name in it is a hint whose CV this is, and is removed
    from the result. mode: "basic" or "advanced".
    Returns {"parsed_data": {"profile", "cv_language"}, "cv_language", "provider", "mode", "pages", "ocr_used",
    "warnings": sentences, "removed": how many pieces of personal data by type}.
    Raises InvalidInput (the file) or Unavailable (the provider, or our own machinery).
    """
    began = time.monotonic()
    show(5, RECEIVED)
    document = extract_text(source, limits=limits, filename=file_name)
    extracted = time.monotonic()
    show(40, EXTRACTED)
    parsed = parse_cv_text(document.text, _Watched(provider, lambda: show(75, PARSED)), mode=mode, file_name=file_name)
    show(90, CHECKED)
    # Times and counts only: a log line outlives the file that it is about.
    logger.info(
        "CV of %d pages read in %.2f s, parsed by %s in %.2f s",
        document.page_count, extracted - began, provider.name, time.monotonic() - extracted,
    )  # fmt: skip
    return {
        "parsed_data": {"profile": parsed["profile"], "cv_language": parsed["cv_language"]},
        "cv_language": parsed["cv_language"],
        "provider": provider.name,
        "mode": mode,
        "pages": document.page_count,
        "ocr_used": document.ocr_used,
        "warnings": document.warnings,
        "removed": parsed["gate"]["removed"],
    }


def load_cv_parser() -> None:
    """Load the language model, the lexicons and the phone number tables, which take a second the first time."""
    from parsers.providers import LocalCVProvider

    parse_cv_text("Yazılım Mühendisi / Software Engineer, 2015 - 2020", LocalCVProvider())


class _Watched:
    """A provider that tells when it has answered, so that the gate after it is a stage of its own."""

    def __init__(self, provider: CVProvider, answered: Any) -> None:
        self.name = provider.name
        self._provider, self._answered = provider, answered

    def parse(self, text: str, *, language: str | None, mode: str) -> dict[str, Any]:
        profile = self._provider.parse(text, language=language, mode=mode)
        self._answered()
        return profile
