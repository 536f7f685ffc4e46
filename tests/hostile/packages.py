"""DOCX files that mean harm, and other ZIP archives that are named like one."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator

from tests import samples
from tests.hostile.files import READ, Hostile, hostile

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
MACROS = "application/vnd.ms-word.document.macroEnabled.main+xml"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
SLIDES = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
TEXT = "The library opens at nine on Saturdays."
BODY = f'<w:document xmlns:w="{W}"><w:body>%s</w:body></w:document>'
PARAGRAPH = "<w:p><w:r><w:t>%s</w:t></w:r></w:p>"
DOCUMENT = BODY % (PARAGRAPH % TEXT)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def types(main: str = MAIN, part: str = "/word/document.xml") -> str:
    kinds = "http://schemas.openxmlformats.org/package/2006/content-types"
    return f'<Types xmlns="{kinds}"><Override PartName="{part}" ContentType="{main}"/></Types>'


def package(*members: tuple[str, str | bytes], first: bool = True, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a ZIP archive. first: begin with the list of types and a good document."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", packing) as archive:
        warnings.simplefilter("ignore")  # names that are there twice are meant
        if first:
            members = ("[Content_Types].xml", types()), ("word/document.xml", DOCUMENT), *members
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, packing)  # without the time
    return buffer.getvalue()


def document(xml: str, main: str = MAIN) -> bytes:
    return package(("[Content_Types].xml", types(main)), ("word/document.xml", xml), first=False)


def body(xml: str) -> bytes:
    return document(BODY % xml)


def packages() -> Iterator[Hostile]:
    whole = samples.cv_docx()
    yield hostile("docx: bomb", "a.docx", samples.zip_bomb_docx(), "decompression_bomb")
    yield hostile("docx: size that lies", "a.docx", _lying_size(), "decompression_bomb", "corrupt_file")
    yield hostile("docx: members that overlap", "a.docx", _overlapping(1_000), READ, "corrupt_file")
    yield hostile("docx: 2,001 members", "a.docx", samples.docx_with_entries(2_001), "decompression_bomb")
    yield hostile("docx: archive in an archive", "a.docx", _nested(40), READ)
    yield hostile("docx: password", "a.docx", samples.encrypted_docx(), "encrypted_file")
    yield hostile("docx: flag of a password", "a.docx", _flagged(), "encrypted_file")
    yield hostile("docx: file of /etc as an entity", "a.docx", _entity('SYSTEM "file:///etc/passwd"'), "corrupt_file")
    yield hostile("docx: address as an entity", "a.docx", _entity('SYSTEM "http://127.0.0.1:9/"'), "corrupt_file")
    yield hostile("docx: entities that multiply", "a.docx", _laughs(), "corrupt_file")
    yield hostile("docx: entities in UTF-16", "a.docx", _wide_entity(), "corrupt_file")
    yield hostile("docx: entities that multiply in UTF-16", "a.docx", _wide_laughs(), "corrupt_file")
    yield hostile("docx: DTD behind a long comment", "a.docx", _late_doctype(), "corrupt_file")
    yield hostile("docx: another document included", "a.docx", _included(), READ)
    yield hostile("docx: stylesheet of elsewhere", "a.docx", document(_STYLED + DOCUMENT), READ)
    yield hostile("docx: macros", "a.docx", _with_macros(), READ)
    yield hostile("docx: macros, honest name", "a.docm", _with_macros(), READ)
    yield hostile("docx: template of elsewhere", "a.docx", _linked_template(), READ)
    yield hostile("docx: names that lead elsewhere", "a.docx", package(*_leading_names()), READ)
    yield hostile("docx: part that leads elsewhere", "a.docx", _part_elsewhere(), "unsupported_type", "no_text")
    yield hostile("docx: each part twice", "a.docx", _twice(), READ)
    yield hostile("docx: 100,000 deep", "a.docx", _deep(100_000), "corrupt_file")
    yield hostile("docx: 250 deep", "a.docx", body("<w:x>" * 250 + PARAGRAPH % TEXT + "</w:x>" * 250), READ)
    yield hostile("docx: tables in tables", "a.docx", _tables(60), READ)
    yield hostile("docx: attribute of 20 MB", "a.docx", _attribute(20_000_000), "corrupt_file", "decompression_bomb")
    yield hostile("docx: 200,000 attributes", "a.docx", _attributes(200_000), READ, "corrupt_file")
    yield hostile("docx: 100,000 namespaces", "a.docx", _namespaces(100_000), READ, "corrupt_file")
    yield hostile("docx: no document", "a.docx", package(("[Content_Types].xml", types()), first=False), "no_text")
    yield hostile("docx: no list of types", "a.docx", package(("word/document.xml", "x"), first=False), *_NO_DOCX)
    yield hostile("docx: empty members", "a.docx", document(""), "corrupt_file")
    yield hostile("docx: NULs in its text", "a.docx", body(PARAGRAPH % "a\x00b"), "corrupt_file")
    yield hostile("docx: marks of direction", "a.docx", body(PARAGRAPH % f"\u202e{TEXT}\u2066\ufeff\u200b"), READ)
    yield hostile("docx: wrong checksum", "a.docx", _wrong_checksum(), "corrupt_file")
    yield hostile("docx: unknown packing", "a.docx", _unknown_packing(), "corrupt_file")
    yield hostile("docx: packed with LZMA", "a.docx", package(packing=zipfile.ZIP_LZMA), READ)
    yield hostile("docx: packed with bzip2", "a.docx", package(packing=zipfile.ZIP_BZIP2), READ)
    yield hostile("docx: bzip2 bomb", "a.docx", _bzip2_bomb(), "decompression_bomb")
    for share in (10, 50, 99):
        yield hostile(f"docx: first {share} %", "a.docx", whole[: len(whole) * share // 100], "corrupt_file")
    yield hostile("docx: directory before its beginning", "a.docx", early_directory(), "corrupt_file")
    yield hostile("docx: end of the archive alone", "a.docx", b"PK\x05\x06" + bytes(18), *_NO_DOCX)
    yield hostile("docx: a workbook", "a.docx", _office(SHEET, "xl/workbook.xml"), *_NO_DOCX)
    yield hostile("docx: slides", "a.docx", _office(SLIDES, "ppt/presentation.xml"), *_NO_DOCX)
    yield hostile("xlsx", "a.xlsx", _office(SHEET, "xl/workbook.xml"), *_NO_DOCX)
    yield hostile("pptx", "a.pptx", _office(SLIDES, "ppt/presentation.xml"), *_NO_DOCX)
    yield hostile("zip", "a.zip", samples.zip_of({"a.txt": TEXT.encode()}), *_NO_DOCX)
    yield hostile("zip named .pdf", "a.pdf", samples.zip_of({"a.txt": TEXT.encode()}), "type_mismatch")
    yield hostile("doc of old", "a.doc", OLE + bytes(4096), "unsupported_type")
    yield hostile("gzip named .txt", "a.txt", b"\x1f\x8b\x08\x00" + samples.binary_garbage(5_000), "unsupported_type")
    yield hostile("7z", "a.7z", b"7z\xbc\xaf\x27\x1c\x00\x04" + samples.binary_garbage(500), "unsupported_type")
    yield hostile("rar named .docx", "a.docx", b"Rar!\x1a\x07\x01\x00" + bytes(500), "type_mismatch")


_NO_DOCX = ("unsupported_type",)
_STYLED = '<?xml-stylesheet href="http://127.0.0.1:9/x.xsl"?>'


def _lying_size() -> bytes:
    """A member that says it has ten bytes, and unpacks to 60 MB."""
    data = bytearray(samples.zip_bomb_docx())
    place = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, place + 24, 10)
    return bytes(data)


def _overlapping(count: int) -> bytes:
    """An archive whose directory names the same packed bytes again and again."""
    data = package()
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry = data[data.rindex(b"PK\x01\x02") : end]
    directory = data[start:end] + entry * count
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 2 + count, 2 + count, len(directory), start, 0)
    return data[:start] + directory + tail


def _nested(depth: int) -> bytes:
    inner = samples.zip_of({"0.zip": bytes(1_000_000)})
    for level in range(depth):
        inner = samples.zip_of({f"{level}.zip": inner})
    return package(("word/embeddings/all.zip", inner))


def _flagged() -> bytes:
    data = bytearray(package())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(mark)
        while place >= 0:
            data[place + offset] |= 1
            place = data.find(mark, place + 4)
    return bytes(data)


def _entity(declared: str) -> bytes:
    return document(f"<!DOCTYPE d [<!ENTITY x {declared}>]>" + BODY % (PARAGRAPH % "&x;"))


def _laughs() -> bytes:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    return document(f'<!DOCTYPE d [<!ENTITY l0 "ha">{entities}]>' + BODY % (PARAGRAPH % "&l11;"))


def _wide_entity() -> bytes:
    xml = f'<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE d [<!ENTITY x "{TEXT}">]>' + BODY % (PARAGRAPH % "&x;")
    return package(("[Content_Types].xml", types()), ("word/document.xml", xml.encode("utf-16")), first=False)


def _wide_laughs() -> bytes:
    """Entities in an attribute, where XML has no references to leave alone: whoever reads it must expand them."""
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    head = f'<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE d [<!ENTITY l0 "ha">{entities}]>'
    xml = head + BODY % f'<w:p w:x="&l11;"/>{PARAGRAPH % TEXT}'
    return package(("[Content_Types].xml", types()), ("word/document.xml", xml.encode("utf-16")), first=False)


def _late_doctype() -> bytes:
    return document(f"<!--{'x' * 5_000}-->" + '<!DOCTYPE d SYSTEM "http://127.0.0.1:9/d.dtd">' + DOCUMENT)


def _included() -> bytes:
    return body(f'<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>{PARAGRAPH % TEXT}')


def _with_macros() -> bytes:
    return package(
        ("[Content_Types].xml", types(MACROS)), ("word/document.xml", DOCUMENT),
        ("word/vbaProject.bin", OLE + b'Sub AutoOpen()\r\nShell "cmd.exe"\r\nEnd Sub'), first=False,
    )  # fmt: skip


def _linked_template() -> bytes:
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/attachedTemplate"
    link = f'<Relationships><Relationship Id="r" Type="{kind}" Target="http://127.0.0.1:9/t" TargetMode="External"/>'
    return package(("word/_rels/settings.xml.rels", link + "</Relationships>"))


def _leading_names() -> Iterable[tuple[str, bytes]]:
    for name in (
        "../../hostile",
        "/tmp/hostile",
        "C:\\hostile",
        "word/../../hostile",
        "a" * 5_000,
        "con",
        "\u202egpj.exe",
    ):
        yield name, b"written by a hostile file"


def _part_elsewhere() -> bytes:
    return package(("[Content_Types].xml", types(part="/../../etc/passwd")), ("word/x.xml", DOCUMENT), first=False)


def _twice() -> bytes:
    return package(
        ("[Content_Types].xml", types(SHEET)), ("[Content_Types].xml", types()), ("word/document.xml", DOCUMENT)
    )


def _deep(depth: int) -> bytes:
    """Elements in elements, not packed: its density gives it away otherwise."""
    xml = BODY % ("<w:x>" * depth + "</w:x>" * depth)
    members = ("[Content_Types].xml", types()), ("word/document.xml", xml)
    return package(*members, first=False, packing=zipfile.ZIP_STORED)


def _tables(depth: int) -> bytes:
    return body("<w:tbl><w:tr><w:tc>" * depth + PARAGRAPH % TEXT + "</w:tc></w:tr></w:tbl>" * depth)


def _attribute(length: int) -> bytes:
    return body(f'<w:p w:x="{"x" * length}"/>{PARAGRAPH % TEXT}')


def _attributes(count: int) -> bytes:
    many = " ".join(f'a{n}="1"' for n in range(count))
    return body(f"<w:p {many}/>{PARAGRAPH % TEXT}")


def _namespaces(count: int) -> bytes:
    many = " ".join(f'xmlns:n{n}="urn:{n}"' for n in range(count))
    return body(f"<w:p {many}/>{PARAGRAPH % TEXT}")


def _wrong_checksum() -> bytes:
    good = zlib.crc32(DOCUMENT.encode()).to_bytes(4, "little")
    return package().replace(good, b"\x00\x00\x00\x00")


def _unknown_packing() -> bytes:
    data = bytearray(package())
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        place = data.rindex(mark)
        struct.pack_into("<H", data, place + offset, 99)
    return bytes(data)


def early_directory() -> bytes:
    """An end that puts the directory 32 bytes further back than it is, and so the first member before the file."""
    data = bytearray(package())
    place = data.rindex(b"PK\x05\x06") + 16
    struct.pack_into("<I", data, place, struct.unpack_from("<I", data, place)[0] + 32)
    return bytes(data)


def _bzip2_bomb() -> bytes:
    big = BODY % (PARAGRAPH % (" " * 51 * 1024 * 1024))
    return package(("[Content_Types].xml", types()), ("word/document.xml", big), first=False, packing=zipfile.ZIP_BZIP2)


def _office(kind: str, part: str) -> bytes:
    return package(("[Content_Types].xml", types(kind, f"/{part}")), (part, "<x/>"), first=False)
