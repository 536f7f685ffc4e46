"""Which words meet."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.ingestion.words import (
    MOST_QUERY_WORDS,
    SHORTEST_PREFIX,
    bases_of,
    beginnings,
    query_words,
    similarity,
    words_of,
)

#: What a form of a word is worth at least; a mere beginning is worth less.
A_FORM = 0.5

FORMS = [
    ("kitap", "kitaplarımızdan"),
    ("kitabımızdan", "kitaplar"),
    ("kitabı", "KİTAP"),
    ("sözleşme", "sözleşmenin"),
    ("sözleşmesi", "SÖZLEŞMELERİ"),
    ("çocuk", "çocuğun"),
    ("ağaç", "ağacı"),
    ("ışık", "IŞIĞI"),
    ("metin", "metni"),
    ("şehir", "şehrin"),
    ("kayıt", "kaydı"),
    ("hüküm", "hükmü"),
    ("isim", "ismi"),
    ("renk", "rengi"),
    ("ev", "evlerimizden"),
    ("iş", "işler"),
    ("göz", "gözlerinden"),
    ("kanunu", "kanunlar"),
    ("raporlarında", "rapor"),
    ("faturalarınızı", "fatura"),
    ("öğrencilerin", "öğrenci"),
    ("vergiden", "vergisi"),
    ("ödeme", "ödemek"),
    ("parsing", "parsed"),
    ("contract", "contracts"),
    ("company", "companies"),
    ("invoice", "invoices"),
]
STRANGERS = [
    ("kar", "karar"),
    ("masa", "masal"),
    ("bilgi", "bilgisayar"),
    ("para", "parti"),
    ("internet", "international"),
    ("contract", "contrast"),
    ("form", "format"),
]


def folded(word: str) -> str:
    return query_words(word)[0]


@pytest.mark.parametrize(("one", "other"), FORMS)
def test_forms_of_a_word_find_each_other_and_the_index_is_asked_for_both(one, other):
    one, other = folded(one), folded(other)
    assert similarity(one, other) >= A_FORM
    assert similarity(other, one) >= A_FORM
    assert other.startswith(tuple(beginnings(one)))
    assert one.startswith(tuple(beginnings(other)))


@pytest.mark.parametrize(("one", "other"), STRANGERS)
def test_words_that_only_begin_alike_are_no_forms_of_each_other(one, other):
    assert similarity(folded(one), folded(other)) < A_FORM
    assert similarity(folded(other), folded(one)) < A_FORM


@pytest.mark.parametrize("written", ["İSTANBUL", "ISTANBUL", "ıstanbul", "istanbul", "İstanbul'da", "I\u0307stanbul"])
def test_the_four_turkish_letters_i_meet(written):
    assert query_words(written)[0] == "istanbul"


def test_letters_with_and_without_their_marks_meet():
    assert query_words("ŞIK çağrı ÖĞÜTÜCÜ ğ") == ["sik", "cagri", "ogutucu", "g"]


def test_the_very_same_word_is_worth_more_than_a_form_and_a_form_more_than_a_beginning():
    assert 1 == similarity("rapor", "rapor") > similarity("rapor", "raporlar") > similarity("rapor", "raportor") > 0


def test_a_query_is_what_is_left_without_stop_words_unless_nothing_is():
    assert query_words("sözleşmenin süresi ne kadar ve hangi şartlarla?") == [
        "sozlesmenin",
        "suresi",
        "kadar",
        "sartlarla",
    ]
    assert query_words("ve") == ["ve"]


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.250,00", "1250"), ("1,250.00", "1250"), ("12.345.678", "12345678"), ("₺1.250", "1250"), ("1.250TL", "1250")],
)
def test_a_number_in_groups_is_also_the_number_without_its_separators(text, number):
    assert query_words(text)[0] == number


@pytest.mark.parametrize("text", ["01.02.2026", "1.5", "12.34", "1,2500", "0.125", "1.250.00.1", "v1.250"])
def test_what_is_no_number_in_groups_is_left_as_it_is(text):
    assert all(word in text for word in query_words(text))


@pytest.mark.parametrize(
    "query", ["", "   ", '"', "'; DROP TABLE x; --", "AND OR NOT", "😀", "a*", "(", "\0", "&|!:<->"]
)
def test_no_sign_of_a_query_language_reaches_the_index(query):
    assert all(word.isalnum() for word in query_words(query))


def test_a_very_long_query_is_cut():
    assert len(query_words(" ".join(f"word{n}" for n in range(100_000)))) == MOST_QUERY_WORDS
    assert len(query_words("x" * 1_000_000)[0]) <= 60


@given(st.text(max_size=200))
def test_words_stand_where_they_say(text):
    for word in words_of(text):
        assert 0 <= word.start < word.end <= len(text)
        assert word.folded
        assert "_" not in word.folded


@given(st.text(alphabet="abcdeiklmnprstuyz", min_size=1, max_size=12))
def test_a_word_answers_itself_and_whatever_shares_a_base_with_it_begins_as_the_index_is_asked(word):
    assert similarity(word, word) == 1
    assert word.startswith(tuple(beginnings(word)))
    for base in bases_of(word):
        assert base.startswith(tuple(beginnings(word)))


def test_a_word_made_of_endings_takes_no_longer_than_any_other():
    began = time.monotonic()
    for syllable in ("in", "ni", "ma", "la", "lari", "n", "i"):
        assert similarity("inx", (syllable * 60)[:59] + "x") == 0
    assert time.monotonic() - began < 1


def test_a_beginning_of_one_or_two_letters_is_not_enough():
    assert similarity("ka", "karpuz") == 0
    assert similarity("karp", "karpuz") > 0
    assert SHORTEST_PREFIX == 3
