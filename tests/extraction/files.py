"""Writing a sample to disk and reading it, in one call; and documents with pictures in them."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import docx
import pytest
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from jobs.errors import InvalidInput
from parsers.extraction import ExtractedText, Limits, extract_text
from tests import samples


def read(data: bytes, name: str, limits: Limits | None = None) -> ExtractedText:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / name
        source.write_bytes(data)
        return extract_text(source, limits=limits or Limits())


def fault(data: bytes, name: str, limits: Limits | None = None) -> str:
    """Return the code of the InvalidInput that the file ends with."""
    with pytest.raises(InvalidInput) as raised:
        read(data, name, limits)
    return raised.value.code


def pdf_with_pictures(text: str, pictures: int) -> bytes:
    """Return a PDF of one page with a text and so many small pictures below it."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4)
    _write(canvas, text)
    for number in range(pictures):
        canvas.drawImage(ImageReader(dot(number)), 60 + 40 * number, 100, 30, 30)
    canvas.save()
    return buffer.getvalue()


def pdf_with_a_scan(text: str) -> bytes:
    """Return a PDF of two pages: one of text, and one that is a picture of a text."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4)
    _write(canvas, text)
    canvas.showPage()
    canvas.drawImage(ImageReader(samples.text_image("Nobody knows what stands here.")), 0, 0, *A4)
    canvas.save()
    return buffer.getvalue()


def docx_with_pictures(text: str, pictures: int) -> bytes:
    document = docx.Document()
    document.add_paragraph(text)
    for number in range(pictures):
        picture = io.BytesIO()
        dot(number).save(picture, "PNG")
        picture.seek(0)
        document.add_picture(picture)
    return samples.docx_bytes(document)


def dot(number: int) -> Image.Image:
    """Return a small picture; each number has a colour of its own, so that none is stored once for two."""
    return Image.new("RGB", (20, 20), (10 * number % 256, 80, 120))


def _write(canvas: Canvas, text: str) -> None:
    for number, line in enumerate(text.splitlines()):
        canvas.drawString(56, 790 - 15 * number, line)
