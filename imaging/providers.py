"""Who paints: a procedure of our own, a local FLUX, or a server that speaks OpenAI's images API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

PAINTER = "painter"
DIFFUSERS = "diffusers"
OPENAI = "openai"
PROVIDERS = (PAINTER, DIFFUSERS, OPENAI)


@dataclass(frozen=True)
class Prompt:
    """What to paint. width, height: pixels. steps: how often to refine. seed: 0 to 2**32 - 1."""

    text: str
    width: int
    height: int
    steps: int
    seed: int


@dataclass(frozen=True)
class Painting:
    """What was painted. image: PNG, JPEG or WebP, not trusted yet. seed: None if the provider has no seeds.

    model: its name, as its makers write it. ai: False for what no model made.
    """

    image: bytes
    seed: int | None
    model: str
    ai: bool


class Show(Protocol):
    """Called after each step, counted from 1. preview: a small WebP of what there is so far, or None.

    It may raise to end the attempt; a provider lets that through and can be used again afterwards.
    """

    def __call__(self, step: int, steps: int, preview: bytes | None = None) -> None: ...


class ImageProvider(Protocol):
    """One verb: a prompt to a painting."""

    name: str

    def paint(self, prompt: Prompt, show: Show) -> Painting:
        """Paint it. Raises InvalidInput (refused, code `prompt_refused`) or Unavailable (try again later)."""
        ...
