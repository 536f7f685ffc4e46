"""Text that means harm: nothing raises, and the time grows no faster than the text."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.detectors import PageText
from classifier.operations import load_classifier
from classifier.survey import survey

from .reading import judge
from .test_detectors import FINDS
from .texts import CONFIDENTIAL, PUBLIC

MANY_SECONDS = 30  # of processor time; measured under 3 s; a catastrophic pattern takes minutes
MILLION = 1_000_000
PIECES = {
    "one letter": "a",
    "digits": "1",
    "at signs": "@",
    "addresses without end": "a@",
    "dots": "a.",
    "groups of digits": "12 ",
    "lines": "\n",
    "tokens that begin": "eyJ.",
    "passwords that begin": "password: ",
    "links that begin": "http://a",
    "keys": "secret Ab1",
    "dashes": "a-",
    "markings": "GİZLİ\n",
    "clauses": "işbu sözleşme taraflar fesih ",
    "calls for harm": "kill all jews ",
    "salaries": "maaş 500 TL ",
    "records": "tanı: kanser\n",
    "half of each pair": "how to make ",
    "months": "may 1 ",
    "labels": "passport no ",
    "mah": "Mah. ",
    "names": "Ayşe Yılmaz ",
    "key edges": "-----BEGIN PRIVATE KEY-----",
    "key ends": "A" * 64 + "\n-----END PRIVATE KEY-----\n",
    "tables": "password,a\n",
    "passwords without a colon": "şifre a ",
    "pairs": "user / ",
    "courtesy": "Ayşe Hanım ",
}


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES.keys())
def test_the_detectors_take_time_in_proportion(piece: str) -> None:
    page = PageText(1, piece * (MILLION // 5 // len(piece)))
    began = time.process_time()
    findings = survey([page])
    findings.evidence()
    findings.masked_text()
    assert time.process_time() - began < MANY_SECONDS / 3


@pytest.mark.parametrize("piece", ["a", "1", "@", "Ayşe Yılmaz, "])
def test_a_file_of_the_most_that_is_read_is_judged_and_never_public(piece: str) -> None:
    began = time.process_time()
    result = judge(piece * (2 * MILLION // len(piece)))
    assert result["final_category"] != "Public"
    assert time.process_time() - began < MANY_SECONDS


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([text for cases in FINDS.values() for text, _ in cases]),
            st.text(alphabet=st.characters(), max_size=30),
        ),
        max_size=12,
    ).map("".join)
)
def test_no_text_makes_the_detectors_raise(text: str) -> None:
    findings = survey([PageText(1, text)])
    for entry in findings.evidence():
        start, end = entry["span"]
        assert 0 <= start < end <= len(text)
    json.dumps(findings.evidence(), ensure_ascii=False)


def test_a_usual_document_takes_few_milliseconds_once_everything_is_loaded() -> None:
    load_classifier()
    pages = [PageText(1, PUBLIC["tr"] * 5), PageText(2, CONFIDENTIAL["en"] * 5)]
    began = time.process_time()
    survey(pages).evidence()
    assert time.process_time() - began < 1  # 20 ms here; the bound is for a busy machine
