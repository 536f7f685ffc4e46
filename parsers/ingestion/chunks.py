"""A document's pages to chunks of text that mean something by themselves."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.errors import InvalidInput
from parsers.extraction import Page

DEFAULT_SIZE = 1_000  # characters: about a paragraph or two, and what most embedding models are fed later
SMALLEST_SIZE, LARGEST_SIZE = 100, 10_000
#: Of one document. A long book in chunks of 1,000 characters has 1,500.
MOST_CHUNKS = 20_000
#: Of all its chunks together, in characters: with a large overlap a small document would fill a disk.
MOST_CHARACTERS = 20_000_000

_BETWEEN_PAGES = "\n\n"


@dataclass(frozen=True)
class Piece:
    """One chunk. page: the number of the page on which it starts."""

    text: str
    page: int


def split_pages(pages: Sequence[Page], *, size: int, overlap: int) -> list[Piece]:
    """Cut pages into pieces of at most `size` characters, at paragraphs, sentences or words, in this order of liking.

    overlap: how many characters, at most, a piece repeats of the one before it; less than size. A piece may run over
    the end of a page, because sentences do.
    Raises InvalidInput too_many_chunks.
    """
    from semantic_text_splitter import TextSplitter  # a shared library of 10 MB that the web process does not need

    written = [page for page in pages if page.text.strip()]
    text = _BETWEEN_PAGES.join(page.text for page in written)
    starts, at = [], 0
    for page in written:
        starts.append(at)
        at += len(page.text) + len(_BETWEEN_PAGES)
    at_most = len(text) / (size - overlap)  # seen before the work, which grows with the overlap as well
    if at_most > MOST_CHUNKS or at_most * size > max(MOST_CHARACTERS, len(text)):
        raise too_many_chunks()
    cut = TextSplitter(size, overlap).chunk_indices(text)
    if len(cut) > MOST_CHUNKS:
        raise too_many_chunks()
    return [Piece(piece, written[bisect_right(starts, start) - 1].number) for start, piece in cut]


def too_many_chunks() -> InvalidInput:
    return InvalidInput(
        f"The document makes more than {MOST_CHUNKS:,} chunks, or chunks that repeat most of each other. Send it with "
        "a larger chunk_size or a smaller chunk_overlap.",
        code="too_many_chunks",
    )
