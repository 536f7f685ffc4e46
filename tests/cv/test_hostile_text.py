"""Text that means harm: it never raises, and its time grows no faster than it does."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import InvalidInput
from parsers.chosen import chosen_cv_provider
from parsers.cv import parse_cv_text
from parsers.privacy import find_personal_data
from parsers.providers import LocalCVProvider

from .invented import CVS, TODAY

PROVIDER = LocalCVProvider(today=TODAY)
MANY_SECONDS = 20  # measured under 3 s; a catastrophic pattern takes minutes
HOSTILE = {
    "a million lines": "Engineer\n" * 1_000_000,
    "one line of letters": "a" * 2_000_000,
    "one line of digits": "1" * 2_000_000,
    "one line of spaces": " " * 2_000_000,
    "brackets": "(" * 2_000_000,
    "groups of digits": "12 " * 660_000,
    "at signs": "a@" * 1_000_000,
    "dots": "a." * 1_000_000,
    "dates": "2010 - " * 285_000,
    "names": "Ayşe Yılmaz " * 160_000,
    "references": "References\n" * 180_000,
    "addresses": " ".join(
        f"{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676 % 26)}xyz@example.com" for i in range(100_000)
    ),
    "flattened jobs": "Engineer  2010 - 2012  " * 90_000,
    "zeros": "\x00" * 2_000_000,
    "a line of degrees": "Skills\n" + "BSc " * 100_000,
    "a line of skills": "Skills\n" + "Python, " * 50_000,
    "addresses of one line": "a@b.co " * 280_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_huge_text_is_parsed_in_bounded_time(text: str) -> None:
    started = time.process_time()
    parse_cv_text(text, PROVIDER, file_name="x" * 10_000)
    assert time.process_time() - started < MANY_SECONDS


@pytest.mark.parametrize(
    "piece", ["1", "12 ", "a@", "a.", "(", "Mah. ", "12 Main ", "ab:", "Dr. ", "born ", "References "]
)
def test_the_detectors_take_time_in_proportion(piece: str) -> None:
    text = piece * (400_000 // len(piece))
    started = time.process_time()
    find_personal_data(text)
    assert time.process_time() - started < MANY_SECONDS


@settings(deadline=None)
@given(st.text(alphabet=st.characters(), max_size=400), st.sampled_from(["basic", "advanced"]))
def test_no_text_makes_the_parser_raise(text: str, mode: str) -> None:
    result = parse_cv_text(text, PROVIDER, mode=mode, file_name=text)
    assert json.dumps(result, ensure_ascii=False).encode()


CV_WORDS = st.sampled_from(
    [
        "Experience",
        "EĞİTİM",
        "Skills:",
        "\n",
        "  ",
        "•",
        "2010",
        "-",
        "2012",
        "Present",
        "Acme Inc.",
        "Engineer",
        "University",
        "B.Sc.",
        "in",
        ",",
        "\ud800",
        "\x00",
        "Mah.",
        "(",
        "May",
        "|",
        "Ehliyet",
        "Ad Soyad:",
        "\t",
    ]
)


@settings(deadline=None)
@given(st.lists(CV_WORDS, max_size=60).map(" ".join))
def test_no_jumble_of_cv_words_makes_the_parser_raise(text: str) -> None:
    parse_cv_text(text, PROVIDER)


def test_a_usual_cv_takes_few_milliseconds() -> None:
    text = "\n".join(cv.text for cv in CVS if cv.language == "en")
    parse_cv_text(text, PROVIDER)  # lexicons are read once
    started = time.process_time()
    parse_cv_text(text, PROVIDER)
    assert time.process_time() - started < 0.5  # 10 ms here; the bound is for a busy machine


def test_an_unknown_mode_or_provider_is_the_callers_mistake() -> None:
    with pytest.raises(InvalidInput):
        parse_cv_text("text", PROVIDER, mode="thorough")
    with pytest.raises(InvalidInput):
        chosen_cv_provider("oracle")
