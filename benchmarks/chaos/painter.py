"""A provider of pictures that the benchmark can make slow, or have fail, while it runs."""

from __future__ import annotations

import os
import time
from pathlib import Path

from imaging.painter import Painter
from imaging.providers import Painting, Prompt, Show
from jobs.errors import Unavailable

#: What a mood file may say.
WELL, FAILING, SLOW = "well", "failing", "slow"
SLOW_STEP_SECONDS = 0.4


class MoodyPainter:
    """The procedural painter, in the mood that the file SIRA_CHAOS_PAINTER names."""

    name = "moody"

    def paint(self, prompt: Prompt, show: Show) -> Painting:
        mood = Path(os.environ["SIRA_CHAOS_PAINTER"]).read_text()
        if mood == FAILING:
            raise Unavailable("The painter is away.")

        def step(step: int, steps: int, preview: bytes | None = None) -> None:
            time.sleep(SLOW_STEP_SECONDS if mood == SLOW else 0)
            show(step, steps, preview)

        return Painter().paint(prompt, step)
