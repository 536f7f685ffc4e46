"""The language a text is written in."""

from __future__ import annotations

from functools import cache
from typing import Any

LANGUAGES = ("en", "tr")
HEAD_CHARS = 4_000  # a CV's first page says enough; the rest costs time
MIN_LETTERS = 20  # fewer letters say nothing


def detect_language(text: str) -> str | None:
    """Return "en" or "tr", whichever the text is more likely to be in; None when it holds too few letters."""
    head = text[:HEAD_CHARS].encode("utf-8", "ignore").decode("utf-8")
    if sum(char.isalpha() for char in head) < MIN_LETTERS:
        return None
    return str(_identifier().classify(head.lower())[0])


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # 60 ms and 12 MB: only for those who need it

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(list(LANGUAGES))
    return identifier
