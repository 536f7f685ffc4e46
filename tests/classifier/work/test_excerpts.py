"""An excerpt says where a finding stands, and gives nothing of it or of its neighbours away."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.detectors import DETECTORS, PageText
from classifier.excerpts import CONTEXT_CHARS, MASK, MOST_SHOWN, mask, masked, merged
from classifier.survey import survey

from .test_detectors import FINDS
from .texts import CONFIDENTIAL, HIGHLY_SENSITIVE, UNSAFE

VALUES = {detector.name for detector in DETECTORS if detector.is_value}
PIECES = [text for name, cases in FINDS.items() if name in VALUES for text, _ in cases]
PIECES += [
    *CONFIDENTIAL.values(),
    *HIGHLY_SENSITIVE.values(),
    *UNSAFE.values(),
    "\n",
    " ",
    "a",
    "Tel",
    "0555",
    "@",
    "é",
]
SHORT = 4  # a shorter value, such as a name of two letters, may stand in any word by chance


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), st.sampled_from([" ", "\n", ". ", ""]))
def test_no_excerpt_holds_the_value_it_is_about_or_another_one_of_its_page(pieces: list[str], joint: str) -> None:
    text = joint.join(pieces)
    findings = survey([PageText(1, text)])
    values = {
        " ".join(text[start:end].split())
        for name, places in findings.found.items()
        if name in VALUES
        for _, (start, end) in places
    } | {" ".join(found.text.split()) for found in findings.pages[0].personal}
    for entry in findings.evidence():
        for value in values:
            assert len(value) < SHORT or value not in str(entry["excerpt"]), (value, entry)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(PIECES), max_size=6).map(" ".join))
def test_the_text_that_leaves_the_house_holds_no_value(text: str) -> None:
    findings = survey([PageText(1, text)])
    sent = findings.masked_text()
    assert len(sent) == len(text)
    for name, places in findings.found.items():
        for _, (start, end) in places:
            if name in VALUES and end - start >= SHORT:
                assert sent[start:end] != text[start:end]


@given(st.text(max_size=60))
def test_a_mask_leaves_a_few_characters_of_a_long_value_and_none_of_a_short_one(value: str) -> None:
    shown = mask(value)
    assert len(shown) == len(value)
    left = [char for char in shown if char not in (MASK, " ", "\n", "\t")]
    assert len(left) <= (4 if len(value) >= 12 else 0)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)).map(lambda pair: (pair[0], sum(pair)))))
def test_overlapping_spans_are_masked_once(spans: list[tuple[int, int]]) -> None:
    text = "x" * 60
    covered = {position for start, end in spans for position in range(start, end)}
    assert {position for start, end in merged(spans) for position in range(start, end)} == covered
    assert len(masked(text, spans)) == len(text)


def excerpt_of(detector: str, text: str) -> str:
    [entry] = [entry for entry in survey([PageText(1, text)]).evidence() if entry["detector"] == detector]
    return str(entry["excerpt"])


def test_a_marking_is_shown_and_a_value_is_not() -> None:
    shown = excerpt_of("secret_marking", "ÇOK GİZLİ\nMehmet Yılmaz raporu yazdı")
    assert shown.startswith("ÇOK GİZLİ ••")
    assert shown.endswith(" raporu yazdı")
    assert "Mehmet" not in shown
    assert excerpt_of("card", "paid with 4111 1111 1111 1111 today") == "paid with 41•• •••• •••• ••11 today"
    assert excerpt_of("credential", "parola: Kedi1234!") == "parola: •••••••••"


def test_an_excerpt_is_short_whatever_the_finding_is() -> None:
    link = "https://example.com/" + "path-" * 50
    shown = excerpt_of("url", f"{'before ' * 20}{link} {'after ' * 20}")
    assert len(shown) <= MOST_SHOWN + 2 * CONTEXT_CHARS + 2
    assert shown.startswith("…")
    assert shown.endswith("…")


def test_a_name_that_only_its_capitals_give_away_is_masked() -> None:
    shown = excerpt_of("health", "seen today: Patient name: Zephyrine Quillfeather, came with pain")
    assert "Zephyrine" not in shown
    assert "Quillfeather" not in shown


def test_a_value_cut_by_the_edge_is_masked() -> None:
    text = "4111 1111 1111 1111 " + "x" * (CONTEXT_CHARS - 10) + " ada.poe@example.com"
    assert "1111" not in excerpt_of("email", text)


def test_what_no_detector_knows_is_masked_when_it_looks_like_a_secret() -> None:
    shown = excerpt_of("email", "ada.poe@example.com wrote about the garden: Zx9-plm77 or Pa$$word")
    assert "the garden" in shown
    assert "Zx9" not in shown
    assert "Pa$$" not in shown


def test_the_code_and_the_expiry_beside_a_card_are_masked() -> None:
    shown = excerpt_of("card", "Card 4111 1111 1111 1111 CVV 123 SKT 12/28")
    assert "123" not in shown
    assert "12/28" not in shown


def test_nothing_of_a_private_key_is_shown() -> None:
    body = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAAB"
    shown = excerpt_of("credential", f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----")
    assert not any(map(str.isalnum, shown))
