"""The providers that the settings choose, ready to call."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings

from jobs.errors import InvalidInput
from jobs.providers import rates
from parsers.providers import LOCAL, OPENAI, PROVIDERS, CVProvider, LocalCVProvider

if TYPE_CHECKING:
    from jobs.providers.openai_compatible import OpenAICompatible

#: All calls to the OpenAI-compatible API share one limit and one breaker.
OPENAI_LIMIT = "openai"


def chosen_cv_provider(name: str | None = None) -> CVProvider:
    """Return the provider called `name`, or that of the CV_PROVIDER setting. Raises InvalidInput for another name."""
    name = name or settings.CV_PROVIDER
    if name == LOCAL:
        return LocalCVProvider()
    if name == OPENAI:
        from parsers.openai_cv import OpenAICVProvider

        return OpenAICVProvider(chosen_language_model())
    raise InvalidInput(f"Unknown CV provider. Use one of: {', '.join(PROVIDERS)}.", code="unknown_provider")


def chosen_language_model() -> OpenAICompatible:
    """Return the model of the OPENAI_* settings, behind the rate limit and the breaker that all calls share."""
    # Not at the top: the SDK takes half a second and 50 MB, and most installations never use it.
    from parsers.guarded_model import GuardedModel

    return GuardedModel(
        base_url=settings.OPENAI_BASE_URL,
        api_key=settings.OPENAI_API_KEY,
        model=settings.OPENAI_MODEL,
        timeout=settings.OPENAI_TIMEOUT,
    )


def openai_rate() -> rates.Rate | None:
    """Return how often the OPENAI_* API may be called; None leaves that to its own 429."""
    per_minute = settings.OPENAI_REQUESTS_PER_MINUTE
    return rates.Rate(per_minute, per=timedelta(minutes=1), burst=max(1, per_minute // 10)) if per_minute else None
