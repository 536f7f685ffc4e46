"""The child's reader of pictures."""

from __future__ import annotations

import io
from typing import Any, cast

from PIL import Image, ImageOps

from .faults import Fault
from .limits import Limits
from .ocr import read_picture, to_pgm
from .text import check_length

_FORMATS = ["PNG", "JPEG", "TIFF", "WEBP"]
# Below this, letters are too small for OCR and the picture is doubled.
_SMALL = 1_000
# We have our own cap, checked before a pixel is decoded; Pillow's would only add a warning.
Image.MAX_IMAGE_PIXELS = None


def read(data: bytes, limits: Limits, ocr: dict[str, Any] | None) -> dict[str, Any]:
    """Read a picture, or each page of a TIFF, by OCR.

    Raises Fault: ocr_unavailable, corrupt_file, image_too_large, too_many_pages, too_expensive.
    """
    if ocr is None:
        raise Fault("ocr_unavailable")
    pages: list[list[Any]] = []
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            count = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
            if count > limits.pages:
                raise Fault("too_many_pages")
            for number in range(1, count + 1):
                if count > 1:
                    image.seek(number - 1)
                if image.width * image.height > limits.image_pixels:
                    raise Fault("image_too_large")
                pages.append([number, _grey(image, limits), True])
    except (Fault, MemoryError):
        raise
    except Exception:
        # On a damaged picture Pillow raises nearly anything (OSError, SyntaxError, ValueError, struct.error, …).
        raise Fault("corrupt_file") from None
    warnings = []
    for page in pages:
        page[1] = read_picture(page[1], ocr)
        if not page[1].strip():
            warnings.append(["unreadable_page", page[0]])
    check_length("\n".join(page[1] for page in pages), limits)
    return {"pages": pages, "page_count": count, "warnings": warnings}


def _grey(image: Image.Image, limits: Limits) -> bytes:
    """Return the upright picture in greys, on white where it is transparent, at a size that suits OCR."""
    if image.format == "JPEG":
        image.draft("L", (limits.render_pixels, limits.render_pixels))
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I;16") or upright.mode in ("I", "F"):
        upright = _stretched(upright)
    if "A" in upright.getbands() or "transparency" in upright.info:
        paper = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(paper, upright.convert("RGBA"))
    grey = upright.convert("L")
    grey.thumbnail((limits.render_pixels, limits.render_pixels))
    if max(grey.size) < _SMALL:
        grey = grey.resize((grey.width * 2, grey.height * 2), Image.Resampling.LANCZOS)
    return to_pgm(grey.tobytes(), grey.width, grey.height, grey.width)


def _stretched(image: Image.Image) -> Image.Image:
    """Return a picture of 16 bits, 32 bits or real numbers in 256 greys, its darkest black and its lightest white."""
    numbers = (image.convert("I") if image.mode.startswith("I;16") else image).convert("F")
    low, high = cast("tuple[float, float]", numbers.getextrema())
    scale = 255 / ((high - low) or 1)
    return numbers.point(lambda value: value * scale - low * scale).convert("L")
