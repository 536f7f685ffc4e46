"""The child's reader of PDF files."""

from __future__ import annotations

import ctypes
import re
import zlib
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from .faults import Fault
from .limits import MEGABYTE, Limits
from .ocr import read_picture, to_pgm
from .reading_order import Word, in_reading_order
from .text import check_length

_STREAM = re.compile(rb"stream\r?\n")
# Streams that overlap make a reader go over the same bytes again and again; those of an honest file do not.
_MOST_READINGS = 4
_FIRST_CHUNK, _LARGEST_CHUNK = 1_024, 65_536
# A page with fewer letters than this and a picture on it is a scan with a stamp or a page number.
_FEW_LETTERS = 20
# What PDFium puts for the hyphen of a word that goes on in the next line.
_LINE_HYPHENS = (0x02, 0xFFFE)
_HYPHEN = "\u00ad"
_OCR_DPI = 300
# Of one page or drawing that are looked at when pictures are counted: a map has more, and takes its time.
_MOST_OBJECTS = 20_000


def read(data: bytes, limits: Limits, ocr: dict[str, Any] | None) -> dict[str, Any]:
    """Read a PDF; pages without text are rendered and go to OCR if it is there.

    Raises Fault: encrypted_file, corrupt_file, too_many_pages, decompression_bomb, too_much_text.
    """
    _check_streams(data, limits)
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        protected = error.err_code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY)
        raise Fault("encrypted_file" if protected else "corrupt_file") from None
    count = len(document)
    if count > limits.pages:
        raise Fault("too_many_pages")
    if count == 0:
        raise Fault("corrupt_file")

    pages: list[list[Any]] = []
    warnings: list[list[Any]] = []
    length = images = 0
    for number in range(1, count + 1):
        try:
            page = document[number - 1]
        except pypdfium2.PdfiumError:
            warnings.append(["unreadable_page", number])
            continue
        images += _count_images(page.raw)
        text, scanned, known = _page_text(page, limits), False, False
        is_scan = _is_scan(page, text)
        if is_scan:
            if ocr is None:
                warnings.append(["ocr_unavailable", number])
                known = True
            else:
                read_text = read_picture(_render(page, limits), ocr)
                if _letters(read_text) > _letters(text):
                    text, scanned = read_text, True
        if not text.strip() and not known:
            warnings.append(["unreadable_page" if is_scan else "empty_page", number])
        length += len(text)
        if length > limits.text_chars:
            raise Fault("too_much_text")
        pages.append([number, text, scanned])
        page.close()
    if not pages:
        raise Fault("corrupt_file")
    check_length("\n".join(text for _, text, _ in pages), limits)
    return {"pages": pages, "page_count": count, "warnings": warnings, "embedded_images": images}


def _count_images(page: Any) -> int:
    """Return how many pictures are placed on the page, also those in a drawing on it. page: PDFium's handle."""
    return _count_in(page, pdfium.FPDFPage_CountObjects, pdfium.FPDFPage_GetObject, deeper=True)


def _count_in(holder: Any, count_of: Any, object_at: Any, *, deeper: bool) -> int:
    images = 0
    for index in range(min(count_of(holder), _MOST_OBJECTS)):
        thing = object_at(holder, index)
        kind = pdfium.FPDFPageObj_GetType(thing)
        if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            images += 1
        elif kind == pdfium.FPDF_PAGEOBJ_FORM and deeper:
            images += _count_in(thing, pdfium.FPDFFormObj_CountObjects, pdfium.FPDFFormObj_GetObject, deeper=False)
    return images


