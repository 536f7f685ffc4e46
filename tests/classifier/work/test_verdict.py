"""From counts, policy and opinion to one category."""

from __future__ import annotations

import itertools

import pytest

from classifier.policy import CATEGORIES, rank
from classifier.providers import Opinion
from classifier.verdict import MOST_CONFIDENCE, decide

from .reading import DEFAULT_POLICY

SOFT = {"email": 1}  # Confidential, not hard
HARD = {"card": 1}  # Highly Sensitive, hard


def category(counts: dict[str, int], said: str | None = None, *, sure: float = 0.95, saw_all: bool = True) -> str:
    opinion = Opinion(said, sure, ["Because."], saw_all) if said else None
    return decide(counts, DEFAULT_POLICY, opinion).category


def test_the_most_serious_row_wins() -> None:
    assert category({}) == "Public"
    assert category(SOFT) == "Confidential"
    assert category(SOFT | HARD) == "Highly Sensitive"
    assert category(SOFT | HARD | {"violence": 1}) == "Unsafe"


@pytest.mark.parametrize(("counts", "said"), list(itertools.product(({}, SOFT, HARD), CATEGORIES)))
def test_an_opinion_raises_and_never_goes_below_a_hard_row(counts: dict[str, int], said: str) -> None:
    floor = "Highly Sensitive" if counts == HARD else "Public"
    assert category(counts, said) == max(said, floor, key=rank)
    assert rank(category(counts, said, sure=0.1)) >= rank(category(counts))


def test_an_opinion_lowers_what_no_hard_row_set_only_when_it_is_sure_and_saw_all() -> None:
    assert category(SOFT, "Public") == "Public"
    assert category(SOFT, "Public", sure=0.5) == "Confidential"
    assert category(SOFT, "Public", saw_all=False) == "Confidential"
    assert category(SOFT, "Unsafe", saw_all=False) == "Unsafe"


def test_what_could_not_be_read_stays_more_than_public_whatever_is_said() -> None:
    for name in ("unreadable", "unseen_pages", "truncated"):
        assert category({name: 1}, "Public", sure=1.0) == "Confidential"


def test_rows_that_agree_make_surer() -> None:
    one = decide({"email": 1}, DEFAULT_POLICY).confidence
    two = decide({"email": 1, "phone": 1}, DEFAULT_POLICY).confidence
    assert one == 0.7
    assert two == pytest.approx(1 - 0.3 * 0.35, abs=0.01)
    everything = {row.detector: row.at_least for row in DEFAULT_POLICY.rows}
    assert decide(everything, DEFAULT_POLICY).confidence <= MOST_CONFIDENCE


def test_an_opinion_that_agrees_makes_surer_and_one_that_does_not_leaves_it() -> None:
    alone = decide(SOFT, DEFAULT_POLICY).confidence
    assert decide(SOFT, DEFAULT_POLICY, Opinion("Confidential", 0.9)).confidence > alone
    assert decide(SOFT, DEFAULT_POLICY, Opinion("Public", 0.3)).confidence == alone
    assert decide(SOFT, DEFAULT_POLICY, Opinion("Unsafe", 0.6)).confidence == 0.6


def test_pictures_that_nobody_looked_at_make_public_less_sure() -> None:
    assert decide({"embedded_images": 2}, DEFAULT_POLICY).confidence < decide({}, DEFAULT_POLICY).confidence


def test_the_reasons_begin_with_what_decided_and_count() -> None:
    verdict = decide({"email": 7, "card": 2}, DEFAULT_POLICY)
    assert verdict.reasons == [
        "It holds payment card numbers (2).",
        "It holds e-mail addresses of people (7).",
    ]
    assert verdict.reasons_tr[0] == "Ödeme kartı numaraları içeriyor (2)."
