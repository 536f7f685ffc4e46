"""The child's reader of DOCX files."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lxml import etree

from .faults import Fault
from .limits import MEGABYTE, Limits
from .text import check_length

_CONTENT_TYPES = "[Content_Types].xml"
# The kinds of parts that hold text, in the order they are read: the name often stands in the header alone.
_HEADER, _BODY, _FOOTER = "header+xml", "document.main+xml", "footer+xml"
_NOTES = ("footnotes+xml", "endnotes+xml", "comments+xml")
_MACRO_BODY = "document.macroenabled.main+xml"

# Deleted or moved away, codes of fields, and what is only there for old versions of Word.
_SKIPPED = frozenset({"del", "moveFrom", "delText", "delInstrText", "instrText", "rPr", "sectPr", "tblPr", "Fallback"})
_BREAKS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_ENCRYPTED = 0x1
_PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".emf", ".wmf", ".svg", ".jp2")
# The lookbehind keeps a name of many digits from being tried from each of them.
_NUMBER = re.compile(r"(?<!\d)(\d{1,9})\.xml$")
# Small members may be as dense as they like.
_DENSITY_MATTERS = MEGABYTE


def read(data: bytes, limits: Limits, ocr: dict[str, Any] | None) -> dict[str, Any]:
    """Read a DOCX: headers, body with tables and text boxes, footers, notes, comments. Tracked deletions are left out.

    Raises Fault: encrypted_file, corrupt_file, unsupported_type, decompression_bomb, too_much_text.
    """
    with _unpacking():
        archive = zipfile.ZipFile(io.BytesIO(data))
    with archive:
        parts = _Parts(archive, limits)
        sections = [_unique(parts.read(_HEADER)), parts.read(_BODY), _unique(parts.read(_FOOTER))]
        sections += [parts.read(kind) for kind in _NOTES]
        images = parts.count_images()
    text = "\n\n".join(part for section in sections for part in section if part.strip())
    check_length(text, limits)
    return {"pages": [[1, text, False]], "page_count": 1, "warnings": [], "embedded_images": images}


@contextmanager
def _unpacking() -> Iterator[None]:
    """On a damaged archive zipfile raises nearly anything (BadZipFile, ValueError, struct.error, OSError, …)."""
    try:
        yield
    except MemoryError:
        raise
    except Exception:
        raise Fault("corrupt_file") from None


class _Parts:
    """The parts of the package by content type, read within the caps."""

    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self.archive, self.limits = archive, limits
        self.left = limits.unpacked_total_bytes
        members = archive.infolist()
        if len(members) > limits.zip_entries:
            raise Fault("decompression_bomb")
        if any(member.flag_bits & _ENCRYPTED for member in members):
            raise Fault("encrypted_file")
        for member in members:
            dense = member.file_size > limits.unpacked_ratio * max(member.compress_size, 1)
            if member.file_size > limits.unpacked_bytes or (dense and member.file_size > _DENSITY_MATTERS):
                raise Fault("decompression_bomb")
        self.names = {member.filename for member in members}
        if _CONTENT_TYPES not in self.names:
            raise Fault("unsupported_type")
        self.types = self._content_types()
        if not any(kind.endswith((_BODY, _MACRO_BODY)) for kind in self.types.values()):
            raise Fault("unsupported_type")  # a workbook, a presentation or no document at all

    def read(self, kind: str) -> list[str]:
        """Return the text of each part of a kind, in the order of the parts' numbers."""
        suffixes = (_BODY, _MACRO_BODY) if kind == _BODY else (kind,)
        names = [name for name, content_type in self.types.items() if content_type.endswith(suffixes)]
        return [_text(self._xml(name)) for name in sorted(self.names.intersection(names), key=_by_number)]

    def count_images(self) -> int:
        """Return how many pictures the package holds, judged by their names: none is unpacked."""
        return sum(name.startswith("word/media/") and name.lower().endswith(_PICTURE_ENDINGS) for name in self.names)

    def _content_types(self) -> dict[str, str]:
        return {
            element.get("PartName", "").lstrip("/"): element.get("ContentType", "").lower()
            for element in self._xml(_CONTENT_TYPES)
            if _name(element) == "Override"
        }

    def _xml(self, name: str) -> etree._Element:
        # What a member declares is a claim: read no more than the cap, whatever comes.
        cap = min(self.limits.unpacked_bytes, self.left)
        with _unpacking(), self.archive.open(name) as member:
            data = member.read(cap + 1)
        if len(data) > cap:
            raise Fault("decompression_bomb")
        self.left -= len(data)
        if b"<!DOCTYPE" in data[:4096] or b"<!ENTITY" in data:
            raise Fault("corrupt_file")  # the format forbids them, and only attacks use them
        parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        try:
            part = etree.fromstring(data, parser)
        except etree.XMLSyntaxError:
            raise Fault("corrupt_file") from None
        if part.getroottree().docinfo.doctype:
            raise Fault("corrupt_file")  # one in another encoding, or behind a long comment
        return part


