"""Who is asked for a second opinion on a document: nobody (the rules stand alone), or a language model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

RULES = "rules"
OPENAI = "openai"
PROVIDERS = (RULES, OPENAI)


@dataclass(frozen=True)
class Opinion:
    """What a provider thinks of a document.

    category: one of policy.CATEGORIES. confidence: 0–1. reasons: sentences. saw_all: it was shown the whole text; who
    saw a part may raise a category and not lower it.
    """

    category: str
    confidence: float
    reasons: list[str] = field(default_factory=list)
    saw_all: bool = True


class OpinionProvider(Protocol):
    """One verb: a document's text, its personal data and secrets masked, to an opinion."""

    name: str

    def judge(self, text: str, *, language: str | None) -> Opinion | None:
        """Judge a document. language: "tr", "en" or None. None: the provider refuses to judge this text.

        Raises Unavailable (try again later). What it returns is an opinion: hard rows of the policy stand above it.
        """
        ...
