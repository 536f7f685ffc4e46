"""A file to its text."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

from . import sandbox
from .faults import invalid
from .limits import Limits
from .media import HEAD_BYTES, judge_type
from .result import ExtractedText, Page

_WARNING_SENTENCES = {
    "unreadable_page": "Page {page} has no text that could be read.",
    "empty_page": "Page {page} has no text that could be read.",
    "ocr_unavailable": "Page {page} is a picture, and OCR is not installed: it was left out.",
}
#: Something stands on these pages, and nobody knows what.
_UNREAD = frozenset({"unreadable_page", "ocr_unavailable"})


def extract_text(source: Path, *, limits: Limits = Limits(), filename: str | None = None) -> ExtractedText:  # noqa: B008
    """Read a document of any supported type into text, page by page, in reading order.

    The bytes are opened only in a sandboxed child process, and its limits hold for all that takes time: nothing here
    does more with the text than look at it once. See `sandbox.run` for what happens on a signal.
    filename: the name it was sent under, where the stored one has no extension; decides nothing but `type_mismatch`.
    Raises InvalidInput with a code of `faults.SENTENCES`, or Unavailable when our own machinery failed.
    """
    with source.open("rb") as document:
        size = os.fstat(document.fileno()).st_size
        media_type = judge_type(document.read(HEAD_BYTES), filename or source.name, size, limits)
        # The child gets the descriptor, which shares its position with ours, and never learns the path.
        os.lseek(document.fileno(), 0, os.SEEK_SET)
        answer = sandbox.run(document, media_type, limits, _ocr_engines())

    pages = [Page(number, text, ocr) for number, text, ocr in answer["pages"]]
    if not any(page.text.strip() for page in pages):
        raise invalid("no_text" if ocr_available() else _without_ocr(answer), limits)
    warnings = [(code, page) for code, page in answer["warnings"] if code in _WARNING_SENTENCES]
    return ExtractedText(
        pages=pages,
        media_type=media_type,
        page_count=answer["page_count"],
        ocr_used=any(page.ocr for page in pages),
        warnings=[_WARNING_SENTENCES[code].format(page=page) for code, page in warnings],
        unread_pages=[page for code, page in warnings if code in _UNREAD],
        embedded_images=answer["embedded_images"],
    )


def ocr_available() -> bool:
    """Say whether pictures and scanned pages can be read on this machine."""
    return _ocr_engines() is not None


@functools.cache
def _ocr_engines() -> dict[str, Any] | None:
    """Return what the child needs to know of OCR: the path of tesseract, or that rapidocr is there."""
    if tesseract := shutil.which("tesseract"):
        return {"tesseract": tesseract}
    if importlib.util.find_spec("rapidocr") is not None:
        return {"tesseract": None}
    return None


def _without_ocr(answer: dict[str, Any]) -> str:
    pictures = any(code == "ocr_unavailable" for code, _ in answer["warnings"])
    return "ocr_unavailable" if pictures else "no_text"
