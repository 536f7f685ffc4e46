"""The ways a document can be bad: a stable code and the sentence people read for each.

Readers run in the child and raise `Fault(code)`. Only the code crosses to the parent, which makes the sentence, so
that no error can carry a piece of the document with it.
"""

from __future__ import annotations

from datetime import timedelta

from jobs.errors import InvalidInput

from .limits import MEGABYTE, Limits

SENTENCES = {
    "empty_file": "The file is empty. Send a file that has content.",
    "file_too_large": "The file is larger than {upload_bytes}. Send a smaller one.",
    "unsupported_type": "This type of file cannot be read. Send a PDF, a DOCX, a text file or an image (PNG, JPEG, "
    "TIFF, WebP); save an old .doc as DOCX or PDF first.",
    "type_mismatch": "The file's name and its content do not agree: it is named like a {named} but is not one. "
    "Give it its right extension, or save it again as the type its name says.",
    "encrypted_file": "The file is protected with a password. Remove the password and send it again.",
    "corrupt_file": "The file is damaged and cannot be read. Open it, save it again and send the new file.",
    "too_many_pages": "The document has more than {pages} pages. Send the pages that matter.",
    "decompression_bomb": "The file unpacks to far more than its size allows and was not read. "
    "Save it again as a plain PDF or DOCX.",
    "image_too_large": "The image has more than {image_pixels} pixels. Make it smaller and send it again.",
    "no_text": "No text was found in the document, also not by OCR. Send one with text, or a sharper scan.",
    "too_much_text": "The document has more than {text_chars} characters or {text_lines} lines of text. "
    "Send a shorter one.",
    "too_expensive": "Reading the document takes more time or memory than one document may use ({wall}). "
    "Send fewer pages, or save it again as a plain PDF.",
    "ocr_unavailable": "The document is a picture, and this installation cannot read pictures. Send one with text, or "
    "ask the operator to install tesseract (with its eng and tur data) or Sıra's 'ocr' extra.",
}


class Fault(Exception):
    """The document is bad in a way that `SENTENCES` knows."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def invalid(code: str, limits: Limits, *, named: str = "") -> InvalidInput:
    """Return the error that people see for `code`. named: what the file's name says it is, for `type_mismatch`."""
    sentence = SENTENCES[code].format(
        upload_bytes=f"{limits.upload_bytes / MEGABYTE:g} MB",
        pages=limits.pages,
        image_pixels=f"{limits.image_pixels:,}",
        text_chars=f"{limits.text_chars:,}",
        text_lines=f"{limits.text_lines:,}",
        wall=_seconds(limits.wall),
        named=named,
    )
    return InvalidInput(sentence, code=code)


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():g} s"
