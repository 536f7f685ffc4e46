"""From counts, the policy and perhaps an opinion to one category, how sure it is, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from classifier.policy import PUBLIC, Policy, Row, rank
from classifier.providers import Opinion

#: Rules are never certain.
MOST_CONFIDENCE = 0.99
#: An opinion lowers a category only when it is at least this sure of itself.
SURE_ENOUGH_TO_LOWER = 0.8


@dataclass(frozen=True)
class Verdict:
    """confidence: 0–1, two decimals. reasons, reasons_tr: the same sentences in English and Turkish, those that decided
    first; an opinion's own sentences stand in both as the model wrote them."""

    category: str
    confidence: float
    reasons: list[str]
    reasons_tr: list[str]


def decide(counts: Mapping[str, int], policy: Policy, opinion: Opinion | None = None) -> Verdict:
    """Judge a document by what was found in it.

    The rules' category is the most serious one that a row reaches. An opinion that is more serious wins; one that is
    less serious wins when it saw the whole text and is sure, but never goes below the most serious hard row.

    Confidence: of rows that agree on the category, 1 - (1 - a)(1 - b)…; an opinion that agrees is one more of them, one
    that decides alone gives its own. Of a Public document, the lowest of the Public rows and of [nothing].
    """
    reached = policy.reached(counts)
    by_rules = max((row.category for row in reached), key=rank, default=PUBLIC)
    category = by_rules
    if opinion is not None:
        if rank(opinion.category) > rank(by_rules):
            category = opinion.category
        elif opinion.saw_all and opinion.confidence >= SURE_ENOUGH_TO_LOWER:
            floor = max((row.category for row in reached if row.hard), key=rank, default=PUBLIC)
            category = max(opinion.category, floor, key=rank)
    deciding = [row for row in reached if row.category == category]
    others = [row for row in reached if row.category not in (category, PUBLIC)]
    agrees = opinion is not None and opinion.category == category
    confidence = _confidence(category, deciding, policy, opinion if agrees else None)

    english = [row.reason_en.format(count=counts[row.detector]) for row in _by_confidence(deciding)]
    turkish = [row.reason_tr.format(count=counts[row.detector]) for row in _by_confidence(deciding)]
    if category == PUBLIC and not others:
        english.insert(0, policy.nothing.reason_en)
        turkish.insert(0, policy.nothing.reason_tr)
    if opinion is not None:
        english += opinion.reasons
        turkish += opinion.reasons
    english += [row.reason_en.format(count=counts[row.detector]) for row in _by_confidence(others)]
    turkish += [row.reason_tr.format(count=counts[row.detector]) for row in _by_confidence(others)]
    return Verdict(category, round(confidence, 2), english, turkish)


def _confidence(category: str, deciding: Sequence[Row], policy: Policy, opinion: Opinion | None) -> float:
    if category == PUBLIC and opinion is None:
        return min([policy.nothing.confidence, *(row.confidence for row in deciding)])
    sure = [row.confidence for row in deciding if category != PUBLIC]
    if opinion is not None:
        sure.append(opinion.confidence)
    doubt = 1.0
    for confidence in sure:
        doubt *= 1 - confidence
    return min(1 - doubt, MOST_CONFIDENCE)


def _by_confidence(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (-rank(row.category), -row.confidence))