def _check_streams(data: bytes, limits: Limits) -> None:
    """Inflate every stream without keeping it, so that PDFium never meets one that unpacks beyond the caps.

    Raises Fault: decompression_bomb, too_expensive. Streams in an outer stream or another packing are left to the
    memory limit.
    """
    total = 0
    left = _MOST_READINGS * len(data) + MEGABYTE
    view = memoryview(data)
    for match in _STREAM.finditer(data):
        start = match.end()
        if data[start : start + 1] not in (b"x", b"h", b"X", b"8"):  # not zlib's first byte for any window size
            continue
        inflater = zlib.decompressobj()
        packed, unpacked, position, size = 0, 0, start, _FIRST_CHUNK
        try:
            while not inflater.eof and (position < len(data) or inflater.unconsumed_tail):
                chunk = inflater.unconsumed_tail or view[position : position + size]
                if not inflater.unconsumed_tail:
                    position += len(chunk)
                    size = min(2 * size, _LARGEST_CHUNK)
                unpacked += len(inflater.decompress(chunk, MEGABYTE))
                packed = position - start - len(inflater.unconsumed_tail)
                too_dense = unpacked > limits.unpacked_bytes and unpacked > limits.unpacked_ratio * packed
                if too_dense or total + unpacked > limits.unpacked_total_bytes:
                    raise Fault("decompression_bomb")
        except zlib.error:
            pass  # no zlib stream after all, or a damaged one: PDFium copes
        total += unpacked
        left -= packed - len(inflater.unused_data)
        if left < 0:
            raise Fault("too_expensive")


def _page_text(page: pypdfium2.PdfPage, limits: Limits) -> str:
    textpage = page.get_textpage()
    try:
        count = pdfium.FPDFText_CountChars(textpage)
        if count > limits.text_chars:
            raise Fault("too_much_text")
        return in_reading_order(_words(textpage, count, page))
    finally:
        textpage.close()


def _words(textpage: pypdfium2.PdfTextPage, count: int, page: pypdfium2.PdfPage) -> list[Word]:
    """Return the page's words with their boxes, in points from the top left of the page as it is looked at."""
    turn = _Turn(page)
    unicode_of = pdfium.FPDFText_GetUnicode
    handle = textpage.raw
    words: list[Word] = []
    letters: list[str] = []
    start = last = 0

    def finish() -> None:
        if letters:
            words.append(Word(_joined(letters), *turn.box(_char_box(textpage, start), _char_box(textpage, last))))
            letters.clear()

    for index in range(count):
        code = unicode_of(handle, index)
        if code in _LINE_HYPHENS:
            if letters:
                letters.append(_HYPHEN)
            finish()
        elif code <= 0x20 or code == 0xA0:
            finish()
        else:
            if not letters:
                start = index
            letters.append(chr(code))
            last = index
    finish()
    return words


def _joined(letters: list[str]) -> str:
    """Return the letters as text; PDFium gives characters beyond U+FFFF as two surrogates on some builds."""
    text = "".join(letters)
    if any("\ud800" <= letter <= "\udfff" for letter in letters):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return text


def _char_box(textpage: pypdfium2.PdfTextPage, index: int) -> tuple[float, float, float, float]:
    """Return left, bottom, right, top as high as the font is, so that all letters of a line are equally high."""
    rect = pdfium.FS_RECTF()
    if pdfium.FPDFText_GetLooseCharBox(textpage.raw, index, ctypes.byref(rect)):
        return rect.left, rect.bottom, rect.right, rect.top
    return 0.0, 0.0, 0.0, 0.0


class _Turn:
    """Turns boxes of the page's own coordinates into those of the reader, whose page may be rotated."""

    def __init__(self, page: pypdfium2.PdfPage) -> None:
        self.rotation = page.get_rotation()

    def box(
        self, first: tuple[float, float, float, float], last: tuple[float, float, float, float]
    ) -> tuple[float, float, float, float]:
        left, bottom = min(first[0], last[0]), min(first[1], last[1])
        right, top = max(first[2], last[2]), max(first[3], last[3])
        match self.rotation:
            case 90:
                return bottom, left, top, right
            case 180:
                return -right, bottom, -left, top
            case 270:
                return -top, -right, -bottom, -left
        return left, -top, right, -bottom


def _is_scan(page: pypdfium2.PdfPage, text: str) -> bool:
    if _letters(text) >= _FEW_LETTERS:
        return False
    # Drawings count: some writers turn letters into curves.
    drawn = (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_FORM)
    return any(True for _ in page.get_objects(filter=drawn, max_depth=1))


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def _render(page: pypdfium2.PdfPage, limits: Limits) -> bytes:
    """Paint the page as a PGM. A page of any size becomes at most `render_pixels` long."""
    longest = max(*page.get_size(), 1.0)
    scale = min(_OCR_DPI / 72, limits.render_pixels / longest)
    bitmap = page.render(scale=scale, grayscale=True)
    try:
        return to_pgm(bytes(bitmap.buffer), bitmap.width, bitmap.height, bitmap.stride)
    finally:
        bitmap.close()
