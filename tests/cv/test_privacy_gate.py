"""The gate: whatever a provider returns, only professional fields leave, and no personal data in them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.cv import parse_cv_text
from parsers.privacy import redact_profile

SOURCE = """Defne Akarsu
defne.akarsu@example.com | 0532 000 11 22
T.C. Kimlik No: 10000000146
Yazılım Mühendisi, Mavi Nokta A.Ş.
"""


class NaiveProvider:
    """Says everything it has read, wherever it can."""

    name = "naive"

    def parse(self, text: str, *, language: str | None, mode: str) -> dict[str, Any]:
        return {
            "first_name": "Defne",
            "basics": {
                "profession": "Defne Akarsu, Yazılım Mühendisi",
                "total_experience_in_years": 5,
                "summary": "Defne AKARSU iyi bir mühendistir. Ona 532-000-1122 numarasından ulaşın. Akarsu'nun işi "
                "Python'dur. defne.akarsu(at)example.com",
                "has_driving_license": "yes",
                "skills": ["Python", "defne.akarsu@example.com", "DEFNE", 7, None, "Python"],
                "emails": ["defne.akarsu@example.com"],
                "phone_numbers": ["0532 000 11 22"],
            },
            "professional_experiences": [
                {
                    "title": "Mühendis",
                    "company": "Akarsu Danışmanlık",
                    "start": "2018-03-01",
                    "end": "yesterday",
                    "is_current": True,
                    "summary": text,
                    "manager": "x",
                },
                {"title": "05320001122"},
                "not an entry",
            ],
            "education": [
                {"school": "Ege Üniversitesi", "degree": None, "field": "defne akarsu", "start": 2010, "end": "2014"}
            ],
            "references": [{"name": "Barış Korkmaz"}],
        }


def test_a_naive_provider_cannot_leak_through_the_gate() -> None:
    result = parse_cv_text(SOURCE, NaiveProvider(), file_name="defne_akarsu.pdf")
    output = json.dumps(result, ensure_ascii=False).casefold()
    for secret in ("defne", "akarsu", "example.com", "0532", "532-000", "10000000146", "korkmaz", "1122"):
        assert secret not in output
    assert result["profile"] == {
        "basics": {
            "profession": "Yazılım Mühendisi",
            "total_experience_in_years": 5,
            "summary": "[…] iyi bir mühendistir. […] işi Python'dur.",
            "has_driving_license": None,
            "skills": ["Python"],
        },
        "professional_experiences": [
            {
                "title": "Mühendis",
                "company": "Danışmanlık",
                "start": "2018-03",
                "end": None,
                "is_current": True,
                "summary": "[…]\nYazılım Mühendisi, Mavi Nokta A.Ş.",
            }
        ],
        "education": [{"school": "Ege Üniversitesi", "degree": None, "field": None, "start": None, "end": "2014"}],
    }


def test_the_report_holds_counts_and_no_values() -> None:
    report = parse_cv_text(SOURCE, NaiveProvider())["gate"]
    assert report["dropped_keys"] == 5  # first_name, references, emails, phone_numbers, manager
    assert report["removed"]["name"] >= 4
    assert all(isinstance(count, int) for count in report["removed"].values())


@pytest.mark.parametrize(
    "profile",
    [
        {},
        {"basics": []},
        {"professional_experiences": 3, "education": {"a": 1}},
        {"basics": {"skills": "Python", "total_experience_in_years": float("nan")}},
        None,
        [],
    ],
)
def test_a_profile_of_the_wrong_shape_becomes_an_empty_one(profile: Any) -> None:
    clean, _ = redact_profile(profile, source_text="")
    assert clean == {
        "basics": {
            "profession": None,
            "total_experience_in_years": None,
            "summary": None,
            "has_driving_license": None,
            "skills": [],
        },
        "professional_experiences": [],
        "education": [],
    }


def test_a_school_named_after_a_person_stays() -> None:
    clean, _ = redact_profile(
        {"education": [{"school": "James Cook University"}]}, source_text="Marlow Quince\nEngineer"
    )
    assert clean["education"][0]["school"] == "James Cook University"


@pytest.mark.parametrize("written", ["Işıl İnci", "ISIL INCI", "ışıl inci", "isil inci", "IŞIL İNCİ"])
def test_a_turkish_name_is_purged_however_its_is_are_written(written: str) -> None:
    clean, _ = redact_profile({"basics": {"summary": f"{written} ekip kurdu."}}, source_text="Ad Soyad: Işıl İnci\n")
    assert clean["basics"]["summary"] == "[…] ekip kurdu."


def test_nul_bytes_and_lone_surrogates_do_not_leave() -> None:
    clean, _ = redact_profile(
        {"basics": {"summary": "A\x00good \ud800 text", "skills": ["Py\x00thon"]}}, source_text=""
    )
    assert json.dumps(clean, ensure_ascii=False).encode()
    assert "\x00" not in clean["basics"]["summary"]


LETTERS = st.text(alphabet="abcdefghijklmnoprstuvyzçğıöşü", min_size=4, max_size=10)
WORDS = st.lists(
    st.sampled_from(["led", "team", "built", "ile", "ve", "Python", "şirket", ",", ".", "\n", "-", "("]), max_size=6
).map(" ".join)


@given(
    name=st.tuples(LETTERS, LETTERS),
    number=st.integers(0, 9_999_999),
    before=WORDS,
    after=WORDS,
    upper=st.booleans(),
    joint=st.sampled_from([" ", "", "-", "."]),
)
def test_the_gate_never_leaves_the_name_the_email_or_the_phone_it_was_given(
    name: tuple[str, str], number: int, before: str, after: str, upper: bool, joint: str
) -> None:
    first, last = (f"xq{part}" for part in name)  # no ordinary word begins so
    email = f"{first}.{last}@example.com"
    digits = f"{number:07d}"
    phone = joint.join(["0532", digits[:3], digits[3:5], digits[5:]])
    source = (
        f"Ad Soyad: {first.capitalize()} {last.capitalize()}\nE-posta: {email}\nTel: 0532 {digits[:3]} "
        f"{digits[3:5]} {digits[5:]}\n"
    )
    said = f"{first} {last}".upper() if upper else f"{first} {last}"
    text = f"{before} {said} {after} {email} {before} {phone} {after}"
    profile = {
        "basics": {"profession": text, "summary": text, "skills": [text, email, phone, said]},
        "professional_experiences": [{"title": text, "company": text, "summary": text}],
        "education": [{"school": text, "degree": text, "field": text}],
    }
    clean, _ = redact_profile(profile, source_text=source)
    output = json.dumps(clean, ensure_ascii=False).casefold()
    assert first not in output
    assert last not in output
    assert "example.com" not in output
    assert digits not in "".join(char for char in output if char.isdigit())


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=30),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["basics", "education", "professional_experiences", "summary", "skills", "title", "start", "x"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_the_gate_takes_any_json(profile: Any) -> None:
    clean, _ = redact_profile(profile, source_text="Ali Veli")
    assert set(clean) == {"basics", "professional_experiences", "education"}


def test_a_referee_named_in_a_footer_beside_their_address_does_not_become_a_skill():
    from parsers.cv import parse_cv_text
    from parsers.providers import LocalCVProvider

    text = "SKILLS\nPython\tDjango\nDriving licence: B\n\nQuenby Thistlewick, quenby@example.com, +44 7700 900456\n"
    written = str(parse_cv_text(text, LocalCVProvider())["profile"])
    assert "Python" in written
    assert "Thistlewick" not in written
    assert "Quenby" not in written