def _by_number(name: str) -> tuple[int, str]:
    number = _NUMBER.search(name)
    return (int(number[1]) if number else 0, name)


def _unique(texts: list[str]) -> list[str]:
    """Drop repetitions: every section of a document has its own copy of the header."""
    return list(dict.fromkeys(text.strip() for text in texts))


def _text(part: etree._Element) -> str:
    return "\n".join(_blocks(part))


def _blocks(element: etree._Element) -> Iterator[str]:
    """Yield the lines of a part, a cell or a text box. The parser bounds how deep elements nest (256)."""
    for child in _shown(element):
        name = _name(child)
        if name == "p":
            yield from _paragraph(child)
        elif name == "tbl":
            yield from _table(child)
        else:
            yield from _blocks(child)


def _paragraph(paragraph: etree._Element) -> Iterator[str]:
    pieces: list[str] = []
    boxes: list[etree._Element] = []
    _collect(paragraph, pieces, boxes)
    text = "".join(pieces)
    yield f"• {text}" if text.strip() and _is_list_item(paragraph) else text
    for box in boxes:
        yield from _blocks(box)


def _collect(element: etree._Element, pieces: list[str], boxes: list[etree._Element]) -> None:
    for child in _shown(element):
        name = _name(child)
        if name == "t":
            pieces.append(child.text or "")
        elif name in _BREAKS:
            pieces.append(_BREAKS[name])
        elif name == "txbxContent":
            boxes.append(child)
        elif name != "pPr":
            _collect(child, pieces, boxes)


def _table(table: etree._Element) -> Iterator[str]:
    for row in _below(table, "tr"):
        cells = [[line for line in _blocks(cell) if line.strip()] for cell in _below(row, "tc")]
        if all(len(lines) <= 1 for lines in cells):
            yield "\t".join(line for lines in cells for line in lines)
        else:  # cells of several lines are a layout, read one after the other
            for lines in cells:
                yield from lines
                yield ""


def _below(element: etree._Element, wanted: str) -> Iterator[etree._Element]:
    """Yield the rows of a table or the cells of a row, also those in content controls or tracked insertions."""
    for child in _shown(element):
        if _name(child) == wanted:
            yield child
        elif _name(child) not in ("tbl", "p"):
            yield from _below(child, wanted)


def _shown(element: etree._Element) -> Iterator[etree._Element]:
    for child in element:
        name = _name(child)
        if name in _SKIPPED:
            continue
        if name == "r" and _is_hidden(child):
            continue
        if name == "AlternateContent" and not any(_name(choice) == "Choice" for choice in child):
            for fallback in child:
                yield from fallback
            continue
        yield child


def _is_hidden(run: etree._Element) -> bool:
    """Say whether a run is formatted as hidden: people do not see it, so it is not what the document says."""
    return any(
        _name(mark) == "vanish" and _attribute(mark, "val") not in ("0", "false", "off")
        for properties in run
        if _name(properties) == "rPr"
        for mark in properties
    )


def _is_list_item(paragraph: etree._Element) -> bool:
    return any(
        _name(mark) == "numPr" or (_name(mark) == "pStyle" and (_attribute(mark, "val") or "").startswith("ListBullet"))
        for properties in paragraph
        if _name(properties) == "pPr"
        for mark in properties
    )


def _name(element: etree._Element) -> str:
    """Return the name without its namespace: the strict and the usual flavour of the format differ in that alone."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _attribute(element: etree._Element, wanted: str) -> str | None:
    return next((value for name, value in element.attrib.items() if name.rpartition("}")[2] == wanted), None)
