"""Whether a text reads as language, and as which."""

from __future__ import annotations

import pytest

from classifier.detectors.legibility import is_legible
from classifier.language import language_of
from tests import samples

from .texts import HARMLESS, TEXTS

READABLE = [text for texts in TEXTS.values() for text in texts.values()] + list(HARMLESS.values())
READABLE += [samples.cv_text(language).decode() for language in ("en", "tr")]


@pytest.mark.parametrize("text", READABLE, ids=range(len(READABLE)))
def test_running_text_is_legible_in_any_case_and_without_its_dots(text: str) -> None:
    assert is_legible(text)
    assert is_legible(text.upper())
    assert is_legible(text.translate(str.maketrans("ığüşöçİĞÜŞÖÇ", "igusocIGUSOC")))


def test_a_table_of_numbers_is_legible() -> None:
    assert is_legible("2021 4.500 3.200\n2022 4.700 3.900\n2023 5.100 4.400\nToplam 14.300 11.500")


def test_a_text_with_the_letters_that_ocr_takes_for_others_is_legible() -> None:
    text = TEXTS["Confidential"]["tr"]
    assert is_legible(text.replace("ı", "l").replace("o", "0", 3).replace("ş", "s"))


@pytest.mark.parametrize("text", ["", " ", "ok", "...", "?!" * 200, "\ufffd" * 100, "\ue000\ue001" * 50, "zzzz " * 60])
def test_what_says_nothing_is_not_legible(text: str) -> None:
    assert not is_legible(text)


@pytest.mark.parametrize(
    ("text", "language"), [(texts[code], code) for texts in TEXTS.values() for code in ("tr", "en")]
)
def test_turkish_and_english_are_told_apart(text: str, language: str) -> None:
    assert language_of(text) == language


OTHERS = {
    "german": """Der neue Kessel kocht das Wasser in zwei Minuten und ist auch nicht teuer. Die Leute kaufen ihn
gern, denn er steht in der Küche und macht mit dem Tee eine Freude. Wir haben ihn in den Farben Grün und Blau auf dem
Lager.""",
    "french": """La nouvelle bouilloire est dans tous les magasins et elle chauffe de l'eau pour le thé en
deux minutes.
Les clients qui ont un jardin la trouvent belle, et le prix est bon pour une chose qui dure dans la maison.""",
}


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS.keys())
def test_another_language_is_legible_and_none_of_ours(text: str) -> None:
    assert is_legible(text)
    assert language_of(text) is None
