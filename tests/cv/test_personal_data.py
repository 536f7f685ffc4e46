"""The detectors: what is personal is found, what looks like it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.language import detect_language
from parsers.privacy import ENTITIES, find_personal_data, name_candidates
from parsers.privacy.folding import fold

FOUND = [
    ("email", "yaz: defne.akarsu@example.com.tr.", "defne.akarsu@example.com.tr"),
    ("email", "gül.ışık@örnek.com", "gül.ışık@örnek.com"),
    ("email", "mail: asya [at] example [dot] com", "asya [at] example [dot] com"),
    ("phone", "Tel: 0532 000 11 22", "0532 000 11 22"),
    ("phone", "GSM 05320001122", "05320001122"),
    ("phone", "+90 (532) 000 11 22", "+90 (532) 000 11 22"),
    ("phone", "(555) 010-2030", "(555) 010-2030"),
    ("phone", "ara: +44 20 7946 0958", "+44 20 7946 0958"),
    ("url", "bkz. linkedin.com/in/defne-akarsu", "linkedin.com/in/defne-akarsu"),
    ("url", "https://github.com/defne", "https://github.com/defne"),
    ("national_id", "T.C. 10000000146", "10000000146"),
    ("iban", "TR33 0006 1005 1978 6457 8413 26", "TR33 0006 1005 1978 6457 8413 26"),
    ("card", "kart 4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("ssn", "SSN: 123-45-6789", "123-45-6789"),
    ("ip", "from 192.168.10.24", "192.168.10.24"),
    ("ip", "2001:db8:85a3::8a2e:370:7334", "2001:db8:85a3::8a2e:370:7334"),
    ("birth_date", "Doğum Tarihi: 12.04.1988", "12.04.1988"),
    ("birth_date", "DOB: March 3, 1990", "March 3, 1990"),
    ("birth_date", "1990 doğumluyum", "1990"),
    ("address", "Çınar Mah. 12. Sok. No: 4/7", "Çınar Mah. 12. Sok. No: 4/7"),
    ("address", "123 Main Street, Springfield", "123 Main Street"),
    ("name", "Ad Soyad: Tuna Elmacı", "Tuna Elmacı"),
    ("name", "I reported to Mr. Alan Pemberton there", "Alan Pemberton"),
    ("name", "Sayın Defne Akarsu ile", "Defne Akarsu"),
]


@pytest.mark.parametrize(("entity", "text", "expected"), FOUND)
def test_personal_data_is_found_where_it_stands(entity: str, text: str, expected: str) -> None:
    found = [one for one in find_personal_data(text) if one.entity == entity]
    assert [one.text for one in found] == [expected]
    assert text[found[0].start : found[0].end] == expected


@pytest.mark.parametrize(
    "text",
    [
        "2010 - 2014",
        "01.02.2017 - 30.06.2021",
        "2018-03-15 12:30:45",
        "Ocak 2018 – Halen",
        "version 1.2.3.4",
        "12:30:45",
        "budget of 1.000.000 TL and $2,500,000",
        "ISO 9001:2015, ISO/IEC 27001",
        "12 people in a row on the way",
        "works at google.com daily",
        "10000000147",
        "Python 3.11, Windows 2003, 2008, 2012",
    ],
)
def test_years_versions_amounts_and_times_are_not_personal(text: str) -> None:
    assert find_personal_data(text) == []


def test_only_the_chosen_entities_are_looked_for() -> None:
    text = "Tel: 0532 000 11 22, a@example.com"
    assert {one.entity for one in find_personal_data(text, entities=["email"])} == {"email"}
    with pytest.raises(KeyError):
        find_personal_data(text, entities=["shoe size"])


@given(st.text(alphabet=st.characters(), max_size=300))
def test_findings_are_ordered_spans_of_the_text_whatever_the_text(text: str) -> None:
    reached = 0
    for one in find_personal_data(text):
        assert one.entity in ENTITIES
        assert reached <= one.start < one.end <= len(text)
        assert text[one.start : one.end] == one.text
        reached = one.end


@given(st.text(alphabet=st.characters(), max_size=200))
def test_folding_never_changes_the_length(text: str) -> None:
    assert len(fold(text)) == len(text)


@pytest.mark.parametrize(
    ("text", "file_name", "expected"),
    [
        ("Defne Akarsu\nYazılım Mühendisi\n", "", "Defne Akarsu"),
        ("CURRICULUM VITAE\nMARLOW QUINCE\nEngineer", "", "MARLOW QUINCE"),
        ("Özgeçmiş\nAdı Soyadı: Tuna Elmacı\n", "", "Tuna Elmacı"),
        ("Yazılım Mühendisi\nelmaci@example.com\nElmaci kurucu ortaktır", "", "Elmaci"),
        ("Mühendis\nReferanslar\nBarış Korkmaz - Müdür", "", "Barış Korkmaz"),
        ("Engineer at large\nQuince was here", "Marlow_Quince_CV.pdf", "quince"),
    ],
)
def test_the_owners_name_is_guessed_from_where_cvs_put_it(text: str, file_name: str, expected: str) -> None:
    assert expected in name_candidates(text, file_name=file_name)


@pytest.mark.parametrize(
    "text", ["Software Engineer\nWork Experience\nData Science", "YAZILIM UZMANI\nİş Deneyimi\nEğitim Bilgileri"]
)
def test_titles_and_headings_are_no_names(text: str) -> None:
    assert name_candidates(text) == set()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Yazılım geliştirme alanında on yıl çalıştım ve ekip yönettim.", "tr"),
        ("I have worked in software development for ten years.", "en"),
        ("", None),
        ("12345 678", None),
        ("\ud800\udfff\x00", None),
    ],
)
def test_the_language_is_turkish_english_or_unknown(text: str, language: str | None) -> None:
    assert detect_language(text) == language
