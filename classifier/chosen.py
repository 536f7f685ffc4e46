"""The provider and the policy that the settings choose."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.conf import settings

from classifier.policy import Policy, load
from classifier.providers import OPENAI, OpinionProvider
from parsers.chosen import chosen_language_model


def opinion_provider() -> OpinionProvider | None:
    """Return who is asked for an opinion, behind the rate limit and the breaker; None: the rules stand alone."""
    if settings.CLASSIFIER_PROVIDER != OPENAI:
        return None
    from classifier.openai_opinion import OpenAIOpinionProvider

    return OpenAIOpinionProvider(chosen_language_model())


def policy() -> Policy:
    """Return the policy of CLASSIFIER_POLICY, or the one that comes with Sıra. Raises PolicyError."""
    return _policy(settings.CLASSIFIER_POLICY)


@cache
def _policy(path: str) -> Policy:
    return load(Path(path) if path else None)
