"""Who reads a CV: the local rules, or a model behind an OpenAI-compatible API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Protocol

LOCAL = "local"
OPENAI = "openai"
PROVIDERS = (LOCAL, OPENAI)


class CVProvider(Protocol):
    """One verb: a CV's text to a profile of the shape in parsers/cv/profile.py."""

    name: str

    def parse(self, text: str, *, language: str | None, mode: str) -> dict[str, Any]:
        """Read a profile. language: "en", "tr" or None (unknown); mode: "basic" or "advanced".

        Raises InvalidInput (the text can never be read) or Unavailable (try again later). What it returns is not
        trusted: the privacy gate comes after.
        """
        ...


def _local_today() -> date:
    return datetime.now().astimezone().date()


class LocalCVProvider:
    """Rules, lexicons and a small tagger (English), Turkish and English; works offline. today: what "present" means."""

    name = LOCAL

    def __init__(self, *, today: date | Callable[[], date] = _local_today) -> None:
        self._today = today

    def parse(self, text: str, *, language: str | None = None, mode: str = "advanced") -> dict[str, Any]:
        """Read a profile by rules; `language` is not needed, every rule knows both."""
        from parsers.cv.local import parse_locally

        del language
        return parse_locally(text, mode=mode, today=self._today() if callable(self._today) else self._today)
