"""The policy is a table that a person may change, and that says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier.detectors import NAMES
from classifier.policy import CATEGORIES, DEFAULT, PolicyError, load

from .reading import DEFAULT_POLICY, judge
from .texts import CONFIDENTIAL, PUBLIC

NOTHING = """
[nothing]
confidence = 0.9
reason_en = "Nothing was found."
reason_tr = "Bir şey bulunmadı."
"""
ROW = """
[[row]]
detector = "email"
category = "Confidential"
confidence = 0.5
reason_en = "E-mail addresses: {count}."
reason_tr = "E-posta adresleri: {count}."
"""


@pytest.fixture
def write(tmp_path: Path):
    def written(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return written


def test_the_policy_that_comes_with_it_has_a_row_for_everything_that_is_looked_for() -> None:
    assert {row.detector for row in DEFAULT_POLICY.rows} == set(NAMES)
    assert {row.category for row in DEFAULT_POLICY.rows} == set(CATEGORIES)


def test_what_could_not_be_seen_is_more_than_public_and_no_opinion_changes_that() -> None:
    for name in ("unreadable", "unseen_pages", "truncated", "opinion_refused"):
        [row] = [row for row in DEFAULT_POLICY.rows if row.detector == name]
        assert (row.category != "Public", row.hard) == (True, True), name


def test_a_person_can_make_a_finding_more_serious_or_harmless(write) -> None:
    text = CONFIDENTIAL["tr"]
    strict = load(write(NOTHING + ROW.replace("Confidential", "Highly Sensitive")))
    assert judge(text, policy=strict)["final_category"] == "Highly Sensitive"
    mild = load(write(NOTHING + ROW.replace("Confidential", "Public")))
    assert judge(text, policy=mild)["final_category"] == "Public"
    assert judge(text, policy=mild)["reasons_tr"] == ["Bir şey bulunmadı.", "E-posta adresleri: 1."]


def test_a_row_of_many_findings_holds_from_so_many_on(write) -> None:
    many = ROW.replace('"Confidential"', '"Highly Sensitive"').replace("[[row]]", "[[row]]\nat_least = 3")
    policy = load(write(NOTHING + ROW + many))

    def category(addresses: int) -> str:
        lines = [f"Please write to person{number}@example.com about it." for number in range(addresses)]
        return judge("\n".join([PUBLIC["en"], *lines]), policy=policy)["final_category"]

    assert [category(0), category(1), category(2), category(3)] == [
        "Public", "Confidential", "Confidential", "Highly Sensitive",
    ]  # fmt: skip


def test_a_copy_of_the_table_is_a_policy(write) -> None:
    assert load(write(DEFAULT.read_text(encoding="utf-8"))) == load()


BROKEN = {
    "no TOML": ("[[row", "the policy is not TOML"),
    "no rows": (NOTHING, "the policy has no [[row]]"),
    "nothing for Public": (ROW, "the policy has no [nothing]"),
    "an unknown detector": (
        NOTHING + ROW + ROW.replace('"email"', '"emial"'),
        "row 2: unknown detector 'emial'; did you mean 'email'?",
    ),
    "an unknown detector far from all": (NOTHING + ROW.replace('"email"', '"qqqq"'), "use one of: email, "),
    "an unknown category": (
        NOTHING + ROW.replace("Confidential", "confidental"),
        "row 1 (email): unknown category 'confidental'; did you mean 'Confidential'?",
    ),
    "an unknown key": (
        NOTHING + ROW.replace("confidence", "confidense"),
        "row 1 (email): unknown key 'confidense'; did you mean 'confidence'?",
    ),
    "an unknown part": (NOTHING + ROW + "[rows]\n", "unknown key 'rows'; did you mean 'row'?"),
    "a missing key": (NOTHING + ROW.replace("reason_tr", "#"), "row 1 (email): reason_tr is missing."),
    "a text for a number": (NOTHING + ROW.replace("0.5", '"much"'), "row 1 (email): confidence must be a number."),
    "true for a number": (NOTHING + ROW + "at_least = true", "row 1 (email): at_least must be a whole number."),
    "a number for true": (NOTHING + ROW + "hard = 1", "row 1 (email): hard must be true or false."),
    "no finding at all": (NOTHING + ROW + "at_least = 0", "row 1 (email): at_least must be 1 or more."),
    "too sure": (NOTHING + ROW.replace("0.5", "1.5"), "row 1 (email): confidence must be above 0 and at most 1."),
    "other braces": (NOTHING + ROW.replace("{count}", "{number}"), "may hold no other braces than {count}."),
    "an empty sentence": (NOTHING + ROW.replace("E-mail addresses: {count}.", " "), "reason_en is empty."),
    "a row twice": (NOTHING + ROW + ROW, "row 2 (email): an earlier row has the same detector and at_least."),
    "rows that are none": ("row = 5" + NOTHING, "the policy has no [[row]]"),
    "a detector that is no name": (NOTHING + ROW.replace('"email"', "5"), "row 1: detector must be a text."),
}


@pytest.mark.parametrize(("text", "sentence"), BROKEN.values(), ids=BROKEN.keys())
def test_a_policy_that_is_wrong_is_named_with_its_file_and_row(write, text: str, sentence: str) -> None:
    path = write(text)
    with pytest.raises(PolicyError) as raised:
        load(path)
    assert str(raised.value).startswith(str(path))
    assert sentence in str(raised.value)


def test_a_policy_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        load(tmp_path / "nowhere.toml")
