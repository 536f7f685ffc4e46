"""The providers that the settings choose, ready to call."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from openai.types.chat import ChatCompletionMessageParam

from jobs.errors import InvalidInput
from jobs.providers import rates
from jobs.providers.openai_compatible import Answer, OpenAICompatible
from parsers.providers import LOCAL, OPENAI, PROVIDERS, CVProvider, LocalCVProvider

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
    return GuardedModel(
        base_url=settings.OPENAI_BASE_URL,
        api_key=settings.OPENAI_API_KEY,
        model=settings.OPENAI_MODEL,
        timeout=settings.OPENAI_TIMEOUT,
    )


class GuardedModel(OpenAICompatible):
    """A model that is called within its limit, through its breaker, and heeding its own 429."""

    def parse(self, messages: Iterable[ChatCompletionMessageParam], schema: type[Answer]) -> Answer:
        per_minute = settings.OPENAI_REQUESTS_PER_MINUTE
        rate = rates.Rate(per_minute, per=timedelta(minutes=1), burst=max(1, per_minute // 10)) if per_minute else None
        with rates.guarded(OPENAI_LIMIT, rate):
            return super().parse(messages, schema)
