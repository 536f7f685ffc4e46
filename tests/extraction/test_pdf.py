"""PDF files: text in reading order, pages, scans."""

from __future__ import annotations

import io

import pytest
from reportlab.pdfgen.canvas import Canvas

from parsers.extraction import Limits, MediaType
from tests import samples
from tests.extraction.files import fault, read
from tests.requirements import require_tool


@pytest.mark.parametrize("lang", ["en", "tr"])
def test_a_cv_of_two_pages_comes_out_line_by_line(lang: str) -> None:
    extracted = read(samples.cv_pdf(lang, pages=2), "cv.pdf")
    lines = [line for line in extracted.text.splitlines() if line]
    assert lines == [line for line in samples.cv_lines(lang) if line]
    assert (extracted.media_type, extracted.page_count, extracted.ocr_used) == (MediaType.PDF, 2, False)
    assert [page.number for page in extracted.pages] == [1, 2]
    assert extracted.warnings == []


@pytest.mark.parametrize("lang", ["en", "tr"])
def test_two_columns_are_read_one_after_the_other(lang: str) -> None:
    words = read(samples.cv_pdf_two_columns(lang), "cv.pdf").text.split()
    work, personal = samples.PROFESSIONAL[lang], samples.PERSONAL[lang]
    header = f"{personal['name']} {work['profession']}".split()
    assert words[: len(header)] == header
    career = " ".join(samples.career_lines(lang)).split()
    assert words[-len(career) :] == career, "the right column is torn or mixed with the left one"
    assert " ".join(work["skills"]) in " ".join(words)


@pytest.mark.parametrize("lang", ["en", "tr"])
def test_dates_at_the_right_edge_stay_with_their_jobs(lang: str) -> None:
    lines = read(samples.cv_pdf_right_dates(lang), "cv.pdf").text.splitlines()
    for job in samples.PROFESSIONAL[lang]["experiences"]:
        assert f"{job['title']}, {job['company']}\t{job['dates']}" in lines


@pytest.mark.parametrize(("turn", "corner"), [(90, (595, 0)), (180, (595, 842)), (270, (0, 842))])
def test_a_rotated_page_is_read_as_it_is_looked_at(turn: int, corner: tuple[int, int]) -> None:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(595, 842))
    canvas.setPageRotation(turn)
    canvas.translate(*corner)
    canvas.rotate(turn)
    for row, line in enumerate(["the first line", "the second line", "the third line"]):
        canvas.drawString(50, 500 - 15 * row, line)
    canvas.save()
    assert read(buffer.getvalue(), "cv.pdf").text == "the first line\nthe second line\nthe third line"


def test_a_page_limit_counts_pages_not_bytes() -> None:
    assert fault(samples.pdf_with_pages(51), "cv.pdf") == "too_many_pages"
    assert fault(samples.pdf_with_pages(100_000), "cv.pdf") == "too_many_pages"
    texts = ["a page of text"] * 3
    assert read(samples.text_pdf(texts), "cv.pdf", Limits(pages=3)).page_count == 3
    assert fault(samples.text_pdf(texts), "cv.pdf", Limits(pages=2)) == "too_many_pages"


def test_an_empty_page_among_others_is_a_warning() -> None:
    extracted = read(samples.text_pdf(["first page", "", "third page"]), "cv.pdf")
    assert extracted.text == "first page\n\nthird page"
    assert extracted.warnings == ["Page 2 has no text that could be read."]


def test_a_pdf_without_any_text_is_refused() -> None:
    assert fault(samples.text_pdf(["", ""]), "cv.pdf") == "no_text"


def test_a_password_is_named_as_the_reason() -> None:
    assert fault(samples.encrypted_pdf(), "cv.pdf") == "encrypted_file"


def test_a_pdf_that_opens_without_a_password_is_read_though_it_is_encrypted() -> None:
    extracted = read(samples.encrypted_pdf(password=""), "cv.pdf")
    assert "Nobody without the password" in extracted.text


def test_a_damaged_pdf_is_called_damaged() -> None:
    assert fault(samples.corrupt_pdf(), "cv.pdf") == "corrupt_file"


def test_a_scanned_pdf_is_read_by_ocr_page_by_page() -> None:
    require_tool("tesseract")
    extracted = read(samples.scanned_pdf("en", pages=2), "scan.pdf")
    assert extracted.ocr_used
    assert [page.ocr for page in extracted.pages] == [True, True]
    assert "Lumenwave" in extracted.pages[0].text
    assert "University of Nowhereham" in extracted.pages[1].text


def test_a_page_of_any_size_is_painted_small() -> None:
    require_tool("tesseract")
    assert fault(samples.pdf_with_page_size(200_000), "poster.pdf") == "no_text"


def test_a_hyphen_at_a_line_end_is_joined_and_a_range_is_not() -> None:
    text = read(samples.text_pdf(["He led the develop-\nment of a shop\n2018-\n2020 in Ankara"]), "cv.pdf").text
    assert "development" in text.replace("\n", "")
    assert "20182020" not in text.replace("\n", "")
