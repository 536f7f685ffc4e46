"""Text files in every encoding we meet, and the cleaning of any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.extraction import Limits, clean_text
from parsers.extraction.text import decode_text
from tests import samples
from tests.extraction.files import fault, read

TURKISH = "\n".join(samples.cv_lines("tr"))


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1254", "iso-8859-9"],
)
def test_turkish_survives_every_encoding(encoding: str) -> None:
    assert read(TURKISH.encode(encoding), "cv.txt").text == TURKISH


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Résumé: crème brûlée, naïve façade, £100 “quoted” – über Straße", "cp1252"),
        ("Ingénieur à l'université de Nulleville, élève modèle", "latin-1"),
        ("Инженер по данным, работаю в выдуманной компании уже одиннадцать лет подряд", "cp1251"),
    ],
)
def test_other_languages_in_one_byte_a_letter_are_recognised(text: str, encoding: str) -> None:
    assert decode_text(text.encode(encoding)) == text


def test_one_broken_byte_does_not_turn_utf8_into_noise() -> None:
    data = TURKISH.encode()
    broken = data[:100] + b"\xff" + data[100:]
    assert decode_text(broken).replace("\ufffd", "") == TURKISH


def test_nul_bytes_and_control_characters_are_removed() -> None:
    assert read(b"Data\x00 Engineer\x07\x1b[31m red\x00\x00", "cv.txt").text == "Data Engineer[31m red"


def test_lone_surrogates_and_invisible_marks_are_removed() -> None:
    assert clean_text("a\ud800b\udfffc\u202ed\u200be\ufefff") == "abcdef"


def test_line_ends_of_every_system_become_line_feeds() -> None:
    assert clean_text("a\r\nb\rc\u2028d\x0ce") == "a\nb\nc\nd\ne"


def test_letters_in_two_characters_become_one() -> None:
    assert clean_text("g\u0306 s\u0327 I\u0307 ﬁne") == "ğ ş İ fine"


@given(st.text(st.characters(codec=None)))
def test_clean_text_can_always_be_stored_and_cleaning_again_changes_nothing(text: str) -> None:
    cleaned = clean_text(text)
    cleaned.encode("utf-8")
    assert "\x00" not in cleaned
    assert clean_text(cleaned) == cleaned


@given(st.binary(max_size=300))
def test_decoding_never_fails(data: bytes) -> None:
    decode_text(data)


def test_binary_data_named_txt_is_no_text() -> None:
    assert fault(samples.binary_garbage(), "cv.txt") == "unsupported_type"
    assert fault(b"harmless beginning\n" * 500 + samples.binary_garbage(), "cv.txt") == "unsupported_type"


def test_a_million_lines_are_refused() -> None:
    assert fault(samples.million_lines(), "log.txt") == "too_much_text"
    assert fault(b"a\n" * 150_000, "log.txt") == "too_much_text"
    assert fault(b"a" * 3_000, "log.txt", Limits(text_chars=2_000)) == "too_much_text"


def test_a_file_of_blanks_has_no_text() -> None:
    assert fault(b" \r\n\t\r\n", "cv.txt") == "no_text"
