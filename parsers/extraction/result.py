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
    warnings: sentences for people, such as a page that could not be read. unread_pages: numbers of the pages that have
    something on them and gave no text, or could not be opened; an empty page is none of them. embedded_images: pictures
    in a PDF or DOCX; 0 for what is a picture itself.
    """

    pages: list[Page]
    media_type: MediaType
    page_count: int
    ocr_used: bool = False
    warnings: list[str] = field(default_factory=list)
    unread_pages: list[int] = field(default_factory=list)
    embedded_images: int = 0

    @cached_property
    def text(self) -> str:
        return "\n\n".join(page.text for page in self.pages if page.text)
