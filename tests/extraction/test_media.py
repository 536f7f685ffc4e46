"""The check at the door: what a file is, by its first bytes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jobs.errors import InvalidInput
from parsers.extraction import HEAD_BYTES, Limits, MediaType, judge_type
from parsers.extraction.faults import SENTENCES
from tests import samples


def judge(data: bytes, filename: str) -> MediaType:
    return judge_type(data[:HEAD_BYTES], filename, len(data), Limits())


def code(data: bytes, filename: str) -> str:
    with pytest.raises(InvalidInput) as raised:
        judge(data, filename)
    return raised.value.code


@pytest.mark.parametrize(
    ("make", "filename", "media_type"),
    [
        (samples.cv_pdf, "cv.pdf", MediaType.PDF),
        (samples.cv_docx, "cv.docx", MediaType.DOCX),
        (samples.cv_text, "cv.txt", MediaType.TEXT),
        (samples.cv_image, "cv.png", MediaType.PNG),
        (lambda: samples.cv_image(format="JPEG"), "cv.jpg", MediaType.JPEG),
        (lambda: samples.cv_image(format="TIFF"), "cv.tif", MediaType.TIFF),
        (lambda: samples.cv_image(format="WEBP"), "cv.webp", MediaType.WEBP),
    ],
)
def test_a_type_is_known_by_content_whatever_the_name(
    make: Callable[[], bytes], filename: str, media_type: MediaType
) -> None:
    data = make()
    assert judge(data, filename) is media_type
    assert judge(data, filename.upper()) is media_type
    if media_type is not MediaType.DOCX:
        assert judge(data, "no extension") is media_type


@pytest.mark.parametrize("filename", ["cv.pdf", "cv.docx", "cv.txt"])
def test_a_name_that_promises_another_type_is_a_mismatch(filename: str) -> None:
    assert code(samples.cv_image(), filename) == "type_mismatch"


def test_a_pdf_named_as_text_and_a_text_named_as_pdf_are_mismatches() -> None:
    assert code(samples.cv_pdf(), "cv.txt") == "type_mismatch"
    assert code(samples.cv_text(), "cv.pdf") == "type_mismatch"


def test_one_picture_format_may_be_named_as_another() -> None:
    assert judge(samples.cv_image(format="JPEG"), "cv.png") is MediaType.JPEG


@pytest.mark.parametrize(
    ("data", "filename", "expected"),
    [
        (b"", "cv.pdf", "empty_file"),
        (b"\x7fELF\x02\x01\x01" + bytes(500), "cv.bin", "unsupported_type"),
        (b"{\\rtf1\\ansi Hello}", "cv.rtf", "unsupported_type"),
        (b"PK\x03\x04" + bytes(26) + b"xl/workbook.xml", "cv.xlsx", "unsupported_type"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "cv.doc", "unsupported_type"),
    ],
)
def test_what_cannot_be_read_is_refused_at_the_door(data: bytes, filename: str, expected: str) -> None:
    assert code(data, filename) == expected


def test_a_file_over_the_limit_is_refused_by_its_size_alone() -> None:
    with pytest.raises(InvalidInput) as raised:
        judge_type(b"%PDF-1.7", "cv.pdf", 20 * 1024 * 1024 + 1, Limits())
    assert raised.value.code == "file_too_large"
    assert "20 MB" in raised.value.message


def test_a_huge_png_is_refused_at_the_door() -> None:
    data = samples.huge_png()
    assert len(data) < 200_000
    assert code(data, "huge.png") == "image_too_large"


def test_every_sentence_says_what_to_do_and_can_be_made() -> None:
    from parsers.extraction.faults import invalid

    for known in SENTENCES:
        error = invalid(known, Limits(), named="PDF")
        assert error.code == known
        assert "{" not in error.message
        assert error.message.count(". ") >= 1 or "; " in error.message
