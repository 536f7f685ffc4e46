"""CVs: a text to a profile without personal data. `parse_cv_text` is the whole flow after extraction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parsers.language import detect_language
from parsers.privacy import redact_profile

from .profile import ADVANCED, BASIC, MODES, for_mode

if TYPE_CHECKING:
    from parsers.providers import CVProvider

__all__ = ["ADVANCED", "BASIC", "MODES", "parse_cv_text"]


def parse_cv_text(text: str, provider: CVProvider, mode: str = ADVANCED, file_name: str = "") -> dict[str, Any]:
    """Turn a CV's text into what may be kept of it: provider, then mode, then the privacy gate.

    mode: one of MODES. Returns {"profile": see profile.py, "cv_language": "en" | "tr" | None,
    "gate": {"removed": {entity: count}, "dropped_keys": count}}. Raises InvalidInput for an unknown mode, and
    whatever the provider raises (InvalidInput, Unavailable).
    """
    if mode not in MODES:
        from jobs.errors import InvalidInput

        raise InvalidInput(f"Unknown parse mode. Use one of: {', '.join(MODES)}.", code="unknown_parse_mode")
    language = detect_language(text)
    raw = for_mode(provider.parse(text, language=language, mode=mode), mode)
    profile, report = redact_profile(raw, source_text=text, file_name=file_name)
    return {"profile": profile, "cv_language": language, "gate": report.as_dict()}
