"""The local provider on invented Turkish and English CVs in many layouts: exact profiles, and a floor under F1."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from parsers.cv import parse_cv_text
from parsers.providers import LocalCVProvider

from .invented import BY_NAME, CVS, TODAY, InventedCV

LEAST_F1 = 0.95  # measured 1.0 on 2026-11-22; room for one slip in twenty


def parsed(cv: InventedCV, mode: str = "advanced") -> dict[str, Any]:
    return parse_cv_text(cv.text, LocalCVProvider(today=TODAY), mode=mode, file_name="cv.pdf")


def values(profile: dict[str, Any]) -> dict[str, list[Any]]:
    jobs, studies = profile["professional_experiences"], profile["education"]
    return {
        "titles": [job["title"] for job in jobs if job["title"]],
        "companies": [job["company"] for job in jobs if job["company"]],
        "dates": [(job["start"], job["end"]) for job in jobs],
        "schools": [study["school"] for study in studies if study["school"]],
        "degrees": [study["degree"] for study in studies if study["degree"]],
        "fields": sorted({study["field"] for study in studies if study["field"]}),
        "skills": sorted(profile["basics"]["skills"]),
    }


@pytest.mark.parametrize("field", ["titles", "companies", "dates", "schools", "degrees", "fields", "skills"])
@pytest.mark.parametrize("language", ["tr", "en"])
def test_every_field_of_the_invented_set_is_read_well(field: str, language: str) -> None:
    right = predicted = expected = 0
    for cv in CVS:
        if cv.language == language:
            got, want = values(parsed(cv)["profile"])[field], list(getattr(cv, field))
            right += sum(one in want for one in got)
            predicted, expected = predicted + len(got), expected + len(want)
    f1 = 2 * right / (predicted + expected)
    assert f1 >= LEAST_F1, f"{field} in {language}: {f1:.2f}"


@pytest.mark.parametrize("cv", CVS, ids=lambda cv: cv.name)
def test_language_years_and_licence_are_read(cv: InventedCV) -> None:
    result = parsed(cv)
    basics = result["profile"]["basics"]
    assert result["cv_language"] == cv.language
    assert basics["total_experience_in_years"] == cv.years
    assert basics["has_driving_license"] is cv.licence


@pytest.mark.parametrize("cv", CVS, ids=lambda cv: cv.name)
def test_no_name_and_no_contact_reaches_the_output(cv: InventedCV) -> None:
    output = json.dumps(parsed(cv), ensure_ascii=False).casefold()
    for secret in (*cv.person, *cv.contact):
        assert secret.casefold() not in output


def test_a_turkish_cv_with_a_date_column_gives_exactly_this_profile() -> None:
    assert parsed(BY_NAME["tr_columns"])["profile"] == {
        "basics": {
            "profession": "Kıdemli Yazılım Mühendisi",
            "total_experience_in_years": 10.8,
            "summary": "Ölçeklenebilir servisler geliştiren, ekip çalışmasını seven bir yazılım mühendisiyim.",
            "has_driving_license": True,
            "skills": ["Python", "Django", "PostgreSQL", "Docker", "Takım çalışması", "Java", "Spring Boot"],
        },
        "professional_experiences": [
            {
                "title": "Kıdemli Yazılım Mühendisi",
                "company": "Mavi Nokta Teknoloji A.Ş.",
                "start": "2020-01",
                "end": None,
                "is_current": True,
                "summary": "Python ve Django ile servisler geliştirdim.\nPostgreSQL sorgularını iyileştirdim.",
            },
            {
                "title": "Yazılım Geliştirici",
                "company": "Kuzey Yazılım Ltd. Şti.",
                "start": "2016-03",
                "end": "2019-12",
                "is_current": False,
                "summary": "Java ve Spring Boot ile ödeme sistemi kurdum.",
            },
        ],
        "education": [
            {
                "school": "Orta Doğu Teknik Üniversitesi",
                "degree": "Lisans",
                "field": "Bilgisayar Mühendisliği",
                "start": "2011",
                "end": "2015",
            }
        ],
    }


def test_basic_mode_leaves_out_what_was_done_in_each_job_and_keeps_the_rest() -> None:
    advanced = parsed(BY_NAME["en_classic"])["profile"]
    basic = parsed(BY_NAME["en_classic"], mode="basic")["profile"]
    assert all(job["summary"] for job in advanced["professional_experiences"])
    assert [job.pop("summary") for job in basic["professional_experiences"]] == [None, None]
    for job in advanced["professional_experiences"]:
        del job["summary"]
    assert basic == advanced


@pytest.mark.parametrize("cv", CVS, ids=lambda cv: cv.name)
def test_values_are_verbatim_pieces_of_the_text(cv: InventedCV) -> None:
    found = values(parsed(cv)["profile"])
    found.pop("dates")
    text = " ".join(cv.text.split())
    for group in found.values():
        for value in group:
            assert value in text


@pytest.mark.parametrize(
    "change", [str.upper, str.title, lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text]
)
def test_the_dates_survive_other_letter_cases_and_line_ends(change: Callable[[str], str]) -> None:
    cv = BY_NAME["en_dash_line"]
    profile = parse_cv_text(change(cv.text), LocalCVProvider(today=TODAY))["profile"]
    assert values(profile)["dates"] == list(cv.dates)
