"""Pictures to text, inside the child: by tesseract where it is installed, else by rapidocr."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
from typing import Any

from .faults import Fault
from .lockdown import die_with_parent

# The first is preferred. Turkish alone would lose e-mail addresses and digits, English alone ı, ğ and ş.
_LANGUAGES = ("tur", "eng")


def read_picture(picture: bytes, ocr: dict[str, Any]) -> str:
    """Return the text of one picture, possibly empty.

    picture: an 8-bit greyscale image as PGM (P5), its longest side at most `Limits.render_pixels`.
    ocr: {"tesseract": path, or None for rapidocr}. Raises Fault too_expensive.
    """
    if ocr["tesseract"]:
        return _tesseract(ocr["tesseract"], picture)
    return _rapidocr(picture)


def to_pgm(pixels: bytes, width: int, height: int, stride: int) -> bytes:
    """Return greyscale rows as a PGM file. stride: bytes from one row to the next, at least `width`."""
    if stride != width:
        pixels = b"".join(pixels[row * stride : row * stride + width] for row in range(height))
    return b"P5 %d %d 255\n" % (width, height) + pixels[: width * height]


def _tesseract(program: str, picture: bytes) -> str:
    parent = os.getpid()
    done = subprocess.run(  # nosec B603 # no shell, and nothing of the document among the arguments
        [program, "stdin", "stdout", "-l", _installed_languages(program), "--psm", "3", "--dpi", "200"],
        input=picture,
        stdout=subprocess.PIPE,
        stderr=2,  # where ours goes; /dev/null can no longer be opened for writing
        check=False,
        # It inherits our limits and locks, but not the wish to die with us. One thread here, so a preexec_fn is safe.
        preexec_fn=lambda: die_with_parent(parent),
    )
    if done.returncode == -signal.SIGXCPU:
        raise Fault("too_expensive")
    if done.returncode != 0:
        raise RuntimeError(f"tesseract ended with {done.returncode}")
    return done.stdout.decode("utf-8", errors="replace")


@functools.cache
def _installed_languages(program: str) -> str:
    command = [program, "--list-langs"]
    listed = subprocess.run(command, stdout=subprocess.PIPE, stderr=2, check=True).stdout  # nosec B603 # no shell
    installed = set(listed.decode("utf-8", errors="replace").split())
    return "+".join(language for language in _LANGUAGES if language in installed) or "eng"


def _rapidocr(picture: bytes) -> str:
    import io

    import numpy
    from PIL import Image

    result = _rapidocr_engine()(numpy.asarray(Image.open(io.BytesIO(picture), formats=["PPM"]).convert("RGB")))
    return "\n".join(result.txts or ())


@functools.cache
def _rapidocr_engine() -> Any:
    from rapidocr import RapidOCR

    return RapidOCR()
