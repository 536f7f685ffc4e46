"""PDF files that mean harm. All of them are made here; nothing is read from a disk."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

from reportlab.pdfgen.canvas import Canvas

from tests import samples
from tests.hostile.files import READ, Hostile, hostile
from tests.samples import pdf_of

CATALOGUE = b"<</Type/Catalog/Pages 2 0 R>>"
PAGES = b"<</Type/Pages/Count 1/Kids[3 0 R]>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]%s>>"
WITH_FONT = b"/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>"
HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
SAYS = b"BT /F 12 Tf 72 720 Td (The library opens at nine on Saturdays.) Tj ET"


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(content), content)


def one_page(content: bytes = SAYS, *others: bytes, font: bytes = HELVETICA, page: bytes = WITH_FONT) -> bytes:
    """Return a PDF of one page; `others` are the objects from 6 on."""
    return pdf_of(CATALOGUE, PAGES, PAGE % page, stream(content), font, *others)


def pdfs() -> Iterator[Hostile]:
    whole = samples.cv_pdf()
    yield hostile("pdf: password", "a.pdf", samples.encrypted_pdf(), "encrypted_file")
    yield hostile("pdf: unknown encryption", "a.pdf", _unknown_encryption(), "encrypted_file", "corrupt_file")
    for share in (1, 25, 50, 75, 99):
        # PDFium finds the objects of a file without its table; a tail that is missing may take nothing away.
        cut = whole[: len(whole) * share // 100]
        yield hostile(f"pdf: first {share} %", "a.pdf", cut, READ, "corrupt_file", "no_text")
    yield hostile("pdf: scrambled", "a.pdf", samples.corrupt_pdf(), "corrupt_file")
    yield hostile("pdf: header alone", "a.pdf", b"%PDF-", "corrupt_file")
    yield hostile("pdf: bomb", "a.pdf", samples.pdf_bomb(), "decompression_bomb")
    yield hostile("pdf: bomb packed twice", "a.pdf", samples.pdf_bomb(300, nested=True), "no_text", "too_expensive")
    yield hostile("pdf: bomb of a hex string", "a.pdf", _hex_bomb(), READ, "no_text", "too_expensive")
    yield hostile("pdf: bomb in an object stream", "a.pdf", _object_stream_bomb(), "decompression_bomb", "corrupt_file")
    yield hostile("pdf: drawings that call each other", "a.pdf", samples.slow_pdf(), "too_expensive")
    yield hostile("pdf: a drawing that calls itself", "a.pdf", _calls_itself(), "too_expensive")
    yield hostile("pdf: 100,000 pages", "a.pdf", samples.pdf_with_pages(100_000), "too_many_pages")
    yield hostile("pdf: a count of 2^31 pages", "a.pdf", _page_count(b"2147483647"), READ)
    yield hostile("pdf: a count below zero", "a.pdf", _page_count(b"-5"), READ, "corrupt_file", "no_text")
    yield hostile("pdf: pages that hold themselves", "a.pdf", _page_loop(), "corrupt_file", "no_text")
    yield hostile("pdf: pages 20,000 deep", "a.pdf", _deep_pages(20_000), "corrupt_file", "no_text")
    yield hostile("pdf: arrays 500,000 deep", "a.pdf", _deep_arrays(500_000), READ, "corrupt_file", "no_text")
    yield hostile("pdf: references in a ring", "a.pdf", _reference_ring(), "corrupt_file", "no_text")
    yield hostile("pdf: tables that name each other", "a.pdf", _table_ring(), READ, "corrupt_file")
    yield hostile("pdf: a length that lies", "a.pdf", whole.replace(b"/Length ", b"/Length 9"), READ, "corrupt_file")
    yield hostile("pdf: scripts and a file to start", "a.pdf", _scripts(), READ)
    yield hostile("pdf: a font that is noise", "a.pdf", _font(samples.binary_garbage(5_000)), READ, "no_text")
    yield hostile(
        "pdf: a font that ends early", "a.pdf", _font(b"\x00\x01\x00\x00\xff\xff" + bytes(20)), READ, "no_text"
    )
    yield hostile("pdf: a map of 4 billion letters", "a.pdf", _letter_map(), READ, "no_text")
    yield hostile("pdf: a font that calls itself", "a.pdf", _type_3_ring(), READ, "no_text")
    yield hostile("pdf: a page of 200,000 points", "a.pdf", samples.pdf_with_page_size(200_000), "no_text")
    yield hostile("pdf: a page without area", "a.pdf", _box(b"0 0 0 0"), READ, "no_text")
    yield hostile("pdf: a page of no numbers", "a.pdf", _box(b"1e999 -1e999 /x null"), READ, "no_text")
    yield hostile("pdf: a picture of 2^30 pixels", "a.pdf", _picture(32_768, 32_768), "no_text", "too_expensive")
    yield hostile("pdf: a million letters in one place", "a.pdf", _pile(1_000_000), READ, "too_expensive")
    yield hostile("pdf: junk before it", "a.pdf", b"\x00junk\n" * 100 + one_page(), READ)
    yield hostile("pdf: marks of direction", "a.pdf", _marks(), READ)


def _unknown_encryption() -> bytes:
    handler = b"<</Filter/Standard/V 99/R 99/O(%s)/U(%s)/P -1>>" % (b"o" * 32, b"u" * 32)
    return pdf_of(
        CATALOGUE, PAGES, PAGE % WITH_FONT, stream(SAYS), HELVETICA, handler, trailer=b"/Encrypt 6 0 R/ID[<00><00>]"
    )


def _hex_bomb() -> bytes:
    """A stream of hexadecimal letters, packed: 60 MB of them in 0.1 MB."""
    packed = zlib.compress(b"20" * (20 * 1024 * 1024), 9)
    return pdf_of(
        CATALOGUE, PAGES, PAGE % WITH_FONT, stream(packed, b"/Filter[/FlateDecode/ASCIIHexDecode]"), HELVETICA
    )


def _object_stream_bomb() -> bytes:
    packed = zlib.compress(b"6 0 " + b" " * (60 * 1024 * 1024), 9)
    return one_page(SAYS, stream(packed, b"/Type/ObjStm/N 1/First 4/Filter/FlateDecode"))


def _calls_itself() -> bytes:
    drawing = stream(b"/X Do " * 50, b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 6 0 R>>>>")
    page = b"/Contents 4 0 R/Resources<</Font<</F 5 0 R>>/XObject<</X 6 0 R>>>>"
    return one_page(SAYS + b" /X Do", drawing, page=page)


def _page_count(count: bytes) -> bytes:
    return pdf_of(CATALOGUE, b"<</Type/Pages/Count %s/Kids[3 0 R]>>" % count, PAGE % WITH_FONT, stream(SAYS), HELVETICA)


def _page_loop() -> bytes:
    return pdf_of(
        CATALOGUE,
        b"<</Type/Pages/Count 3/Kids[3 0 R]>>",
        b"<</Type/Pages/Count 3/Parent 2 0 R/Kids[2 0 R 3 0 R 4 0 R]>>",
        b"<</Type/Pages/Count 3/Parent 3 0 R/Kids[3 0 R 2 0 R]>>",
    )


def _deep_pages(depth: int) -> bytes:
    inner = [b"<</Type/Pages/Count 1/Parent %d 0 R/Kids[%d 0 R]>>" % (n - 1, n + 1) for n in range(3, depth)]
    return pdf_of(CATALOGUE, PAGES, *inner, b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>")


def _deep_arrays(depth: int) -> bytes:
    return one_page(page=WITH_FONT + b"/Deep " + b"[" * depth + b"]" * depth)


def _reference_ring() -> bytes:
    return pdf_of(b"<</Type/Catalog/Pages 2 0 R/Names 4 0 R>>", b"3 0 R", b"2 0 R", b"5 0 R", b"4 0 R")


def _table_ring() -> bytes:
    data = one_page()
    start = data.rindex(b"startxref\n") + 10
    place = data[start:].split(b"\n")[0]
    return data.replace(b"/Root 1 0 R", b"/Root 1 0 R/Prev " + place)


def _scripts() -> bytes:
    return pdf_of(
        b"<</Type/Catalog/Pages 2 0 R/OpenAction 6 0 R/Names<</JavaScript<</Names[(a) 6 0 R]>>>>"
        b"/AA<</WC 7 0 R>>/AcroForm<</XFA 8 0 R>>>>",
        PAGES, PAGE % WITH_FONT, stream(SAYS), HELVETICA,
        b"<</S/JavaScript/JS(while\\(true\\){app.launchURL\\('http://127.0.0.1:9/'\\);})>>",
        b"<</S/Launch/F(/bin/sh)/Win<</F(cmd.exe)>>>>",
        stream(b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><xdp>&e;</xdp>'),
    )  # fmt: skip


def _font(program: bytes) -> bytes:
    font = b"<</Type/Font/Subtype/TrueType/BaseFont/Bad/FirstChar 0/LastChar 255/FontDescriptor 6 0 R>>"
    about = b"<</Type/FontDescriptor/FontName/Bad/Flags 32/FontBBox[0 0 1e38 -1e38]/FontFile2 7 0 R>>"
    return one_page(SAYS, about, stream(program), font=font)


def _letter_map() -> bytes:
    """A map from codes to letters whose one range is as long as codes are."""
    ranges = b"1 beginbfrange <00000000> <FFFFFFFF> <0041> endbfrange\n" * 2_000
    font = b"<</Type/Font/Subtype/Type0/BaseFont/H/Encoding/Identity-H/DescendantFonts[7 0 R]/ToUnicode 6 0 R>>"
    child = b"<</Type/Font/Subtype/CIDFontType2/BaseFont/H/CIDSystemInfo<</Registry(A)/Ordering(I)/Supplement 0>>>>"
    return one_page(SAYS, stream(b"begincmap " + ranges + b" endcmap"), child, font=font)


def _type_3_ring() -> bytes:
    """A font whose letters are drawings that write with the same font."""
    font = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[1 0 0 1 0 0]/FirstChar 0/LastChar 255/CharProcs<<"
        b"/a 6 0 R>>/Encoding<</Differences[0" + b"/a" * 256 + b"]>>/Widths[" + b"9 " * 256 + b"]"
        b"/Resources<</Font<</F 5 0 R>>>>>>"
    )
    return one_page(SAYS, stream(b"9 0 d0 " + SAYS * 20), font=font)


def _box(numbers: bytes) -> bytes:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[%s]%s>>" % (numbers, WITH_FONT)
    return pdf_of(CATALOGUE, PAGES, page, stream(SAYS), HELVETICA)


def _picture(width: int, height: int) -> bytes:
    packed = zlib.compress(bytes(10_000), 9)
    about = b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace/DeviceRGB/Filter/FlateDecode"
    page = b"/Contents 4 0 R/Resources<</XObject<</X 6 0 R>>>>"
    return one_page(b"595 0 0 842 0 0 cm /X Do", stream(packed, about % (width, height)), page=page)


def _pile(letters: int) -> bytes:
    return one_page(b"BT /F 12 Tf 72 720 Td (" + b"ab cd " * (letters // 6) + b") Tj ET")


def _marks() -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    canvas.setTitle("\u202egnp.exe")
    canvas.drawString(72, 720, "The library opens at nine on Saturdays, and \u202e\u2066\u0000at ten on Sundays.")
    canvas.save()
    return buffer.getvalue()
