"""The work of this app: plain values in, plain values out."""

from __future__ import annotations

import io
import time
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from imaging.providers import ImageProvider, Painting, Prompt
from jobs.errors import InvalidInput
from jobs.providers.base import bad_answer

#: The stages of a picture, as a person reads them.
PREPARED, PAINTED, SAVED = "prepared", "painted", "saved"
STAGES = (PREPARED, PAINTED, SAVED)

#: Progress, in percent: the steps lie between these two.
FIRST, LAST = 5.0, 95.0
#: What a provider may send, and how much of it: a larger one is a broken answer, or a bomb.
FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 4096 * 4096


class Show(Protocol):
    """Called with percent and stage, and with what there is so far. data: step and steps."""

    def __call__(self, percent: float, stage: str, preview: bytes | None = None, **data: int) -> None: ...


@dataclass(frozen=True)
class Picture:
    """A finished picture. png: verified, with its origin in its metadata. width, height: pixels. seconds: painting."""

    png: bytes
    width: int
    height: int
    seconds: float
    painting: Painting


def generate(provider: ImageProvider, prompt: Prompt, *, refused: Iterable[str], show: Show) -> Picture:
    """Paint `prompt` and verify what came back.

    refused: words that no prompt may contain, in any case. Raises InvalidInput (code `prompt_refused`) or Unavailable.
    """
    if contains_word(prompt.text, refused):
        raise InvalidInput(
            "The prompt contains a word that this installation refuses. Write it another way.", code="prompt_refused"
        )
    show(FIRST, PREPARED)
    began = time.monotonic()

    def step_done(step: int, steps: int, preview: bytes | None = None) -> None:
        stage = PAINTED if step >= steps else ""
        show(FIRST + (LAST - FIRST) * step / max(steps, 1), stage, preview, step=step, steps=steps)

    painting = provider.paint(prompt, step_done)
    picture = open_picture(painting.image, provider.name)
    png = write_png(picture, painting, provider.name)
    return Picture(png, picture.width, picture.height, round(time.monotonic() - began, 3), painting)


def open_picture(image: bytes, provider: str) -> Image.Image:
    """Decode what a provider sent. Raises Unavailable for what is no picture, is broken, or is far too large."""
    try:
        with Image.open(io.BytesIO(image), formats=FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise bad_answer(provider)
            return opened.convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise bad_answer(provider) from None


def write_png(picture: Image.Image, painting: Painting, provider: str) -> bytes:
    """Encode a picture as PNG whose text chunks say who made it. Never the prompt: files are passed on."""
    info = PngInfo()
    info.add_text("Software", "Sira")
    info.add_text("Source", f"{provider}: {painting.model}")
    info.add_text("AI-Generated", "yes" if painting.ai else "no")
    if not painting.ai:
        info.add_text("Comment", "Painted by a procedure, not by artificial intelligence.")
    written = io.BytesIO()
    picture.save(written, "PNG", pnginfo=info)
    return written.getvalue()


def contains_word(text: str, words: Iterable[str]) -> bool:
    """Say whether one of `words` (or phrases) stands in the text, whatever its case, accents or i's (Turkish)."""
    folded = f" {fold(text)} "
    return any(f" {fold(word)} " in folded for word in words if fold(word))


def fold(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace("ı", "i").replace("İ", "i")).casefold()
    letters = "".join(char if char.isalnum() else " " for char in plain if not unicodedata.combining(char))
    return " ".join(letters.split())


def result_of(picture: Picture, file_id: str, provider: str) -> dict[str, Any]:
    """Return a job's result: JobFile id, size in pixels, seed, seconds, and who painted."""
    return {
        "image": file_id,
        "width": picture.width,
        "height": picture.height,
        "seed": picture.painting.seed,
        "seconds": picture.seconds,
        "provider": provider,
        "model": picture.painting.model,
        "ai": picture.painting.ai,
    }
