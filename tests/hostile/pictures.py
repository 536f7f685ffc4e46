"""Pictures that mean harm."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from tests import samples
from tests.hostile.files import READ, Hostile, hostile

PNG = b"\x89PNG\r\n\x1a\n"
#: What a picture ends as that Pillow may or may not make something of: without letters on it there is no text.
NOTHING = ("no_text", "corrupt_file")


def chunk(name: bytes, data: bytes, checksum: int | None = None) -> bytes:
    """Return a chunk of a PNG. checksum: instead of the right one."""
    right = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", right if checksum is None else checksum)


def png(*between: bytes, width: int = 40, height: int = 40, ihdr_checksum: int | None = None) -> bytes:
    """Return a white PNG with chunks between its header and its pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\x00" + b"\xff" * 40) * 40)
    return (
        PNG + chunk(b"IHDR", header, ihdr_checksum) + b"".join(between) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def saved(format: str, size: tuple[int, int] = (60, 60), mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, "white").save(buffer, format, **options)
    return buffer.getvalue()


def pictures() -> Iterator[Hostile]:
    bomb = zlib.compress(bytes(80 * 1024 * 1024), 9)
    whole = samples.cv_image(format="JPEG")
    yield hostile("png: 30,000 by 30,000", "a.png", samples.huge_png(), "image_too_large")
    yield hostile("png: 2^31 by 2^31", "a.png", png(width=2**31 - 1, height=2**31 - 1), "image_too_large")
    yield hostile("png: no area", "a.png", png(width=0, height=0), *NOTHING)
    yield hostile("png: more rows than it has", "a.png", png(height=4_000), *NOTHING)
    yield hostile("png: wrong checksum", "a.png", png(ihdr_checksum=0), *NOTHING)
    yield hostile("png: bomb in its profile", "a.png", png(chunk(b"iCCP", b"x\x00\x00" + bomb)), *NOTHING)
    yield hostile("png: bomb in its text", "a.png", png(chunk(b"zTXt", b"Comment\x00\x00" + bomb)), *NOTHING)
    yield hostile("png: 20 bombs in its texts", "a.png", png(*[chunk(b"zTXt", b"a\x00\x00" + bomb)] * 20), *NOTHING)
    yield hostile(
        "png: bomb in international text", "a.png", png(chunk(b"iTXt", b"a\x00\x01\x00\x00\x00" + bomb)), *NOTHING
    )
    yield hostile("png: 100,000 chunks", "a.png", png(chunk(b"tEXt", b"a\x00b") * 100_000), *NOTHING)
    yield hostile(
        "png: chunk of 2^31 bytes", "a.png", PNG + b"\x7f\xff\xff\xffIHDR" + bytes(100), "image_too_large", *NOTHING
    )
    yield hostile("png: header alone", "a.png", PNG, *NOTHING)
    yield hostile("png: animated", "a.png", _animated("PNG", 200), *NOTHING)
    yield hostile("gif", "a.gif", _animated("GIF", 20), "unsupported_type")
    yield hostile("gif named .png", "a.png", _animated("GIF", 20), "type_mismatch")
    yield hostile("svg", "a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', READ)
    yield hostile("bmp", "a.bmp", saved("BMP"), "unsupported_type")
    for share in (1, 50, 99):
        cut = whole[: max(len(whole) * share // 100, 20)]
        yield hostile(f"jpeg: first {share} %", "a.jpg", cut, READ, *NOTHING)
    yield hostile("jpeg: 65,500 by 65,500", "a.jpg", _large_jpeg(), "image_too_large", *NOTHING)
    yield hostile("jpeg: 30,000 scans", "a.jpg", _many_scans(), "too_expensive", *NOTHING)
    yield hostile("jpeg: EXIF in a ring", "a.jpg", _exif_ring(), *NOTHING)
    yield hostile("jpeg: noise behind its mark", "a.jpg", b"\xff\xd8\xff" + samples.binary_garbage(), *NOTHING)
    yield hostile("tiff: 100,000 pages in a ring", "a.tif", _tiff_ring(), "too_many_pages", *NOTHING)
    yield hostile("tiff: 60 pages", "a.tif", _animated("TIFF", 60), "too_many_pages")
    yield hostile("tiff: 50,000 by 50,000", "a.tif", _large_tiff(), "image_too_large", *NOTHING)
    yield hostile("tiff: 4 billion letters of text", "a.tif", _tiff(_entry(270, 2, 0xFFFFFFFF, 8)), *NOTHING)
    yield hostile("tiff: deflate bomb", "a.tif", _tiff_bomb(), "too_expensive", "image_too_large", *NOTHING)
    yield hostile("tiff: first half", "a.tif", (tiff := saved("TIFF"))[: len(tiff) // 2], *NOTHING)
    yield hostile("webp: 16,383 by 16,383", "a.webp", _large_webp(), "image_too_large", *NOTHING)
    yield hostile("webp: animated", "a.webp", _animated("WEBP", 100), *NOTHING)
    yield hostile("webp: size that lies", "a.webp", b"RIFF\xff\xff\xff\xffWEBPVP8X" + bytes(100), *NOTHING)
    yield hostile("picture of one line of pixels", "a.png", saved("PNG", (40_000, 1)), *NOTHING)


def _animated(format: str, count: int) -> bytes:
    frames = [Image.new("RGB", (64, 64), (n % 256, 0, 0)) for n in range(count)]
    buffer = io.BytesIO()
    frames[0].save(buffer, format, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def _large_jpeg() -> bytes:
    data = bytearray(saved("JPEG"))
    place = data.index(b"\xff\xc0") + 5
    struct.pack_into(">HH", data, place, 65_500, 65_500)
    return bytes(data)


def _many_scans() -> bytes:
    """A progressive JPEG of 6,000 by 6,000 that refines the same picture again and again."""
    data = saved("JPEG", (6_000, 6_000), "L", progressive=True, quality=1)
    start = data.rindex(b"\xff\xda")
    return data[:-2] + data[start:-2] * 30_000 + b"\xff\xd9"


def _entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, kind, count, value)


def _tiff(*entries: bytes, following: int = 0, data: bytes = b"") -> bytes:
    """Return a TIFF of one page of 40 by 40 with more entries. following: where the next page is."""
    own = [
        _entry(256, 4, 1, 40), _entry(257, 4, 1, 40), _entry(258, 3, 1, 8), _entry(259, 3, 1, 1), _entry(262, 3, 1, 1),
        _entry(273, 4, 1, 0x1000), _entry(278, 4, 1, 40), _entry(279, 4, 1, 1600),
    ]  # fmt: skip
    all_entries = sorted([*own, *entries])
    page = struct.pack("<H", len(all_entries)) + b"".join(all_entries) + struct.pack("<I", following)
    return (b"II*\x00\x08\x00\x00\x00" + page).ljust(0x1000, b"\x00") + (data or b"\xff" * 1600)


def _exif_ring() -> bytes:
    """EXIF whose directory of its own is the one that names it."""
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00" + struct.pack("<H", 2)
    exif += _entry(0x8769, 4, 1, 8) + _entry(0x0112, 3, 1, 99) + struct.pack("<I", 8)
    data = saved("JPEG")
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


def _tiff_ring() -> bytes:
    return _tiff(following=8)


def _large_tiff() -> bytes:
    data = _tiff()
    for tag in (256, 257):
        data = data.replace(_entry(tag, 4, 1, 40), _entry(tag, 4, 1, 50_000))
    return data


def _tiff_bomb() -> bytes:
    """A page of 6,000 by 6,000 whose one strip unpacks to 100 MB."""
    packed = zlib.compress(bytes(100 * 1024 * 1024), 9)
    data = _tiff(data=packed)
    for before, after in (
        (_entry(256, 4, 1, 40), _entry(256, 4, 1, 6_000)), (_entry(257, 4, 1, 40), _entry(257, 4, 1, 6_000)),
        (_entry(259, 3, 1, 1), _entry(259, 3, 1, 8)), (_entry(278, 4, 1, 40), _entry(278, 4, 1, 6_000)),
        (_entry(279, 4, 1, 1600), _entry(279, 4, 1, len(packed))),
    ):  # fmt: skip
        data = data.replace(before, after)
    return data


def _large_webp() -> bytes:
    header = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (16_382).to_bytes(3, "little") * 2
    return b"RIFF" + struct.pack("<I", len(header) + 4) + b"WEBP" + header
