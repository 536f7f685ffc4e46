"""Where a text is cut."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from jobs.errors import InvalidInput
from parsers.extraction import Page
from parsers.ingestion.chunks import MOST_CHUNKS, split_pages

SENTENCE = "Bu cümle kırk karakterden biraz uzundur. "


def test_a_piece_is_never_longer_than_asked_and_nothing_is_lost():
    text = SENTENCE * 100
    pieces = split_pages([Page(1, text)], size=200, overlap=0)
    assert all(0 < len(piece.text) <= 200 for piece in pieces)
    assert "".join("".join(piece.text.split()) for piece in pieces) == "".join(text.split())


def test_a_piece_ends_at_a_sentence_where_one_ends_in_time():
    pieces = split_pages([Page(1, SENTENCE * 20)], size=100, overlap=0)
    assert all(piece.text.endswith("uzundur.") for piece in pieces)


def test_a_piece_knows_the_page_it_starts_on_also_when_pages_without_text_come_between():
    pages = [Page(1, "birinci " * 30), Page(2, "  "), Page(3, "üçüncü " * 30), Page(4, "son")]
    pieces = split_pages(pages, size=120, overlap=0)
    assert [piece.page for piece in pieces] == sorted(piece.page for piece in pieces)
    for piece in pieces:
        first = {"birinci": 1, "üçüncü": 3, "son": 4}[piece.text.split()[0]]
        assert piece.page == first


def test_the_overlap_repeats_the_end_of_the_piece_before():
    pieces = split_pages([Page(1, " ".join(f"k{n}" for n in range(300)))], size=100, overlap=40)
    for before, after in pairwise(pieces):
        assert after.text.split()[0] in before.text.split()


def test_emoji_and_combined_letters_do_not_shift_pages():
    pages = [Page(1, "😀👩‍👩‍👧 " * 40), Page(2, "ikinci " * 40)]
    pieces = split_pages(pages, size=100, overlap=0)
    assert all((piece.page == 2) == piece.text.startswith("ikinci") for piece in pieces)


@pytest.mark.parametrize(("words", "size", "overlap"), [(280_000, 1000, 999), (2_500, 10_000, 9_999)])
def test_a_document_that_would_make_too_many_pieces_is_refused_before_the_work(words, size, overlap):
    began = time.monotonic()
    with pytest.raises(InvalidInput) as refused:
        split_pages([Page(1, "kelime " * words)], size=size, overlap=overlap)
    assert refused.value.code == "too_many_chunks"
    assert f"{MOST_CHUNKS:,}" in refused.value.message
    assert time.monotonic() - began < 2
