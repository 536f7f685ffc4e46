"""What must hold whatever comes: the targets of benchmarks.fuzz, with inputs that hypothesis makes of good ones.

The inputs are the same in every run: a red test is the change's doing. benchmarks.fuzz looks for new ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jobs.errors import InvalidInput
from jobs.merge import deep_merge
from parsers.extraction import Limits, extract_text
from parsers.extraction.faults import SENTENCES
from tests.hostile import targets
from tests.hostile.packages import early_directory
from tests.hostile.pdfs import one_page
from tests.hostile.seeds import documents, letters
from tests.samples import text_pdf

QUICK = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def mutated(draw: st.DrawFn, make: Callable[[], list[bytes]]) -> bytes:
    """A good input of those that `make` returns, with some of its bytes changed, taken out, put in or said again."""
    data = bytearray(draw(st.sampled_from(make())))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        size = draw(st.sampled_from([1, 2, 4, 32, 512]))
        match draw(st.sampled_from(["change", "remove", "insert", "repeat", "cut", "number"])):
            case "change":
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "remove":
                del data[at : at + size]
            case "insert":
                data[at:at] = draw(st.binary(max_size=8))
            case "repeat":
                data[at:at] = data[at : at + size] * draw(st.integers(1, 20))
            case "cut":
                del data[at:]
            case "number":
                data[at : at + 4] = draw(st.sampled_from([b"\xff\xff\xff\xff", bytes(4), b"\x00\x00\x00\x80", b"9999"]))
    return bytes(data[:65_536])


@functools.cache
def no_pdfs() -> list[bytes]:
    return [seed for seed in documents() if not seed.startswith(b"%PDF")]


@functools.cache
def only_pdfs() -> list[bytes]:
    return [one_page(), text_pdf(["a page", "another"])]


@functools.cache
def small_mails() -> list[bytes]:
    return letters()


@settings(QUICK, max_examples=300)
@given(data=mutated(no_pdfs))
@example(data=early_directory())
def test_a_mutated_document_is_a_text_or_a_fault(data: bytes) -> None:
    # Mutation may make a PDF of it, which is for a process of its own.
    if b"%PDF-" not in data[:1024]:
        targets.extraction(data)


@settings(QUICK, max_examples=25)
@given(data=mutated(only_pdfs))
def test_a_mutated_pdf_ends_its_reader_at_worst(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    source: Path = tmp_path_factory.getbasetemp() / "mutated.pdf"
    source.write_bytes(data)
    try:
        assert extract_text(source, limits=Limits(pages=10)).text
    except InvalidInput as error:
        assert error.code in SENTENCES  # noqa: PT017


@settings(QUICK, max_examples=200)
@given(raw=mutated(small_mails))
@example(raw=b"From: \x00a@example.com\r\nTo: \x00b@example.com\r\n\r\nx")
def test_a_mutated_mail_is_a_mail_that_can_be_stored(raw: bytes) -> None:
    targets.mail(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcde"), inner, max_size=4),
    max_leaves=25,
)
OBJECTS = st.dictionaries(st.sampled_from("abcde"), JSON, max_size=5)


@settings(QUICK, max_examples=200)
@given(data=st.binary(max_size=300))
def test_objects_of_any_depth_merge(data: bytes) -> None:
    targets.merge(data)


@settings(QUICK, max_examples=150)
@given(base=OBJECTS, first=OBJECTS, second=OBJECTS)
def test_patches_laid_over_each_other_lose_no_key_and_change_nothing_twice(
    base: dict[str, Any], first: dict[str, Any], second: dict[str, Any]
) -> None:
    merged = deep_merge(deep_merge(base, first), second)
    assert set(merged) == {*base, *first, *second}
    assert deep_merge(merged, second) == merged
    for key in set(base) - set(first) - set(second):
        assert merged[key] == base[key]


NUMBERED = st.lists(
    st.sampled_from(
        [
            "sipariş", "SİPARİŞ", "siparişim", "order", "number", "no", "#", ":", "1028", "＃１０２８", "AB-123456",
            "nolu", "numaralı", "2026", "yılında", "TL", "12,50", "₺", ".", "\n", "ﬁ", "İ", "ẞ", "ǅ", "\u0307",
            "\u202e", "0532", "no'lu", "is",
        ]
    )
    | st.text(max_size=4),
    max_size=25,
).map(" ".join)  # fmt: skip


@settings(QUICK, max_examples=250)
@given(text=NUMBERED)
def test_order_numbers_stand_in_the_mail(text: str) -> None:
    targets.order_numbers(text.encode("utf-8", "surrogatepass"))


SAID = st.lists(
    st.sampled_from(
        [
            "1028", "20 Kasım 2026", "1.249,90 TL", "kargoya verildi", "has been shipped", "not", "değil", "2 adet",
            "ayse.demir@example.com", "https://example.com", "(", ")", '"', "'", "-", "#", "₺", "%", "re", "fund", "i",
            "\u200b", "\u202e", "\u0301", "ﬁ", "İ", "🅡", "x.com/", "one", "bir", "Kupa", "350", "ml", "\n", "\t", "//",
        ]
    )
    | st.text(max_size=4),
    max_size=20,
)  # fmt: skip


@settings(QUICK, max_examples=250)
@given(words=SAID, glue=st.sampled_from(["", " "]), length=st.integers(0, 6))
def test_what_no_order_holds_is_reported_whatever_stands_around_it(words: list[str], glue: str, length: int) -> None:
    # The length of what is sent chooses what is planted.
    targets.claims(glue.join(words).encode("utf-8", "ignore") + b" " * length)
