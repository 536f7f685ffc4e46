"""What extraction returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from .media import MediaType


@dataclass(frozen=True)
class Page:
    """The text of one page, cleaned. number: from 1. ocr: it was read from a picture, so expect wrong letters."""

    number: int
    text: str
    ocr: bool = False


@dataclass(frozen=True)
class ExtractedText:
    """A document as text in reading order.

    pages: those read, at least one, of which at least one has text. page_count: 1 for what has no pages (DOCX, text).
    warnings: sentences for people, such as a page that could not be read.
    """

    pages: list[Page]
    media_type: MediaType
    page_count: int
    ocr_used: bool = False
    warnings: list[str] = field(default_factory=list)

    @cached_property
    def text(self) -> str:
        return "\n\n".join(page.text for page in self.pages if page.text)
