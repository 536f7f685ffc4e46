"""The providers that the settings choose, ready to call."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings

from jobs.providers import rates
from jobs.providers.openai_compatible import OpenAICompatible
from parsers.providers import OPENAI, CVProvider, LocalCVProvider

#: All calls to the OpenAI-compatible API share one limit and one breaker.
OPENAI_LIMIT = "openai"


def chosen_cv_provider(name: str | None = None) -> CVProvider:
    """Return the provider called `name`, or the one of the CV_PROVIDER setting."""
    if (name or settings.CV_PROVIDER) != OPENAI:
        return LocalCVProvider()
    from parsers.openai_cv import OpenAICVProvider

    model = OpenAICompatible(
        base_url=settings.OPENAI_BASE_URL,
        api_key=settings.OPENAI_API_KEY,
        model=settings.OPENAI_MODEL,
        timeout=settings.OPENAI_TIMEOUT,
    )
    per_minute = settings.OPENAI_REQUESTS_PER_MINUTE
    rate = rates.Rate(per_minute, per=timedelta(minutes=1), burst=max(1, per_minute // 10)) if per_minute else None
    return _Guarded(OpenAICVProvider(model), rate)


class _Guarded:
    """A provider behind the rate limit and the breaker."""

    def __init__(self, provider: CVProvider, rate: rates.Rate | None) -> None:
        self.name = provider.name
        self._provider, self._rate = provider, rate

    def parse(self, text: str, *, language: str | None, mode: str) -> dict[str, Any]:
        with rates.guarded(OPENAI_LIMIT, self._rate):
            return self._provider.parse(text, language=language, mode=mode)
