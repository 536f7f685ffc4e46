"""The work of ingestion: plain values in, plain values out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from parsers.extraction import ExtractedText, Limits, extract_text
from parsers.ingestion.chunks import split_pages
from parsers.ingestion.words import words_of
from parsers.language import detect_language
from parsers.operations import Show

RECEIVED, EXTRACTED, SPLIT, STORED = "received", "extracted", "split", "stored"
STAGES = (RECEIVED, EXTRACTED, SPLIT, STORED)

#: A report or a book, where a CV has two pages; time in proportion. Scans are slower: half a second a page.
PAGES = 500
CPU, WALL = timedelta(seconds=60), timedelta(seconds=120)


@dataclass(frozen=True)
class SplitChunk:
    """One chunk as it is stored.

    page: where it starts. language: "tr", "en" or "" (too little text to tell). words: what its index is made from,
    worked out here because the transaction that stores it holds up others.
    """

    text: str
    page: int
    language: str
    words: list[str]


@dataclass(frozen=True)
class SplitDocument:
    """A document cut into chunks. pages: how many it has; 1 for what has no pages. characters: of its text."""

    chunks: list[SplitChunk]
    media_type: str
    pages: int
    language: str
    characters: int
    ocr_used: bool
    warnings: list[str]


def ingestion_limits(upload_bytes: int) -> Limits:
    return Limits(upload_bytes=upload_bytes, pages=PAGES, cpu=CPU, wall=WALL)


def split_document(
    source: Path, *, file_name: str, chunk_size: int, chunk_overlap: int, limits: Limits, show: Show
) -> SplitDocument:
    """Read a document of any supported type and cut it into chunks.

    file_name: the one it was sent under. chunk_size, chunk_overlap: characters.
    Raises InvalidInput (the document, or more chunks than one may make) or Unavailable (our own machinery).
    """
    document: ExtractedText = extract_text(source, limits=limits, filename=file_name)
    show(60, EXTRACTED)
    pieces = split_pages(document.pages, size=chunk_size, overlap=chunk_overlap)
    language = detect_language(document.text) or ""
    show(80, SPLIT)
    return SplitDocument(
        chunks=[
            SplitChunk(
                piece.text,
                piece.page,
                language=detect_language(piece.text) or language,
                words=[word.folded for word in words_of(piece.text)],
            )
            for piece in pieces
        ],
        media_type=str(document.media_type),
        pages=document.page_count,
        language=language,
        characters=len(document.text),
        ocr_used=document.ocr_used,
        warnings=document.warnings,
    )


def load_splitter() -> None:
    """Load the splitter and the language model, which take a tenth of a second the first time."""
    import semantic_text_splitter  # noqa: F401

    detect_language("Bu cümle dil modelini yükler. This sentence loads the language model.")
