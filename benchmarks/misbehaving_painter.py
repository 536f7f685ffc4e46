"""A provider that paints small pictures and goes wrong by a seeded draw; it writes down when it was on the device."""

from __future__ import annotations

import os
import random
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from imaging.painter import Painter
from imaging.providers import Painting, Prompt, Show
from jobs.errors import InvalidInput, RateLimited, Unavailable

#: One line for each time that somebody came onto the device or left it: pid, seed, "begin" or "end", seconds.
LEDGER = Path(os.environ.get("SIRA_LEDGER", os.devnull))
FATES = ("well", "unavailable", "limited", "refused", "bug", "broken", "hangs")
WEIGHTS = (70, 8, 3, 5, 4, 5, 5)


class MisbehavingPainter:
    name = "misbehaving"

    def paint(self, prompt: Prompt, show: Show) -> Painting:
        fate = random.Random(f"{prompt.text} {_calls(prompt.seed)}").choices(FATES, WEIGHTS)[0]
        _note(prompt.seed, "begin")
        try:
            return self._paint(prompt, show, fate)
        finally:
            _note(prompt.seed, "end")

    def _paint(self, prompt: Prompt, show: Show, fate: str) -> Painting:
        def slowly(step: int, steps: int, preview: bytes | None = None) -> None:
            time.sleep(0.02)
            if fate == "hangs" and step > 1:
                time.sleep(60)
            show(step, steps, preview)

        painting = Painter().paint(prompt, slowly)
        if fate == "unavailable":
            raise Unavailable("The provider is down.")
        if fate == "limited":
            raise RateLimited("Slow down.", retry_after=timedelta(seconds=0.5))
        if fate == "refused":
            raise InvalidInput("The provider refuses this prompt.", code="prompt_refused")
        if fate == "bug":
            raise ZeroDivisionError
        return replace(painting, image=b"no picture") if fate == "broken" else painting


def _note(seed: int, what: str) -> None:
    with LEDGER.open("a") as ledger:
        ledger.write(f"{os.getpid()} {seed} {what} {time.time():.6f}\n")


def _calls(seed: int) -> int:
    """Return how often this picture has been begun."""
    return sum(f" {seed} begin" in line for line in LEDGER.read_text().splitlines()) if LEDGER.exists() else 0
