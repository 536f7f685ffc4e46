"""What a file is, judged by its content."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath

from .faults import invalid
from .limits import Limits
from .text import looks_like_text

# How many of a file's first bytes `judge_type` wants to see.
HEAD_BYTES = 8192


class MediaType(StrEnum):
    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    TEXT = "text/plain"
    PNG = "image/png"
    JPEG = "image/jpeg"
    TIFF = "image/tiff"
    WEBP = "image/webp"

    @property
    def is_image(self) -> bool:
        return self.value.startswith("image/")


# What a name promises. Images may stand in for each other: their readers judge by content anyway.
_IMAGES = frozenset(kind for kind in MediaType if kind.is_image)
_PICTURE = ("picture", _IMAGES)
_PROMISES: dict[str, tuple[str, frozenset[MediaType]]] = {
    ".pdf": ("PDF", frozenset({MediaType.PDF})),
    ".docx": ("DOCX", frozenset({MediaType.DOCX})),
    ".txt": ("text file", frozenset({MediaType.TEXT})),
    ".png": _PICTURE,
    ".jpg": _PICTURE,
    ".jpeg": _PICTURE,
    ".tif": _PICTURE,
    ".tiff": _PICTURE,
    ".webp": _PICTURE,
}

# Word's old container; a DOCX with a password is kept in one too.
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
# Text to the eye, but markup or a program to its reader.
_TEXT_OF_OTHERS = (b"{\\rtf", b"%!PS")


def judge_type(head: bytes, filename: str, size: int, limits: Limits) -> MediaType:
    """Judge what a file is from its first bytes; cheap enough for a request.

    head: the first `HEAD_BYTES` of the file (fewer only if the file is shorter). filename: only its extension is
    used, and only to catch a name that promises something else. size: of the whole file, bytes.
    Raises InvalidInput: empty_file, file_too_large, unsupported_type, type_mismatch, encrypted_file, image_too_large.
    """
    if size == 0 or not head:
        raise invalid("empty_file", limits)
    if size > limits.upload_bytes:
        raise invalid("file_too_large", limits)

    suffix = PurePath(filename).suffix.lower()
    if head.startswith(_OLE) and suffix == ".docx":
        raise invalid("encrypted_file", limits)
    found = _sniff(head, suffix)
    named, promised = _PROMISES.get(suffix, ("", frozenset(MediaType)))
    if suffix in _PROMISES and found not in promised and not (found is None and MediaType.TEXT in promised):
        raise invalid("type_mismatch", limits, named=named)
    if found is None:
        raise invalid("unsupported_type", limits)
    if found is MediaType.PNG and _png_pixels(head) > limits.image_pixels:
        raise invalid("image_too_large", limits)
    return found


def _sniff(head: bytes, suffix: str) -> MediaType | None:
    if b"%PDF-" in head[:1024]:  # readers accept junk before it, and some writers put some there
        return MediaType.PDF
    if head.startswith((_ZIP, _EMPTY_ZIP)):
        # A DOCX may list its parts in any order; one whose name says so gets the benefit of the doubt until it is open.
        return MediaType.DOCX if b"word/" in head or suffix == ".docx" else None
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return MediaType.PNG
    if head.startswith(b"\xff\xd8\xff"):
        return MediaType.JPEG
    if head.startswith((b"II*\x00", b"MM\x00*")):
        return MediaType.TIFF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return MediaType.WEBP
    if head.startswith(_TEXT_OF_OTHERS) or _is_bitmap(head) or not looks_like_text(head):
        return None
    return MediaType.TEXT


def _is_bitmap(head: bytes) -> bool:
    """Say whether it is a BMP, whose pixels pass for letters where they are bright: its reserved bytes are zero."""
    return head.startswith(b"BM") and head[6:10] == bytes(4)


def _png_pixels(head: bytes) -> int:
    """Return width times height from the IHDR chunk, which is always first."""
    return int.from_bytes(head[16:20], "big") * int.from_bytes(head[20:24], "big")
