"""The language model of the OPENAI_* settings, as every app calls it: within its limit, through its breaker."""

from __future__ import annotations

from collections.abc import Iterable

from openai.types.chat import ChatCompletionMessageParam

from jobs.providers import rates
from jobs.providers.openai_compatible import Answer, OpenAICompatible
from parsers.chosen import OPENAI_LIMIT, openai_rate


class GuardedModel(OpenAICompatible):
    """A model that is called within its limit, through its breaker, and heeding its own 429."""

    def parse(self, messages: Iterable[ChatCompletionMessageParam], schema: type[Answer]) -> Answer:
        with rates.guarded(OPENAI_LIMIT, openai_rate()):
            return super().parse(messages, schema)
