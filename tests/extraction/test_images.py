"""Pictures: OCR where it is there, a clear error where it is not."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from parsers.extraction import Limits, extract, ocr_available
from tests import samples
from tests.extraction.files import fault, read
from tests.requirements import require_tool


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_picture_of_a_cv_is_read(format: str) -> None:
    require_tool("tesseract")
    extracted = read(samples.cv_image("en", format), f"cv.{format.lower()}")
    assert extracted.ocr_used
    for word in ("Quillfeather", "Lumenwave", "PostgreSQL", "Nowhereham"):
        assert word in extracted.text


def test_turkish_letters_are_read_as_turkish() -> None:
    require_tool("tesseract")
    text = read(samples.cv_image("tr"), "cv.png").text
    for word in ("Yıldızcan", "Mühendisi", "Şubat", "geliştirdim", "Üniversitesi"):
        assert word in text


def test_a_photo_that_lies_on_its_side_is_turned_as_its_camera_says() -> None:
    require_tool("tesseract")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    buffer = io.BytesIO()
    samples.text_image("\n".join(samples.cv_lines())).rotate(90, expand=True).save(buffer, "JPEG", exif=exif)
    assert "Lumenwave" in read(buffer.getvalue(), "photo.jpg").text


def test_letters_on_a_transparent_ground_are_read() -> None:
    require_tool("tesseract")
    ink = samples.text_image("Transparent Engineer\nLumenwave").convert("L").point(lambda value: 255 - value)
    picture = Image.new("RGBA", ink.size, (0, 0, 0, 0))
    picture.putalpha(ink)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    assert "Lumenwave" in read(buffer.getvalue(), "cv.png").text


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGB", "CMYK", "I;16", "I", "F"])
def test_every_kind_of_pixel_is_read(mode: str) -> None:
    require_tool("tesseract")
    ink = samples.text_image("Colourful Engineer\nLumenwave")
    picture = (
        ink.convert("I").point(lambda value: value * 256).convert(mode) if mode in ("I;16", "I") else ink.convert(mode)
    )
    buffer = io.BytesIO()
    picture.save(buffer, "TIFF")
    assert "Lumenwave" in read(buffer.getvalue(), "scan.tif").text


def test_every_page_of_a_tiff_is_read_and_counted() -> None:
    require_tool("tesseract")
    pages = [samples.text_image(f"Page number {word}") for word in ("one", "two")]
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    extracted = read(buffer.getvalue(), "scan.tif")
    assert [page.text for page in extracted.pages] == ["Page number one", "Page number two"]
    assert fault(buffer.getvalue(), "scan.tif", Limits(pages=1)) == "too_many_pages"


def test_a_picture_over_the_pixel_limit_is_refused_before_it_is_decoded() -> None:
    require_tool("tesseract")
    data = samples.cv_image(format="JPEG")
    assert fault(data, "cv.jpg", Limits(image_pixels=1_000_000)) == "image_too_large"


def test_an_empty_picture_has_no_text() -> None:
    require_tool("tesseract")
    buffer = io.BytesIO()
    Image.new("L", (600, 600), 255).save(buffer, "PNG")
    assert fault(buffer.getvalue(), "empty.png") == "no_text"


def test_half_a_picture_is_called_damaged() -> None:
    require_tool("tesseract")
    assert fault(samples.cv_image()[:5000], "cv.png") == "corrupt_file"


@pytest.fixture
def without_ocr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "_ocr_engines", lambda: None)


@pytest.mark.usefixtures("without_ocr")
def test_without_ocr_a_picture_is_refused_with_what_to_install() -> None:
    assert not ocr_available()
    assert fault(samples.cv_image(), "cv.png") == "ocr_unavailable"
    assert fault(samples.scanned_pdf(), "scan.pdf") == "ocr_unavailable"


@pytest.mark.usefixtures("without_ocr")
def test_without_ocr_the_pages_with_text_are_still_read() -> None:
    import pypdfium2

    document = pypdfium2.PdfDocument(samples.text_pdf(["A page with text on it"]))
    scan = pypdfium2.PdfDocument(samples.scanned_pdf())
    document.import_pages(scan)
    buffer = io.BytesIO()
    document.save(buffer)
    scan.close()
    document.close()
    extracted = read(buffer.getvalue(), "mixed.pdf")
    assert extracted.text == "A page with text on it"
    assert extracted.warnings == ["Page 2 is a picture, and OCR is not installed: it was left out."]
