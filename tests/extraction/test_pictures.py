"""Pictures in documents are counted, and pages that nobody could read are named."""

from __future__ import annotations

import time

import pytest

from tests import samples

from .files import docx_with_pictures, pdf_with_a_scan, pdf_with_pictures, read


@pytest.mark.parametrize("pictures", [0, 1, 7])
def test_pictures_in_a_pdf_and_a_docx_are_counted(pictures: int) -> None:
    assert read(pdf_with_pictures("A page with a text on it.", pictures), "cv.pdf").embedded_images == pictures
    assert read(docx_with_pictures("A page with a text on it.", pictures), "cv.docx").embedded_images == pictures


def test_a_text_file_holds_no_pictures() -> None:
    assert read(samples.cv_text(), "cv.txt").embedded_images == 0


def test_a_scanned_page_that_nothing_can_read_is_named_and_an_empty_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("parsers.extraction.extract._ocr_engines", lambda: None)
    assert read(pdf_with_a_scan("The first page has a text."), "cv.pdf").unread_pages == [2]
    assert read(samples.text_pdf(["first page", "", "third page"]), "cv.pdf").unread_pages == []


def test_to_count_pictures_costs_no_more_than_the_page() -> None:
    began = time.monotonic()
    assert read(pdf_with_pictures("A text.", 300), "cv.pdf").embedded_images == 300
    assert time.monotonic() - began < 10  # 0.3 s here; the bound is for a busy machine
