"""How much of anything a document may cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """The caps of one extraction. Reaching one is `InvalidInput`, never a slow or dead worker.

    The defaults are those that held against the hostile files we tried: bombs of 300 MB in 0.7 MB, pages of
    200,000 pt, images of 30,000 by 30,000.
    """

    upload_bytes: int = 20 * MEGABYTE
    pages: int = 50  # of a PDF or a TIFF; a CV has two
    text_chars: int = 2_000_000
    text_lines: int = 100_000

    zip_entries: int = 2_000
    # Of one zip member; also of one PDF stream.
    unpacked_bytes: int = 50 * MEGABYTE
    unpacked_ratio: int = 200
    # Of all that is unpacked together.
    unpacked_total_bytes: int = 500 * MEGABYTE

    image_pixels: int = 40_000_000
    render_pixels: int = 2_500  # the longest side of a page or image that goes to OCR

    # Of the child process.
    memory_bytes: int = 1_500 * MEGABYTE
    cpu: timedelta = timedelta(seconds=20)
    wall: timedelta = timedelta(seconds=30)
    open_files: int = 64

    @property
    def output_bytes(self) -> int:
        """Return the most that a child may send back: its text in UTF-8 with JSON escapes, and some room."""
        return 6 * self.text_chars + MEGABYTE
